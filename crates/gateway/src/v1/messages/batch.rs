use axum::response::Response;
use hongyan_api::{BatchResult, BatchResults, MessageBatch, NewMessage};
use hongyan_domain::port::Accepted as Stored;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::intake::prepare_all;
use crate::convert::message::accepted;
use crate::extract::{Caller, CanSend, Creation, Query, decode, invalid};
use crate::problem::Problem;
use crate::v1::{body_of, replay, respond};

/// The most messages of a batch.
const MOST: usize = 1000;

/// A batch whose messages are decoded one by one, so that a broken one spoils
/// only itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
}

/// Sends up to 1,000 messages.
///
/// Each is judged on its own: the answer has one result for each message, in
/// order, either what a single send would answer or the problem. Those accepted
/// are on disk together.
#[utoipa::path(
    post, path = "/v1/messages/batch", tag = "messages", operation_id = "send_batch",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters."),
    ),
    request_body = MessageBatch,
    responses((status = 200, description = "What became of each.", body = BatchResults)),
    security(("api_key" = ["send"])),
)]
pub(crate) async fn batch(
    caller: Caller<CanSend>,
    query: Query,
    request: Creation,
) -> Result<Response, Problem> {
    query.done()?;
    if let Some(earlier) = request.earlier(&caller).await? {
        return Ok(replay(earlier));
    }
    let Batch { messages } = request.json()?;
    if !(1..=MOST).contains(&messages.len()) {
        let count = messages.len();
        return Err(Problem::invalid(vec![invalid(
            "/messages",
            "count",
            format!("a batch has 1 to {MOST} messages, not {count}"),
            format!("每批 1 到 {MOST} 条消息，现为 {count} 条"),
        )]));
    }
    let mut good = Vec::with_capacity(messages.len());
    let mut results = Vec::with_capacity(messages.len());
    let requests = messages
        .into_iter()
        .map(|raw| decode::<NewMessage>(raw.get().as_bytes()))
        .collect();
    for prepared in prepare_all(&caller, requests).await {
        match prepared.map_err(Problem::from) {
            Ok(prepared) => {
                results.push(BatchResult::Accepted(accepted(&prepared.message)));
                good.push(prepared);
            }
            // What ails storage ails the rest, too: nothing was stored yet.
            Err(problem) if problem.code().row().status >= 500 => return Err(problem),
            Err(problem) => {
                results.push(BatchResult::Refused {
                    problem: Box::new(problem.into_document()),
                });
            }
        }
    }
    let body = body_of(&BatchResults { results })?;
    let once = request.keep(&caller, StatusCode::OK.as_u16(), &body);
    if good.is_empty() && once.is_none() {
        return Ok(respond(StatusCode::OK, body));
    }
    match caller.engine().accept(good, once).await? {
        Stored::Stored => Ok(respond(StatusCode::OK, body)),
        Stored::Replayed(earlier) => Ok(replay(earlier)),
        Stored::KeyReused => Err(Creation::key_reused()),
    }
}
