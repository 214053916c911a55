//! `/h5/{account}/…`: pages for people's browsers inside WeChat.
//!
//! Every answer forbids what it does not need (Content-Security-Policy), is kept
//! nowhere, and tells no other site where the person came from: addresses carry
//! openids, codes and tickets. Nobody may frame a page but what stands in for WeChat:
//! the sandbox shows it inside its phone.

mod oauth;
mod page;
mod subscribe;
mod tag;
mod tongue;
mod walk;

use axum::Router;
use axum::body::Body;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use hongyan_engine::Engine;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::{CONTROLS, utf8_percent_encode};

use crate::extract::Gateway;

/// The routes.
pub(crate) fn routes(engine: &Engine) -> Router<Gateway> {
    let framed_by = framed_by(engine.stand_in().as_deref());
    let framed = move |response: Response| {
        let response = with_policy(response, &framed_by);
        async move { response }
    };
    Router::new()
        .route("/h5/{account}/subscribe", get(subscribe::begin))
        .route("/h5/{account}/subscribe/return", get(subscribe::end))
        .route("/h5/{account}/subscribe-tag", get(tag::show))
        .route("/h5/{account}/oauth", get(oauth::begin))
        .route("/h5/{account}/oauth/return", get(oauth::end))
        .layer(map_response(framed))
}

/// The part of the policy that says who may frame a page.
fn framed_by(stand_in: Option<&str>) -> HeaderValue {
    let origin = stand_in.map_or("'none'", origin_of);
    HeaderValue::from_str(&format!("frame-ancestors {origin}"))
        .unwrap_or(HeaderValue::from_static("frame-ancestors 'none'"))
}

/// Adds a policy to the one an answer has; browsers obey both.
fn with_policy(mut response: Response, policy: &HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.append(CONTENT_SECURITY_POLICY, policy.clone());
    response
}

/// Scheme, host and port of an address.
fn origin_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_ends_before_the_path() {
        for (url, origin) in [
            (
                "https://res.wx.qq.com/open/js/a.js",
                "https://res.wx.qq.com",
            ),
            ("http://127.0.0.1:8700/x", "http://127.0.0.1:8700"),
            ("https://a.example", "https://a.example"),
        ] {
            assert_eq!(origin_of(url), origin);
        }
    }

    #[test]
    fn only_what_stands_in_for_wechat_may_frame() {
        assert_eq!(framed_by(None), "frame-ancestors 'none'");
        let sandbox = framed_by(Some("http://127.0.0.1:8700/prefix"));
        assert_eq!(sandbox, "frame-ancestors http://127.0.0.1:8700");
        assert_eq!(framed_by(Some("http://a\n")), "frame-ancestors 'none'");
    }
}
