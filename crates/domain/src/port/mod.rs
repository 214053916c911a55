//! What the engine asks of storage: one trait for each aggregate, made real
//! twice (SQLite and PostgreSQL) and held to one conformance suite.
//!
//! Contract of every method
//! - It is atomic: it took effect wholly or not at all.
//! - When it returns `Ok`, what it wrote survives the loss of power.
//! - The store's own clock (the database's where several nodes share one)
//!   decides what is due and when leases end; callers pass durations.

use async_trait::async_trait;

mod accounts;
mod credentials;
mod keys;
mod messages;
mod queue;
mod templates;

pub use accounts::AccountStore;
pub use credentials::{CredentialStore, RefreshCount, StoredCredential};
pub use keys::KeyStore;
pub use messages::{
    Accepted, Cancellation, IDEMPOTENCY_LIFE, Idempotency, MessageFilter, MessageStore, NewBatch,
    Page, Requeue, StoredResponse,
};
pub use queue::{Batch, QueueDepth, QueueStore, Settled};
pub use templates::TemplateStore;

/// All of storage.
#[async_trait]
pub trait Store:
    AccountStore + CredentialStore + KeyStore + MessageStore + QueueStore + TemplateStore
{
    /// Whether work can be written down at this moment; cheap enough to be asked
    /// every second.
    async fn ping(&self) -> Result<(), StoreError>;
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
