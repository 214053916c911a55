use axum::response::Response;
use hongyan_api::Account;

use crate::convert::account;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Shows an account, without its secrets.
#[utoipa::path(
    get, path = "/v1/accounts/{account}", tag = "accounts", operation_id = "get_account",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 200, description = "The account.", body = Account)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let engine = at.caller.engine();
    let refreshes = engine.refreshes_today(at.account.id).await?;
    ok(&Account {
        token_refreshes: Some(account::token_refreshes(refreshes)),
        ..account::account(
            &at.account,
            engine.illness(&at.account),
            engine.clock().now(),
        )
    })
}
