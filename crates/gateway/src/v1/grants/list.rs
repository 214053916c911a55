use axum::response::Response;
use hongyan_api::{Grant, List};
use hongyan_wechat::OpenId;

use crate::convert::person::grants;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists a person's consents at an account, as far as they are known.
///
/// WeChat keeps the real figures and tells them to nobody: these are counted from
/// its events, from reports, and from its answers to messages.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/grants", tag = "people", operation_id = "list_grants",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("openid" = String, Query, description = "The person at the account."),
    ),
    responses((status = 200, description = "All of them; never more than one page.", body = List<Grant>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(at: AtAccount<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let openid = query.read::<OpenId>("openid", ("an openid", "合法的 openid"));
    let openid = query.done_with("openid", openid)?;
    let found = at.caller.engine().grants(&at.account, &openid).await?;
    ok(&List::<Grant> {
        items: grants(found),
        next_cursor: None,
    })
}
