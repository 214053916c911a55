//! Our API. One file for each verb; a handler reads as: who calls, what is
//! wanted, what was answered before, do it, say so.

pub(crate) mod accounts;
pub(crate) mod blacklist;
pub(crate) mod broadcasts;
pub(crate) mod callbacks;
pub(crate) mod console;
pub(crate) mod contacts;
pub(crate) mod errcodes;
pub(crate) mod grants;
pub(crate) mod keys;
pub(crate) mod live;
pub(crate) mod media;
pub(crate) mod menu;
pub(crate) mod messages;
pub(crate) mod qrcodes;
pub(crate) mod quota;
pub(crate) mod reply_rules;
pub(crate) mod stats;
pub(crate) mod tags;
pub(crate) mod templates;
pub(crate) mod users;
pub(crate) mod web;
pub(crate) mod webhooks;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use hongyan_domain::port::StoredResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::problem::Problem;

/// The header that tells a repeated answer from a first one.
pub(crate) const REPLAYED: &str = "idempotency-replayed";

/// An answer's JSON.
fn body_of(answer: &impl Serialize) -> Result<Bytes, Problem> {
    serde_json::to_vec(answer)
        .map(Bytes::from)
        .map_err(|error| {
            tracing::error!(%error, "an answer could not be written as JSON");
            Problem::internal()
        })
}

fn respond(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 200 with an answer.
fn ok(answer: &impl Serialize) -> Result<Response, Problem> {
    Ok(respond(StatusCode::OK, body_of(answer)?))
}

/// An answer with a secret, which nobody on the way may keep.
fn secret(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 204.
fn nothing() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// An answer given before, given again.
fn replay(earlier: StoredResponse) -> Response {
    let status = StatusCode::from_u16(earlier.status).unwrap_or(StatusCode::OK);
    mark_replayed(respond(status, earlier.body))
}

fn mark_replayed(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
