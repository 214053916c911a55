use axum::response::Response;
use hongyan_api::{List, PageQuery};

use crate::extract::{AtAccount, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists the openids on an official account's blacklist, as WeChat has them.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/blacklist", tag = "people", operation_id = "list_blacklist",
    params(("account" = String, Path, description = "The account's name."), PageQuery),
    responses((status = 200, description = "Their openids.", body = List<String>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(at: AtAccount<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    let after = page.after_text(&query)?;
    query.done()?;
    let engine = at.caller.engine();
    let found = engine.blacklist(&at.account, after.as_ref()).await?;
    ok(&page.people(found.openids, found.next_openid.is_some()))
}
