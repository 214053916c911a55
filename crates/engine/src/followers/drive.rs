//! Who moves syncs on, and when they rest.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hongyan_domain::AccountId;
use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::clock::{after, after_quota_reset};
use hongyan_domain::contact::{FollowerSync, SyncPhase, SyncStep};
use hongyan_wechat::ErrClass;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};

use super::{Stepped, is_over};
use crate::Engine;
use crate::credentials::CredentialError;
use crate::templates::WechatFailure;

/// How often unfinished syncs are looked for. A sync that nobody moves between two
/// looks was left behind by a node that is gone, and is taken over.
const LOOK_PAUSE: Duration = Duration::from_secs(20);

/// The rest after WeChat could not be reached, was busy, or asked for patience.
const SHORT_REST: Duration = Duration::from_secs(60);

/// The rest after the account's token was refused: people have to mend that.
const LONG_REST: Duration = Duration::from_secs(10 * 60);

/// Accounts synced at a time.
const AT_ONCE: usize = 4;

/// What this node knows of the syncs under way.
#[derive(Debug)]
pub(crate) struct SyncDesk {
    /// The accounts whose syncs are being looked at or moved on.
    busy: Mutex<HashSet<AccountId>>,
    /// Turns of those that are moved on.
    turns: Semaphore,
    known: Mutex<HashMap<AccountId, Known>>,
    wake: Notify,
}

impl Default for SyncDesk {
    fn default() -> Self {
        Self {
            busy: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
            known: Mutex::default(),
            wake: Notify::new(),
        }
    }
}

/// Somebody is at an account's sync, until this is dropped.
struct Busy<'a>(&'a SyncDesk, AccountId);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        locked(&self.0.busy).remove(&self.1);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Clone, PartialEq)]
enum Known {
    /// A caller here wants it: at once.
    Begun,
    /// Seen so at the last look; perhaps another node is at it.
    Seen(FollowerSync),
    /// It rests.
    Rests(Timestamp),
}

impl SyncDesk {
    /// `None` = somebody is at it already.
    fn enter(&self, account: AccountId) -> Option<Busy<'_>> {
        locked(&self.busy)
            .insert(account)
            .then(|| Busy(self, account))
    }

    pub(super) fn begin(&self, account: AccountId) {
        self.set(account, Some(Known::Begun));
        self.wake.notify_one();
    }

    fn set(&self, account: AccountId, known: Option<Known>) {
        let mut all = locked(&self.known);
        match known {
            Some(known) => all.insert(account, known),
            None => all.remove(&account),
        };
    }

    /// Whether an unfinished sync is to be moved on now by this node.
    fn is_ours(&self, sync: &FollowerSync, account: AccountId, now: Timestamp) -> bool {
        let mut all = locked(&self.known);
        match all.get(&account) {
            Some(Known::Begun) => true,
            Some(Known::Seen(seen)) if seen == sync => true,
            Some(Known::Rests(until)) => *until <= now,
            Some(Known::Seen(_)) | None => {
                all.insert(account, Known::Seen(sync.clone()));
                false
            }
        }
    }
}

impl Engine {
    /// Moves unfinished syncs on for ever. A long one does not hold up the others.
    pub(crate) async fn sync_followers_for_ever(self) {
        let mut under_way = FuturesUnordered::new();
        loop {
            under_way.extend(
                self.syncable()
                    .into_iter()
                    .map(|account| self.move_sync(account)),
            );
            let look_again = async {
                tokio::select! {
                    () = self.follower_syncs.wake.notified() => {}
                    () = tokio::time::sleep(LOOK_PAUSE) => {}
                }
            };
            tokio::pin!(look_again);
            loop {
                tokio::select! {
                    () = &mut look_again => break,
                    Some(()) = under_way.next() => {}
                }
            }
        }
    }

    /// Moves every sync that is ours on until it is over or rests: for tests.
    pub(crate) async fn move_syncs(&self) {
        let all = self.syncable().into_iter();
        futures_util::future::join_all(all.map(|account| self.move_sync(account))).await;
    }

