use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Page, StoreError};
use crate::callback::{
    Callback, CallbackFilter, Effect, Forward, ForwardState, Forwarded, Received,
};
use crate::ids::{AccountId, CallbackId, MessageId};

/// How long an early receipt waits for its message.
pub const EARLY_RECEIPT_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What WeChat told us.
#[async_trait]
pub trait InboxStore: Send + Sync {
    /// Takes a callback in, with all that follows from it and a forwarding to each
    /// of `forward_to`, in one step. It is on disk when this returns. Calls that run
    /// at the same time share one commit. `Missing` when the account is gone.
    async fn receive(
        &self,
        callback: &Callback,
        effects: &[Effect],
        forward_to: &[String],
    ) -> Result<Received, StoreError>;

    /// Notes what was answered, unless something is noted already; returns what is
    /// noted.
    async fn keep_reply(&self, id: CallbackId, reply: &str) -> Result<String, StoreError>;

    /// One callback.
    async fn callback(&self, id: CallbackId) -> Result<Option<Callback>, StoreError>;

    /// Callbacks of an account that fit, the newest first.
    async fn callbacks(
        &self,
        account: AccountId,
        filter: &CallbackFilter,
        page: &Page<CallbackId>,
    ) -> Result<Vec<Callback>, StoreError>;

    /// Joins receipts that came before their messages were settled, at most
    /// `limit`; returns the messages that are `delivered` or `undelivered` since,
    /// and whether any early receipt is left.
    async fn join_early_receipts(&self, limit: usize)
    -> Result<(Vec<MessageId>, bool), StoreError>;

    /// How many messages of each account WeChat accepted before `before` and said
    /// nothing about since; counted up to `at_most` each.
    async fn receipts_missing(
        &self,
        before: Timestamp,
        at_most: usize,
    ) -> Result<Vec<(AccountId, u64)>, StoreError>;

    /// Removes callbacks that came before `before` and whose forwarding is over,
    /// with early receipts older than [`EARLY_RECEIPT_LIFE`] and receipts nobody
    /// waits for any more, at most `limit`; returns how many callbacks.
    async fn forget_callbacks(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Hands out at most `limit` forwardings that are due, each held for `lease`.
    async fn claim_forwards(
        &self,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Forward>, StoreError>;

    /// Notes how a try ended; nothing happens if the lease has passed to another.
    async fn settle_forward(
        &self,
        id: i64,
        lease_token: i64,
        ended: &Forwarded,
    ) -> Result<(), StoreError>;

    /// Forwards a kept callback to an address once more, due now.
    async fn replay(&self, id: CallbackId, url: &str) -> Result<(), StoreError>;

    /// Where a callback's forwardings stand.
    async fn forwards(&self, id: CallbackId) -> Result<Vec<ForwardState>, StoreError>;
}
