use axum::response::Response;
use hongyan_api::{AccountQuota, ClearQuota};

use super::report;
use crate::extract::{AtAccount, CanAdmin, Json, Query, invalid};
use crate::problem::Problem;

/// Has WeChat set today's counts of all of an account's APIs to zero.
///
/// WeChat does so ten times a month, its console's button included; beyond, it
/// refuses with 48006. An account that waited for the day to turn sends again.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/quota/clear", tag = "accounts", operation_id = "clear_quota",
    params(("account" = String, Path, description = "The account's name.")),
    request_body = ClearQuota,
    responses((status = 200, description = "Its allowances afterwards.", body = AccountQuota)),
    security(("api_key" = ["admin"])),
)]
pub(crate) async fn clear(
    at: AtAccount<CanAdmin>,
    query: Query,
    Json(wish): Json<ClearQuota>,
) -> Result<Response, Problem> {
    query.done()?;
    if !wish.confirm {
        return Err(Problem::invalid(vec![invalid(
            "/confirm",
            "not_confirmed",
            "clearing takes one of the month's ten clearings: send {\"confirm\": true}",
            "清零会消耗每月 10 次中的一次：请提交 {\"confirm\": true}",
        )]));
    }
    at.caller.engine().clear_quota(&at.account).await?;
    report(&at).await
}
