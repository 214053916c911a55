use axum::response::Response;
use hongyan_api::CheckReport;

use crate::convert::account;
use crate::extract::{AtAccount, CanAdmin, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Tries everything an account needs and says what to fix.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/check", tag = "accounts", operation_id = "check_account",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 200, description = "What was found, good or bad.", body = CheckReport)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn check(at: AtAccount<CanAdmin>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let report = at.caller.engine().check_account(at.account.id).await?;
    ok(&account::check_report(report))
}
