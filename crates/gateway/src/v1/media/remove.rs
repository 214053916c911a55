use axum::response::Response;

use super::{id, unknown};
use crate::extract::{AtAccount, CanSend, Query};
use crate::problem::Problem;
use crate::v1::nothing;

/// Removes a file. Messages that still name it fail.
#[utoipa::path(
    delete, path = "/v1/accounts/{account}/media/{id}", tag = "media", operation_id = "remove_media",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = String, Path, description = "`med_` and 32 hexadecimal digits."),
    ),
    responses((status = 204, description = "It is gone.")),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn remove(at: AtAccount<CanSend>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let id = id(&at.item)?;
    if at.caller.engine().remove_media(&at.account, id).await? {
        Ok(nothing())
    } else {
        Err(unknown())
    }
}
