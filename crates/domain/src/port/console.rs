use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::console::{Operator, Session};
use crate::ids::KeyId;

/// The people of the console and their sessions. There are few.
#[async_trait]
pub trait ConsoleStore: Send + Sync {
    /// Adds somebody. `Taken` when the name is in use. With `only_as_first` nothing is
    /// done where there is anybody already: `InUse`.
    async fn add_operator(
        &self,
        operator: &Operator,
        only_as_first: bool,
    ) -> Result<(), StoreError>;

    /// Everybody, by name.
    async fn operators(&self) -> Result<Vec<Operator>, StoreError>;

    /// Replaces somebody's name, role and password; with `ends_sessions` their sessions
    /// end. `Taken`, `Missing`; `InUse` where it would leave nobody with the role
    /// admin.
    async fn change_operator(
        &self,
        operator: &Operator,
        ends_sessions: bool,
    ) -> Result<(), StoreError>;

    /// Removes somebody with their sessions. `Missing`; `InUse` where it would leave
    /// nobody with the role admin.
    async fn remove_operator(&self, id: KeyId) -> Result<(), StoreError>;

    /// Begins a session, and notes when its operator was seen. `Missing` when they
    /// are gone.
    async fn begin_session(&self, session: &Session) -> Result<(), StoreError>;

    /// The session of this digest with its operator, ended or not.
    async fn session(&self, digest: &[u8; 32]) -> Result<Option<(Session, Operator)>, StoreError>;

    /// Lets a session last until then.
    async fn prolong_session(
        &self,
        digest: &[u8; 32],
        ends_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Ends a session; nothing happens if there is none.
    async fn end_session(&self, digest: &[u8; 32]) -> Result<(), StoreError>;

    /// Removes sessions that ended before `before`, at most `limit`; returns how
    /// many.
    async fn forget_sessions(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;
}
