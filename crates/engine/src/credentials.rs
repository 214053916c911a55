//! The token center: one owner of each account's access token.
//!
//! Readers take the current token from memory without waiting. It is renewed in
//! the background before it ends, dropped only if it is the very token that
//! failed, and asked for once however many sends need it, on however many nodes:
//! who asks WeChat holds a lease in storage, and the others take what it stored.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use hongyan_domain::account::{Account, Illness, TokenMode};
use hongyan_domain::clock::{Clock, after, beijing_day, next_beijing_midnight};
use hongyan_domain::port::{CredentialLease, Store, StoreError, StoredCredential};
use hongyan_domain::{AccountId, NodeId};
use hongyan_wechat::{AccessToken, ApiError, CallError, ErrClass, ErrCode, api};
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::calls::WechatClient;

/// In the last five minutes of a stable token WeChat hands out its successor
/// and honours both (获取稳定版接口调用凭据); before that it repeats the old one.
const STABLE_RENEWAL: Duration = Duration::from_secs(5 * 60 - 10);

/// A classic token's predecessor works five more minutes, so renewing earlier
/// than that costs nothing but a call.
const CLASSIC_RENEWAL: Duration = Duration::from_secs(10 * 60);

/// Two forced calls to stable_token must be half a minute apart.
const FORCE_INTERVAL: Duration = Duration::from_secs(31);

/// After the address was refused we ask again by ourselves, in case somebody
/// has entered it in the allow-list meanwhile; the pause doubles up to the cap.
const ILLNESS_FIRST_PAUSE: Duration = Duration::from_secs(60);
const ILLNESS_LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);

/// How long a node may take to ask, beyond the time two calls may take: then
/// another node asks.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// How often a node that waits for another's token looks for it, and how long.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOK_FOR: Duration = Duration::from_secs(5);

/// A token that WeChat refuses so long before its end was not renewed by WeChat
/// itself: clocks and WeChat's own overlap allowed for.
const EARLY: Duration = Duration::from_secs(10 * 60);

