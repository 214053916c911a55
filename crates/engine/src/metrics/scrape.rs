//! Answering a scrape.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use hongyan_domain::AccountId;
use hongyan_domain::account::Account;
use hongyan_domain::delivery::OutcomeKind;
use hongyan_domain::message::{Kind, Priority, State};
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;

use super::account::{AccountMetrics, Renewal};
use super::{Family, Sample};
use crate::Engine;

/// Writes what an engine counts.
pub struct EngineCollector(Engine);

/// For what is counted once.
const NO_LABELS: [(&str, &str); 0] = [];

/// An account with its counters.
type Counted = (Arc<Account>, Arc<AccountMetrics>);

impl EngineCollector {
    pub(super) fn of(engine: Engine) -> Self {
        Self(engine)
    }
}

impl fmt::Debug for EngineCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineCollector")
    }
}

impl Collector for EngineCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let engine = &self.0;
        let accounts = engine.registry.all();
        let present: HashSet<AccountId> = accounts.iter().map(|account| account.id).collect();
        engine.metrics.keep_only(&present);
        let counted: Vec<Counted> = accounts
            .into_iter()
            .map(|account| (Arc::clone(&account), engine.metrics.of(account.id)))
            .collect();
        let now = engine.clock.now();
        messages(&mut encoder, &counted)?;
        attempts(&mut encoder, &counted)?;
        latencies(&mut encoder, &counted)?;
        self.queue(&mut encoder, &counted)?;
        self.callbacks(&mut encoder, &counted)?;
        engine.metrics.webhooks.encode(&mut encoder)?;
        self.lanes(&mut encoder, &counted)?;
        self.quotas(&mut encoder, &counted, now)?;
        self.tokens(&mut encoder, &counted, now)?;
        self.health(&mut encoder, &counted, now)?;
        self.store(&mut encoder)?;
        self.rest(&mut encoder)
    }
}

fn name(account: &Account) -> &str {
    account.name().as_str()
}

fn messages(encoder: &mut DescriptorEncoder<'_>, counted: &[Counted]) -> fmt::Result {
    let mut accepted = Family::begin(
        encoder,
        "hongyan_messages_accepted",
        "Messages taken in and on disk.",
        MetricType::Counter,
    )?;
    for (account, metrics) in counted {
        let sent = |kind: &Kind| account.settings.kind.sends(*kind);
        for kind in Kind::ALL.into_iter().filter(sent) {
            for priority in Priority::ALL {
                let labels = [
                    ("account", name(account)),
                    ("kind", kind.as_str()),
                    ("priority", priority.as_str()),
                ];
                accepted.metric(&labels, metrics.accepted(kind, priority))?;
            }
        }
    }
    let mut settled = Family::begin(
        encoder,
        "hongyan_messages_settled",
        "Messages whose sending ended on this node, or that were cancelled here, by the state they ended in.",
        MetricType::Counter,
    )?;
    for (account, metrics) in counted {
        for state in [
            State::Accepted,
            State::Failed,
            State::Unknown,
            State::Expired,
            State::Canceled,
        ] {
            let labels = [("account", name(account)), ("state", state.as_str())];
            settled.metric(&labels, metrics.settled(state))?;
        }
    }
    let mut rerouted = Family::begin(
        encoder,
        "hongyan_messages_rerouted",
        "Messages that went on by their next way (fallback) because this account could not reach the person.",
        MetricType::Counter,
    )?;
    for (account, metrics) in counted {
        rerouted.metric(&[("account", name(account))], &metrics.rerouted)?;
    }
    Ok(())
}

fn attempts(encoder: &mut DescriptorEncoder<'_>, counted: &[Counted]) -> fmt::Result {
    let mut attempts = Family::begin(
        encoder,
        "hongyan_attempts",
        "Calls to WeChat that send a message, by how they ended; errcode is WeChat's where it refused (other: not in the catalogue).",
        MetricType::Counter,
    )?;
    for (account, metrics) in counted {
        let mut attempt = |outcome: OutcomeKind, errcode: &str, count: &Counter| {
            let labels = [
                ("account", name(account)),
                ("outcome", outcome.as_str()),
                ("errcode", errcode),
            ];
            attempts.metric(&labels, count)
        };
        for outcome in OutcomeKind::ALL {
            if outcome != OutcomeKind::Refused {
                attempt(outcome, "", metrics.attempts(outcome))?;
            }
        }
        for (code, count) in metrics.refusals() {
            let code = code.map_or_else(|| "other".to_owned(), |code| code.0.to_string());
            attempt(OutcomeKind::Refused, &code, &count)?;
        }
    }
    Ok(())
}

