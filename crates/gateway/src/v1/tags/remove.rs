use axum::response::Response;

use super::id;
use crate::extract::{AtAccount, CanSend, Query};
use crate::problem::Problem;
use crate::v1::nothing;

/// Removes a tag at WeChat, and from its people. WeChat refuses that for tags of more
/// than 100,000 people (45057).
#[utoipa::path(
    delete, path = "/v1/accounts/{account}/tags/{id}", tag = "people", operation_id = "remove_tag",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = i64, Path, description = "WeChat's number of the tag."),
    ),
    responses((status = 204, description = "It is gone.")),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn remove(at: AtAccount<CanSend>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let id = id(&at.item)?;
    at.caller.engine().remove_tag(&at.account, id).await?;
    Ok(nothing())
}
