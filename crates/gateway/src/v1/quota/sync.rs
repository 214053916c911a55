use axum::response::Response;
use hongyan_api::AccountQuota;

use super::report;
use crate::extract::{AtAccount, CanAdmin, Query};
use crate::problem::Problem;

/// Asks WeChat now what an account may still do today.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/quota/sync", tag = "accounts", operation_id = "sync_quota",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 200, description = "Its allowances.", body = AccountQuota)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn sync(at: AtAccount<CanAdmin>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    at.caller.engine().sync_quotas(&at.account).await?;
    report(&at).await
}