fn latencies(encoder: &mut DescriptorEncoder<'_>, counted: &[Counted]) -> fmt::Result {
    let mut delivery = Family::begin(
        encoder,
        "hongyan_delivery_latency_seconds",
        "Time from when a message was first due (taken in, or its send_at) to WeChat's acceptance.",
        MetricType::Histogram,
    )?;
    for (account, metrics) in counted {
        delivery.metric(&[("account", name(account))], &metrics.delivery)?;
    }
    let mut call = Family::begin(
        encoder,
        "hongyan_wechat_call_duration_seconds",
        "Time a call to WeChat that sends a message took, however it ended.",
        MetricType::Histogram,
    )?;
    for (account, metrics) in counted {
        call.metric(&[("account", name(account))], &metrics.call)?;
    }
    Ok(())
}

impl EngineCollector {
    fn queue(&self, encoder: &mut DescriptorEncoder<'_>, counted: &[Counted]) -> fmt::Result {
        // Before the first look there is nothing to say.
        let Some(Sample { at, depths, .. }) = self.0.metrics.queue() else {
            return Ok(());
        };
        let of = |account: &Account, priority| {
            depths
                .iter()
                .find(|depth| depth.account == account.id && depth.priority == priority)
        };
        let lines = || {
            counted.iter().flat_map(|(account, _)| {
                Priority::ALL.map(|priority| {
                    let labels = [("account", name(account)), ("priority", priority.as_str())];
                    (labels, of(account, priority))
                })
            })
        };
        let mut depth = Family::begin(
            encoder,
            "hongyan_queue_depth",
            "Open messages in the database, scheduled ones and those being sent included; the same on every node. Looked at every 10 s at most.",
            MetricType::Gauge,
        )?;
        for (labels, found) in lines() {
            depth.gauge(&labels, found.map_or(0.0, |depth| float(depth.open)))?;
        }
        let mut age = Family::begin(
            encoder,
            "hongyan_queue_oldest_due_age_seconds",
            "How long the message has been due that waits longest; 0 if none is due. The same on every node. Looked at every 10 s at most.",
            MetricType::Gauge,
        )?;
        for (labels, found) in lines() {
            let overdue = found
                .and_then(|depth| depth.oldest_due_at)
                .map_or(0.0, |due_at| seconds_between(due_at, at).max(0.0));
            age.gauge(&labels, overdue)?;
        }
        Ok(())
    }

    fn callbacks(&self, encoder: &mut DescriptorEncoder<'_>, counted: &[Counted]) -> fmt::Result {
        let mut callbacks = Family::begin(
            encoder,
            "hongyan_callbacks",
            "Callbacks of WeChat's: new messages and events, repeats, and those turned away.",
            MetricType::Counter,
        )?;
        for (account, metrics) in counted {
            let others = [
                ("repeated", &metrics.callbacks_repeated),
                ("refused", &metrics.callbacks_refused),
            ];
            for (result, count) in metrics.callbacks().into_iter().chain(others) {
                callbacks.metric(&[("account", name(account)), ("result", result)], count)?;
            }
        }
        let mut receipts = Family::begin(
            encoder,
            "hongyan_receipts",
            "What WeChat said became of messages it had accepted.",
            MetricType::Counter,
        )?;
        for (account, metrics) in counted {
            for (state, count) in metrics.receipts() {
                receipts.metric(&[("account", name(account)), ("state", state)], count)?;
            }
        }
        let mut forwards = Family::begin(
            encoder,
            "hongyan_callback_forwards",
            "Tries to forward callbacks to the account's backends, by how they ended.",
            MetricType::Counter,
        )?;
        for (account, metrics) in counted {
            for (result, count) in metrics.forwards() {
                forwards.metric(&[("account", name(account)), ("result", result)], count)?;
            }
        }
        let Some(Sample { missing, .. }) = self.0.metrics.queue() else {
            return Ok(());
        };
        let mut family = Family::begin(
            encoder,
            "hongyan_receipts_missing",
            "Messages WeChat accepted more than ten minutes ago and said nothing about since, counted up to 10,000; the same on every node. Looked at every 10 s at most.",
            MetricType::Gauge,
        )?;
        for (account, _) in counted {
            let found = missing.iter().find(|(id, _)| *id == account.id);
            let count = found.map_or(0, |(_, count)| *count);
            family.gauge(&[("account", name(account))], float(count))?;
        }
        Ok(())
    }

