use axum::response::Response;

use super::{openid, unknown};
use crate::extract::{AtAccount, CanAdmin, Query};
use crate::problem::Problem;
use crate::v1::nothing;

/// Forgets a person at an account: contact, session key, consents, windows and
/// bindings.
///
/// Messages and callbacks stay until their time to be kept is over.
#[utoipa::path(
    delete, path = "/v1/accounts/{account}/contacts/{openid}", tag = "people", operation_id = "forget_contact",
    params(
        ("account" = String, Path, description = "The account's name."),
        ("openid" = String, Path, description = "The person at the account."),
    ),
    responses((status = 204, description = "They are forgotten.")),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn forget(at: AtAccount<CanAdmin>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let openid = openid(&at.item)?;
    let engine = at.caller.engine();
    if engine.forget_contact(&at.account, &openid).await? {
        Ok(nothing())
    } else {
        Err(unknown())
    }
}
