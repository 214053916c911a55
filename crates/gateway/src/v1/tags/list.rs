use axum::response::Response;
use hongyan_api::{List, Tag};

use crate::convert::manage::tag;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists an official account's tags as WeChat has them: at most 100.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/tags", tag = "people", operation_id = "list_tags",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 200, description = "The tags.", body = List<Tag>)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn list(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let tags = at.caller.engine().tags(&at.account).await?;
    ok(&List::<Tag> {
        items: tags.into_iter().map(tag).collect(),
        next_cursor: None,
    })
}
