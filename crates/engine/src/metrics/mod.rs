//! What the engine counts, for Prometheus.
//!
//! Counting is an atomic addition to a counter that was looked up once. The
//! label `account` holds an account's name: accounts are few, and what was
//! counted for one goes when it does. Recipients, messages and templates are
//! never labels: there is no end of them.

mod account;
mod measured;
mod queue;
mod scrape;
mod webhooks;

pub use scrape::EngineCollector;

pub(crate) use account::{AccountMetrics, Renewal, Tally};
pub(crate) use measured::Measured;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hongyan_domain::AccountId;
use hongyan_domain::port::QueueDepth;
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;

use crate::Engine;
use crate::history::Totals;
use measured::StoreMetrics;
use queue::Sample;
use webhooks::WebhookMetrics;

/// Everything the engine counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    accounts: RwLock<HashMap<AccountId, Arc<AccountMetrics>>>,
    pub(crate) store: Arc<StoreMetrics>,
    /// Settlements that came after the lease had passed to somebody else.
    pub(crate) lease_losses: Counter,
    /// Messages the sweep ended because they were too late.
    pub(crate) swept: Counter,
    pub(crate) webhooks: WebhookMetrics,
    queue: Mutex<Option<Sample>>,
}

impl Metrics {
    /// The counters of an account.
    pub(crate) fn of(&self, id: AccountId) -> Arc<AccountMetrics> {
        let known = self
            .accounts
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned();
        known.unwrap_or_else(|| {
            let mut accounts = self
                .accounts
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(accounts.entry(id).or_default())
        })
    }

    /// Drops what was counted for accounts that are no more.
    fn keep_only(&self, present: &HashSet<AccountId>) {
        self.accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|id, _| present.contains(id));
    }

    /// What was counted of each account so far.
    pub(crate) fn totals(&self) -> HashMap<AccountId, Totals> {
        self.accounts
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(account, counted)| (*account, counted.totals()))
            .collect()
    }

    fn note_queue(&self, sample: Sample) {
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = Some(sample);
    }

    /// How full the queue was when it was last looked at, and when.
    pub(crate) fn depths(&self) -> Option<(Timestamp, Vec<QueueDepth>)> {
        self.queue().map(|sample| (sample.at, sample.depths))
    }

    fn queue(&self) -> Option<Sample> {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Engine {
    /// What the engine counts, to be encoded at every scrape.
    #[must_use]
    pub fn collector(&self) -> Box<dyn Collector> {
        Box::new(EngineCollector::of(self.clone()))
    }
}

/// Metrics of one name while they are written.
pub(crate) struct Family<'a>(MetricEncoder<'a>);

impl<'a> Family<'a> {
    pub(crate) fn begin(
        encoder: &'a mut DescriptorEncoder<'_>,
        name: &'a str,
        help: &str,
        of: MetricType,
    ) -> Result<Self, fmt::Error> {
        encoder.encode_descriptor(name, help, None, of).map(Self)
    }

    /// One metric that is kept somewhere.
    pub(crate) fn metric(
        &mut self,
        labels: &impl EncodeLabelSet,
        metric: &impl EncodeMetric,
    ) -> fmt::Result {
        metric.encode(self.0.encode_family(labels)?)
    }

    /// One figure of this moment.
    pub(crate) fn gauge(&mut self, labels: &impl EncodeLabelSet, value: f64) -> fmt::Result {
        self.0.encode_family(labels)?.encode_gauge(&value)
    }

    /// One count that is kept by somebody else.
    pub(crate) fn count(&mut self, labels: &impl EncodeLabelSet, value: u64) -> fmt::Result {
        use prometheus_client::metrics::counter::ConstCounter;
        self.metric(labels, &ConstCounter::new(value))
    }
}
