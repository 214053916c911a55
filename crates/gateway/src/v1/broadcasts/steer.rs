use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_api::Broadcast;
use hongyan_domain::BroadcastId;
use hongyan_domain::port::StoreError;
use hongyan_engine::{Engine, Steered};

use super::shown;
use crate::extract::{Caller, CanSend, Query};
use crate::problem::{Code, Problem};
use crate::v1::ok;

type Id = Result<Path<String>, PathRejection>;

/// Says that the audience of an uploaded broadcast is complete.
///
/// It then begins, unless `start` is false or `send_at` lies ahead. Where a sample of
/// 100 people shows data that breaks rules it stays `ready`, and `problem` says why.
#[utoipa::path(
    post, path = "/v1/broadcasts/{id}/complete", tag = "broadcasts", operation_id = "complete_broadcast",
    params(("id" = String, Path, description = "`bc_` and 32 hexadecimal digits.")),
    responses((status = 200, description = "Its audience is complete.", body = Broadcast)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn complete(
    caller: Caller<CanSend>,
    id: Id,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let (id, account) = find(&caller, id).await?;
    let steered = match caller.engine().complete_broadcast(id).await? {
        Steered::Unfit(found, _) => Steered::Done(found),
        other => other,
    };
    answer(&caller, steered, &account, "completed").await
}

/// Starts a broadcast that is ready, whatever its `send_at`.
///
/// It is refused where a sample of 100 people shows data that breaks rules, unless
/// `skip_invalid` is set.
#[utoipa::path(
    post, path = "/v1/broadcasts/{id}/start", tag = "broadcasts", operation_id = "start_broadcast",
    params(("id" = String, Path, description = "`bc_` and 32 hexadecimal digits.")),
    responses((status = 200, description = "It runs.", body = Broadcast)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn start(
    caller: Caller<CanSend>,
    id: Id,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let work = async |engine: &Engine, id| engine.start_broadcast(id).await;
    steer(&caller, id, work, "started").await
}

/// Lets a running broadcast rest: within a second nothing more of it is sent.
#[utoipa::path(
    post, path = "/v1/broadcasts/{id}/pause", tag = "broadcasts", operation_id = "pause_broadcast",
    params(("id" = String, Path, description = "`bc_` and 32 hexadecimal digits.")),
    responses((status = 200, description = "It rests.", body = Broadcast)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn pause(
    caller: Caller<CanSend>,
    id: Id,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let work = async |engine: &Engine, id| engine.pause_broadcast(id).await;
    steer(&caller, id, work, "paused").await
}

/// Lets a resting broadcast go on.
#[utoipa::path(
    post, path = "/v1/broadcasts/{id}/resume", tag = "broadcasts", operation_id = "resume_broadcast",
    params(("id" = String, Path, description = "`bc_` and 32 hexadecimal digits.")),
    responses((status = 200, description = "It runs.", body = Broadcast)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn resume(
    caller: Caller<CanSend>,
    id: Id,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let work = async |engine: &Engine, id| engine.resume_broadcast(id).await;
    steer(&caller, id, work, "resumed").await
}

/// Stops a broadcast for good: what was not sent by now is not sent. Canceling twice
/// is no error.
#[utoipa::path(
    post, path = "/v1/broadcasts/{id}/cancel", tag = "broadcasts", operation_id = "cancel_broadcast",
    params(("id" = String, Path, description = "`bc_` and 32 hexadecimal digits.")),
    responses((status = 200, description = "It is stopped.", body = Broadcast)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn cancel(
    caller: Caller<CanSend>,
    id: Id,
    query: Query,
) -> Result<Response, Problem> {
    query.done()?;
    let work = async |engine: &Engine, id| engine.cancel_broadcast(id).await;
    steer(&caller, id, work, "canceled").await
}

async fn steer(
    caller: &Caller<CanSend>,
    id: Id,
    work: impl AsyncFnOnce(&Engine, BroadcastId) -> Result<Steered, StoreError>,
    done: &str,
) -> Result<Response, Problem> {
    let (id, account) = find(caller, id).await?;
    let steered = work(caller.engine(), id).await?;
    answer(caller, steered, &account, done).await
}

async fn find(caller: &Caller<CanSend>, id: Id) -> Result<(BroadcastId, String), Problem> {
    let id = id.map_or_else(|_| String::new(), |id| id.0);
    let (found, account) = caller.broadcast(&id).await?;
    Ok((found.id, account.name().to_string()))
}

/// What is answered to a wish; `done` is what it would then be.
pub(super) async fn answer(
    caller: &Caller<CanSend>,
    steered: Steered,
    account: &str,
    done: &str,
) -> Result<Response, Problem> {
    match steered {
        Steered::Done(found) => ok(&shown(caller, found, account).await?),
        Steered::InState(found) => {
            let why = found.problem.map_or(String::new(), |why| format!(": {why}"));
            Err(Problem::new(
                Code::BroadcastState,
                format!("the broadcast is {}{why}; it cannot be {done}", found.state),
            )
            .zh(format!("群发当前状态为 {}，不能执行此操作", found.state)))
        }
        Steered::Unfit(_, violations) => Err(Problem::invalid(violations).preceded_by(
            "a sample of the people breaks rules; make the broadcast anew with \"skip_invalid\": true to pass over such people",
        )),
        Steered::Missing => Err(Problem::new(
            Code::UnknownBroadcast,
            "the broadcast is gone",
        )),
    }
}
