use axum::response::Response;
use hongyan_api::AccountQuota;

use super::report;
use crate::extract::{AtAccount, CanRead, Query};
use crate::problem::Problem;

/// What an account may still do today, by API.
///
/// WeChat is asked for the APIs in use every ten minutes; what we called since is
/// added. What others do with the same account is seen at the next asking.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/quota", tag = "accounts", operation_id = "show_quota",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 200, description = "Its allowances.", body = AccountQuota)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(at: AtAccount<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    report(&at).await
}
