use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Idempotency, Page, StoreError};
use crate::broadcast::{Broadcast, BroadcastState, Counts, Recipient, Skipped};
use crate::ids::{AccountId, BroadcastId, NodeId};
use crate::message::Message;

/// People taken in.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The number of the first of these chunks, from 0 on: they count only if the
    /// broadcast has exactly so many.
    pub first: u32,
    /// At most [`crate::broadcast::CHUNK`] people each.
    pub chunks: Vec<Vec<Recipient>>,
    /// How far the taking in has come; see [`Broadcast::load_cursor`].
    pub load_cursor: Option<String>,
}

/// Messages made of one chunk.
#[derive(Debug, Clone)]
pub struct Expansion {
    /// The chunk: it counts only if it is the broadcast's next.
    pub chunk: u32,
    /// The messages; each names the broadcast.
    pub messages: Vec<Message>,
    /// People of whom none was made.
    pub skipped: Vec<Skipped>,
}

/// What became of an [`Expansion`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expanded {
    /// Messages that are in the queue.
    pub messages: usize,
    /// Messages that were dropped because the person has one of this broadcast.
    pub duplicates: usize,
}

/// The broadcasts.
#[async_trait]
pub trait BroadcastStore: Send + Sync {
    /// Adds a broadcast, with the answer to the caller where it sent a key. `Missing`
    /// when its account is gone.
    async fn add_broadcast(
        &self,
        broadcast: &Broadcast,
        idempotency: Option<&Idempotency>,
    ) -> Result<(), StoreError>;

    /// One broadcast.
    async fn broadcast(&self, id: BroadcastId) -> Result<Option<Broadcast>, StoreError>;

    /// Broadcasts of these accounts (`None` = all), the newest first.
    async fn broadcasts(
        &self,
        accounts: Option<&[AccountId]>,
        page: &Page<BroadcastId>,
    ) -> Result<Vec<Broadcast>, StoreError>;

    /// Takes people in. The broadcast as it then stands; `None` = nothing was done,
    /// because it is not [`BroadcastState::Loading`] or has another number of chunks.
    async fn add_recipients(
        &self,
        id: BroadcastId,
        intake: &Intake,
    ) -> Result<Option<Broadcast>, StoreError>;

    /// The people of one chunk; empty when messages were made of it.
    async fn recipients(&self, id: BroadcastId, chunk: u32) -> Result<Vec<Recipient>, StoreError>;

    /// Moves a broadcast that is in one of `from` to `to`, with a word about why. Notes
    /// when it began ([`BroadcastState::Running`] for the first time) or was over. The
    /// broadcast as it then stands; `None` = it is in another state.
    ///
    /// A broadcast that is over keeps no chunks.
    async fn move_broadcast(
        &self,
        id: BroadcastId,
        from: &[BroadcastState],
        to: BroadcastState,
        problem: Option<&str>,
        at: Timestamp,
    ) -> Result<Option<Broadcast>, StoreError>;

    /// Makes messages of a chunk: they enter the queue, the people skipped are noted,
    /// the chunk goes, and the count of expanded chunks grows by one, in one step. A
    /// message to a person the broadcast has a message for already is not stored but
    /// noted as [`crate::broadcast::WhySkipped::Duplicate`]. `None` = nothing was done:
    /// the broadcast is not [`BroadcastState::Running`], or the chunk is not its next.
    async fn expand(
        &self,
        id: BroadcastId,
        expansion: &Expansion,
    ) -> Result<Option<Expanded>, StoreError>;

    /// Broadcasts that are not over and that no other node works on: from now on, for
    /// `lease`, this node does. Those it has already are among them.
    async fn lease_broadcasts(
        &self,
        node: NodeId,
        lease: Duration,
    ) -> Result<Vec<Broadcast>, StoreError>;

    /// How many messages of a broadcast are in which state. Its cost grows with the
    /// broadcast: a second or two for a million.
    async fn broadcast_counts(&self, id: BroadcastId) -> Result<Counts, StoreError>;

    /// The people skipped, in the order they were noted, each with a number to go on
    /// after.
    async fn skipped(
        &self,
        id: BroadcastId,
        page: &Page<i64>,
    ) -> Result<Vec<(i64, Skipped)>, StoreError>;

    /// Removes broadcasts that were over before `before` and have no messages left,
    /// at most `limit`; returns how many.
    async fn forget_broadcasts(&self, before: Timestamp, limit: usize)
    -> Result<usize, StoreError>;
}
