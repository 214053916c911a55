//! The token center: one owner of each account's access token.
//!
//! Readers take the current token from memory without waiting. It is renewed in
//! the background before it ends, dropped only if it is the very token that
//! failed, and asked for once however many sends need it, on however many nodes:
//! who asks WeChat holds a lease in storage, and the others take what it stored.

mod ask;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use hongyan_domain::account::{Account, Illness, TokenMode};
use hongyan_domain::clock::{Clock, after};
use hongyan_domain::port::{Store, StoreError, StoredCredential};
use hongyan_domain::{AccountId, NodeId};
use hongyan_wechat::AccessToken;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::calls::WechatClient;
use crate::metrics::Metrics;
use ask::Urgency;

/// In the last five minutes of a stable token WeChat hands out its successor
/// and honours both (获取稳定版接口调用凭据); before that it repeats the old one.
const STABLE_RENEWAL: Duration = Duration::from_secs(5 * 60 - 10);

/// A classic token's predecessor works five more minutes, so renewing earlier
/// than that costs nothing but a call.
const CLASSIC_RENEWAL: Duration = Duration::from_secs(10 * 60);

/// A token in use.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The token.
    pub token: AccessToken,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Grows with every new token of the account.
    pub generation: i64,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// WeChat refuses one until somebody changes something.
    #[error("WeChat gives this account no access token: {}", illness.reason)]
    Refused {
        /// The refusal.
        illness: Illness,
    },
    /// WeChat could not be asked or failed; we ask again at `retry_at`.
    #[error("no access token at the moment: {reason}")]
    Unavailable {
        /// What happened, without secrets.
        reason: String,
        /// When we ask again.
        retry_at: Timestamp,
    },
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such account.
    #[error("the account does not exist (any more)")]
    Missing,
}

/// What happened to an account's health while asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// A token was obtained.
    Well,
    /// It was refused.
    Ill(Illness),
}

/// What the token center is allowed.
#[derive(Debug, Clone, Copy)]
pub struct CredentialSettings {
    /// Calls to the token endpoints a day and account. A healthy account needs
    /// some twenty; WeChat allows 2,000 classic ones to a new account, 200 to a
    /// test account, and 500,000 stable ones.
    pub daily_budget: u32,
    /// How long one call to WeChat may take; the transport is built with the
    /// same figure.
    pub request_timeout: Duration,
}

impl Default for CredentialSettings {
    fn default() -> Self {
        Self {
            daily_budget: 500,
            request_timeout: Duration::from_secs(10),
        }
    }
}

#[derive(Debug, Default)]
struct Slot {
    /// What readers see. Never locked.
    current: ArcSwapOption<Credential>,
    /// The highest generation seen in storage.
    generation: AtomicI64,
    /// Why there is none, while WeChat cannot be asked.
    outage: ArcSwapOption<Illness>,
    /// Held by the one who asks WeChat.
    asking: tokio::sync::Mutex<Asking>,
}

impl Slot {
    /// Takes a stored token into memory.
    fn adopt(&self, stored: StoredCredential) -> Arc<Credential> {
        self.generation.store(stored.generation, Ordering::SeqCst);
        let credential = Arc::new(Credential {
            token: stored.token,
            expires_at: stored.expires_at,
            generation: stored.generation,
        });
        self.current.store(Some(Arc::clone(&credential)));
        credential
    }

    fn note_outage(&self, now: Timestamp, reason: &str, retry_at: Timestamp) {
        let since = self
            .outage
            .load()
            .as_ref()
            .map_or(now, |former| former.since);
        self.outage.store(Some(Arc::new(Illness {
            since,
            errcode: None,
            reason: reason.to_owned(),
            errmsg: None,
            rid: None,
            seen_ip: None,
            next_try_at: Some(retry_at),
        })));
    }
}

#[derive(Debug, Default)]
struct Asking {
    /// Whether storage was read.
    loaded: bool,
    /// A token that WeChat refused; getting it again is no success.
    failed: Option<Failed>,
    last_forced_at: Option<Timestamp>,
    /// Failures in a row.
    failures: u32,
    retry_at: Option<(Timestamp, String)>,
}

/// A token that WeChat refused.
#[derive(Debug)]
struct Failed {
    token: AccessToken,
    /// Until when it should have worked.
    expires_at: Timestamp,
    /// Whether it was counted as made useless by somebody else.
    counted: bool,
}

impl Asking {
    fn is_failed(&self, token: &AccessToken) -> bool {
        self.failed
            .as_ref()
            .is_some_and(|failed| failed.token == *token)
    }
}

/// The credentials of all accounts on this node.
pub(crate) struct Credentials {
    node: NodeId,
    store: Arc<dyn Store>,
    wechat: WechatClient,
    clock: Arc<dyn Clock>,
    settings: CredentialSettings,
    metrics: Arc<Metrics>,
    slots: RwLock<HashMap<AccountId, Arc<Slot>>>,
    needed: Notify,
}

