//! `/h5/{account}/…`: pages for people's browsers inside WeChat.
//!
//! Every answer forbids what it does not need (Content-Security-Policy), is kept
//! nowhere, and tells no other site where the person came from: addresses carry
//! openids, codes and tickets.

mod oauth;
mod page;
mod subscribe;
mod tag;
mod tongue;
mod walk;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::{CONTROLS, utf8_percent_encode};

use crate::extract::Gateway;

/// The routes.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/h5/{account}/subscribe", get(subscribe::begin))
        .route("/h5/{account}/subscribe/return", get(subscribe::end))
        .route("/h5/{account}/subscribe-tag", get(tag::show))
        .route("/h5/{account}/oauth", get(oauth::begin))
        .route("/h5/{account}/oauth/return", get(oauth::end))
}

/// A page with its policy.
fn html(status: StatusCode, policy: &str, page: String) -> Response {
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    guard(headers, policy);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

/// 302 to another address.
fn redirect(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    guard(headers, page::NOTHING);
    // Escaped so, an address of any letters fits a header.
    let location = utf8_percent_encode(location, CONTROLS).to_string();
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(LOCATION, location);
    }
    response
}

fn guard(headers: &mut HeaderMap, policy: &str) {
    let fixed = [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A policy that cannot stand in a header would be none: rather nothing at all.
    let policy = HeaderValue::from_str(policy).unwrap_or(HeaderValue::from_static(page::NOTHING));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
}
