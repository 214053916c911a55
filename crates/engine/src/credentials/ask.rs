//! Asking WeChat for a token, one node at a time, and what follows from its
//! answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hongyan_domain::account::{Account, Illness, TokenMode};
use hongyan_domain::clock::{after, beijing_day, next_beijing_midnight};
use hongyan_domain::port::{CredentialLease, StoreError, StoredCredential};
use hongyan_wechat::{AccessToken, ApiError, CallError, ErrClass, ErrCode, api};
use jiff::Timestamp;

use super::{Asking, Credential, CredentialError, Credentials, Health, Slot};

use crate::metrics::Renewal;

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

/// Why a token is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Urgency {
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

impl Credentials {
    /// Asks WeChat, or the node that is asking it at this moment. The caller
    /// holds the slot's lock: nobody else on this node asks.
    pub(super) async fn ask(
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
        if let Some(renewal) = renewal(&answer) {
            self.metrics.of(account.id).renewals(renewal).inc();
        }
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
        self.metrics.of(account.id).foreign_refreshes.inc();
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

/// How asking WeChat ended; `None` = storage failed, WeChat was not asked.
fn renewal<T>(answer: &Result<T, Failure>) -> Option<Renewal> {
    match answer {
        Ok(_) => Some(Renewal::Obtained),
        Err(Failure::Call(error)) if error.errcode().is_some() => Some(Renewal::Refused),
        Err(Failure::Call(_) | Failure::Later { .. }) => Some(Renewal::Failed),
        Err(Failure::Store(_)) => None,
    }
}

fn with_life(issued: api::token::IssuedToken) -> (AccessToken, Duration) {
    (
        issued.access_token,
        Duration::from_secs(issued.expires_in.into()),
    )
}