impl Credentials {
    pub(crate) fn new(
        node: NodeId,
        store: Arc<dyn Store>,
        wechat: WechatClient,
        clock: Arc<dyn Clock>,
        settings: CredentialSettings,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            node,
            store,
            wechat,
            clock,
            settings,
            metrics,
            slots: RwLock::default(),
            needed: Notify::new(),
        }
    }

    fn slot(&self, id: AccountId) -> Arc<Slot> {
        let known = self
            .slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned();
        if let Some(slot) = known {
            return slot;
        }
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(id).or_default())
    }

    /// The token in memory, if it has not ended.
    pub(crate) fn current(&self, id: AccountId) -> Option<Arc<Credential>> {
        let now = self.clock.now();
        self.slot(id)
            .current
            .load_full()
            .filter(|credential| credential.expires_at > now)
    }

    /// Why there is no token, where that says nothing about the account.
    pub(crate) fn outage(&self, id: AccountId) -> Option<Illness> {
        self.slot(id)
            .outage
            .load_full()
            .map(|outage| Illness::clone(&outage))
    }

    /// Somebody waits for a token that is not there.
    pub(crate) fn need(&self) {
        self.needed.notify_one();
    }

    /// Ends when somebody waits for a token.
    pub(crate) async fn is_needed(&self) {
        self.needed.notified().await;
    }

    /// Forgets everything about an account: its secret changed or it is gone.
    pub(crate) fn forget(&self, id: AccountId) {
        self.slots
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    /// Forgets that asking failed, so that the next need asks at once.
    pub(crate) async fn forgive(&self, id: AccountId) {
        let slot = self.slot(id);
        let mut asking = slot.asking.lock().await;
        asking.failures = 0;
        asking.retry_at = None;
    }

    /// Drops the token of this generation, if it is still the one in use, and
    /// obtains a strictly newer one. Any number of concurrent failures of one
    /// token lead to one refresh.
    pub(crate) async fn replace(
        &self,
        account: &Account,
        failed: &Credential,
    ) -> (Result<Arc<Credential>, CredentialError>, Option<Health>) {
        let slot = self.slot(account.id);
        let mut asking = slot.asking.lock().await;
        if let Some(current) = self.current(account.id)
            && current.token != failed.token
        {
            return (Ok(current), None);
        }
        slot.current.store(None);
        if !asking.is_failed(&failed.token) {
            asking.failed = Some(Failed {
                token: failed.token.clone(),
                expires_at: failed.expires_at,
                counted: false,
            });
        }
        self.ask(account, &slot, &mut asking, Urgency::Missing)
            .await
    }

    /// A token that has not ended: the one in memory, the one in storage, or a
    /// new one.
    pub(crate) async fn obtain(
        &self,
        account: &Account,
    ) -> (Result<Arc<Credential>, CredentialError>, Option<Health>) {
        if let Some(current) = self.current(account.id) {
            return (Ok(current), None);
        }
        let slot = self.slot(account.id);
        let mut asking = slot.asking.lock().await;
        if let Some(current) = self.current(account.id) {
            return (Ok(current), None);
        }
        match self.load(account.id, &slot, &mut asking).await {
            Ok(Some(stored)) => return (Ok(stored), None),
            Ok(None) => {}
            Err(error) => return (Err(error.into()), None),
        }
        self.ask(account, &slot, &mut asking, Urgency::Missing)
            .await
    }

    /// Renews a token that is about to end, or obtains the first one. Called
    /// again and again in the background; does nothing most of the time.
    pub(crate) async fn maintain(&self, account: &Account) -> Option<Health> {
        let now = self.clock.now();
        let ahead = match account.settings.token_mode {
            TokenMode::Stable => STABLE_RENEWAL,
            TokenMode::Classic => CLASSIC_RENEWAL,
        };
        let slot = self.slot(account.id);
        let renewal_due = |credential: &Credential| credential.expires_at <= after(now, ahead);
        if slot
            .current
            .load()
            .as_ref()
            .is_some_and(|current| !renewal_due(current))
        {
            return None;
        }
        // Whoever holds it is asking at this moment.
        let mut asking = slot.asking.try_lock().ok()?;
        if let Ok(Some(stored)) = self.load(account.id, &slot, &mut asking).await
            && !renewal_due(&stored)
        {
            return Some(Health::Well);
        }
        let urgency = match self.current(account.id) {
            Some(_) => Urgency::Renewal { ahead },
            None => Urgency::Missing,
        };
        let (result, health) = self.ask(account, &slot, &mut asking, urgency).await;
        if let Err(CredentialError::Unavailable { reason, retry_at }) = result
            && retry_at > now
        {
            tracing::warn!(account = %account.name(), %reason, "access token not renewed, asking again later");
        }
        health
    }

    /// Whether storage has a newer generation than this node has seen.
    pub(crate) fn is_behind(&self, id: AccountId, generation: i64) -> bool {
        self.slot(id).generation.load(Ordering::SeqCst) < generation
    }

    /// Takes the token that another node stored, or forgets the one it dropped.
    ///
    /// # Errors
    /// Storage's.
    pub(crate) async fn follow(&self, id: AccountId, generation: i64) -> Result<(), StoreError> {
        let slot = self.slot(id);
        // Whoever holds it is asking, and looks into storage itself.
        let Ok(asking) = slot.asking.try_lock() else {
            return Ok(());
        };
        match self.store.credential(id).await? {
            Some(stored) => {
                slot.generation.store(stored.generation, Ordering::SeqCst);
                if !asking.is_failed(&stored.token) {
                    slot.adopt(stored);
                }
            }
            None => {
                slot.generation.store(generation, Ordering::SeqCst);
                slot.current.store(None);
            }
        }
        Ok(())
    }

    /// Takes the stored token into memory, once.
    async fn load(
        &self,
        id: AccountId,
        slot: &Slot,
        asking: &mut Asking,
    ) -> Result<Option<Arc<Credential>>, StoreError> {
        if asking.loaded {
            return Ok(None);
        }
        let stored = self.store.credential(id).await?;
        asking.loaded = true;
        let Some(stored) = stored else {
            return Ok(None);
        };
        slot.generation.store(stored.generation, Ordering::SeqCst);
        if stored.expires_at <= self.clock.now() {
            return Ok(None);
        }
        Ok(Some(slot.adopt(stored)))
    }
}
