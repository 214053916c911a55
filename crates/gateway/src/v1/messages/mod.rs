//! Messages: sent, searched, taken back.

pub(crate) mod batch;
pub(crate) mod cancel;
pub(crate) mod create;
pub(super) mod intake;
pub(crate) mod retry;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod typing;
pub(crate) mod validate;

use std::sync::Arc;

use hongyan_domain::account::Account;
use hongyan_domain::delivery::Delivery;

use crate::convert::message::{Detail, message};
use crate::extract::{Caller, Need};

/// WeChat's code for an openid that is not one of the account's.
const INVALID_OPENID: i64 = 40003;

/// A message with all that happened to it, as its caller sees it. Where WeChat does
/// not know the openid, the diagnosis says whose it is.
async fn shown<N: Need>(
    caller: &Caller<N>,
    delivery: Delivery,
    account: &Arc<Account>,
) -> hongyan_api::Message {
    let person = [(account.id, delivery.message.to.clone())];
    let foreign = delivery.last_errcode == Some(INVALID_OPENID);
    let mut message = listed(caller, delivery, account, Detail::Whole);
    if !foreign {
        return message;
    }
    // What is not known at this moment is left out.
    let found = caller.engine().misdirected(&person).await.ok();
    let mut belongs_to = found.and_then(|mut found| found.pop()).unwrap_or_default();
    belongs_to.retain(|name| caller.may_touch(name));
    if belongs_to.is_empty() {
        return message;
    }
    let attempts = message.attempts.iter_mut().flatten();
    let diagnoses = attempts
        .filter(|attempt| attempt.errcode == Some(INVALID_OPENID))
        .filter_map(|attempt| attempt.diagnosis.as_mut())
        .chain(message.diagnosis.as_mut());
    for diagnosis in diagnoses {
        let (names, names_zh) = (belongs_to.join(", "), belongs_to.join("、"));
        diagnosis.fix = format!("this openid belongs to the account {names}: send by that account");
        diagnosis.fix_zh = format!("该 openid 属于账号 {names_zh}：请用该账号发送");
    }
    message
}

/// A message as its caller sees it in a list.
fn listed<N: Need>(
    caller: &Caller<N>,
    delivery: Delivery,
    account: &Arc<Account>,
    detail: Detail,
) -> hongyan_api::Message {
    let waiting = caller.engine().waiting_reason(&delivery);
    let now = caller.engine().clock().now();
    let name_of = |id| {
        let account = caller.engine().account_by_id(id)?;
        let name = account.name().as_str();
        caller.may_touch(name).then(|| name.to_owned())
    };
    let account = account.name().as_str();
    message(delivery, account, waiting, now, detail, &name_of)
}
