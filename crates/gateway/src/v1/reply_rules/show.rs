use axum::response::Response;
use hongyan_api::rule::RuleSet;

use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Shows an account's reply rules.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/reply-rules", tag = "callbacks", operation_id = "get_reply_rules",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 200, description = "The rules, in the order they are tried.", body = RuleSet)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let rules = at.caller.engine().rules(&at.account).await?;
    ok(&*rules)
}
