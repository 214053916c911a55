use axum::response::Response;
use hongyan_api::{Account, ChangeAccount};

use crate::convert::account;
use crate::extract::{AtAccount, CanAdmin, Json, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Changes an account.
///
/// What is left out stays. What was learned about its health is forgotten,
/// because the change may be the cure.
#[utoipa::path(
    patch, path = "/v1/accounts/{account}", tag = "accounts", operation_id = "change_account",
    params(("account" = String, Path, description = "The account's name.")),
    request_body = ChangeAccount,
    responses((status = 200, description = "The account as it is now.", body = Account)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn change(
    at: AtAccount<CanAdmin>,
    query: Query,
    Json(wanted): Json<ChangeAccount>,
) -> Result<Response, Problem> {
    query.done()?;
    let settings = account::changed(&at.account.settings, &wanted).map_err(Problem::invalid)?;
    let changed = at
        .caller
        .engine()
        .change_account(at.account.id, settings)
        .await?;
    let engine = at.caller.engine();
    ok(&account::account(
        &changed,
        engine.illness(&changed),
        engine.clock().now(),
    ))
}
