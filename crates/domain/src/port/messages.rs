use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hongyan_wechat::OpenId;
use jiff::Timestamp;

use super::StoreError;
use crate::delivery::Delivery;
use crate::ids::{AccountId, BroadcastId, KeyId, MessageId};
use crate::message::{Kind, Message, State, Status};

/// How long the answer to a request with an `Idempotency-Key` is repeated.
pub const IDEMPOTENCY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// An answer to a caller, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// HTTP status.
    pub status: u16,
    /// JSON body.
    pub body: Bytes,
}

/// An `Idempotency-Key` with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The API key of the caller: keys of two callers never meet.
    pub caller: KeyId,
    /// The caller's text, 1 to 255 visible ASCII characters.
    pub key: String,
    /// SHA-256 of method, path and body: the same key with another request is
    /// an error.
    pub fingerprint: [u8; 32],
    /// What to answer now and for the next [`IDEMPOTENCY_LIFE`]. Storage seals it.
    pub response: StoredResponse,
}

/// Messages that enter together: all or none.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// The messages, their ids already given.
    pub messages: Vec<Message>,
    /// The caller's key, if it sent one.
    pub idempotency: Option<Idempotency>,
}

/// What became of a [`NewBatch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// On disk.
    Stored,
    /// The same request was answered before; nothing was stored now.
    Replayed(StoredResponse),
    /// The key was used for another request; nothing was stored.
    KeyReused,
}

/// What to search for. Empty = everything.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    /// Only these accounts; `None` = all.
    pub accounts: Option<Vec<AccountId>>,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only this status.
    pub status: Option<Status>,
    /// Only these recipients: a person has an openid at each account.
    pub openids: Option<Vec<OpenId>>,
    /// Only this reference.
    pub reference: Option<String>,
    /// Only messages that WeChat accepted before this time and said nothing about
    /// since. Goes with [`Status::Accepted`] or no status.
    pub no_receipt_since: Option<Timestamp>,
    /// Only messages whose last attempt ended in this code.
    pub errcode: Option<i64>,
    /// Made at this time or later.
    pub created_after: Option<Timestamp>,
    /// Made before this time.
    pub created_before: Option<Timestamp>,
    /// Only messages of this broadcast.
    pub broadcast: Option<BroadcastId>,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
pub struct Page<Id> {
    /// How many at most.
    pub limit: usize,
    /// Only what comes after this one in the list's order.
    pub after: Option<Id>,
}

/// What became of a wish to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// It will not be sent.
    Canceled,
    /// It is with WeChat at this moment, or may have been sent.
    BeingSent,
    /// It was over before, in this state.
    Over(State),
    /// No such message.
    Missing,
}

/// What became of a wish to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requeue {
    /// It is queued, due now.
    Queued,
    /// In this state it cannot be sent again.
    NotPossible(State),
    /// No such message.
    Missing,
}

/// The messages and what happened to them.
#[async_trait]
pub trait MessageStore: Send + Sync {
    /// Takes messages in. They are on disk when this returns. Calls that run at
    /// the same time share one commit.
    async fn accept(&self, batch: NewBatch) -> Result<Accepted, StoreError>;

    /// The answer that was given to an earlier request with this key, if it is
    /// younger than [`IDEMPOTENCY_LIFE`]: its fingerprint and the answer.
    async fn earlier_response(
        &self,
        caller: KeyId,
        key: &str,
    ) -> Result<Option<([u8; 32], StoredResponse)>, StoreError>;

    /// One message with all its attempts.
    async fn delivery(&self, id: MessageId) -> Result<Option<Delivery>, StoreError>;

    /// Messages that fit, the newest first, without their attempts.
    async fn deliveries(
        &self,
        filter: &MessageFilter,
        page: Page<MessageId>,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Takes a message back, if nobody is sending it and nobody may have sent
    /// it.
    async fn cancel(&self, id: MessageId, at: Timestamp) -> Result<Cancellation, StoreError>;

    /// Puts a message that is over back into the queue, due now, with its
    /// attempts kept. A person asked for it, so an `unknown` one goes out again
    /// too; that it may have gone out before stays noted
    /// ([`crate::delivery::History::doubted`]). An `expires_at` that has passed
    /// no longer counts.
    async fn requeue(&self, id: MessageId, at: Timestamp) -> Result<Requeue, StoreError>;

    /// Removes idempotency answers older than [`IDEMPOTENCY_LIFE`], at most
    /// `limit` of them; returns how many.
    async fn forget_old_responses(&self, limit: usize) -> Result<usize, StoreError>;

    /// Removes messages whose sending was over before `before`, with their
    /// attempts, the oldest first, at most `limit` of them; returns how many.
    /// Space they took is used again, and given back where the database can.
    async fn forget_finished(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;
}
