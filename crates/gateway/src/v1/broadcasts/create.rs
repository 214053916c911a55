use axum::response::Response;
use hongyan_api::{Broadcast, NewBroadcast};
use http::StatusCode;

use super::shown;
use crate::convert::broadcast::{broadcast, read};
use crate::extract::{Caller, CanSend, Creation, Query};
use crate::problem::{Code, Problem};
use crate::v1::messages::intake::problem;
use crate::v1::{body_of, mark_replayed, replay, respond};

/// Makes a broadcast: one thing told to many people.
///
/// With `recipients` it begins at once, unless `start` is false or `send_at` lies
/// ahead. Followers and people of a tag are taken in within the next seconds. With
/// `upload` people are sent afterwards to `/v1/broadcasts/{id}/recipients`. Each
/// person gets one message, however often they are named.
#[utoipa::path(
    post, path = "/v1/broadcasts", tag = "broadcasts", operation_id = "add_broadcast",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters."),
    ),
    request_body = NewBroadcast,
    responses((status = 201, description = "It is made.", body = Broadcast)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn create(
    caller: Caller<CanSend>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    if let Some(earlier) = request.earlier(&caller).await? {
        let made = serde_json::from_slice::<Broadcast>(&earlier.body).ok();
        let found = match made {
            Some(made) => caller.broadcast(&made.id).await.ok(),
            None => None,
        };
        // What is known of it now says more than what was known then.
        let Some((found, account)) = found else {
            return Ok(replay(earlier));
        };
        let body = body_of(&shown(&caller, found, account.name().as_str()).await?)?;
        return Ok(mark_replayed(respond(StatusCode::CREATED, body)));
    }
    let wanted: NewBroadcast = request.json()?;
    let account = caller.account(&wanted.account)?;
    let is_known = |name: &str| caller.account(name).is_ok();
    let new = read(wanted, caller.key_id(), &is_known).map_err(Problem::invalid)?;
    let planned = caller.engine().plan_broadcast(new).await.map_err(problem)?;
    let account = account.name().as_str();
    // Stored with the broadcast itself: a repeat finds it by its id.
    let first = body_of(&broadcast(planned.broadcast.clone(), account, None))?;
    let once = request.keep(&caller, StatusCode::CREATED.as_u16(), &first);
    let made = caller
        .engine()
        .make_broadcast(planned, once.as_ref())
        .await?;
    if made.state.is_over() {
        let why = made.problem.unwrap_or_else(|| made.state.to_string());
        return Err(Problem::new(Code::BroadcastState, why));
    }
    let body = body_of(&shown(&caller, made, account).await?)?;
    Ok(respond(StatusCode::CREATED, body))
}
