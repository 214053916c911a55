//! Messages: sent, searched, taken back.

pub(crate) mod batch;
pub(crate) mod cancel;
pub(crate) mod create;
pub(super) mod intake;
pub(crate) mod retry;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod validate;

use std::sync::Arc;

use hongyan_domain::account::Account;
use hongyan_domain::delivery::Delivery;

use crate::convert::message::{Detail, message};
use crate::extract::{Caller, Need};

/// A message as its caller sees it.
fn shown<N: Need>(
    caller: &Caller<N>,
    delivery: Delivery,
    account: &Arc<Account>,
    detail: Detail,
) -> hongyan_api::Message {
    let waiting = caller.engine().waiting_reason(&delivery);
    let now = caller.engine().clock().now();
    message(delivery, account.name().as_str(), waiting, now, detail)
}
