use async_trait::async_trait;

use super::StoreError;
use crate::ids::AccountId;
use crate::quota::{CallsMade, Quota, ReportedQuota};

/// What accounts used of WeChat's allowances.
#[async_trait]
pub trait QuotaStore: Send + Sync {
    /// Adds calls to the day's counts. Those of accounts that are gone are dropped.
    async fn note_calls(&self, calls: &[CallsMade]) -> Result<(), StoreError>;

    /// Keeps what WeChat says about one API on a Beijing day, with the count of our
    /// calls at this moment. `Missing`.
    async fn note_quota(
        &self,
        account: AccountId,
        path: &str,
        day: i64,
        reported: &ReportedQuota,
    ) -> Result<(), StoreError>;

    /// An account's APIs on a Beijing day, by path: those that were called or
    /// reported.
    async fn quotas(&self, account: AccountId, day: i64) -> Result<Vec<Quota>, StoreError>;

    /// Counts that an account's quotas were cleared in a month (`202611`); how often
    /// that makes. `Missing`.
    async fn count_clearing(&self, account: AccountId, month: i64) -> Result<u32, StoreError>;

    /// How often an account's quotas were cleared by us in a month.
    async fn clearings(&self, account: AccountId, month: i64) -> Result<u32, StoreError>;

    /// Removes counts of days before `day`, and what tallies
    /// ([`super::Ask::tallies`]) no cap asks for any more, at most `limit` of each;
    /// returns how many.
    async fn forget_counts(&self, day: i64, limit: usize) -> Result<usize, StoreError>;
}
