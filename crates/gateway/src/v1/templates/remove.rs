use axum::response::Response;

use super::id;
use crate::extract::{AtAccount, CanAdmin, Query};
use crate::problem::Problem;
use crate::v1::nothing;

/// Removes a template from the account at WeChat. Messages of it that still wait will
/// be refused (40037).
#[utoipa::path(
    delete, path = "/v1/accounts/{account}/templates/{id}", tag = "templates", operation_id = "remove_template",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("id" = String, Path, description = "WeChat's id of the template."),
    ),
    responses((status = 204, description = "It is gone.")),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn remove(at: AtAccount<CanAdmin>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let id = id(&at.item)?;
    at.caller.engine().remove_template(&at.account, &id).await?;
    Ok(nothing())
}
