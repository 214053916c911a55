use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api::User;

use super::{id, shown, unknown};
use crate::extract::{Caller, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Shows a user with everything bound to them.
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "people", operation_id = "get_user",
    params(("id" = String, Path, description = "The caller's own id of the person.")),
    responses((status = 200, description = "The user.", body = User)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(
    caller: Caller<CanRead>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let found = caller.engine().user(&id(path)?).await?;
    let found = found.and_then(|user| shown(&caller, user));
    ok(&found.ok_or_else(unknown)?)
}
