use axum::response::Response;
use hongyan_api::NewTag;

use super::id;
use crate::extract::{AtAccount, CanSend, Json, Query};
use crate::problem::Problem;
use crate::v1::nothing;

/// Renames a tag at WeChat.
#[utoipa::path(
    patch, path = "/v1/accounts/{account}/tags/{id}", tag = "people", operation_id = "rename_tag",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = i64, Path, description = "WeChat's number of the tag."),
    ),
    request_body = NewTag,
    responses((status = 204, description = "It has the new name.")),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn rename(
    at: AtAccount<CanSend>,
    query: Query,
    Json(wanted): Json<NewTag>,
) -> Result<Response, Problem> {
    query.done()?;
    let id = id(&at.item)?;
    at.caller
        .engine()
        .rename_tag(&at.account, id, &wanted.name)
        .await?;
    Ok(nothing())
}
