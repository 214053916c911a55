//! What is counted for each account.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::callback::Forwarded;
use hongyan_domain::delivery::{Decision, Outcome, OutcomeKind, Settlement};
use hongyan_domain::history::Happening;
use hongyan_domain::message::{Kind, Message, Priority, State};
use hongyan_wechat::ErrCode;
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::Metrics;
use crate::history::Totals;

/// From five milliseconds, which is a sandbox beside us, to an hour, which is an
/// account that was parked.
const LATENCIES: [f64; 15] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 600.0, 3600.0,
];

/// Up to the time a call may take.
const CALLS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How asking WeChat for a token ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// WeChat gave one.
    Obtained,
    /// WeChat said no.
    Refused,
    /// There was no answer, or it did not help.
    Failed,
}

impl Renewal {
    pub(super) const ALL: [Self; 3] = [Self::Obtained, Self::Refused, Self::Failed];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Obtained => "obtained",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The counters of one account.
#[derive(Debug)]
pub(crate) struct AccountMetrics {
    accepted: [[Counter; Priority::ALL.len()]; Kind::ALL.len()],
    attempts: [Counter; OutcomeKind::ALL.len()],
    /// Refusals by code; `None` = a code that is not in the catalogue.
    refusals: RwLock<BTreeMap<Option<ErrCode>, Counter>>,
    settled: [Counter; State::ALL.len()],
    /// Messages that went on by another way than this account's.
    pub(super) rerouted: Counter,
    pub(super) delivery: Histogram,
    pub(super) call: Histogram,
    renewals: [Counter; Renewal::ALL.len()],
    pub(crate) foreign_refreshes: Counter,
    callbacks: [Counter; 2],
    /// Callbacks WeChat (or somebody who saw one) sent again.
    pub(crate) callbacks_repeated: Counter,
    /// Callbacks turned away.
    pub(crate) callbacks_refused: Counter,
    receipts: [Counter; 2],
    forwards: [Counter; 3],
}

impl Default for AccountMetrics {
    fn default() -> Self {
        Self {
            accepted: Default::default(),
            attempts: Default::default(),
            refusals: RwLock::default(),
            settled: Default::default(),
            rerouted: Counter::default(),
            delivery: Histogram::new(LATENCIES),
            call: Histogram::new(CALLS),
            renewals: Default::default(),
            foreign_refreshes: Counter::default(),
            callbacks: Default::default(),
            callbacks_repeated: Counter::default(),
            callbacks_refused: Counter::default(),
            receipts: Default::default(),
            forwards: Default::default(),
        }
    }
}

impl AccountMetrics {
    /// The messages taken in, by kind and priority.
    pub(crate) fn accepted(&self, kind: Kind, priority: Priority) -> &Counter {
        &self.accepted[kind as usize][priority as usize]
    }

    /// The attempts that ended so and were no refusals.
    pub(super) fn attempts(&self, outcome: OutcomeKind) -> &Counter {
        &self.attempts[outcome as usize]
    }

    /// The refusals, by code.
    pub(super) fn refusals(&self) -> BTreeMap<Option<ErrCode>, Counter> {
        self.refusals
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The messages settled in this state.
    pub(crate) fn settled(&self, state: State) -> &Counter {
        &self.settled[state as usize]
    }

    /// The calls for a token that ended so.
    pub(crate) fn renewals(&self, renewal: Renewal) -> &Counter {
        &self.renewals[renewal as usize]
    }

    /// Everything counted so far that people look at as curves.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let taken_in = self.accepted.iter().flatten().map(Counter::get).sum();
        totals.add(Happening::TakenIn, taken_in);
        totals.add(Happening::Accepted, self.settled(State::Accepted).get());
        totals.add(Happening::Failed, self.settled(State::Failed).get());
        for state in [State::Unknown, State::Expired, State::Canceled] {
            totals.add(Happening::Dropped, self.settled(state).get());
        }
        let [(_, undelivered), (_, delivered)] = self.receipts();
        totals.add(Happening::Undelivered, undelivered.get());
        totals.add(Happening::Delivered, delivered.get());
        for (code, times) in self.refusals() {
            totals.add_refused(code.map_or(0, |code| code.0), times.get());
        }
        for (_, callbacks) in self.callbacks() {
            totals.add(Happening::CalledBack, callbacks.get());
        }
        let obtained = self.renewals(Renewal::Obtained).get();
        totals.add(Happening::TokenRenewed, obtained);
        totals.add(Happening::TokenDisturbed, self.foreign_refreshes.get());
        totals
    }

