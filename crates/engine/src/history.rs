//! What happened, by the minute for the curves people look at, and by the second for
//! those who watch.
//!
//! Nothing is counted twice: both are differences of the counters that the metrics
//! are made of.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::history::{Count, Happening};
use hongyan_domain::port::StoreError;
use jiff::Timestamp;
use tokio::sync::{broadcast, watch};

use crate::Engine;

/// How often those who watch are told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// After how many of these the counts are written down.
const NOTE_AFTER: u32 = 10;

/// How much who watches may fall behind before they are told to look at everything.
const BEHIND_AT_MOST: usize = 64;

const MINUTE_MS: i64 = 60_000;

/// What was counted of one account so far, or between two moments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    counts: [u64; Happening::ALL.len()],
    /// [`Happening::Refused`] by WeChat's code; 0 = one not in the catalogue.
    refused: BTreeMap<i64, u64>,
}

impl Totals {
    pub(crate) fn add(&mut self, what: Happening, times: u64) {
        self.counts[what as usize] += times;
    }

    pub(crate) fn add_refused(&mut self, errcode: i64, times: u64) {
        *self.refused.entry(errcode).or_default() += times;
        self.add(Happening::Refused, times);
    }

    /// How often it happened.
    #[must_use]
    pub fn of(&self, what: Happening) -> u64 {
        self.counts[what as usize]
    }

    /// [`Happening::Refused`] by WeChat's code; 0 = one not in the catalogue.
    #[must_use]
    pub fn refused(&self) -> &BTreeMap<i64, u64> {
        &self.refused
    }

    fn is_nothing(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// What came since `earlier`. An account that was removed and added again begins
    /// anew: its figures then are all new.
    fn since(&self, earlier: Option<&Self>) -> Self {
        let Some(earlier) = earlier else {
            return self.clone();
        };
        let mut new = Self::default();
        for what in Happening::ALL {
            new.counts[what as usize] = self.of(what).saturating_sub(earlier.of(what));
        }
        for (code, times) in &self.refused {
            let before = earlier.refused.get(code).copied().unwrap_or_default();
            let times = times.saturating_sub(before);
            if times > 0 {
                new.refused.insert(*code, times);
            }
        }
        new
    }

    fn counts(&self, account: AccountId, at: Timestamp) -> impl Iterator<Item = Count> {
        let count = move |what, errcode, times| Count {
            account,
            at,
            what,
            errcode,
            times,
        };
        let plain = Happening::ALL
            .into_iter()
            .filter(|what| *what != Happening::Refused && self.of(*what) > 0)
            .map(move |what| count(what, 0, self.of(what)));
        let refused = self
            .refused
            .iter()
            .map(move |(code, times)| count(Happening::Refused, *code, *times));
        plain.chain(refused)
    }
}

/// All accounts' totals at one moment.
type Snapshot = HashMap<AccountId, Totals>;

fn differences(now: &Snapshot, earlier: &Snapshot) -> Vec<(AccountId, Totals)> {
    now.iter()
        .map(|(account, totals)| (*account, totals.since(earlier.get(account))))
        .filter(|(_, new)| !new.is_nothing())
        .collect()
}

/// What happened since those who watch were last told.
#[derive(Debug, Clone)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// By account; those of which nothing happened are left out.
    pub accounts: Vec<(AccountId, Totals)>,
}

/// What is held of it in memory.
#[derive(Debug)]
pub(crate) struct History {
    told: Mutex<Snapshot>,
    noted: Mutex<Snapshot>,
    watchers: broadcast::Sender<Arc<Happened>>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            told: Mutex::default(),
            noted: Mutex::default(),
            watchers: broadcast::channel(BEHIND_AT_MOST).0,
        }
    }
}

impl Engine {
    /// Tells what happens on this node from now on, at most once a second. Who reads
    /// too slowly is told [`broadcast::error::RecvError::Lagged`].
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Arc<Happened>> {
        self.history_room.watchers.subscribe()
    }

    /// What happened from `from` to before `to`, added up in steps (whole minutes), by
    /// time. `None` = all accounts.
    ///
    /// # Errors
    /// Storage's.
    pub async fn history(
        &self,
        accounts: Option<&[AccountId]>,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> Result<Vec<Count>, StoreError> {
        self.store.history(accounts, from, to, step).await
    }

    /// Writes down what was counted since the last time; the background does it every
    /// ten seconds.
    ///
    /// # Errors
    /// Storage's; it is written with the next ones then.
    pub async fn note_history(&self) -> Result<(), StoreError> {
        let now = self.metrics.totals();
        let minute = self.clock.now().as_millisecond().div_euclid(MINUTE_MS) * MINUTE_MS;
        let at = from_millisecond(minute);
        let new = {
            let noted = self
                .history_room
                .noted
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            differences(&now, &noted)
        };
        let counts: Vec<Count> = new
            .iter()
            .flat_map(|(account, totals)| totals.counts(*account, at))
            .collect();
        if !counts.is_empty() {
            self.store.note_history(&counts).await?;
        }
        *self
            .history_room
            .noted
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    /// Tells those who watch what happened since the last time; the background does it
    /// every second.
    pub fn tell_watchers(&self) {
        let room = &self.history_room;
        let now = self.metrics.totals();
        let mut told = room.told.lock().unwrap_or_else(PoisonError::into_inner);
        if room.watchers.receiver_count() > 0 {
            let accounts = differences(&now, &told);
            if !accounts.is_empty() {
                // Nobody left meanwhile is no fault.
                let _ = room.watchers.send(Arc::new(Happened {
                    at: self.clock.now(),
                    accounts,
                }));
            }
        }
        *told = now;
    }

    pub(crate) async fn keep_history(self, mut stop: watch::Receiver<bool>) {
        let mut ticks = 0;
        loop {
            let ended = tokio::select! {
                () = tokio::time::sleep(TELL_EVERY) => false,
                _ = stop.wait_for(|stopped| *stopped) => true,
            };
            self.tell_watchers();
            ticks += 1;
            if (ended || ticks % NOTE_AFTER == 0)
                && let Err(error) = self.note_history().await
            {
                tracing::debug!(%error, "what happened could not be written down");
            }
            if ended {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(taken_in: u64, refused: &[(i64, u64)]) -> Totals {
        let mut totals = Totals::default();
        totals.add(Happening::TakenIn, taken_in);
        for (code, times) in refused {
            totals.add_refused(*code, *times);
        }
        totals
    }

    #[test]
    fn differences_leave_out_what_did_not_move() {
        let (one, two) = (AccountId(1), AccountId(2));
        let before = Snapshot::from([(one, totals(5, &[(43004, 1)])), (two, totals(7, &[]))]);
        let now = Snapshot::from([
            (one, totals(8, &[(43004, 1), (47003, 2)])),
            (two, totals(7, &[])),
        ]);
        assert_eq!(
            differences(&now, &before),
            [(one, totals(3, &[(47003, 2)]))]
        );
    }

    #[test]
    fn refusals_are_counted_by_code_and_not_twice() {
        let at = Timestamp::UNIX_EPOCH;
        let counts: Vec<_> = totals(2, &[(43004, 3), (47003, 4)])
            .counts(AccountId(1), at)
            .map(|count| (count.what, count.errcode, count.times))
            .collect();
        assert_eq!(
            counts,
            [
                (Happening::TakenIn, 0, 2),
                (Happening::Refused, 43004, 3),
                (Happening::Refused, 47003, 4)
            ]
        );
    }
}
