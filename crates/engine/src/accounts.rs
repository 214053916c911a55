//! Accounts: added, changed, removed, and what is learned about their health.

use std::sync::Arc;
use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::account::{Account, AccountSettings, AccountState, Parked};
use hongyan_domain::port::{Idempotency, StoreError};

use crate::credentials::{Credential, CredentialError, Health};
use crate::{Engine, IssuedToken};

impl Engine {
    /// The account of this name.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<Arc<Account>> {
        self.registry.by_name(name)
    }

    /// The account of this number.
    #[must_use]
    pub fn account_by_id(&self, id: AccountId) -> Option<Arc<Account>> {
        self.registry.by_id(id)
    }

    /// All accounts, by name.
    #[must_use]
    pub fn accounts(&self) -> Vec<Arc<Account>> {
        self.registry.all()
    }

    /// Adds an account.
    ///
    /// # Errors
    /// `Taken` when name or appid is in use; storage's.
    pub async fn add_account(
        &self,
        settings: AccountSettings,
        idempotency: Option<Idempotency>,
    ) -> Result<Arc<Account>, StoreError> {
        let account = self
            .store
            .add_account(&settings, idempotency.as_ref())
            .await?;
        tracing::info!(account = %account.name(), appid = %account.settings.appid, "account added");
        let account = self.registry.put(account);
        self.dispatcher.wake_account(account.id);
        Ok(account)
    }

    /// Replaces an account's settings. What was learned about its health is
    /// forgotten, because the change may be the cure.
    ///
    /// # Errors
    /// `Missing`, `Taken`; storage's.
    pub async fn change_account(
        &self,
        id: AccountId,
        settings: AccountSettings,
    ) -> Result<Arc<Account>, StoreError> {
        let former = self.registry.by_id(id);
        let mut account = self.store.change_account(id, &settings).await?;
        let other_identity = former.is_none_or(|former| {
            former.settings.appid != settings.appid
                || former.settings.secret != settings.secret
                || former.settings.token_mode != settings.token_mode
        });
        if other_identity {
            self.credentials.forget(id);
            self.store.drop_credential(id).await?;
        }
        let state = AccountState::default();
        if account.state != state {
            self.store.set_account_state(id, &state).await?;
            account.state = state;
        }
        let account = self.registry.put(account);
        self.credentials.forgive(id).await;
        self.dispatcher.wake_account(id);
        Ok(account)
    }

    /// Removes an account.
    ///
    /// # Errors
    /// `InUse` while messages of it are open; `Missing`; storage's.
    pub async fn remove_account(&self, id: AccountId) -> Result<(), StoreError> {
        self.store.remove_account(id).await?;
        self.registry.remove(id);
        self.credentials.forget(id);
        self.catalogue.forget(id);
        Ok(())
    }

    /// The account's access token, for another program.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn access_token(&self, id: AccountId) -> Result<IssuedToken, CredentialError> {
        let account = self.registry.by_id(id).ok_or(CredentialError::Missing)?;
        let credential = self.credential(&account).await?;
        let left = credential.expires_at.as_millisecond() - self.clock.now().as_millisecond();
        Ok(IssuedToken {
            token: credential.token.clone(),
            expires_in: Duration::from_millis(u64::try_from(left).unwrap_or(0)),
        })
    }

    /// A token for a call of ours.
    pub(crate) async fn credential(
        &self,
        account: &Account,
    ) -> Result<Arc<Credential>, CredentialError> {
        let (result, health) = self.credentials.obtain(account).await;
        self.note_health(account.id, health).await;
        result
    }

    /// A newer token after one was refused.
    pub(crate) async fn fresh_credential(
        &self,
        account: &Account,
        failed: &Credential,
    ) -> Result<Arc<Credential>, CredentialError> {
        let (result, health) = self.credentials.replace(account, failed).await;
        self.note_health(account.id, health).await;
        result
    }

    /// Renews tokens that are about to end.
    pub(crate) async fn maintain_credentials(&self) {
        for account in self.registry.all() {
            if !account.settings.disabled {
                let health = self.credentials.maintain(&account).await;
                self.note_health(account.id, health).await;
            }
        }
    }

    pub(crate) async fn note_health(&self, id: AccountId, health: Option<Health>) {
        let illness = match health {
            None => return,
            Some(Health::Well) => None,
            Some(Health::Ill(illness)) => Some(illness),
        };
        let recovered = illness.is_none();
        self.change_state(id, |state| state.illness = illness).await;
        if recovered {
            self.dispatcher.wake_account(id);
        }
    }

    /// Nothing of this account is sent before the allowance starts again.
    pub(crate) async fn park(&self, id: AccountId, parked: Parked) {
        let name = self
            .registry
            .by_id(id)
            .map(|account| account.name().to_string());
        let already = self
            .registry
            .by_id(id)
            .and_then(|account| account.state.parked.as_ref().map(|p| p.until))
            .is_some_and(|until| until >= parked.until);
        if already {
            return;
        }
        tracing::warn!(
            account = name, until = %parked.until, errcode = parked.errcode,
            "WeChat's allowance is used up: the account waits"
        );
        self.change_state(id, |state| state.parked = Some(parked))
            .await;
    }

    async fn change_state(&self, id: AccountId, change: impl FnOnce(&mut AccountState)) {
        let Some(account) = self.registry.by_id(id) else {
            return;
        };
        let mut account = Account::clone(&account);
        let before = account.state.clone();
        change(&mut account.state);
        if account.state == before {
            return;
        }
        // Memory first: the health must count even while storage fails.
        let state = account.state.clone();
        self.registry.put(account);
        if let Err(error) = self.store.set_account_state(id, &state).await {
            tracing::warn!(account = id.0, %error, "the account's health could not be stored");
        }
    }
}
