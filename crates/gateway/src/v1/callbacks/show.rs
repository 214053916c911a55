use axum::response::Response;
use hongyan_api::CallbackDetail;

use super::{id, unknown};
use crate::convert::callback::whole;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Shows a callback: as it came, as it was read, what was answered, where it went.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/callbacks/{id}", tag = "callbacks", operation_id = "get_callback",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = String, Path, description = "`evt_` and 32 hexadecimal digits."),
    ),
    responses((status = 200, description = "The callback.", body = CallbackDetail)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let id = id(&at.item)?;
    let found = at.caller.engine().callback(&at.account, id).await?;
    let (callback, forwards) = found.ok_or_else(unknown)?;
    ok(&whole(callback, forwards, at.account.name().as_str()))
}
