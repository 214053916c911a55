//! What an account may still do today.

pub(crate) mod clear;
pub(crate) mod show;
pub(crate) mod sync;

use axum::response::Response;

use crate::convert::stats::account_quota;
use crate::extract::{AtAccount, Need};
use crate::problem::Problem;
use crate::v1::ok;

async fn report<N: Need>(at: &AtAccount<N>) -> Result<Response, Problem> {
    let report = at.caller.engine().quotas(&at.account).await?;
    ok(&account_quota(&at.account, report))
}
