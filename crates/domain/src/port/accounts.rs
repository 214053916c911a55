use async_trait::async_trait;

use super::{Idempotency, StoreError};
use crate::account::{Account, AccountSettings, AccountState};
use crate::ids::AccountId;

/// The accounts. There are few; all are held in memory by the engine.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Adds an account; its secrets are sealed. `Taken` when its name or appid
    /// is in use. With `idempotency` the answer to the caller is kept in the
    /// same step.
    async fn add_account(
        &self,
        settings: &AccountSettings,
        idempotency: Option<&Idempotency>,
    ) -> Result<Account, StoreError>;

    /// All accounts, by name.
    async fn accounts(&self) -> Result<Vec<Account>, StoreError>;

    /// Replaces an account's settings. `Missing`, `Taken`.
    async fn change_account(
        &self,
        id: AccountId,
        settings: &AccountSettings,
    ) -> Result<Account, StoreError>;

    /// Removes an account with its templates, credential and finished
    /// messages. `InUse` while messages of it are open; `Missing`.
    async fn remove_account(&self, id: AccountId) -> Result<(), StoreError>;

    /// Notes what was learned about an account. `Missing`.
    async fn set_account_state(
        &self,
        id: AccountId,
        state: &AccountState,
    ) -> Result<(), StoreError>;
}
