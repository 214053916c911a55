//! What holds messages back that are due: quiet hours, the breaker, the share of the
//! allowance that is kept for urgent ones.

use std::time::Duration;

use hongyan_domain::account::{Account, Breaker};
use hongyan_domain::breaker::{Blocks, blocks};
use hongyan_domain::clock::after;
use hongyan_domain::delivery::{Outcome, Refusal};
use hongyan_domain::message::{Kind, Message, Priority};
use hongyan_domain::timing::QuietAction;
use hongyan_wechat::ErrClass;
use jiff::Timestamp;

use super::lane::{Lane, Permits};
use super::pace::Signal;
use crate::Engine;
use crate::calls;

/// How long the message that tries whether a kind goes out again may take; then
/// another may.
const TRY: Duration = Duration::from_secs(60);

/// How long a message waits at most that may not use the rest of the day's
/// allowance: it may be cleared or raised meanwhile.
const RESERVE_LOOK: Duration = Duration::from_secs(10 * 60);

/// Until when an account disturbs nobody, if it is quiet at `now` and its messages
/// wait.
pub(crate) fn deferred_until(account: &Account, now: Timestamp) -> Option<Timestamp> {
    quiet_until(account, now, QuietAction::Defer)
}

/// Whether what is not urgent is dropped at `now`.
pub(super) fn drops(account: &Account, now: Timestamp) -> bool {
    quiet_until(account, now, QuietAction::Drop).is_some()
}

fn quiet_until(account: &Account, now: Timestamp, action: QuietAction) -> Option<Timestamp> {
    let quiet = account.settings.options.quiet_hours.as_ref()?;
    if quiet.action != action {
        return None;
    }
    quiet.until(now)
}

/// What may be claimed of an account.
pub(super) enum Admission {
    /// So many, so urgent at least.
    Open {
        permits: Permits,
        /// Whether what is less urgent waits for room, and so stays due.
        crowded: bool,
    },
    /// Nothing before that time.
    Closed(Timestamp),
}

impl Engine {
    /// What may be claimed of an account that is on and neither parked nor resting.
    pub(super) fn admit(&self, account: &Account, lane: &Lane, now: Timestamp) -> Admission {
        let breaker = account.state.breaker.as_ref();
        let tried = match breaker.filter(|breaker| breaker.holds_all()) {
            Some(breaker) if breaker.next_try_at > now => {
                return Admission::Closed(breaker.next_try_at);
            }
            Some(_) if lane.in_flight() > 0 => {
                lane.starve();
                return Admission::Closed(after(now, self.dispatcher.settings.poll_interval));
            }
            tried => tried.is_some(),
        };
        let mut permits = lane.permits(&account.settings, now);
        let crowded = permits.least == Priority::High;
        permits.count = permits.count.min(self.dispatcher.settings.claim_batch);
        if permits.count == 0 {
            return Admission::Closed(lane.next_permit_at(&account.settings, now));
        }
        if tried {
            permits.count = 1;
        }
        if deferred_until(account, now).is_some() {
            permits.least = Priority::High;
        }
        Admission::Open { permits, crowded }
    }

    /// Until when a claimed message of a kind waits although its account sends.
    pub(super) fn held_until(
        &self,
        account: &Account,
        message: &Message,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let kind = message.kind();
        if let Some(until) = account.parked_until(kind, now) {
            // Just then, by which they are found if there is more before.
            return Some(until);
        }
        let breaker = account.state.breaker.as_ref();
        if let Some(breaker) = breaker.filter(|it| !it.holds_all() && it.holds(kind)) {
            if breaker.next_try_at > now {
                return Some(self.a_little_after(breaker.next_try_at));
            }
            let lane = self.dispatcher.lane(account.id);
            if let Err(until) = lane.tries_kind(now, after(now, TRY)) {
                return Some(self.a_little_after(until));
            }
        }
        if message.priority == Priority::High {
            return None;
        }
        self.reserved_until(account, kind, now)
            .map(|until| self.a_little_after(until.min(after(now, RESERVE_LOOK))))
    }

    /// A little later, so that those who wait together do not come back together.
    fn a_little_after(&self, at: Timestamp) -> Timestamp {
        after(at, Duration::from_secs(10).mul_f64(self.chance.unit()))
    }

    /// Takes in what the answer to a send says about its account: what it used of the
    /// allowance, whether it is too fast, whether it may send at all.
    pub(super) async fn note_answer(
        &self,
        account: &Account,
        kind: Kind,
        outcome: &Outcome,
        began: Timestamp,
    ) {
        let now = self.clock.now();
        if !matches!(outcome, Outcome::NotSent { .. }) {
            self.quotas.note(account.id, calls::path(kind), now);
        }
        let lane = self.dispatcher.lane(account.id);
        if lane.note(Signal::from(outcome), now) {
            tracing::warn!(account = %account.name(), pace = lane.pace(now), "WeChat is in trouble or finds the account too fast: it slows down");
        }
        let passed = match outcome {
            Outcome::Accepted { .. } => true,
            Outcome::Refused(refusal) => {
                if let Some(blocks) = blocks(refusal, kind) {
                    Box::pin(self.block(account, kind, blocks, refusal, began)).await;
                }
                // WeChat judged the recipient: the account was let through.
                matches!(
                    refusal.errcode.class(),
                    ErrClass::CannotReach | ErrClass::Duplicate
                )
            }
            _ => false,
        };
        if passed && account.state.breaker.is_some() {
            Box::pin(self.unblock(account, kind, began)).await;
        }
    }

    async fn block(
        &self,
        account: &Account,
        kind: Kind,
        blocks: Blocks,
        refusal: &Refusal,
        began: Timestamp,
    ) {
        let now = self.clock.now();
        let changed = self
            .change_state(account.id, |account| {
                let former = account.state.breaker.as_ref();
                account.state.breaker = Some(Breaker::after_refusal(
                    former, blocks, kind, refusal, began, now,
                ));
            })
            .await;
        let breaker = changed.and_then(|account| account.state.breaker.clone());
        if let Some(breaker) = breaker {
            tracing::error!(
                account = %account.name(), errcode = breaker.errcode, errmsg = %breaker.errmsg,
                seen_ip = breaker.seen_ip, next_try_at = %breaker.next_try_at,
                whole_account = breaker.holds_all(), kind = kind.as_str(),
                "WeChat refuses what the account sends: its messages wait"
            );
        }
    }

    async fn unblock(&self, account: &Account, kind: Kind, began: Timestamp) {
        let changed = self
            .change_state(account.id, |account| {
                account.state.breaker = account
                    .state
                    .breaker
                    .take()
                    .and_then(|breaker| breaker.after_passage(kind, began));
            })
            .await;
        if changed.is_some() {
            tracing::info!(account = %account.name(), kind = kind.as_str(), "WeChat takes the account's messages again");
            self.dispatcher.wake_account(account.id);
        }
    }
}
