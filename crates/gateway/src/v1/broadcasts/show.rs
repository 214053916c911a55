use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api::Broadcast;

use super::shown;
use crate::extract::{Caller, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Shows a broadcast and how far it has come.
///
/// Counting a large one costs something, so its figures may be some seconds old.
#[utoipa::path(
    get, path = "/v1/broadcasts/{id}", tag = "broadcasts", operation_id = "get_broadcast",
    params(("id" = String, Path, description = "`bc_` and 32 hexadecimal digits.")),
    responses((status = 200, description = "The broadcast.", body = Broadcast)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(
    caller: Caller<CanRead>,
    id: Result<Path<String>, PathRejection>,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let id = id.map_or_else(|_| String::new(), |id| id.0);
    let (found, account) = caller.broadcast(&id).await?;
    ok(&shown(&caller, found, account.name().as_str()).await?)
}
