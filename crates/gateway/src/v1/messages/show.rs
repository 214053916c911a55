use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api::Message;

use super::shown;
use crate::extract::{Caller, CanRead, Query};
use crate::problem::Problem;
use crate::v1::{ok, webhooks};

/// Shows a message with all that happened to it.
#[utoipa::path(
    get, path = "/v1/messages/{id}", tag = "messages", operation_id = "get_message",
    params(("id" = String, Path, description = "`msg_` and 32 hexadecimal digits.")),
    responses((status = 200, description = "The message.", body = Message)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(
    caller: Caller<CanRead>,
    id: Result<Path<String>, PathRejection>,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let (delivery, account) = caller
        .delivery(&id.map_or_else(|_| String::new(), |id| id.0))
        .await?;
    let id = delivery.message.id;
    let mut message = shown(&caller, delivery, &account).await;
    message.webhooks = Some(webhooks::of_message(&caller, id).await?);
    ok(&message)
}
