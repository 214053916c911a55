use axum::response::Response;
use hongyan_api::SyncReport;

use crate::convert::template::sync_report;
use crate::extract::{AtAccount, CanSend, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// Lists an account's templates at WeChat and keeps them.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/templates/sync", tag = "templates", operation_id = "sync_templates",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 200, description = "What changed.", body = SyncReport)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn sync(at: AtAccount<CanSend>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let report = at.caller.engine().sync_templates(at.account.id).await?;
    ok(&sync_report(report))
}
