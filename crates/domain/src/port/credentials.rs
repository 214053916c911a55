use async_trait::async_trait;
use hongyan_wechat::AccessToken;
use jiff::Timestamp;

use super::StoreError;
use crate::ids::AccountId;

/// An access token as storage holds it (sealed), so that a restart need not ask
/// WeChat again.
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

/// How often tokens were asked for on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshCount {
    /// Calls that day, this one included.
    pub used: u32,
}

/// The credentials of accounts.
#[async_trait]
pub trait CredentialStore: Send + Sync {
    /// The account's last stored token, ended or not.
    async fn credential(&self, account: AccountId) -> Result<Option<StoredCredential>, StoreError>;

    /// Keeps a token under the generation after `after_generation` (0 = none
    /// before). Returns the stored generation, or `None` if somebody else
    /// stored a newer one meanwhile; then nothing is written.
    async fn keep_credential(
        &self,
        account: AccountId,
        token: &AccessToken,
        obtained_at: Timestamp,
        expires_at: Timestamp,
        after_generation: i64,
    ) -> Result<Option<i64>, StoreError>;

    /// Forgets the account's token: it belongs to a former appid or secret. The
    /// generation goes on from where it was.
    async fn drop_credential(&self, account: AccountId) -> Result<(), StoreError>;

    /// Counts one call to a token endpoint on a Beijing day (see
    /// [`crate::clock::beijing_day`]) and returns the day's count.
    async fn count_refresh(&self, account: AccountId, day: i64)
    -> Result<RefreshCount, StoreError>;
}