/// After a failure that says nothing about the account.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

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
    ) -> Self {
        Self {
            node,
            store,
            wechat,
            clock,
            settings,
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

    /// Asks WeChat, or the node that is asking it at this moment. The caller
    /// holds the slot's lock: nobody else on this node asks.
    async fn ask(
        &self,
        account: &Account,
        slot: &Slot,
        asking: &mut Asking,
        urgency: Urgency,
    ) -> (Result<Arc<Credential>, CredentialError>, Option<Health>) {
        let now = self.clock.now();
        // A refused account is not asked for again before its time, or before
        // somebody changes it.
        if let Some(illness) = &account.state.illness
            && illness.next_try_at.is_none_or(|at| at > now)
        {
            return (
                Err(CredentialError::Refused {
                    illness: illness.clone(),
                }),
                None,
            );
        }
        if let Some((retry_at, reason)) = &asking.retry_at
            && *retry_at > now
        {
            let (retry_at, reason) = (*retry_at, reason.clone());
            return (Err(CredentialError::Unavailable { reason, retry_at }), None);
        }
        let fence = match self.turn(account, asking, urgency).await {
            Ok(Turn::Ours { fence }) => fence,
            Ok(Turn::Stored(stored)) => {
                asking.failures = 0;
                slot.outage.store(None);
                return (Ok(slot.adopt(stored)), Some(Health::Well));
            }
            Ok(Turn::Theirs { until }) => {
                let reason = "another node is asking WeChat for the access token".to_owned();
                let retry_at = until.min(after(now, LOOK_FOR));
                return (Err(CredentialError::Unavailable { reason, retry_at }), None);
            }
            Err(error) => return (Err(error.into()), None),
        };
        let answer = self.ask_until_new(account, asking).await;
        if answer.is_err()
            && let Err(error) = self.store.return_credential_lease(account.id, fence).await
        {
            tracing::debug!(account = %account.name(), %error, "the lease of the token ends by itself");
        }
        match answer {
            Ok((token, life)) => self.keep(account, slot, asking, fence, token, life).await,
            Err(Failure::Store(error)) => (Err(error.into()), None),
            Err(Failure::Later { reason, retry_at }) => {
                asking.failures = asking.failures.saturating_add(1);
                let pause = FIRST_PAUSE
                    .saturating_mul(1 << asking.failures.saturating_sub(1).min(10))
                    .min(LONGEST_PAUSE);
                let retry_at = retry_at.unwrap_or_else(|| after(self.clock.now(), pause));
                asking.retry_at = Some((retry_at, reason.clone()));
                slot.note_outage(now, &reason, retry_at);
                (Err(CredentialError::Unavailable { reason, retry_at }), None)
            }
            Err(Failure::Call(error)) => self.refused(account, slot, asking, &error),
        }
    }

    /// Whose turn it is to ask WeChat. Where it is another node's and a token is
    /// missed, waits a while for what that one stores.
    async fn turn(
        &self,
        account: &Account,
        asking: &Asking,
        urgency: Urgency,
    ) -> Result<Turn, StoreError> {
        let lease = self.settings.request_timeout * 2 + LEASE_MARGIN;
        let give_up = tokio::time::Instant::now() + LOOK_FOR;
        loop {
            let leased = self
                .store
                .lease_credential(account.id, self.node, lease)
                .await?;
            let until = match leased {
                CredentialLease::Taken { fence, stored } => {
                    return match stored {
                        Some(stored) if self.is_enough(&stored, asking, urgency) => {
                            self.store
                                .return_credential_lease(account.id, fence)
                                .await?;
                            Ok(Turn::Stored(stored))
                        }
                        _ => Ok(Turn::Ours { fence }),
                    };
                }
                CredentialLease::Held { until } => until,
            };
            if matches!(urgency, Urgency::Renewal { .. }) || tokio::time::Instant::now() >= give_up
            {
                return Ok(Turn::Theirs { until });
            }
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(stored) = self.store.credential(account.id).await?
                && self.is_enough(&stored, asking, urgency)
            {
                return Ok(Turn::Stored(stored));
            }
        }
    }

    /// Whether a stored token spares us a call.
    fn is_enough(&self, stored: &StoredCredential, asking: &Asking, urgency: Urgency) -> bool {
        let ahead = match urgency {
            Urgency::Missing => Duration::ZERO,
            Urgency::Renewal { ahead } => ahead,
        };
        stored.expires_at > after(self.clock.now(), ahead) && !asking.is_failed(&stored.token)
    }

    /// One call, and a forced one where a stable token that failed is all that
    /// the plain call returns.
    async fn ask_until_new(
        &self,
        account: &Account,
        asking: &mut Asking,
    ) -> Result<(AccessToken, Duration), Failure> {
        let settings = &account.settings;
        self.count(account).await?;
        let reply = match settings.token_mode {
            TokenMode::Classic => {
                let call = api::token::ClassicToken {
                    appid: &settings.appid,
                    secret: &settings.secret,
                };
                self.wechat.call(None, &call).await?
            }
            TokenMode::Stable => self.stable(account, false).await?,
        };
        if !asking.is_failed(&reply.access_token) {
            self.note_foreign_refresh(account, asking).await;
            return Ok(with_life(reply));
        }
        let now = self.clock.now();
        let next_force = asking.last_forced_at.map(|at| after(at, FORCE_INTERVAL));
        if settings.token_mode == TokenMode::Classic || next_force.is_some_and(|at| at > now) {
            return Err(Failure::Later {
                reason: "WeChat keeps handing out the access token that it refuses".to_owned(),
                retry_at: next_force,
            });
        }
        self.count(account).await?;
        asking.last_forced_at = Some(now);
        let reply = self.stable(account, true).await?;
        if asking.is_failed(&reply.access_token) {
            return Err(Failure::Later {
                reason: "WeChat keeps handing out the access token that it refuses".to_owned(),
                retry_at: Some(after(now, FORCE_INTERVAL)),
            });
        }
        Ok(with_life(reply))
    }

    /// WeChat refused a token of ours long before its end, has another one, and
    /// none of our nodes asked for that: somebody else's program did.
    async fn note_foreign_refresh(&self, account: &Account, asking: &mut Asking) {
        let now = self.clock.now();
        let Some(failed) = &mut asking.failed else {
            return;
        };
        if failed.counted || failed.expires_at <= after(now, EARLY) {
            return;
        }
        failed.counted = true;
        let times_today = self
            .store
            .count_foreign_refresh(account.id, beijing_day(now))
            .await
            .map_or(1, |counts| counts.foreign);
        tracing::warn!(
            account = %account.name(), appid = %account.settings.appid, times_today,
            "another program refreshed this account's access token and made ours useless; \
             let it take the token from GET /v1/accounts/{{account}}/access_token instead, \
             or use token_mode = \"stable\" in both"
        );
    }

    async fn stable(
        &self,
        account: &Account,
        force_refresh: bool,
    ) -> Result<api::token::IssuedToken, CallError> {
        let call = api::token::StableToken {
            appid: &account.settings.appid,
            secret: &account.settings.secret,
            force_refresh,
        };
        self.wechat.call(None, &call).await
    }

    /// Counts a call against the day's budget and warns at its half.
    async fn count(&self, account: &Account) -> Result<(), Failure> {
        let now = self.clock.now();
        let budget = self.settings.daily_budget;
        let used = self
            .store
            .count_refresh(account.id, beijing_day(now))
            .await
            .map_err(Failure::Store)?
            .used;
        if used > budget {
            return Err(Failure::Later {
                reason: format!("today's budget of {budget} token calls is used up"),
                retry_at: Some(next_beijing_midnight(now)),
            });
        }
        if used == budget.div_ceil(2) {
            tracing::warn!(
                account = %account.name(), used, budget,
                "half of today's budget of token calls is used: is another program refreshing this account's token?"
            );
        }
        Ok(())
    }

    async fn keep(
        &self,
        account: &Account,
        slot: &Slot,
        asking: &mut Asking,
        fence: i64,
        token: AccessToken,
        life: Duration,
    ) -> (Result<Arc<Credential>, CredentialError>, Option<Health>) {
        let now = self.clock.now();
        let expires_at = after(now, life);
        let stored = self
            .store
            .keep_credential(account.id, fence, &token, now, expires_at)
            .await;
        match stored {
            Ok(Some(generation)) => slot.generation.store(generation, Ordering::SeqCst),
            // Our turn was over: what the other one obtained since is newer.
            Ok(None) => {
                let reason = "another node asked WeChat for the access token meanwhile".to_owned();
                let retry_at = after(now, LOOK_EVERY);
                return (Err(CredentialError::Unavailable { reason, retry_at }), None);
            }
            // The token works although it could not be kept for a restart.
            Err(error) => {
                tracing::warn!(account = %account.name(), %error, "access token not stored");
            }
        }
        asking.failures = 0;
        asking.retry_at = None;
        asking.failed = None;
        slot.outage.store(None);
        let credential = Arc::new(Credential {
            token,
            expires_at,
            generation: slot.generation.load(Ordering::SeqCst),
        });
        slot.current.store(Some(Arc::clone(&credential)));
        tracing::info!(
            account = %account.name(), mode = account.settings.token_mode.as_str(),
            generation = credential.generation, expires_in_s = life.as_secs(),
            "access token obtained"
        );
        (Ok(credential), Some(Health::Well))
    }

    /// WeChat said no.
    fn refused(
        &self,
        account: &Account,
        slot: &Slot,
        asking: &mut Asking,
        error: &CallError,
    ) -> (Result<Arc<Credential>, CredentialError>, Option<Health>) {
        let now = self.clock.now();
        asking.failures = asking.failures.saturating_add(1);
        let doublings = asking.failures.saturating_sub(1).min(10);
        let later = |first: Duration, longest: Duration| {
            after(now, first.saturating_mul(1 << doublings).min(longest))
        };
        let class = error.errcode().map(ErrCode::class_of_token_call);
        let next_try_at = match class {
            Some(ErrClass::BadSecret) => None,
            Some(
                ErrClass::IpNotAllowed
                | ErrClass::AccountBlocked
                | ErrClass::Permanent
                | ErrClass::BadInput
                | ErrClass::CannotReach
                | ErrClass::Duplicate
                | ErrClass::Success
                | ErrClass::StaleCredential,
            ) => Some(later(ILLNESS_FIRST_PAUSE, ILLNESS_LONGEST_PAUSE)),
            Some(ErrClass::QuotaExhausted) => {
                return self.unavailable(slot, asking, error, next_beijing_midnight(now));
            }
            Some(ErrClass::RateLimited) => {
                return self.unavailable(slot, asking, error, after(now, LONGEST_PAUSE));
            }
            Some(ErrClass::Busy | ErrClass::Backoff) | None => {
                let at = later(FIRST_PAUSE, LONGEST_PAUSE);
                return self.unavailable(slot, asking, error, at);
            }
        };
        let illness = Illness {
            since: account
                .state
                .illness
                .as_ref()
                .map_or(now, |former| former.since),
            errcode: error.errcode().map(|code| code.0),
            seen_ip: error
                .refusal()
                .and_then(ApiError::seen_ip)
                .map(|ip| ip.to_string()),
            reason: error.to_string(),
            errmsg: error.refusal().map(|refusal| refusal.errmsg.clone()),
            rid: error.refusal().and_then(|refusal| refusal.rid.clone()),
            next_try_at,
        };
        tracing::error!(
            account = %account.name(), errcode = illness.errcode, reason = %illness.reason,
            seen_ip = illness.seen_ip, "account unhealthy: no access token; its messages wait"
        );
        (
            Err(CredentialError::Refused {
                illness: illness.clone(),
            }),
            Some(Health::Ill(illness)),
        )
    }

    fn unavailable(
        &self,
        slot: &Slot,
        asking: &mut Asking,
        error: &CallError,
        retry_at: Timestamp,
    ) -> (Result<Arc<Credential>, CredentialError>, Option<Health>) {
        let reason = error.to_string();
        asking.retry_at = Some((retry_at, reason.clone()));
        slot.note_outage(self.clock.now(), &reason, retry_at);
        (Err(CredentialError::Unavailable { reason, retry_at }), None)
    }
}

fn with_life(issued: api::token::IssuedToken) -> (AccessToken, Duration) {
    (
        issued.access_token,
        Duration::from_secs(issued.expires_in.into()),
    )
}

/// Why a token is asked for.
#[derive(Debug, Clone, Copy)]
enum Urgency {
    /// There is none.
    Missing,
    /// The present one ends within this time.
    Renewal { ahead: Duration },
}

/// Whose turn it is to ask WeChat for a token.
enum Turn {
    /// Ours, under this fence.
    Ours { fence: i64 },
    /// Nobody's: this one will do.
    Stored(StoredCredential),
    /// Another node's, until then at most.
    Theirs { until: Timestamp },
}

/// Why a call for a token brought none.
enum Failure {
    Call(CallError),
    Store(StoreError),
    Later {
        reason: String,
        retry_at: Option<Timestamp>,
    },
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}
