//! Accounts: added, changed, removed, and what is learned about their health.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use hongyan_domain::AccountId;
use hongyan_domain::account::{Account, AccountSettings, AccountState, Illness, Parked};
use hongyan_domain::clock::beijing_day;
use hongyan_domain::message::Kind;
use hongyan_domain::port::{Idempotency, RefreshCount, StoreError};

use crate::credentials::{Credential, CredentialError, Health};
use crate::{Engine, IssuedToken};

/// How many accounts ask WeChat for a token at the same time.
const MAINTAINED_AT_ONCE: usize = 16;

/// How many waiting messages are made due in one step: others write in between.
const FORWARD_AT_ONCE: usize = 5000;

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
        let other_identity =
            former.is_none_or(|former| !same_identity(&former.settings, &settings));
        if other_identity {
            self.credentials.forget(id);
            self.js_tickets.forget(id);
            self.store.drop_credential(id).await?;
        }
        let parked = account.state.parked.take();
        if parked.is_some() {
            self.store.set_parked(id, None).await?;
        }
        if account.state.illness.take().is_some() {
            self.store.set_illness(id, None).await?;
        }
        if account.state.breaker.take().is_some() {
            self.store.set_breaker(id, None).await?;
        }
        let account = self.registry.put(account);
        self.bring_forward(id, parked).await;
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
        self.quotas.forget(id);
        self.forget_held(id);
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

    /// How often the account's token was asked for today (Beijing), and how often
    /// a program that is not one of our nodes made it useless.
    ///
    /// # Errors
    /// Storage's.
    pub async fn refreshes_today(&self, id: AccountId) -> Result<RefreshCount, StoreError> {
        self.store
            .refreshes(id, beijing_day(self.clock.now()))
            .await
    }

    /// A token for a call of ours.
    pub(crate) async fn credential(
        &self,
        account: &Account,
    ) -> Result<Arc<Credential>, CredentialError> {
        let (result, health) = self.credentials.obtain(account).await;
        self.note_health(account, health).await;
        result
    }

    /// A newer token after one was refused.
    pub(crate) async fn fresh_credential(
        &self,
        account: &Account,
        failed: &Credential,
    ) -> Result<Arc<Credential>, CredentialError> {
        let (result, health) = self.credentials.replace(account, failed).await;
        self.note_health(account, health).await;
        result
    }

    /// Renews tokens that are about to end, for several accounts at a time: one
    /// that hangs must not hold up the others.
    pub(crate) async fn maintain_credentials(&self) {
        let accounts = self.registry.all();
        let enabled = accounts.iter().filter(|account| !account.settings.disabled);
        futures_util::stream::iter(enabled)
            .for_each_concurrent(MAINTAINED_AT_ONCE, |account| async move {
                let health = self.credentials.maintain(account).await;
                self.note_health(account, health).await;
            })
            .await;
    }

    /// Notes what asking for a token as `asked` taught about the account. What
    /// was learned with a secret that has been changed meanwhile counts no more.
    pub(crate) async fn note_health(&self, asked: &Account, health: Option<Health>) {
        let illness = match health {
            None => return,
            Some(Health::Well) => None,
            Some(Health::Ill(illness)) => Some(illness),
        };
        let recovered = illness.is_none();
        self.change_state(asked.id, |account| {
            if same_identity(&account.settings, &asked.settings) {
                account.state.illness = illness;
            }
        })
        .await;
        if recovered {
            self.dispatcher.wake_account(asked.id);
        }
    }

    /// Why WeChat gives the account no new access token, if it does not. An old
    /// one may still work.
    #[must_use]
    pub fn illness(&self, account: &Account) -> Option<Illness> {
        account
            .state
            .illness
            .clone()
            .or_else(|| self.credentials.outage(account.id))
    }

    /// Nothing of this account is sent before the allowance starts again.
    pub(crate) async fn park(&self, id: AccountId, parked: Parked) {
        let (until, kinds) = (parked.until, parked.kinds.clone());
        let changed = self
            .change_state(id, |account| {
                account.state.parked = Some(parked.joined_to(account.state.parked.as_ref()));
            })
            .await;
        if let Some(account) = changed {
            tracing::warn!(
                account = %account.name(), %until, ?kinds,
                "WeChat's allowance is used up: messages of these kinds wait"
            );
        }
    }

    /// WeChat says that there is allowance left for a kind of message, or for all
    /// of them: they wait no longer.
    pub(crate) async fn unpark(&self, id: AccountId, kind: Option<Kind>) {
        let mut parked = None;
        let changed = self
            .change_state(id, |account| {
                parked = account.state.parked.take();
                account.state.parked = parked.clone().and_then(|parked| parked.without(kind?));
            })
            .await;
        if changed.is_some() {
            self.bring_forward(id, parked).await;
            self.dispatcher.wake_account(id);
        }
    }

    /// Makes due what waited for the day's allowance to start again.
    async fn bring_forward(&self, id: AccountId, parked: Option<Parked>) {
        let Some(until) = parked.map(|parked| parked.until) else {
            return;
        };
        loop {
            match self.store.bring_forward(id, until, FORWARD_AT_ONCE).await {
                Ok(moved) if moved == FORWARD_AT_ONCE => {}
                Ok(_) => return,
                Err(error) => {
                    // They go out at that time, as they would have anyway.
                    tracing::warn!(%error, "waiting messages could not be made due");
                    return;
                }
            }
        }
    }

    /// Changes what is known of an account; the account, if that changed it.
    pub(crate) async fn change_state(
        &self,
        id: AccountId,
        change: impl FnOnce(&mut Account),
    ) -> Option<Arc<Account>> {
        // Memory first: the health must count even while storage fails.
        let mut before = AccountState::default();
        let changed = self.registry.update(id, |account| {
            before = account.state.clone();
            change(account);
            account.state != before
        })?;
        let state = &changed.state;
        // Each by itself: another node may have learned the other at this moment.
        let stored = async {
            if state.parked != before.parked {
                self.store.set_parked(id, state.parked.as_ref()).await?;
            }
            if state.illness != before.illness {
                self.store.set_illness(id, state.illness.as_ref()).await?;
            }
            if state.breaker != before.breaker {
                self.store.set_breaker(id, state.breaker.as_ref()).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = stored.await {
            tracing::warn!(account = %changed.name(), %error, "the account's health could not be stored");
        }
        Some(changed)
    }
}

/// Whether both settings ask WeChat for a token in the same name and way.
fn same_identity(a: &AccountSettings, b: &AccountSettings) -> bool {
    a.appid == b.appid && a.secret == b.secret && a.token_mode == b.token_mode
}
