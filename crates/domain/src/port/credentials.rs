use std::time::Duration;

use async_trait::async_trait;
use hongyan_wechat::AccessToken;
use jiff::Timestamp;

use super::StoreError;
use crate::ids::{AccountId, NodeId};

/// An access token as storage holds it (sealed), so that a restart need not ask
/// WeChat again and every node has it.
#[derive(Debug, Clone)]
pub struct StoredCredential {
    /// The token.
    pub token: AccessToken,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was obtained.
    pub obtained_at: Timestamp,
    /// Grows by one with every token stored for the account.
    pub generation: i64,
}

/// The time-bound right to ask WeChat for an account's token.
#[derive(Debug, Clone)]
pub enum CredentialLease {
    /// It is ours, until its time is over or it is given back.
    Taken {
        /// Grows with every holder; what an earlier one brings is refused.
        fence: i64,
        /// The token as it stood when the lease was taken, ended or not.
        stored: Option<StoredCredential>,
    },
    /// Another node is asking.
    Held {
        /// Until when, if it does not end before.
        until: Timestamp,
    },
}

/// How often tokens were asked for on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RefreshCount {
    /// Calls to the token endpoints that day.
    pub used: u32,
    /// How often that day a token of ours was made useless by a program that
    /// is not one of our nodes.
    pub foreign: u32,
}

/// The credentials of accounts.
#[async_trait]
pub trait CredentialStore: Send + Sync {
    /// The account's last stored token, ended or not.
    async fn credential(&self, account: AccountId) -> Result<Option<StoredCredential>, StoreError>;

    /// Takes the right to ask WeChat for the account's token, for `lease`,
    /// unless another node holds it. A node that holds it gets it anew, with a
    /// new fence. `Missing`.
    async fn lease_credential(
        &self,
        account: AccountId,
        node: NodeId,
        lease: Duration,
    ) -> Result<CredentialLease, StoreError>;

    /// Keeps a token under the next generation and gives the lease back.
    /// Returns the generation, or `None` if the lease has passed to somebody
    /// else; then nothing is written.
    async fn keep_credential(
        &self,
        account: AccountId,
        fence: i64,
        token: &AccessToken,
        obtained_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Option<i64>, StoreError>;

    /// Gives the lease back without a token; nothing happens if it has passed
    /// to somebody else.
    async fn return_credential_lease(
        &self,
        account: AccountId,
        fence: i64,
    ) -> Result<(), StoreError>;

    /// Forgets the account's token: it belongs to a former appid or secret. The
    /// generation goes on from where it was; a lease that is held ends, so that
    /// what its holder brings is refused.
    async fn drop_credential(&self, account: AccountId) -> Result<(), StoreError>;

    /// Counts one call to a token endpoint on a Beijing day (see
    /// [`crate::clock::beijing_day`]) and returns the day's counts. `Missing`.
    async fn count_refresh(&self, account: AccountId, day: i64)
    -> Result<RefreshCount, StoreError>;

    /// Counts that somebody else's program made a token of ours useless, and
    /// returns the day's counts. `Missing`.
    async fn count_foreign_refresh(
        &self,
        account: AccountId,
        day: i64,
    ) -> Result<RefreshCount, StoreError>;

    /// A day's counts.
    async fn refreshes(&self, account: AccountId, day: i64) -> Result<RefreshCount, StoreError>;
}
