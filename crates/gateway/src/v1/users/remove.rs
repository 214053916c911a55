use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;

use super::{id, shown, unknown};
use crate::extract::{Caller, CanSend, Query};
use crate::problem::{Code, Problem};
use crate::v1::nothing;

/// Removes a user's bindings. The people behind them stay.
#[utoipa::path(
    delete, path = "/v1/users/{id}", tag = "people", operation_id = "remove_user",
    params(("id" = String, Path, description = "The caller's own id of the person.")),
    responses((status = 204, description = "Nothing is bound to the id any more.")),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn remove(
    caller: Caller<CanSend>,
    path: Result<Path<String>, PathRejection>,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let id = id(path)?;
    let user = caller.engine().user(&id).await?.ok_or_else(unknown)?;
    let bound = user.openids.len();
    let reaches_further = user.unionid.is_some();
    let seen = shown(&caller, user).ok_or_else(unknown)?;
    if caller.is_restricted() && (reaches_further || seen.openids.len() < bound) {
        return Err(Problem::new(
            Code::AccountNotAllowed,
            "this API key is restricted to accounts; the user is bound at others, too",
        ));
    }
    caller.engine().remove_user(&id).await?;
    Ok(nothing())
}
