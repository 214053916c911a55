use std::sync::Arc;

use axum::response::Response;
use hongyan_api::{AccountReach, List, ReachQuery};
use hongyan_domain::account::Account;
use hongyan_engine::ReachWho;

use crate::convert::person;
use crate::extract::{Caller, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Says how a person can be reached now: by which account, kind and template, how
/// often, until when, and why not.
///
/// Name the person by `account` and `openid`, by `unionid`, or by `user_id`.
/// `unknown` says that only WeChat can tell; a message is sent then.
#[utoipa::path(
    get, path = "/v1/reach", tag = "people", operation_id = "reach",
    params(ReachQuery),
    responses((status = 200, description = "Each account the key may see; never more than one page.", body = List<AccountReach>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn reach(caller: Caller<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let account = query.text("account");
    let openid = query.read("openid", ("an openid", "合法的 openid"));
    let unionid = query.read("unionid", ("a unionid", "合法的 unionid"));
    let user_id = query.read("user_id", ("a user id", "合法的用户 id"));
    let account = account.map(|name| caller.account(&name)).transpose()?;
    let who = match (openid, unionid, user_id) {
        (Some(openid), None, None) => match &account {
            Some(account) => Some(ReachWho::OpenId {
                account: account.id,
                openid,
            }),
            None => {
                query.missing("account");
                None
            }
        },
        (None, Some(unionid), None) => Some(ReachWho::UnionId(unionid)),
        (None, None, Some(user_id)) => Some(ReachWho::UserId(user_id)),
        (None, None, None) => None,
        _ => {
            query.wrong(
                "openid",
                "one_of",
                "give exactly one of openid, unionid and user_id",
                "openid、unionid、user_id 必须且只能给出一个",
            );
            None
        }
    };
    let who = query.done_with("openid", who)?;
    let accounts: Vec<Arc<Account>> = match account {
        Some(account) => vec![account],
        None => caller.accounts(),
    };
    let found = caller.engine().reach(&accounts, &who).await?;
    ok(&List::<AccountReach> {
        items: found.into_iter().map(person::reach).collect(),
        next_cursor: None,
    })
}
