use axum::response::Response;
use hongyan_api::Stats;
use hongyan_domain::clock::next_beijing_midnight;

use crate::convert::account::health;
use crate::convert::stats::account_stats;
use crate::extract::{Caller, CanRead, Query};
use crate::problem::Problem;
use crate::v1::ok;

/// How the accounts fare: queues, pace, what stands in their way, allowances and
/// how long they last.
#[utoipa::path(
    get, path = "/v1/stats", tag = "accounts", operation_id = "stats",
    responses((status = 200, description = "The accounts the caller may see.", body = Stats)),
    security(("api_key" = ["read"])),
)]
pub(crate) async fn show(caller: Caller<CanRead>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let engine = caller.engine();
    let (queue_at, stats) = engine.stats(caller.accounts()).await?;
    let now = engine.clock().now();
    let accounts = stats
        .into_iter()
        .map(|stats| {
            let health = health(&stats.account, engine.illness(&stats.account), now);
            account_stats(stats, health)
        })
        .collect();
    ok(&Stats {
        at: now,
        queue_at,
        resets_at: next_beijing_midnight(now),
        accounts,
    })
}
