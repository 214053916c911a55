use std::time::Duration;

use axum::response::Response;
use hongyan_api::{RotateWebhookSecret, WebhookWithSecret};
use hongyan_engine::SECRET_OVERLAP;
use http::StatusCode;

use super::{Id, find, refusal, with_secret};
use crate::extract::{Caller, CanAdmin, Creation, Query, invalid};
use crate::problem::Problem;

/// The longest time two secrets count.
const MOST_HOURS: u32 = 7 * 24;

/// Gives an endpoint a new secret.
///
/// For some hours what is posted is signed with the one before, too. A repeat makes
/// another secret, so there is no `Idempotency-Key` here.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/rotate-secret", tag = "webhooks", operation_id = "rotate_webhook_secret",
    params(("id" = String, Path, description = "`wh_` and 32 hexadecimal digits.")),
    request_body = Option<RotateWebhookSecret>,
    responses((status = 200, description = "The endpoint and its new secret.", body = WebhookWithSecret)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn rotate(
    caller: Caller<CanAdmin>,
    id: Id,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    let wanted: RotateWebhookSecret = request.json_if_any()?;
    let found = find(&caller, id).await?;
    let overlap = match wanted.overlap_hours {
        None => SECRET_OVERLAP,
        Some(hours) if hours <= MOST_HOURS => Duration::from_secs(u64::from(hours) * 60 * 60),
        Some(_) => {
            return Err(Problem::invalid(vec![invalid(
                "/overlap_hours",
                "range",
                "overlap_hours is 0 to 168",
                "overlap_hours 为 0 到 168",
            )]));
        }
    };
    let rotated = caller
        .engine()
        .rotate_webhook_secret(&found, overlap)
        .await
        .map_err(refusal)?;
    with_secret(&caller, StatusCode::OK, &rotated)
}
