//! Errors of the control API as problem documents (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::ControlError;

/// A problem document.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: &'static str, detail: String) -> Self {
        Self {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            detail,
            code,
        }
    }

    /// The JSON is fine, its meaning is not.
    pub(crate) fn invalid(detail: String) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request",
            "Invalid request",
            detail,
        )
    }

    /// Not even JSON.
    pub(crate) fn malformed(detail: String) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed_body",
            "Malformed body",
            detail,
        )
    }

    /// A task ended without a result: the sandbox is shutting down.
    pub(crate) fn broken_off(error: &tokio::task::JoinError) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "broken_off", "Broken off", error.to_string())
    }

    /// What the HTTP framework refused before any handler saw it.
    pub(crate) fn framework(status: StatusCode) -> Self {
        let detail = if status == StatusCode::PAYLOAD_TOO_LARGE {
            "the body may have 2 MiB"
        } else {
            "the request cannot be read; check its path, headers and body"
        };
        Self::new(
            status,
            "unreadable_request",
            "Unreadable request",
            detail.to_owned(),
        )
    }

    pub(crate) fn route() -> Self {
        let detail = "no such path under /sandbox/v1; it has accounts, people, deliveries, \
                      events, faults, clock, requests, stats, media, bulk/people and jssdk";
        Self::new(
            StatusCode::NOT_FOUND,
            "no_such_path",
            "No such path",
            detail.to_owned(),
        )
    }

    pub(crate) fn method() -> Self {
        let detail = "this path exists, but not for that method; see the Allow header";
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, "wrong_method", "Wrong method", detail.to_owned())
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let detail = error.to_string();
        match error {
            ControlError::NotFound { .. } => {
                Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
            }
            ControlError::Exists(_) => {
                Self::new(StatusCode::CONFLICT, "exists", "Exists already", detail)
            }
            ControlError::Invalid(_) => Self::invalid(detail),
            ControlError::CallbackCheck { .. } => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                let title = "The callback failed its check";
                Self::new(status, "callback_check_failed", title, detail)
            }
            ControlError::Storage(_) => {
                let status = StatusCode::INSUFFICIENT_STORAGE;
                Self::new(status, "storage", "The journal failed", detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}
