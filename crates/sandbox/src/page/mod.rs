//! Pages: the phones at `/`, and WeChat's own that people walk through in a
//! browser.

mod app;
mod authorize;
#[path = "../../../../web/embed/serve.rs"]
mod embedded;
mod html;
mod jssdk;
mod qrcode;
mod subscribe;
mod visitor;

use axum::Router;
use axum::routing::{get, post};

use crate::Sandbox;

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/", get(app::index))
        .route("/assets/{name}", get(app::asset))
        .route("/sandbox/v1/page", get(app::state))
        .route("/sandbox/v1/page/{person}", get(app::phone))
        .route(
            authorize::PATH,
            get(authorize::show).post(authorize::decide),
        )
        .route(
            subscribe::PATH,
            get(subscribe::show).post(subscribe::decide),
        )
        .route(qrcode::PATH, get(qrcode::show))
        .route(SCRIPT, get(jssdk::script))
        .route("/sandbox/v1/jssdk/verify", post(jssdk::verify))
        .route("/sandbox/v1/jssdk/templates", post(jssdk::templates))
        .route("/sandbox/v1/jssdk/subscribe", post(jssdk::subscribe))
}

/// The JS-SDK, under the path it has on WeChat's host.
const SCRIPT: &str = "/open/js/jweixin-1.6.0.js";

/// Whether a path is one of WeChat's pages, or a part of ours.
pub(crate) fn is_page(path: &str) -> bool {
    path.starts_with("/assets/")
        || [authorize::PATH, subscribe::PATH, qrcode::PATH, SCRIPT].contains(&path)
}