    /// Counts a call to WeChat.
    pub(crate) fn note_call(&self, outcome: &Outcome, elapsed: Duration) {
        self.call.observe(elapsed.as_secs_f64());
        match outcome {
            Outcome::Refused(refusal) => self.note_refusal(refusal.errcode),
            outcome => {
                self.attempts(outcome.into()).inc();
            }
        }
    }

    /// Counts an earlier call of which nobody noted the answer.
    pub(crate) fn note_interruption(&self) {
        self.attempts(OutcomeKind::Interrupted).inc();
    }

    /// Counts a callback that was new.
    pub(crate) fn note_callback(&self, is_event: bool) {
        self.callbacks[usize::from(is_event)].inc();
    }

    /// The new callbacks, by what they are.
    pub(super) fn callbacks(&self) -> [(&'static str, &Counter); 2] {
        [
            ("message", &self.callbacks[0]),
            ("event", &self.callbacks[1]),
        ]
    }

    /// Counts a check of the callback address that failed as a refusal.
    pub(crate) fn note_check(&self, passed: bool) {
        if !passed {
            self.callbacks_refused.inc();
        }
    }

    /// Counts WeChat's last word on a message.
    pub(crate) fn note_receipt(&self, delivered: bool) {
        self.receipts[usize::from(delivered)].inc();
    }

    /// The receipts, by what they say.
    pub(super) fn receipts(&self) -> [(&'static str, &Counter); 2] {
        [
            ("undelivered", &self.receipts[0]),
            ("delivered", &self.receipts[1]),
        ]
    }

    /// Counts a try to forward a callback.
    pub(crate) fn note_forward(&self, ended: &Forwarded) {
        let place = match ended {
            Forwarded::Done { .. } => 0,
            Forwarded::Again { .. } => 1,
            Forwarded::GivenUp { .. } => 2,
        };
        self.forwards[place].inc();
    }

    /// The tries to forward, by how they ended.
    pub(super) fn forwards(&self) -> [(&'static str, &Counter); 3] {
        let [done, again, given_up] = &self.forwards;
        [("done", done), ("retried", again), ("given_up", given_up)]
    }

    /// Counts a message that was not sent because of what we know.
    pub(crate) fn note_withheld(&self) {
        self.attempts(OutcomeKind::Withheld).inc();
    }

    fn note_refusal(&self, code: ErrCode) {
        // Codes WeChat makes up tomorrow share one series.
        let code = code.info().map(|info| info.code);
        let refusals = self.refusals.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = refusals.get(&code) {
            known.inc();
            return;
        }
        drop(refusals);
        let mut refusals = self
            .refusals
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        refusals.entry(code).or_default().inc();
    }

    /// Counts what was decided about a message that was first due at `due_at`.
    pub(crate) fn note_settlement(&self, due_at: Timestamp, settlement: &Settlement) {
        let state = match settlement.decision {
            Decision::Settle { state, .. } => state,
            Decision::Reroute(_) => {
                self.rerouted.inc();
                return;
            }
            Decision::RetryAt { .. } | Decision::Park { .. } => return,
        };
        self.settled(state).inc();
        if state == State::Accepted {
            let waited = settlement.at.duration_since(due_at);
            self.delivery.observe(waited.as_secs_f64().max(0.0));
        }
    }
}

/// Messages of one request, counted before they are handed to storage.
#[derive(Debug)]
pub(crate) struct Tally(Vec<(AccountId, Kind, Priority, u64)>);

impl Tally {
    pub(crate) fn of(messages: &[Message]) -> Self {
        // Mostly one account, one kind and one priority: a search is short.
        let mut counts: Vec<(AccountId, Kind, Priority, u64)> = Vec::with_capacity(1);
        for message in messages {
            let (account, kind, priority) = (message.account, message.kind(), message.priority);
            let same = |one: &&mut (AccountId, Kind, Priority, u64)| {
                (one.0, one.1, one.2) == (account, kind, priority)
            };
            match counts.iter_mut().find(same) {
                Some(known) => known.3 += 1,
                None => counts.push((account, kind, priority, 1)),
            }
        }
        Self(counts)
    }

    /// Counts them as taken in.
    pub(crate) fn note(&self, metrics: &Metrics) {
        for &(account, kind, priority, count) in &self.0 {
            metrics.of(account).accepted(kind, priority).inc_by(count);
        }
    }
}
