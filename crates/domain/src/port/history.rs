use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::history::Count;
use crate::ids::AccountId;

/// What happened, counted by the minute.
#[async_trait]
pub trait HistoryStore: Send + Sync {
    /// Adds to the counts of their minutes. Those of accounts that are gone are
    /// dropped.
    async fn note_history(&self, counts: &[Count]) -> Result<(), StoreError>;

    /// The counts from `from` to before `to` of these accounts (`None` = all), added up
    /// in steps of `step` (whole minutes) that begin at multiples of it since 1970, by
    /// time.
    async fn history(
        &self,
        accounts: Option<&[AccountId]>,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> Result<Vec<Count>, StoreError>;

    /// Removes counts of minutes before `before`, at most `limit`; returns how many.
    async fn forget_history(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;
}
