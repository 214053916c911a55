//! Requests, counted by route template: never by path, of which there is no end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ::http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

/// Requests for which there is no route.
const NO_ROUTE: &str = "none";

/// Methods that routes know; the others are one.
const METHODS: [&str; 6] = ["GET", "POST", "PATCH", "PUT", "DELETE", "other"];

/// Status classes.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

const SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// All requests.
#[derive(Debug, Default)]
pub(super) struct HttpMetrics {
    routes: RwLock<BTreeMap<String, Arc<Route>>>,
    /// Requests answered as before.
    pub(super) replays: Counter,
}

/// The requests of one route.
#[derive(Debug)]
pub(super) struct Route {
    template: String,
    methods: [Requests; METHODS.len()],
}

/// The requests of one route and method.
#[derive(Debug)]
struct Requests {
    classes: [Counter; CLASSES.len()],
    seconds: Histogram,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            classes: Default::default(),
            seconds: Histogram::new(SECONDS),
        }
    }
}

impl HttpMetrics {
    /// The counters of a route; there are as many as routes are declared.
    pub(super) fn route(&self, template: Option<&str>) -> Arc<Route> {
        let template = template.unwrap_or(NO_ROUTE);
        let known = self
            .routes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(template)
            .cloned();
        known.unwrap_or_else(|| {
            let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
            let route = routes.entry(template.to_owned()).or_insert_with(|| {
                Arc::new(Route {
                    template: template.to_owned(),
                    methods: Default::default(),
                })
            });
            Arc::clone(route)
        })
    }
}

impl Route {
    pub(super) fn template(&self) -> &str {
        &self.template
    }

    pub(super) fn note(&self, method: &Method, status: StatusCode, elapsed: Duration) {
        let other = METHODS.len() - 1;
        let at = METHODS
            .iter()
            .position(|known| *known == method.as_str())
            .unwrap_or(other);
        let requests = &self.methods[at];
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        requests.classes[class].inc();
        requests.seconds.observe(elapsed.as_secs_f64());
    }

    /// The methods that were asked for.
    fn asked(&self) -> impl Iterator<Item = (&'static str, &Requests)> {
        let was_asked = |requests: &&Requests| requests.classes.iter().any(|count| count.get() > 0);
        METHODS
            .into_iter()
            .zip(&self.methods)
            .filter(move |(_, requests)| was_asked(requests))
    }
}

impl Collector for HttpMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let mut family = encoder.encode_descriptor(
            "hongyan_http_requests",
            "Requests answered, by the route's template, the method and the class of the status.",
            None,
            MetricType::Counter,
        )?;
        for route in routes.values() {
            for (method, requests) in route.asked() {
                for (class, count) in CLASSES.into_iter().zip(&requests.classes) {
                    if count.get() > 0 {
                        let labels = [
                            ("route", route.template()),
                            ("method", method),
                            ("status", class),
                        ];
                        count.encode(family.encode_family(&labels)?)?;
                    }
                }
            }
        }
        let mut family = encoder.encode_descriptor(
            "hongyan_http_request_duration_seconds",
            "Time to answer a request; one that waits for an outcome (?wait=) takes as long as that.",
            None,
            MetricType::Histogram,
        )?;
        for route in routes.values() {
            for (method, requests) in route.asked() {
                let labels = [("route", route.template()), ("method", method)];
                requests.seconds.encode(family.encode_family(&labels)?)?;
            }
        }
        let family = encoder.encode_descriptor(
            "hongyan_http_idempotent_replays",
            "Requests whose Idempotency-Key was known, answered as before.",
            None,
            MetricType::Counter,
        )?;
        self.replays.encode(family)
    }
}
