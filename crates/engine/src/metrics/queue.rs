//! How full the queue is, looked at now and then: with a million messages in it
//! a look costs storage more than an answer to a scrape may.

use std::time::{Duration, Instant};

use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{QueueDepth, StoreError};
use jiff::Timestamp;

use crate::Engine;

/// The least time between two looks, and how many times as long as a look took
/// the rest after it is: looking may take a fiftieth of one reader and no more.
const PAUSE: Duration = Duration::from_secs(10);
const REST: u32 = 50;

/// A receipt that has not come by then is called missing.
const RECEIPT_AFTER: Duration = Duration::from_secs(10 * 60);

/// Missing receipts counted at most, for each account.
const MISSING_AT_MOST: usize = 10_000;

/// What a look found.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) at: Timestamp,
    pub(super) depths: Vec<QueueDepth>,
    /// Missing receipts by account.
    pub(super) missing: Vec<(AccountId, u64)>,
}

impl Engine {
    /// Looks how full the queue is, for the next scrapes; the background does
    /// it every ten seconds.
    ///
    /// # Errors
    /// Storage's; what was found before stays.
    pub async fn sample_queue(&self) -> Result<(), StoreError> {
        let depths = self.store.depths().await?;
        let at = self.clock.now();
        let after_ms = i64::try_from(RECEIPT_AFTER.as_millis()).unwrap_or(i64::MAX);
        let before = from_millisecond(at.as_millisecond().saturating_sub(after_ms));
        let missing = self.store.receipts_missing(before, MISSING_AT_MOST).await?;
        self.metrics.note_queue(Sample {
            at,
            depths,
            missing,
        });
        Ok(())
    }

    pub(crate) async fn sample_queue_for_ever(self) {
        loop {
            let began = Instant::now();
            if let Err(error) = self.sample_queue().await {
                tracing::debug!(%error, "the queue could not be looked at");
            }
            if let Err(error) = self.sample_webhooks().await {
                tracing::debug!(%error, "what waits for webhooks could not be looked at");
            }
            tokio::time::sleep(PAUSE.max(began.elapsed() * REST)).await;
        }
    }
}
