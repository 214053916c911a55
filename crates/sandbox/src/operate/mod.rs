//! The Rust API: what the control API does, callable in the same process.

mod accounts;
mod actions;
mod bulk;
mod callbacks;
mod consents;
mod deliveries;
mod inbox;
mod media;
mod people;
mod pushes;
mod quotas;
mod taps;
mod templates;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

pub use deliveries::{DeliveryPage, DeliveryQuery, DeliveryStatus, DeliveryView, Since};
pub use quotas::QuotaView;

use crate::Sandbox;
use crate::clock::ClockView;
use crate::event::Event;
use crate::faults::{FaultView, NewFault};
use crate::live::{Change, Happening, Topic};
use crate::requests::{Direction, RequestView};

/// Why a request of the control API was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nothing of that id exists.
    #[error("there is no {what} {id}")]
    NotFound {
        /// Kind of thing.
        what: &'static str,
        /// The id asked for.
        id: String,
    },
    /// Something of that id exists already.
    #[error("{0}")]
    Exists(String),
    /// The request contradicts the rules.
    #[error("{0}")]
    Invalid(String),
    /// The address of a callback did not answer as WeChat demands.
    #[error("{url} failed the check of its address: {reason}")]
    CallbackCheck {
        /// The address.
        url: String,
        /// What was wrong with its answer.
        reason: String,
    },
    /// The journal could not be written; nothing was changed.
    #[error("the journal could not be written: {0}")]
    Storage(#[from] io::Error),
}

impl ControlError {
    fn no_account(appid: &str) -> Self {
        Self::NotFound {
            what: "account",
            id: appid.to_owned(),
        }
    }

    fn no_person(id: &str) -> Self {
        Self::NotFound {
            what: "person or openid",
            id: id.to_owned(),
        }
    }
}

/// Counters of the sandbox.
#[derive(Debug, Clone, Serialize)]
pub struct Stats {
    /// Accounts that exist.
    pub accounts: usize,
    /// People made one by one.
    pub people: usize,
    /// People made in bulk.
    pub bulk_people: u64,
    /// Sends that took effect, since the journal began.
    pub deliveries: u64,
    /// Repeated `client_msg_id`s that were not delivered again, since the start.
    pub duplicates: u64,
    /// Calls of WeChat paths since the start.
    pub requests: u64,
    /// The same by path.
    pub requests_by_path: BTreeMap<&'static str, u64>,
    /// Refusals since the start by errcode.
    pub errors: BTreeMap<i32, u64>,
    /// Connections closed without an answer by a fault.
    pub dropped_connections: u64,
    /// Pushes to accounts' servers.
    pub callbacks: CallbackStats,
    /// Size of the journal; 0 in memory.
    pub journal_bytes: u64,
    /// The sandbox's clock.
    pub clock: ClockView,
}

/// Counters of pushes since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CallbackStats {
    /// Requests sent, repeats and checks of addresses included.
    pub requests: u64,
    /// Requests whose answer did not count.
    pub failed: u64,
    /// Pushes that wait or are in flight, except those of actions somebody
    /// waits for.
    pub waiting: u64,
}

impl Sandbox {
    /// Programmes a failure.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] when the fault makes no sense.
    pub fn add_fault(&self, fault: NewFault) -> Result<FaultView, ControlError> {
        let view = self.world.faults.add(fault);
        self.tell_faults();
        view.map_err(ControlError::Invalid)
    }

    /// All faults, spent ones included.
    pub fn faults(&self) -> Vec<FaultView> {
        self.world.faults.list()
    }

    /// Removes all faults and tells how many there were.
    pub fn clear_faults(&self) -> usize {
        let removed = self.world.faults.remove(None);
        self.tell_faults();
        removed
    }

    /// Removes one fault.
    ///
    /// # Errors
    /// [`ControlError::NotFound`].
    pub fn remove_fault(&self, fault_id: &str) -> Result<(), ControlError> {
        if self.world.faults.remove(Some(fault_id)) == 0 {
            return Err(ControlError::NotFound {
                what: "fault",
                id: fault_id.to_owned(),
            });
        }
        self.tell_faults();
        Ok(())
    }

    fn tell_faults(&self) {
        self.world
            .live
            .tell(|| Happening::Changed(Change::of(Topic::Faults)));
    }

    /// The sandbox's clock.
    pub fn clock(&self) -> ClockView {
        self.world.clock.view()
    }

    /// Moves the clock forward; tokens, windows and quotas follow.
    ///
    /// # Errors
    /// [`ControlError::Storage`].
    pub fn advance(&self, by: Duration) -> Result<ClockView, ControlError> {
        let _guard = self.world.control.lock();
        let by = i64::try_from(by.as_millis())
            .ok()
            .filter(|by| *by <= MAX_ADVANCE_MS)
            .ok_or_else(|| ControlError::Invalid("advance at most 100 years at once".into()))?;
        let offset_ms = self.world.clock.offset_ms().saturating_add(by);
        if offset_ms > MAX_OFFSET_MS {
            return Err(ControlError::Invalid(
                "the clock cannot run 1000 years ahead".into(),
            ));
        }
        self.world.commit(&Event::Clock { offset_ms })?;
        Ok(self.clock())
    }

    /// The last calls of WeChat paths and pushes to accounts' servers, newest
    /// first, secrets masked.
    pub fn requests(&self, path: Option<&str>, limit: usize) -> Vec<RequestView> {
        self.world.requests.list(path, None, limit)
    }

    /// The same in one direction only.
    pub fn requests_in(
        &self,
        direction: Direction,
        path: Option<&str>,
        limit: usize,
    ) -> Vec<RequestView> {
        self.world.requests.list(path, Some(direction), limit)
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        let accounts = self.world.accounts.read().list.clone();
        let bulk_people = accounts
            .iter()
            .map(|account| u64::from(account.book.lock().bulk.count()))
            .sum();
        let people = self.world.people.lock().list.len();
        let ledger = self.world.ledger.lock();
        let counters = &self.world.counters;
        Stats {
            accounts: accounts.len(),
            people,
            bulk_people,
            deliveries: u64::from(ledger.count()),
            duplicates: counters.duplicates(),
            requests: counters.requests(),
            requests_by_path: counters.by_path(),
            errors: counters.by_errcode(),
            dropped_connections: counters.dropped_connections(),
            callbacks: CallbackStats {
                requests: self.world.outbox.requests.load(Ordering::Relaxed),
                failed: self.world.outbox.failed.load(Ordering::Relaxed),
                waiting: self.world.outbox.waiting(),
            },
            journal_bytes: ledger.journal.len(),
            clock: self.world.clock.view(),
        }
    }
}

const YEAR_MS: i64 = 365 * crate::clock::DAY_MS;
const MAX_ADVANCE_MS: i64 = 100 * YEAR_MS;
const MAX_OFFSET_MS: i64 = 1000 * YEAR_MS;
