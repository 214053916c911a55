use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::delivery::{Claimed, Settlement};
use crate::ids::{AccountId, MessageId};
use crate::message::Priority;

/// What a claim brought.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The messages, the most urgent and then the longest due first.
    pub claimed: Vec<Claimed>,
    /// When the account's next message becomes due that was not handed out
    /// (by being due, or by its lease's end); `None` = nothing is waiting. Where
    /// the account's limits held messages back, when it is worth to ask again.
    pub next_due_at: Option<Timestamp>,
}

/// Whether a settlement counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was written, now or before: to settle twice changes nothing.
    Written,
    /// The lease was lost: only the attempts were written.
    LeaseLost,
}

/// How many open messages an account has, of one priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepth {
    /// The account.
    pub account: AccountId,
    /// The priority.
    pub priority: Priority,
    /// Open messages, scheduled ones and those being sent included.
    pub open: u64,
    /// When the oldest of them became (or becomes) due.
    pub oldest_due_at: Option<Timestamp>,
}

/// The queue: the open messages.
///
/// A message is claimable when it is open and its time has come. Claiming pushes
/// that time forward by the lease; a holder that dies simply lets it come.
#[async_trait]
pub trait QueueStore: Send + Sync {
    /// Hands out at most `limit` due messages of an account, by priority and
    /// then by the time they became due, each with a new lease token. Those less
    /// urgent than `least` stay where they are, and do not count for
    /// [`Batch::next_due_at`].
    ///
    /// Where several nodes share a store it holds the account to its
    /// `max_in_flight` and `rate_per_second` for all of them together: fewer
    /// are handed out then. A store with a single node leaves that to the node.
    async fn claim(
        &self,
        account: AccountId,
        limit: usize,
        lease: Duration,
        least: Priority,
    ) -> Result<Batch, StoreError>;

    /// How many messages of an account, as urgent as `least` or more, are due now;
    /// counted up to `at_most`. Cheap: who makes many messages asks it before each
    /// thousand.
    async fn backlog(
        &self,
        account: AccountId,
        least: Priority,
        at_most: usize,
    ) -> Result<usize, StoreError>;

    /// Writes down what became of claimed messages. One answer for each
    /// settlement, in order. A settlement whose lease token is no longer the
    /// message's writes its attempts only. One that was written before (its
    /// caller did not learn of it, because the connection broke) is not written
    /// again. With [`crate::delivery::Decision::Reroute`] the message goes to another
    /// account's queue, due now, with all its attempts; it is found under its new
    /// account and recipient from then on.
    async fn settle(&self, settlements: Arc<[Settlement]>) -> Result<Vec<Settled>, StoreError>;

    /// Gives claimed messages back unsent, due at once: the holder says that it
    /// sent nothing, so they do not count as interrupted. What is no longer
    /// held is passed over. The lease token is used up.
    async fn release(&self, held: &[(MessageId, i64)]) -> Result<(), StoreError>;

    /// Makes at most `limit` open messages of an account due now that were put off
    /// until just `put_off_until`, but not those whose caller asked for that time.
    /// Returns how many; fewer than `limit` = that was all.
    async fn bring_forward(
        &self,
        account: AccountId,
        put_off_until: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError>;

    /// Ends at most `limit` open messages whose time is over and that nobody is
    /// sending. A claim does so too, but not for accounts nobody claims for.
    /// Those that may have gone out become unknown, the others expire. Returns
    /// their ids.
    async fn expire(&self, limit: usize) -> Result<Vec<MessageId>, StoreError>;

    /// How full the queue is.
    async fn depths(&self) -> Result<Vec<QueueDepth>, StoreError>;
}
