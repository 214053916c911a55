use axum::response::Response;
use hongyan_api::{RetriedWebhook, RetryWebhook};

use super::{Id, disabled, find, refusal};
use crate::extract::{Caller, CanSend, Json, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Tells an endpoint once more what was given up.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/retry", tag = "webhooks", operation_id = "retry_webhook",
    params(("id" = String, Path, description = "`wh_` and 32 hexadecimal digits.")),
    request_body = RetryWebhook,
    responses((status = 200, description = "How much is told once more.", body = RetriedWebhook)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn retry(
    caller: Caller<CanSend>,
    id: Id,
    query: Query,
    Json(wanted): Json<RetryWebhook>,
) -> Result<Response, Problem> {
    query.done()?;
    let found = find(&caller, id).await?;
    if found.disabled.is_some() {
        return Err(disabled());
    }
    let queued = caller
        .engine()
        .retry_failed_webhooks(found.id, wanted.since)
        .await
        .map_err(refusal)?;
    ok(&RetriedWebhook {
        queued: queued as u64,
    })
}
