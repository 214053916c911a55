use async_trait::async_trait;

use super::{Idempotency, StoreError};
use crate::account::{Account, AccountSettings, Breaker, Illness, Parked};
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

    /// Notes until when an account waits because its allowance is used up.
    /// `Missing`.
    async fn set_parked(&self, id: AccountId, parked: Option<&Parked>) -> Result<(), StoreError>;

    /// Notes why an account gets no credential, or that it does. `Missing`.
    async fn set_illness(&self, id: AccountId, illness: Option<&Illness>)
    -> Result<(), StoreError>;

    /// Notes why WeChat lets an account send nothing, or that it does. `Missing`.
    async fn set_breaker(&self, id: AccountId, breaker: Option<&Breaker>)
    -> Result<(), StoreError>;

    /// What changed lately, cheaply: by account, in order of their numbers. A
    /// node that finds other figures than before reads anew what it holds in
    /// memory.
    async fn revisions(&self) -> Result<Vec<Revision>, StoreError>;
}

/// Figures that grow when something about an account changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// The account.
    pub account: AccountId,
    /// Grows with every change of its settings, its state or its templates.
    pub account_revision: i64,
    /// The generation of its credential; 0 = never had one. Counted up too when
    /// the credential is dropped.
    pub credential: i64,
}
