use axum::response::Response;
use hongyan_api::FollowerSync;
use http::StatusCode;

use crate::convert::manage::sync as shown;
use crate::extract::{AtAccount, CanSend, Query};
use crate::problem::Problem;
use crate::v1::{body_of, respond};

/// Lists an official account's followers at WeChat in the background: begins, or goes
/// on where an earlier sync rests.
///
/// Whoever follows is a contact then, and who is not in the list any more does not
/// follow. Details (tags, remark, scene, unionid) of those who have none are asked for
/// after that. Events keep all of it up to date.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/contacts/sync", tag = "people", operation_id = "sync_contacts",
    params(("account" = String, Path, description = "The account's name.")),
    responses((status = 202, description = "It is under way.", body = FollowerSync)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn sync(at: AtAccount<CanSend>, query: Query) -> Result<Response, Problem> {
    query.done()?;
    let state = at.caller.engine().sync_followers(&at.account).await?;
    Ok(respond(StatusCode::ACCEPTED, body_of(&shown(state))?))
}
