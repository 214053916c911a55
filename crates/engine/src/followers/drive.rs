//! Who moves syncs on, and when they rest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use hongyan_domain::AccountId;
use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::clock::{after, after_quota_reset};
use hongyan_domain::contact::{FollowerSync, SyncPhase, SyncStep};
use hongyan_wechat::ErrClass;
use jiff::Timestamp;
use tokio::sync::Notify;

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
#[derive(Debug, Default)]
pub(crate) struct SyncDesk {
    /// Held by the one who moves them on.
    driving: tokio::sync::Mutex<()>,
    known: Mutex<HashMap<AccountId, Known>>,
    wake: Notify,
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
    pub(super) fn begin(&self, account: AccountId) {
        self.set(account, Some(Known::Begun));
        self.wake.notify_one();
    }

    fn set(&self, account: AccountId, known: Option<Known>) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some(known) => all.insert(account, known),
            None => all.remove(&account),
        };
    }

    /// Whether an unfinished sync is to be moved on now by this node.
    fn is_ours(&self, sync: &FollowerSync, account: AccountId, now: Timestamp) -> bool {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
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
    /// Moves unfinished syncs on for ever.
    pub(crate) async fn sync_followers_for_ever(self) {
        loop {
            self.move_syncs().await;
            tokio::select! {
                () = self.follower_syncs.wake.notified() => {}
                () = tokio::time::sleep(LOOK_PAUSE) => {}
            }
        }
    }

    /// Moves every sync that is ours on until it is over or rests.
    pub(crate) async fn move_syncs(&self) {
        let _driving = self.follower_syncs.driving.lock().await;
        let accounts = self.registry.all();
        let official = accounts.iter().filter(|account| {
            account.settings.kind == AccountKind::OfficialAccount && !account.settings.disabled
        });
        futures_util::stream::iter(official)
            .for_each_concurrent(AT_ONCE, |account| self.move_sync(account))
            .await;
    }

    async fn move_sync(&self, account: &Arc<Account>) {
        let desk = &self.follower_syncs;
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
            match self.step_sync(account, &sync).await {
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
                        .rest(account, &sync, after_quota_reset(now), words)
                        .await;
                }
                Err(failure) => return self.broke_off(account, &sync, &failure, now).await,
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
