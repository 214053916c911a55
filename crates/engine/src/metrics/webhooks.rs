//! What is counted for each endpoint of webhooks, and what waits for them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use hongyan_domain::WebhookId;
use hongyan_domain::port::StoreError;
use hongyan_domain::webhook::{Posted, Webhook, WebhookDepth};
use jiff::Timestamp;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;

use super::Family;
use super::scrape::{float, seconds_between};
use crate::Engine;

/// How tries to tell something end.
const RESULTS: [&str; 3] = ["delivered", "retried", "given_up"];

/// The tries of one endpoint, by how they ended.
type Tries = [Counter; RESULTS.len()];

/// What is known of the endpoints.
#[derive(Debug, Default)]
pub(crate) struct WebhookMetrics {
    /// The tries of this node.
    tries: Mutex<HashMap<WebhookId, Tries>>,
    seen: Mutex<Option<EndpointSample>>,
}

/// The endpoints and what waited for them when they were last looked at.
#[derive(Debug, Clone)]
struct EndpointSample {
    at: Timestamp,
    endpoints: Vec<(Webhook, Option<WebhookDepth>)>,
}

impl WebhookMetrics {
    /// Counts a try.
    pub(crate) fn note(&self, webhook: WebhookId, posted: &Posted) {
        let result = match (&posted.tried.error, posted.again_at) {
            (None, _) => 0,
            (Some(_), Some(_)) => 1,
            (Some(_), None) => 2,
        };
        let mut all = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(webhook).or_default()[result].inc();
    }

    /// The tries to tell an endpoint something, by how they ended.
    fn tries(&self, webhook: WebhookId) -> [(&'static str, Counter); RESULTS.len()] {
        let all = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = all.get(&webhook);
        std::array::from_fn(|place| {
            let count = tries.map(|tries| tries[place].clone());
            (RESULTS[place], count.unwrap_or_default())
        })
    }

    /// What was seen last; absent before the first look.
    fn seen(&self) -> Option<EndpointSample> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    /// Answers a scrape; with nothing before the first look.
    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(EndpointSample { at, endpoints }) = self.seen() else {
            return Ok(());
        };
        let endpoints: Vec<_> = endpoints
            .iter()
            .map(|(webhook, depth)| (webhook.id.to_string(), webhook, depth))
            .collect();
        let mut tries = Family::begin(
            encoder,
            "hongyan_webhook_deliveries",
            "Tries of this node to tell an endpoint of webhooks something, by how they ended.",
            MetricType::Counter,
        )?;
        for (id, webhook, _) in &endpoints {
            for (result, count) in self.tries(webhook.id) {
                tries.metric(&[("webhook", id.as_str()), ("result", result)], &count)?;
            }
        }
        let mut pending = Family::begin(
            encoder,
            "hongyan_webhook_pending",
            "What is still to be told to an endpoint; the same on every node. Looked at every 10 s at most.",
            MetricType::Gauge,
        )?;
        for (id, _, depth) in &endpoints {
            let count = depth.map_or(0, |depth| depth.pending);
            pending.gauge(&[("webhook", id.as_str())], float(count))?;
        }
        let mut age = Family::begin(
            encoder,
            "hongyan_webhook_oldest_due_age_seconds",
            "How long what waits longest for an endpoint has been due; 0 if nothing is due. Looked at every 10 s at most.",
            MetricType::Gauge,
        )?;
        for (id, _, depth) in &endpoints {
            let due_at = depth.and_then(|depth| depth.oldest_due_at);
            let overdue = due_at.map_or(0.0, |due_at| seconds_between(due_at, at).max(0.0));
            age.gauge(&[("webhook", id.as_str())], overdue)?;
        }
        let mut disabled = Family::begin(
            encoder,
            "hongyan_webhook_disabled",
            "1 if nothing is told to an endpoint; why: by_hand, gone (it answered 410) or failing (it took nothing for days).",
            MetricType::Gauge,
        )?;
        for (id, webhook, _) in &endpoints {
            let why = webhook.disabled.map(|disabled| disabled.why);
            let labels = [
                ("webhook", id.as_str()),
                ("why", why.map_or("", |why| why.as_str())),
            ];
            disabled.gauge(&labels, f64::from(u8::from(why.is_some())))?;
        }
        Ok(())
    }

    /// Notes what was seen, and drops what was counted for endpoints that are no more.
    fn note_seen(&self, sample: EndpointSample) {
        let is_there = |id: &WebhookId| sample.endpoints.iter().any(|(one, _)| one.id == *id);
        let mut all = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|id, _| is_there(id));
        drop(all);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(sample);
    }
}

impl Engine {
    /// Looks what waits for the endpoints, for the next scrapes; the background does it
    /// every ten seconds.
    ///
    /// # Errors
    /// Storage's; what was found before stays.
    pub async fn sample_webhooks(&self) -> Result<(), StoreError> {
        let webhooks = self.store.webhooks().await?;
        let depths = match webhooks.as_slice() {
            [] => Vec::new(),
            _ => self.store.webhook_depths().await?,
        };
        let endpoints = webhooks
            .into_iter()
            .map(|webhook| {
                let depth = depths.iter().find(|depth| depth.webhook == webhook.id);
                (webhook, depth.copied())
            })
            .collect();
        self.metrics.webhooks.note_seen(EndpointSample {
            at: self.clock.now(),
            endpoints,
        });
        Ok(())
    }
}
