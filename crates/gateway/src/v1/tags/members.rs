use axum::response::Response;
use hongyan_api::{List, PageQuery};

use super::id;
use crate::extract::{AtAccount, CanRead, PageOf, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists the openids of a tag's people, as WeChat has them.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/tags/{id}/members", tag = "people", operation_id = "list_tag_members",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = i64, Path, description = "WeChat's number of the tag."),
        PageQuery,
    ),
    responses((status = 200, description = "Their openids.", body = List<String>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn members(at: AtAccount<CanRead>, mut query: Query) -> Result<Response, Problem> {
    let page = PageOf::of(&mut query);
    let after = page.after_text(&query)?;
    query.done()?;
    let id = id(&at.item)?;
    let found = at
        .caller
        .engine()
        .tagged(&at.account, id, after.as_ref())
        .await?;
    ok(&page.people(found.openids, found.next_openid.is_some()))
}
