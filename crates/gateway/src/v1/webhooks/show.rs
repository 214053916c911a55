use axum::response::Response;
use hongyan_api::Webhook;

use super::{Id, find};
use crate::convert::webhook::webhook;
use crate::extract::{Caller, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Shows an endpoint, without its secret.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "get_webhook",
    params(("id" = String, Path, description = "`wh_` and 32 hexadecimal digits.")),
    responses((status = 200, description = "The endpoint.", body = Webhook)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(
    caller: Caller<CanRead>,
    id: Id,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let found = find(&caller, id).await?;
    ok(&webhook(caller.engine(), &found))
}
