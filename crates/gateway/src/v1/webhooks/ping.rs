use axum::response::Response;
use hongyan_api::WebhookDelivery;
use http::StatusCode;

use super::{Id, find, refusal};
use crate::convert::webhook::delivery;
use crate::extract::{Caller, CanSend, Query};
use crate::problem::Problem;
use crate::v1::{body_of, respond};

/// Tells an endpoint a ping, to see whether it answers.
///
/// It is tried once, at once; what came of it is among the endpoint's deliveries.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/ping", tag = "webhooks", operation_id = "ping_webhook",
    params(("id" = String, Path, description = "`wh_` and 32 hexadecimal digits.")),
    responses((status = 202, description = "The ping, on its way.", body = WebhookDelivery)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn ping(
    caller: Caller<CanSend>,
    id: Id,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let found = find(&caller, id).await?;
    let engine = caller.engine();
    let told = engine.ping_webhook(found.id).await.map_err(refusal)?;
    Ok(respond(
        StatusCode::ACCEPTED,
        body_of(&delivery(engine, told))?,
    ))
}