    fn lanes(&self, encoder: &mut DescriptorEncoder<'_>, counted: &[Counted]) -> fmt::Result {
        let mut in_flight = Family::begin(
            encoder,
            "hongyan_sends_in_flight",
            "Messages this node is sending at this moment.",
            MetricType::Gauge,
        )?;
        for (account, _) in counted {
            let count = self.0.dispatcher.in_flight(account.id);
            in_flight.gauge(&[("account", name(account))], float(count as u64))?;
        }
        let now = self.0.clock.now();
        let mut pace = Family::begin(
            encoder,
            "hongyan_send_pace",
            "The part of its speed an account goes at on this node: 1, and down to 1/64 while WeChat finds it too fast or is in trouble.",
            MetricType::Gauge,
        )?;
        for (account, _) in counted {
            let at = self.0.dispatcher.pace(account.id, now);
            pace.gauge(&[("account", name(account))], at)?;
        }
        Ok(())
    }

    /// What WeChat allows today; nothing before it was asked.
    fn quotas(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        counted: &[Counted],
        now: Timestamp,
    ) -> fmt::Result {
        let known: Vec<_> = counted
            .iter()
            .flat_map(|(account, _)| {
                let quotas = self.0.quotas.quotas(account.id, now);
                quotas.into_iter().map(move |(quota, _)| (account, quota))
            })
            .filter_map(|(account, quota)| {
                let (reported, _) = quota.reported?;
                Some((account, reported.daily_limit, quota.left()?, quota.path))
            })
            .collect();
        if known.is_empty() {
            return Ok(());
        }
        let mut left = Family::begin(
            encoder,
            "hongyan_quota_left",
            "Calls of an API of WeChat's an account may still make today, as far as this node knows.",
            MetricType::Gauge,
        )?;
        for (account, _, calls, path) in &known {
            let labels = [("account", name(account)), ("path", path)];
            left.gauge(&labels, float(*calls))?;
        }
        let mut limit = Family::begin(
            encoder,
            "hongyan_quota_limit",
            "Calls of an API of WeChat's an account may make in a day.",
            MetricType::Gauge,
        )?;
        for (account, calls, _, path) in &known {
            let labels = [("account", name(account)), ("path", path)];
            limit.gauge(&labels, float(*calls))?;
        }
        Ok(())
    }

    fn tokens(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        counted: &[Counted],
        now: Timestamp,
    ) -> fmt::Result {
        let mut renewals = Family::begin(
            encoder,
            "hongyan_token_renewals",
            "How often this node asked WeChat for an access token, by how that ended.",
            MetricType::Counter,
        )?;
        for (account, metrics) in counted {
            for renewal in Renewal::ALL {
                let labels = [("account", name(account)), ("result", renewal.as_str())];
                renewals.metric(&labels, metrics.renewals(renewal))?;
            }
        }
        let mut foreign = Family::begin(
            encoder,
            "hongyan_token_foreign_refreshes",
            "How often a program that is not one of our nodes made the access token useless.",
            MetricType::Counter,
        )?;
        for (account, metrics) in counted {
            foreign.metric(&[("account", name(account))], &metrics.foreign_refreshes)?;
        }
        let mut left = Family::begin(
            encoder,
            "hongyan_token_expires_in_seconds",
            "How long this node's access token still works; 0 if it has none.",
            MetricType::Gauge,
        )?;
        for (account, _) in counted {
            let left_for = self
                .0
                .credentials
                .current(account.id)
                .map_or(0.0, |credential| {
                    seconds_between(now, credential.expires_at)
                });
            left.gauge(&[("account", name(account))], left_for)?;
        }
        Ok(())
    }

