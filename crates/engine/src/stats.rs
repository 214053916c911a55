//! How the accounts fare at this moment.

use std::sync::Arc;

use hongyan_domain::AccountId;
use hongyan_domain::account::Account;
use hongyan_domain::message::Kind;
use hongyan_domain::port::{QueueDepth, RefreshCount, StoreError};
use jiff::Timestamp;

use crate::Engine;
use crate::calls;
use crate::quota::QuotaReport;

/// One account at this moment.
#[derive(Debug, Clone)]
pub struct AccountStats {
    /// The account.
    pub account: Arc<Account>,
    /// Its open messages, by priority; those without any are left out.
    pub depths: Vec<QueueDepth>,
    /// Sends under way on this node.
    pub in_flight: usize,
    /// The part of its speed it goes at on this node, from 1/64 to 1.
    pub pace: f64,
    /// Sends of the last minute by this node.
    pub sends_per_minute: u64,
    /// Its allowances.
    pub quotas: QuotaReport,
    /// How often its token was asked for today (Beijing).
    pub refreshes: RefreshCount,
}

impl Engine {
    /// How these accounts fare; and when the queue was looked at, which is ten
    /// seconds ago at most while the background runs.
    ///
    /// # Errors
    /// Storage's.
    pub async fn stats(
        &self,
        accounts: Vec<Arc<Account>>,
    ) -> Result<(Timestamp, Vec<AccountStats>), StoreError> {
        if self.metrics.depths().is_none() {
            self.sample_queue().await?;
        }
        let (looked_at, depths) = self.metrics.depths().unwrap_or_default();
        let now = self.clock.now();
        let mut stats = Vec::with_capacity(accounts.len());
        for account in accounts {
            let quotas = self.quotas(&account).await?;
            let refreshes = self.refreshes_today(account.id).await?;
            let is_send = |path: &str| Kind::ALL.iter().any(|kind| calls::path(*kind) == path);
            stats.push(AccountStats {
                depths: depths
                    .iter()
                    .filter(|depth| depth.account == account.id)
                    .copied()
                    .collect(),
                in_flight: self.dispatcher.in_flight(account.id),
                pace: self.dispatcher.pace(account.id, now),
                sends_per_minute: quotas
                    .lines
                    .iter()
                    .filter(|line| is_send(&line.quota.path))
                    .map(|line| line.per_minute)
                    .sum(),
                quotas,
                refreshes,
                account,
            });
        }
        Ok((looked_at, stats))
    }

    /// Open messages of an account when the queue was last looked at.
    pub(crate) fn open_messages(&self, id: AccountId) -> Option<u64> {
        let (_, depths) = self.metrics.depths()?;
        let of_it = depths.iter().filter(|depth| depth.account == id);
        Some(of_it.map(|depth| depth.open).sum())
    }
}
