use axum::response::Response;

use super::{Id, find, refusal};
use crate::extract::{Caller, CanAdmin, Query};
use crate::problem::Problem;
use crate::v1::nothing;

/// Removes an endpoint with all that was told to it.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "remove_webhook",
    params(("id" = String, Path, description = "`wh_` and 32 hexadecimal digits.")),
    responses((status = 204, description = "It is gone.")),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn remove(
    caller: Caller<CanAdmin>,
    id: Id,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let found = find(&caller, id).await?;
    caller
        .engine()
        .remove_webhook(found.id)
        .await
        .map_err(refusal)?;
    Ok(nothing())
}
