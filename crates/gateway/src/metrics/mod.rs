//! `GET /metrics` for Prometheus, and the layer around all routes that counts,
//! times and traces requests.

mod http;
mod process;

use std::sync::Arc;
use std::time::Instant;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, Method, StatusCode};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hongyan_domain::trace::TraceContext;
use hongyan_engine::Engine;
use hongyan_engine::trace::Span;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use self::http::HttpMetrics;
use self::process::Process;
use crate::v1::REPLAYED;

/// OpenMetrics 1.0, the format of the library that writes it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Routes of this prefix are work, and traced; the others are looks at us.
const TRACED: &str = "/v1/";

/// Counts requests, and answers what was counted. Clones count together.
#[derive(Clone)]
pub(crate) struct Metrics {
    engine: Engine,
    http: Arc<HttpMetrics>,
}

impl Metrics {
    pub(crate) fn of(engine: Engine) -> Self {
        Self {
            engine,
            http: Arc::default(),
        }
    }

    /// A router with `/metrics` alone.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/metrics", get(scrape))
            .with_state(self)
    }
}

/// `GET /metrics`.
async fn scrape(State(metrics): State<Metrics>) -> Response {
    // Made anew each time: what there is to say changes with the accounts.
    let mut registry = Registry::default();
    registry.register_collector(metrics.engine.collector());
    registry.register_collector(Box::new(Arc::clone(&metrics.http)));
    registry.register_collector(Box::new(Process));
    let mut body = String::with_capacity(64 * 1024);
    match text::encode(&mut body, &registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], body).into_response(),
        // Writing to a text does not fail.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The layer around all routes.
pub(crate) async fn observe(
    State(metrics): State<Metrics>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let route = metrics.http.route(
        request
            .extensions()
            .get::<MatchedPath>()
            .map(MatchedPath::as_str),
    );
    let method = request.method().clone();
    let span = metrics.span(&method, route.template(), request.headers());
    if let Some(context) = span.as_ref().and_then(Span::context) {
        request.extensions_mut().insert(context.clone());
    }
    let response = next.run(request).await;
    let status = response.status();
    route.note(&method, status, began.elapsed());
    if response.headers().contains_key(REPLAYED) {
        metrics.http.replays.inc();
    }
    if let Some(mut span) = span {
        span.note("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.fail(status.as_str());
        }
    }
    response
}

impl Metrics {
    fn span(&self, method: &Method, route: &str, headers: &HeaderMap) -> Option<Span> {
        if !route.starts_with(TRACED) {
            return None;
        }
        let text = |name| headers.get(name)?.to_str().ok();
        let caller = text("traceparent").and_then(|traceparent| {
            TraceContext::from_headers(traceparent, text("tracestate")).ok()
        });
        self.engine
            .request_span(method.as_str(), route, caller.as_ref())
    }
}
