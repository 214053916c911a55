//! What the engine asks of storage: one trait for each aggregate, made real
//! twice (SQLite and PostgreSQL) and held to one conformance suite.
//!
//! Contract of every method
//! - It is atomic: it took effect wholly or not at all.
//! - When it returns `Ok`, what it wrote survives the loss of power.
//! - The store's own clock (the database's where several nodes share one)
//!   decides what is due and when leases end; callers pass durations.
//! - Where a connection breaks between a commit and its answer, the store finds
//!   out by itself whether the step took effect, or the step can be repeated
//!   without harm.

use async_trait::async_trait;

use crate::ids::AccountId;

mod accounts;
mod broadcasts;
mod console;
mod credentials;
mod history;
mod inbox;
mod keys;
mod ledger;
mod media;
mod menus;
mod messages;
mod people;
mod queue;
mod quotas;
mod rules;
mod templates;
mod web;
mod webhooks;

pub use accounts::{AccountStore, Revision};
pub use broadcasts::{BroadcastStore, Expanded, Expansion, Intake};
pub use console::ConsoleStore;
pub use credentials::{CredentialLease, CredentialStore, RefreshCount, StoredCredential};
pub use history::HistoryStore;
pub use inbox::{EARLY_RECEIPT_LIFE, InboxStore};
pub use keys::KeyStore;
pub use ledger::{Ask, LedgerEntry, LedgerStore, Need, Tally};
pub use media::MediaStore;
pub use menus::MenuStore;
pub use messages::{
    Accepted, Cancellation, IDEMPOTENCY_LIFE, Idempotency, MessageFilter, MessageStore, NewBatch,
    Page, Requeue, StoredResponse,
};
pub use people::{Binding, ContactFilter, PeopleStore};
pub use queue::{Batch, QueueDepth, QueueStore, Settled};
pub use quotas::QuotaStore;
pub use rules::RuleStore;
pub use templates::TemplateStore;
pub use web::{EarlierLogin, TicketHolder, Walk, WebStore};
pub use webhooks::WebhookStore;

/// All of storage.
#[async_trait]
pub trait Store:
    AccountStore
    + BroadcastStore
    + ConsoleStore
    + CredentialStore
    + HistoryStore
    + InboxStore
    + KeyStore
    + LedgerStore
    + MediaStore
    + MenuStore
    + MessageStore
    + PeopleStore
    + QueueStore
    + QuotaStore
    + RuleStore
    + TemplateStore
    + WebStore
    + WebhookStore
{
    /// Whether work can be written down at this moment; cheap enough to be asked
    /// every second.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Waits until another node has done something worth a look. Only a hint:
    /// none may come, or more than one for the same thing, so whoever listens
    /// also looks by itself now and then. Never returns where there are no other
    /// nodes. Dropping the future loses nothing but hints.
    async fn hint(&self) -> Hint;

    /// Says how many of an account's messages this node is sending, before it
    /// claims more: what `max_in_flight` counts where several nodes share a store.
    /// A store with a single node has no use for it.
    fn sending(&self, account: AccountId, count: usize) {
        let _ = (account, count);
    }

    /// How busy the ways to the database are.
    fn usage(&self) -> Usage;

    /// Lets what is being written end and closes the database. Everything asked
    /// for later is `Unavailable`.
    async fn shutdown(&self);
}

/// What happened on another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// A message of this account became due.
    Due(AccountId),
    /// The account, its templates or its credential changed.
    Changed(AccountId),
    /// Hints may have been lost: look at everything.
    Missed,
}

/// How busy the ways to the database are, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Connections that are open.
    pub connections: u32,
    /// Those of them at work.
    pub busy: u32,
    /// Callers who wait for one, or for the writing thread.
    pub waiting: u32,
}

/// Why storage could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Something of the same name is there already.
    #[error("{what} is taken")]
    Taken {
        /// What clashes, such as `the name "demo-oa"`.
        what: String,
    },
    /// It is not there (any more).
    #[error("{what} does not exist")]
    Missing {
        /// What was looked for.
        what: String,
    },
    /// It cannot be removed or changed while something else needs it.
    #[error("{what}")]
    InUse {
        /// What stands in the way, in words for people.
        what: String,
    },
    /// The database cannot be reached or cannot write at this moment (locked,
    /// disk full, connection lost). Trying again later can help.
    #[error("the database is not available: {reason}")]
    Unavailable {
        /// The database's words.
        reason: String,
    },
    /// What is stored cannot be read back, or a statement of ours is wrong.
    #[error("the database answered in an unexpected way: {reason}")]
    Corrupt {
        /// What was found.
        reason: String,
    },
}
