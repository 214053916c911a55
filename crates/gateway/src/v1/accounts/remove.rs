use axum::response::Response;

use crate::extract::{AtAccount, CanAdmin, Query};
use crate::problem::Problem;
use crate::v1::nothing;

/// Removes an account with its templates and finished messages.
///
/// Refused with `in_use` while messages of it are open.
#[utoipa::path(
    delete, path = "/v1/accounts/{account}", tag = "accounts", operation_id = "remove_account",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 204, description = "It is gone.")),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn remove(at: AtAccount<CanAdmin>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    at.caller.engine().remove_account(at.account.id).await?;
    Ok(nothing())
}
