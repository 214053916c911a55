//! Whether the gateway lives, and whether it can work.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use crate::extract::Gateway;
use crate::problem::{Code, Problem};

const JSON: [(http::HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> Response {
    (JSON, r#"{"status":"ok"}"#).into_response()
}

/// `GET /readyz`: messages can be taken in; else 503 with the reason.
pub(crate) async fn ready(State(gateway): State<Gateway>) -> Result<Response, Problem> {
    match gateway.ready().await {
        Ok(()) => Ok((JSON, r#"{"status":"ready"}"#).into_response()),
        Err(reason) => Err(Problem::new(Code::NotReady, reason).retry_after(1)),
    }
}
