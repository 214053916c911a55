//! The router, put together.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hongyan_engine::Engine;
use tower_http::catch_panic::CatchPanicLayer;

use crate::extract::Gateway;
use crate::metrics::{Metrics, observe};
use crate::problem::{Code, Problem};
use crate::{callback, console, convert, docs, h5, health, openapi};

/// How the gateway answers.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// The longest request body, in bytes.
    pub body_limit: usize,
    /// How long a request body may take to arrive.
    pub body_time: Duration,
    /// The longest `?wait=`.
    pub longest_wait: Duration,
    /// Whether `/metrics` is among the other routes.
    pub metrics: bool,
    /// Whether people's browsers reach us over https: cookies then never travel
    /// otherwise.
    pub secure_cookies: bool,
    /// Where the phones are that stand for people's own, as in the demo.
    pub phone_url: Option<String>,
}

impl Default for GatewaySettings {
    /// 1 MiB, 30 s, 60 s, with metrics, cookies over http too, no phones.
    fn default() -> Self {
        Self {
            body_limit: 1024 * 1024,
            body_time: Duration::from_secs(30),
            longest_wait: Duration::from_secs(60),
            metrics: true,
            secure_cookies: false,
            phone_url: None,
        }
    }
}

/// What the gateway answers, to be served by [`crate::serve`].
pub struct Routers {
    /// Everything; `/metrics` if the settings say so.
    pub main: Router,
    /// `/metrics` alone, for a listener of its own.
    pub metrics: Router,
}

/// Everything the gateway answers on its one listener.
pub fn router(engine: Engine, settings: GatewaySettings) -> Router {
    routers(engine, settings).main
}

/// Everything the gateway answers, and its metrics apart.
pub fn routers(engine: Engine, settings: GatewaySettings) -> Routers {
    // What is posted says things as the API does.
    engine.set_webhook_words(convert::webhook::data);
    let counted = Metrics::of(engine.clone());
    let metrics = counted.clone().router();
    let with_metrics = settings.metrics;
    let mut main = routes(engine, settings);
    if with_metrics {
        main = main.merge(metrics.clone());
    }
    Routers {
        main: main
            .method_not_allowed_fallback(wrong_method)
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn_with_state(counted, observe)),
        metrics: metrics
            .fallback(no_such_route)
            .method_not_allowed_fallback(wrong_method),
    }
}

fn routes(engine: Engine, settings: GatewaySettings) -> Router {
    let (api, _) = openapi::routes().split_for_parts();
    api.route("/", get(console::index))
        .route("/assets/{name}", get(console::asset))
        .route("/openapi.json", get(docs::openapi))
        .route("/docs/errors", get(docs::problems))
        .merge(docs::swagger())
        .merge(callback::routes())
        .merge(h5::routes(&engine))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(no_such_route)
        .with_state(Gateway::new(engine, settings))
}

async fn no_such_route(uri: http::Uri) -> Problem {
    Problem::new(
        Code::NotFound,
        format!(
            "there is nothing at {:?}; /docs lists what there is",
            uri.path()
        ),
    )
}

/// axum adds the `Allow` header.
async fn wrong_method(method: http::Method, uri: http::Uri) -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        format!(
            "{method} does nothing at {:?}; the Allow header lists what does",
            uri.path()
        ),
    )
}

fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    tracing::error!(panic = text, "a handler panicked");
    Problem::internal().into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem_that_says_nothing_about_the_inside() {
        async fn broken() {
            panic!("hush");
        }
        let router: Router = Router::new()
            .route("/", get(broken))
            .layer(CatchPanicLayer::custom(panicked));
        let answer = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(answer.status(), 500);
        let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], "internal");
        assert!(!problem.to_string().contains("hush"));
    }
}
