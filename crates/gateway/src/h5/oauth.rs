//! Who a browser's owner is: to WeChat's page that tells, and back.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_engine::WebFailure;
use http::HeaderMap;

use super::tongue::Tongue;
use super::{page, redirect, walk};
use crate::extract::{Outsider, Query};

/// What is asked for when the link does not say: the openid, without a question to
/// the person.
const USUAL_SCOPE: &str = "snsapi_base";

/// `GET /h5/{account}/oauth?scope=&next=`.
pub(super) async fn begin(
    outsider: Outsider,
    tongue: Tongue,
    account: Result<Path<String>, PathRejection>,
    mut query: Query,
) -> Response {
    let Ok(Path(account)) = account else {
        return page::failed(tongue, &WebFailure::UnknownAccount);
    };
    let scope = query.text("scope");
    let scope = scope.as_deref().unwrap_or(USUAL_SCOPE);
    let Some(next) = query.text("next") else {
        let failure = WebFailure::BadParameter {
            name: "next",
            what: tongue.of("it is missing", "缺少该参数").to_owned(),
        };
        return page::failed(tongue, &failure);
    };
    match outsider.begin_oauth(&account, scope, &next).await {
        Ok(leave) => walk::leave(&outsider, &account, &leave),
        Err(failure) => page::failed(tongue, &failure),
    }
}

/// `GET /h5/{account}/oauth/return?code=&state=`.
pub(super) async fn end(
    outsider: Outsider,
    tongue: Tongue,
    account: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    mut query: Query,
) -> Response {
    let Ok(Path(account)) = account else {
        return page::failed(tongue, &WebFailure::UnknownAccount);
    };
    let (code, state) = (query.text("code"), query.text("state"));
    let cookie = walk::cookie(&headers);
    let ended = outsider
        .end_oauth(&account, code.as_deref(), state.as_deref(), cookie)
        .await;
    match ended {
        // The cookie stays: some phones ask for this address twice.
        Ok(location) => redirect(&location),
        Err(failure) => page::failed(tongue, &failure),
    }
}