    /// The accounts that have followers, and where nobody is at their sync.
    fn syncable(&self) -> Vec<Arc<Account>> {
        let mut accounts = self.registry.all();
        let busy = locked(&self.follower_syncs.busy);
        accounts.retain(|account| {
            account.settings.kind == AccountKind::OfficialAccount
                && !account.settings.disabled
                && !busy.contains(&account.id)
        });
        accounts
    }

    async fn move_sync(&self, account: Arc<Account>) {
        let desk = &self.follower_syncs;
        let Some(_busy) = desk.enter(account.id) else {
            return;
        };
        let mut turn = None;
        loop {
            let now = self.clock.now();
            let sync = match self.store.follower_sync(account.id).await {
                Ok(Some(sync)) if !is_over(&sync) => sync,
                Ok(_) => return desk.set(account.id, None),
                Err(error) => {
                    tracing::warn!(account = %account.name(), %error, "the state of a sync could not be read");
                    return;
                }
            };
            if !desk.is_ours(&sync, account.id, now) {
                return;
            }
            if turn.is_none() {
                turn = desk.turns.acquire().await.ok();
                // It may have waited for long.
                continue;
            }
            match self.step_sync(&account, &sync).await {
                Ok(Stepped::On) => desk.set(account.id, Some(Known::Begun)),
                Ok(Stepped::Over) => {
                    tracing::info!(
                        account = %account.name(), listed = sync.listed, gone = sync.gone,
                        detailed = sync.detailed, "a sync of followers is over"
                    );
                    return desk.set(account.id, None);
                }
                // Whoever was quicker goes on with it.
                Ok(Stepped::Overtaken) => return desk.set(account.id, None),
                Ok(Stepped::Spared) => {
                    let words = "half of the day's allowance for details of people is used; it goes on tomorrow";
                    return self
                        .rest(&account, &sync, after_quota_reset(now), words)
                        .await;
                }
                Err(failure) => return self.broke_off(&account, &sync, &failure, now).await,
            }
        }
    }

    async fn broke_off(
        &self,
        account: &Account,
        sync: &FollowerSync,
        failure: &WechatFailure,
        now: Timestamp,
    ) {
        let words = failure.to_string();
        tracing::warn!(account = %account.name(), problem = %words, "a sync of followers broke off");
        let class = match failure {
            WechatFailure::Refused(refusal) => Some(refusal.errcode.class()),
            _ => None,
        };
        let until = match (failure, class) {
            (_, Some(ErrClass::QuotaExhausted)) => after_quota_reset(now),
            (_, Some(ErrClass::Busy | ErrClass::Backoff | ErrClass::RateLimited)) => {
                after(now, SHORT_REST)
            }
            (WechatFailure::Credential(CredentialError::Unavailable { retry_at, .. }), _) => {
                (*retry_at).max(after(now, SHORT_REST))
            }
            (WechatFailure::Unreachable { .. } | WechatFailure::Store(_), _) => {
                after(now, SHORT_REST)
            }
            (WechatFailure::Credential(_), _)
            | (_, Some(ErrClass::StaleCredential | ErrClass::IpNotAllowed)) => {
                after(now, LONG_REST)
            }
            // Trying again would bring the same.
            (WechatFailure::Refused(_) | WechatFailure::Missing, _) => {
                let over = FollowerSync {
                    phase: SyncPhase::Over,
                    finished_at: Some(now),
                    problem: Some(words),
                    ..sync.clone()
                };
                self.note(account, sync, &over).await;
                return self.follower_syncs.set(account.id, None);
            }
        };
        self.rest(account, sync, until, &words).await;
    }

    async fn rest(&self, account: &Account, sync: &FollowerSync, until: Timestamp, words: &str) {
        self.follower_syncs
            .set(account.id, Some(Known::Rests(until)));
        let resting = FollowerSync {
            problem: Some(format!("{words} (rests until {until})")),
            ..sync.clone()
        };
        self.note(account, sync, &resting).await;
    }

    async fn note(&self, account: &Account, from: &FollowerSync, to: &FollowerSync) {
        if let Err(error) = self.swap(account, from, &SyncStep::Noted, to).await {
            tracing::debug!(account = %account.name(), %error, "the state of a sync could not be noted");
        }
    }
}
