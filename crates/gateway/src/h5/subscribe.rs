//! One-time subscriptions: to WeChat's page that asks the person, and back.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use hongyan_engine::{SubscribeReturn, WebFailure};
use http::{HeaderMap, StatusCode};

use super::tongue::Tongue;
use super::{page, redirect, walk};
use crate::extract::{Outsider, Query};

/// `GET /h5/{account}/subscribe?template_id=&scene=&next=`.
pub(super) async fn begin(
    outsider: Outsider,
    tongue: Tongue,
    account: Result<Path<String>, PathRejection>,
    mut query: Query,
) -> Response {
    let Ok(Path(account)) = account else {
        return page::failed(tongue, &WebFailure::UnknownAccount);
    };
    let template_id = query.text("template_id").unwrap_or_default();
    let scene = query.text("scene").unwrap_or_default();
    let next = query.text("next");
    let begun = outsider
        .begin_subscribe(&account, &template_id, &scene, next.as_deref())
        .await;
    match begun {
        Ok(leave) => walk::leave(&outsider, &account, &leave),
        Err(failure) => page::failed(tongue, &failure),
    }
}

/// `GET /h5/{account}/subscribe/return?openid=&template_id=&action=&scene=&reserved=`.
/// WeChat may add parameters of its own.
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
    let back = SubscribeReturn {
        openid: query.text("openid"),
        template_id: query.text("template_id").unwrap_or_default(),
        action: query.text("action").unwrap_or_default(),
        scene: query.text("scene").unwrap_or_default(),
        reserved: query.text("reserved").unwrap_or_default(),
    };
    let ended = outsider
        .end_subscribe(&account, back, walk::cookie(&headers))
        .await;
    // The cookie stays: some phones ask for this address twice.
    match ended {
        Err(failure) => page::failed(tongue, &failure),
        Ok(end) => match end.next {
            Some(next) => redirect(&next),
            None if end.confirmed => page::say(
                tongue,
                StatusCode::OK,
                "✅",
                tongue.of("You are subscribed", "订阅成功"),
                tongue.of(
                    "You will get one message here in WeChat. You can close this page.",
                    "您将在微信中收到一条消息，现在可以关闭此页面。",
                ),
            ),
            None => page::say(
                tongue,
                StatusCode::OK,
                "🕊️",
                tongue.of("Not subscribed", "未订阅"),
                tongue.of(
                    "You will get no message. You can close this page.",
                    "您不会收到消息，现在可以关闭此页面。",
                ),
            ),
        },
    }
}