    fn health(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        counted: &[Counted],
        now: Timestamp,
    ) -> fmt::Result {
        let mut flag = |metric, help, is_so: &dyn Fn(&Account) -> bool| {
            let mut family = Family::begin(encoder, metric, help, MetricType::Gauge)?;
            for (account, _) in counted {
                let value = if is_so(account) { 1.0 } else { 0.0 };
                family.gauge(&[("account", name(account))], value)?;
            }
            Ok::<_, fmt::Error>(())
        };
        flag(
            "hongyan_account_unhealthy",
            "1 while WeChat gives the account no new access token.",
            &|account| self.0.illness(account).is_some(),
        )?;
        flag(
            "hongyan_account_parked",
            "1 while messages wait because the account's allowance at WeChat for their kind is used up.",
            &|account| account.parked(now).is_some(),
        )?;
        flag(
            "hongyan_account_blocked",
            "1 while WeChat refuses what the account sends (48001, 50002, 40164 and kin), of one kind at least.",
            &|account| account.state.breaker.is_some(),
        )?;
        flag(
            "hongyan_account_disabled",
            "1 while the account is switched off.",
            &|account| account.settings.disabled,
        )
    }

    fn store(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let usage = self.0.store.usage();
        for (metric, help, value) in [
            (
                "hongyan_store_connections",
                "Open connections to the database.",
                usage.connections,
            ),
            (
                "hongyan_store_connections_busy",
                "Connections to the database at work.",
                usage.busy,
            ),
            (
                "hongyan_store_waiting",
                "Callers who wait for a connection, or for the writing thread.",
                usage.waiting,
            ),
        ] {
            Family::begin(encoder, metric, help, MetricType::Gauge)?
                .gauge(&NO_LABELS, f64::from(value))?;
        }
        let steps = &self.0.metrics.store;
        let mut seconds = Family::begin(
            encoder,
            "hongyan_store_operation_duration_seconds",
            "Time a step of storage took, waiting for its turn included.",
            MetricType::Histogram,
        )?;
        for (operation, step) in steps.all() {
            seconds.metric(&[("operation", operation)], &step.seconds)?;
        }
        let mut errors = Family::begin(
            encoder,
            "hongyan_store_errors",
            "Steps of storage that failed: unavailable (trying again can help) or corrupt.",
            MetricType::Counter,
        )?;
        for (operation, step) in steps.all() {
            for (error, count) in [
                ("unavailable", &step.unavailable),
                ("corrupt", &step.corrupt),
            ] {
                errors.metric(&[("operation", operation), ("error", error)], count)?;
            }
        }
        Ok(())
    }

    fn rest(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = &self.0.metrics;
        Family::begin(
            encoder,
            "hongyan_lease_losses",
            "Outcomes that were written down after the lease had passed to another node.",
            MetricType::Counter,
        )?
        .metric(&NO_LABELS, &metrics.lease_losses)?;
        Family::begin(
            encoder,
            "hongyan_messages_swept",
            "Messages that ended because their expires_at passed while nobody was sending them.",
            MetricType::Counter,
        )?
        .metric(&NO_LABELS, &metrics.swept)?;
        let counts = self.0.tracer.counts();
        let mut spans = Family::begin(
            encoder,
            "hongyan_trace_spans",
            "Spans of traces handed to the collector (exported) or lost (dropped).",
            MetricType::Counter,
        )?;
        spans.count(&[("result", "exported")], counts.exported)?;
        spans.count(&[("result", "dropped")], counts.dropped)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of what fits into memory or on a disk are far below 2^52"
)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

pub(super) fn seconds_between(earlier: Timestamp, later: Timestamp) -> f64 {
    later.duration_since(earlier).as_secs_f64()
}
