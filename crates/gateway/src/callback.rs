//! `GET|POST /callback/{account}`: WeChat calls.
//!
//! WeChat repeats whatever is not answered with 200 within five seconds and shows
//! the person a failure. Who is refused gets a status and nothing else.

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request};
use axum::response::Response;
use axum::routing::get;
use hongyan_engine::{CallbackAnswer, CallbackRefusal};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::extract::{Gateway, Outsider};

/// Seconds after which a callback that could not be stored is worth another try.
const RETRY_SECONDS: u32 = 2;

/// The routes.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new().route("/callback/{account}", get(verify).post(receive))
}

/// WeChat's check when somebody enters the address in its console.
async fn verify(
    outsider: Outsider,
    account: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response {
    let Ok(Path(account)) = account else {
        return refused(&CallbackRefusal::UnknownAccount);
    };
    match outsider.verify_callback_url(&account, &query.unwrap_or_default()) {
        Ok(body) => answered(CallbackAnswer {
            body,
            content_type: "text/plain; charset=utf-8",
        }),
        Err(refusal) => refused(&refusal),
    }
}

/// A message or an event.
async fn receive(
    outsider: Outsider,
    account: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let Ok(Path(account)) = account else {
        return refused(&CallbackRefusal::UnknownAccount);
    };
    let query = request.uri().query().unwrap_or_default().to_owned();
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = match outsider.callback_body(request).await {
        Ok(body) => body,
        Err(problem) => {
            let status = problem.code().row().status;
            return empty(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST));
        }
    };
    let received = outsider
        .receive_callback(&account, &query, content_type.as_deref(), body)
        .await;
    match received {
        Ok(answer) => answered(answer),
        Err(refusal) => refused(&refusal),
    }
}

fn answered(answer: CallbackAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    response
}

fn refused(refusal: &CallbackRefusal) -> Response {
    match refusal {
        CallbackRefusal::UnknownAccount | CallbackRefusal::NotConfigured => {
            empty(StatusCode::NOT_FOUND)
        }
        CallbackRefusal::Refused(_) => empty(StatusCode::FORBIDDEN),
        CallbackRefusal::Store(error) => {
            tracing::warn!(%error, "a callback could not be stored; WeChat comes again");
            let mut response = empty(StatusCode::SERVICE_UNAVAILABLE);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
            response
        }
    }
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
