//! How far broadcasts have come: counted as seldom as counting is dear.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hongyan_domain::BroadcastId;
use hongyan_domain::broadcast::{Broadcast, Counts};
use hongyan_domain::message::State;
use hongyan_domain::port::StoreError;
use jiff::Timestamp;

use crate::Engine;

/// A count is good for so many times as long as it took: counting takes a
/// twentieth of one reader and no more.
const REST: u32 = 20;

/// The rate is that of at least so long.
const RATE_OVER: Duration = Duration::from_secs(2);

/// Broadcasts whose counts are kept at most.
const KEPT: usize = 100;

/// How far a broadcast has come.
#[derive(Debug, Clone, PartialEq)]
pub struct BroadcastProgress {
    /// Messages by state.
    pub counts: Counts,
    /// When they were counted.
    pub counted_at: Timestamp,
    /// Messages that were over in a second, of late; `None` = not seen yet.
    pub per_second: Option<f64>,
}

impl BroadcastProgress {
    /// Messages still to be sent.
    #[must_use]
    pub fn open(&self) -> u64 {
        let open = self
            .counts
            .iter()
            .filter(|(state, _)| *state == State::Open);
        open.map(|(_, count)| count).sum()
    }

    /// Messages that are over.
    #[must_use]
    pub fn over(&self) -> u64 {
        let over = self
            .counts
            .iter()
            .filter(|(state, _)| *state != State::Open);
        over.map(|(_, count)| count).sum()
    }

    /// How long it still takes at the present rate; `None` = not known.
    #[must_use]
    pub fn seconds_left(&self, broadcast: &Broadcast) -> Option<u64> {
        let done = broadcast.skipped + self.over();
        let left = broadcast.recipients.saturating_sub(done);
        let rate = self.per_second.filter(|rate| *rate > 0.0);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a forecast; conversions saturate"
        )]
        match (left, rate) {
            (0, _) => Some(0),
            (_, None) => None,
            (left, Some(rate)) => Some((left as f64 / rate).ceil() as u64),
        }
    }
}

/// The last counts.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    kept: Mutex<HashMap<BroadcastId, Kept>>,
    /// One counts at a time.
    counting: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Kept {
    progress: BroadcastProgress,
    /// Whether the broadcast was over by then.
    at_end: bool,
    done_at: Instant,
    took: Duration,
    /// A former count to measure the rate from.
    former: (Instant, u64),
}

impl Tallies {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<BroadcastId, Kept>) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A count that is still good.
    fn good(&self, broadcast: &Broadcast, at_least: Duration) -> Option<BroadcastProgress> {
        self.with(|kept| {
            let found = kept.get(&broadcast.id)?;
            let good_for = (found.took * REST).max(at_least);
            let is_good =
                found.at_end == broadcast.state.is_over() && found.done_at.elapsed() < good_for;
            is_good.then(|| found.progress.clone())
        })
    }

    fn keep(
        &self,
        broadcast: &Broadcast,
        counts: Counts,
        counted_at: Timestamp,
        took: Duration,
    ) -> BroadcastProgress {
        let now = Instant::now();
        let mut progress = BroadcastProgress {
            counts,
            counted_at,
            per_second: None,
        };
        let over = progress.over();
        self.with(|kept| {
            let mut former = (now, over);
            if let Some(last) = kept.get(&broadcast.id) {
                former = last.former;
                let since = now.duration_since(former.0);
                if since >= RATE_OVER {
                    progress.per_second = Some(rate(over.saturating_sub(former.1), since));
                    // The next measurement begins at the last count.
                    former = (last.done_at, last.progress.over());
                } else {
                    progress.per_second = last.progress.per_second;
                }
            }
            if progress.per_second.is_none()
                && let Some(started_at) = broadcast.started_at
            {
                let end = broadcast.finished_at.unwrap_or(counted_at);
                let ms = end.as_millisecond() - started_at.as_millisecond();
                let since = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
                progress.per_second = (!since.is_zero()).then(|| rate(over, since));
            }
            if kept.len() >= KEPT
                && !kept.contains_key(&broadcast.id)
                && let Some(oldest) = kept
                    .iter()
                    .min_by_key(|(_, one)| one.done_at)
                    .map(|(id, _)| *id)
            {
                kept.remove(&oldest);
            }
            let one = Kept {
                progress: progress.clone(),
                at_end: broadcast.state.is_over(),
                done_at: now,
                took,
                former,
            };
            kept.insert(broadcast.id, one);
        });
        progress
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
fn rate(count: u64, since: Duration) -> f64 {
    let exact = count as f64 / since.as_secs_f64();
    (exact * 10.0).round() / 10.0
}

impl Engine {
    /// How far a broadcast has come: a count that may be some seconds old, the older
    /// the dearer counting is.
    ///
    /// # Errors
    /// Storage's.
    pub async fn broadcast_progress(
        &self,
        broadcast: &Broadcast,
    ) -> Result<BroadcastProgress, StoreError> {
        self.progress_at_most(broadcast, Duration::ZERO).await
    }

    /// The same with a count that is good for `at_least` so long.
    pub(super) async fn progress_at_most(
        &self,
        broadcast: &Broadcast,
        at_least: Duration,
    ) -> Result<BroadcastProgress, StoreError> {
        let tallies = &self.broadcasts.tallies;
        if let Some(progress) = tallies.good(broadcast, at_least) {
            return Ok(progress);
        }
        let _alone = tallies.counting.lock().await;
        if let Some(progress) = tallies.good(broadcast, at_least) {
            return Ok(progress);
        }
        let began = Instant::now();
        let counts = self.store.broadcast_counts(broadcast.id).await?;
        Ok(tallies.keep(broadcast, counts, self.clock.now(), began.elapsed()))
    }
}
