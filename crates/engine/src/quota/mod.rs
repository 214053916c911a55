//! The ledger of what accounts may still do today: our own count, what WeChat says
//! (查询API调用额度), what follows from both.

mod book;
mod meter;

pub(crate) use book::QuotaBook;

use std::time::Duration;

use hongyan_domain::account::Account;
use hongyan_domain::clock::{after, beijing_day, beijing_month, next_beijing_midnight};
use hongyan_domain::message::Kind;
use hongyan_domain::port::StoreError;
use hongyan_domain::quota::{Quota, ReportedQuota};
use hongyan_wechat::api;
use jiff::Timestamp;

use crate::Engine;
use crate::calls;
use crate::templates::WechatFailure;

/// How often counts are written down and WeChat is asked where that is worth while.
const TEND_EVERY: Duration = Duration::from_secs(5);

/// WeChat tells no allowance of that API, or not to that kind of account
/// (查询API调用额度).
const UNTOLD: [i64; 2] = [76021, 76022];

/// One API of an account today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaLine {
    /// Our count and WeChat's word.
    pub quota: Quota,
    /// Calls of the last minute, by this node.
    pub per_minute: u64,
    /// When the allowance is used up if it goes on like this; `None` = not today, or
    /// not known.
    pub exhausted_at: Option<Timestamp>,
    /// Whether what is left is enough for all open messages of the account; only of
    /// APIs that send messages, and only where both are known.
    pub enough_for_queue: Option<bool>,
}

/// An account's allowances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaReport {
    /// When the day turns.
    pub resets_at: Timestamp,
    /// The APIs used or asked about today, by path.
    pub lines: Vec<QuotaLine>,
    /// How often we had the allowances cleared this month. The console's button
    /// counts at WeChat, too.
    pub clearings: u32,
}

impl Engine {
    /// When messages of a kind that are not urgent may go again: what is left of the
    /// day is kept for urgent ones. `None` = now.
    pub(crate) fn reserved_until(
        &self,
        account: &Account,
        kind: Kind,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let percent = account.settings.options.reserve_for_high_percent;
        if percent == 0 {
            return None;
        }
        let quota = self.quotas.quota(account.id, calls::path(kind), now)?;
        let (reported, _) = quota.reported?;
        let kept = reported.daily_limit.saturating_mul(u64::from(percent)) / 100;
        // Where nothing is left, WeChat says so, and the account is parked.
        (1..=kept)
            .contains(&quota.left()?)
            .then(|| next_beijing_midnight(now))
    }

    /// An account's allowances as far as we know, our newest calls included.
    ///
    /// # Errors
    /// Storage's.
    pub async fn quotas(&self, account: &Account) -> Result<QuotaReport, StoreError> {
        self.write_calls().await?;
        let now = self.clock.now();
        let day = beijing_day(now);
        let stored = self.store.quotas(account.id, day).await?;
        self.quotas.read(account.id, day, stored);
        let open = self.open_messages(account.id);
        let resets_at = next_beijing_midnight(now);
        let lines = self
            .quotas
            .quotas(account.id, now)
            .into_iter()
            .map(|(quota, per_minute)| QuotaLine {
                exhausted_at: exhausted_at(&quota, per_minute, now, resets_at),
                enough_for_queue: open
                    .filter(|_| {
                        Kind::ALL
                            .iter()
                            .any(|kind| calls::path(*kind) == quota.path)
                    })
                    .zip(quota.left())
                    .map(|(open, left)| left >= open),
                quota,
                per_minute,
            })
            .collect();
        let month = beijing_month(now);
        Ok(QuotaReport {
            resets_at,
            lines,
            clearings: self.store.clearings(account.id, month).await?,
        })
    }

    /// Asks WeChat what is left of an account's allowances: of those it used today,
    /// and of those it sends messages with.
    ///
    /// # Errors
    /// Why WeChat could not be asked. What it said of some is kept all the same.
    pub async fn sync_quotas(&self, account: &Account) -> Result<(), WechatFailure> {
        let now = self.clock.now();
        let used = self.quotas.quotas(account.id, now);
        let mut paths: Vec<String> = used.into_iter().map(|(quota, _)| quota.path).collect();
        for kind in Kind::ALL {
            let path = calls::path(kind);
            if account.settings.kind.sends(kind) && !paths.iter().any(|known| known == path) {
                paths.push(path.to_owned());
            }
        }
        self.ask_quotas(account, paths).await
    }

    /// Has WeChat set the day's counts of all APIs of an account to zero
    /// (重置API调用次数), which it does ten times a month at most. A parked account
    /// sends again. How often we did so this month.
    ///
    /// # Errors
    /// Why not: 48006 = the month's clearings are used up.
    pub async fn clear_quota(&self, account: &Account) -> Result<u32, WechatFailure> {
        let call = api::openapi::ClearQuota {
            appid: &account.settings.appid,
        };
        self.ask_wechat(account, &call).await?;
        let now = self.clock.now();
        let month = beijing_month(now);
        let clearings = self.store.count_clearing(account.id, month).await?;
        tracing::info!(account = %account.name(), clearings, "the day's allowances were cleared");
        self.unpark(account.id, None).await;
        self.dispatcher.wake_account(account.id);
        for (quota, _) in self.quotas.quotas(account.id, now) {
            self.quotas.ask_again(account.id, &quota.path);
        }
        // It was cleared, whether or not WeChat says how much there is now.
        if let Err(failure) = self.sync_quotas(account).await {
            tracing::warn!(account = %account.name(), %failure, "WeChat could not be asked what is left");
        }
        Ok(clearings)
    }

