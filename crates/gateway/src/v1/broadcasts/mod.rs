//! Broadcasts: made, filled with people, steered, reported.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod preview;
pub(crate) mod report;
pub(crate) mod show;
pub(crate) mod skipped;
pub(crate) mod steer;
pub(crate) mod upload;

use hongyan_domain::broadcast::Broadcast;

use crate::convert::broadcast::broadcast;
use crate::extract::{Caller, Need};
use crate::problem::Problem;

/// A broadcast as its caller sees it, with how far it has come.
async fn shown<N: Need>(
    caller: &Caller<N>,
    found: Broadcast,
    account: &str,
) -> Result<hongyan_api::Broadcast, Problem> {
    let progress = match found.started_at {
        Some(_) => Some(caller.engine().broadcast_progress(&found).await?),
        None => None,
    };
    Ok(broadcast(found, account, progress))
}