    async fn ask_quotas(&self, account: &Account, paths: Vec<String>) -> Result<(), WechatFailure> {
        // What WeChat says includes our calls up to now: they must be counted first.
        self.write_calls().await?;
        for path in paths {
            let asked = self
                .ask_wechat(account, &api::openapi::GetQuota { cgi_path: &path })
                .await;
            let now = self.clock.now();
            self.quotas.asked(account.id, &path, now);
            let quota = match asked {
                Ok(reply) => reply.quota,
                Err(WechatFailure::Refused(refusal)) if UNTOLD.contains(&refusal.errcode.0) => {
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let reported = ReportedQuota {
                daily_limit: u64::try_from(quota.daily_limit).unwrap_or(0),
                used: u64::try_from(quota.used).unwrap_or(0),
                at: now,
            };
            let day = beijing_day(now);
            self.store
                .note_quota(account.id, &path, day, &reported)
                .await?;
        }
        let day = beijing_day(self.clock.now());
        let stored = self.store.quotas(account.id, day).await?;
        self.quotas.read(account.id, day, stored);
        Ok(())
    }

    /// Writes counts down.
    pub(crate) async fn write_calls(&self) -> Result<(), StoreError> {
        let calls = self.quotas.take_unwritten();
        if calls.is_empty() {
            return Ok(());
        }
        let written = self.store.note_calls(&calls).await;
        if written.is_err() {
            self.quotas.put_back(calls);
        }
        written
    }

    /// Writes counts down and asks WeChat where that is worth while, once; the
    /// background does it every five seconds.
    pub async fn tend_quotas(&self) {
        if let Err(error) = self.write_calls().await {
            tracing::warn!(%error, "the calls made could not be counted");
        }
        self.ask_where_worth_while().await;
    }

    async fn ask_where_worth_while(&self) {
        let now = self.clock.now();
        for account in self.registry.all() {
            let has_token = self.credentials.current(account.id).is_some();
            if account.settings.disabled || !has_token {
                continue;
            }
            let paths = self.quotas.worth_asking(account.id, now);
            if !paths.is_empty()
                && let Err(failure) = self.ask_quotas(&account, paths).await
            {
                tracing::info!(account = %account.name(), %failure, "WeChat could not be asked what is left of today's allowance");
            }
        }
    }

    /// Reads what was counted today, then tends the counts until the stop; writes
    /// down what is left then.
    pub(crate) async fn tend_quotas_for_ever(self, stop: impl Future<Output = ()>) {
        let day = beijing_day(self.clock.now());
        for account in self.registry.all() {
            match self.store.quotas(account.id, day).await {
                Ok(stored) => self.quotas.read(account.id, day, stored),
                Err(error) => {
                    tracing::warn!(account = %account.name(), %error, "today's calls could not be read");
                }
            }
        }
        tokio::pin!(stop);
        loop {
            // Not broken off: what is being written must not be counted twice.
            if let Err(error) = self.write_calls().await {
                tracing::warn!(%error, "the calls made could not be counted");
            }
            let rest = async {
                self.ask_where_worth_while().await;
                tokio::time::sleep(TEND_EVERY).await;
            };
            tokio::select! {
                () = rest => {}
                () = &mut stop => break,
            }
        }
        if let Err(error) = self.write_calls().await {
            tracing::warn!(%error, "the last calls could not be counted");
        }
    }
}

/// When an allowance is used up at this speed, if that is today.
fn exhausted_at(
    quota: &Quota,
    per_minute: u64,
    now: Timestamp,
    resets_at: Timestamp,
) -> Option<Timestamp> {
    let left = quota.left()?;
    if left == 0 {
        return Some(now);
    }
    let milliseconds = left.saturating_mul(60_000).checked_div(per_minute)?;
    let at = after(now, Duration::from_millis(milliseconds));
    (at < resets_at).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forecast_ends_with_the_day() {
        let now: Timestamp = "2026-11-21T04:00:00Z".parse().unwrap();
        let resets_at = next_beijing_midnight(now);
        let quota = |used| Quota {
            path: "/x".to_owned(),
            ours: 0,
            reported: Some((
                ReportedQuota {
                    daily_limit: 1000,
                    used,
                    at: now,
                },
                0,
            )),
        };
        let at = |used, per_minute| exhausted_at(&quota(used), per_minute, now, resets_at);
        assert_eq!(at(400, 10), Some(after(now, Duration::from_secs(3600))));
        assert_eq!(at(400, 0), None);
        assert_eq!(at(400, 1).map(|_| ()), Some(()));
        assert_eq!(at(0, 1), None, "a thousand minutes reach into tomorrow");
        assert_eq!(at(1000, 0), Some(now));
    }
}
