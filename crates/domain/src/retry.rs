//! What follows from an outcome: the rules of trying again.
//!
//! The class of WeChat's code decides, never its text. What may have gone out
//! is repeated only where WeChat drops the repeat (`client_msg_id` of template
//! messages, inside ten minutes) or where the caller asked for it.

use std::time::Duration;

use hongyan_wechat::ErrClass;
use jiff::Timestamp;

use crate::breaker::blocks;
use crate::clock::{after, after_quota_reset};
use crate::delivery::{Decision, History, Outcome, Refusal, Reroute};
use crate::message::{LeftRoute, Message, OnUnknown, State, WhyLeft};

/// How long WeChat drops a template message with the same openid and
/// `client_msg_id` (发送模板消息, `client_msg_id`: ten minutes).
pub const DEDUPLICATION_WINDOW: Duration = Duration::from_secs(10 * 60);

/// How long before the window's end the last repeat may begin: it must reach
/// WeChat inside the window, and the two clocks may differ.
const DEDUPLICATION_MARGIN: Duration = Duration::from_secs(60);

/// How long an account rests that called too fast: WeChat's minute limits say
/// "retry next minute" (45011).
pub const RATE_LIMIT_REST: Duration = Duration::from_secs(60);

/// The account's or the template's subscription messages are banned (43107). It says
/// nothing about the person, but this way leads to nobody.
const MESSAGES_BANNED: i64 = 43107;

/// How often and how patiently to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The pause after the first failure; each further one doubles it.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// After so many attempts the message fails.
    pub max_attempts: u32,
}

impl Default for RetryPolicy {
    /// 1 s, 2 s, 4 s … at most 10 minutes apart; 20 attempts, which is about an
    /// hour and three quarters.
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(600),
            max_attempts: 20,
        }
    }
}

impl RetryPolicy {
    /// The pause after `attempts` failures (at least one): doubling, capped, and
    /// then spread over its upper half by `chance` in 0..1, so that messages
    /// that failed together do not come back together.
    #[must_use]
    pub fn pause(&self, attempts: u32, chance: f64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(30);
        let full = self
            .first_pause
            .saturating_mul(1 << doublings)
            .min(self.longest_pause);
        full.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

/// What to do after an attempt that began at `began` and ended in `outcome` at
/// `now`, with the history as it was before. Returns the decision and the
/// history to keep. `chance` in 0..1 spreads the pauses.
#[must_use]
pub fn decide(
    message: &Message,
    history: History,
    outcome: &Outcome,
    began: Timestamp,
    now: Timestamp,
    policy: &RetryPolicy,
    chance: f64,
) -> (Decision, History) {
    let mut history = history;
    history.attempts = history.attempts.saturating_add(1);
    let pause = policy.pause(history.attempts, chance);
    let gives_up = history.attempts >= policy.max_attempts;
    // Up to a sixth more, so that those who rest together do not come back
    // together.
    let rest = RATE_LIMIT_REST.mul_f64(1.0 + chance.clamp(0.0, 1.0) / 6.0);
    let decision = match outcome {
        Outcome::Accepted { msgid } => Decision::Settle {
            state: State::Accepted,
            msgid: *msgid,
        },
        Outcome::Withheld(reason) if reason.is_unreachable() => elsewhere(
            message,
            &history,
            WhyLeft::Withheld { reason: *reason },
            now,
        ),
        Outcome::Withheld(_) => over(&history),
        Outcome::NotSent { .. } => again(message, &history, after(now, pause), gives_up),
        Outcome::Uncertain { .. } | Outcome::Interrupted => {
            history.first_uncertain_at.get_or_insert(began);
            again(message, &history, after(now, pause), gives_up)
        }
        Outcome::Refused(refusal) => match refusal.errcode.class() {
            // errcode 0 is no refusal; were it to come as one, WeChat took the
            // message.
            ErrClass::Success => Decision::Settle {
                state: State::Accepted,
                msgid: None,
            },
            // -1 says nothing about whether the message went out.
            ErrClass::Busy => {
                history.first_uncertain_at.get_or_insert(began);
                again(message, &history, after(now, pause), gives_up)
            }
            ErrClass::StaleCredential | ErrClass::Backoff => {
                again(message, &history, after(now, pause), gives_up)
            }
            ErrClass::RateLimited => {
                // The account was too fast; the message did nothing wrong.
                history.attempts -= 1;
                again(message, &history, after(now, rest), false)
            }
            ErrClass::QuotaExhausted => {
                // Waiting for the day to turn is nobody's failure.
                history.attempts -= 1;
                let until = after_quota_reset(now);
                match again(message, &history, until, false) {
                    Decision::RetryAt { at } => Decision::Park { until: at },
                    other => other,
                }
            }
            // Said of a message that may have gone out before, it is the answer
            // we were missing; said of a first attempt, it concerns another.
            ErrClass::Duplicate if history.may_have_gone_out() => Decision::Settle {
                state: State::Accepted,
                msgid: None,
            },
            ErrClass::Duplicate => again(message, &history, after(now, rest), gives_up),
            // The same words were refused now, so they were refused before.
            ErrClass::BadInput => Decision::Settle {
                state: State::Failed,
                msgid: None,
            },
            ErrClass::CannotReach => refused_here(message, &history, refusal, now),
            ErrClass::Permanent if refusal.errcode.0 == MESSAGES_BANNED => {
                refused_here(message, &history, refusal, now)
            }
            // The account's breaker opens; the message is tried again with it.
            ErrClass::IpNotAllowed | ErrClass::AccountBlocked
                if blocks(refusal, message.kind()).is_some() =>
            {
                again(message, &history, after(now, pause), gives_up)
            }
            ErrClass::BadSecret
            | ErrClass::IpNotAllowed
            | ErrClass::AccountBlocked
            | ErrClass::Permanent => over(&history),
        },
    };
    if matches!(decision, Decision::Reroute(_)) {
        // Nothing is known to have gone out: it is as if the message had just come.
        history = History::default();
    }
    (decision, history)
}

fn refused_here(
    message: &Message,
    history: &History,
    refusal: &Refusal,
    now: Timestamp,
) -> Decision {
    let why = WhyLeft::Refused {
        errcode: refusal.errcode.0,
        errmsg: refusal.errmsg.clone(),
    };
    elsewhere(message, history, why, now)
}

/// The person cannot be reached this way: the next one, if there is one and nothing
/// may have gone out; else the end.
fn elsewhere(message: &Message, history: &History, why: WhyLeft, now: Timestamp) -> Decision {
    let Some(handling) = &message.handling else {
        return over(history);
    };
    if history.may_have_gone_out() || handling.fallback.is_empty() {
        return over(history);
    }
    let mut handling = handling.as_ref().clone();
    let next = handling.fallback.remove(0);
    handling.left.push(LeftRoute {
        position: handling.position,
        account: message.account,
        kind: message.kind(),
        template_id: message.content.template_id().cloned(),
        to: Some(message.to.clone()),
        at: now,
        why,
    });
    handling.position = next.position;
    Decision::Reroute(Box::new(Reroute {
        account: next.account,
        to: next.to,
        content: next.content,
        handling,
    }))
}

/// What to do with a claimed message before anything is sent: `None` = send it.
///
/// `interrupted_at` is when an earlier claim was made that was never settled:
/// its holder may have sent the message then.
#[must_use]
pub fn before_sending(
    message: &Message,
    history: History,
    interrupted_at: Option<Timestamp>,
    now: Timestamp,
) -> (Option<Decision>, History) {
    let mut history = history;
    if let Some(claimed_at) = interrupted_at {
        history.attempts = history.attempts.saturating_add(1);
        history.first_uncertain_at.get_or_insert(claimed_at);
    }
    let may_be_repeated = history
        .first_uncertain_at
        .is_none_or(|since| may_repeat(message, since, now));
    let state = if !may_be_repeated {
        Some(State::Unknown)
    } else if message.has_expired(now) {
        Some(if history.may_have_gone_out() {
            State::Unknown
        } else {
            State::Expired
        })
    } else {
        None
    };
    (
        state.map(|state| Decision::Settle { state, msgid: None }),
        history,
    )
}

/// Whether a message that may have gone out at `since` can be sent again at
/// `at` without a person being told twice, or with the caller's consent.
#[must_use]
pub fn may_repeat(message: &Message, since: Timestamp, at: Timestamp) -> bool {
    if message.on_unknown == OnUnknown::Resend {
        return true;
    }
    message.kind().is_deduplicated()
        && at
            < after(
                since,
                DEDUPLICATION_WINDOW.saturating_sub(DEDUPLICATION_MARGIN),
            )
}

fn again(message: &Message, history: &History, at: Timestamp, gives_up: bool) -> Decision {
    let may_be_repeated = history
        .first_uncertain_at
        .is_none_or(|since| may_repeat(message, since, at));
    if gives_up || !may_be_repeated {
        over(history)
    } else {
        Decision::RetryAt { at }
    }
}

/// The end of a message that WeChat did not take. A definite answer to the last
/// attempt does not tell what became of an earlier one that was never answered.
fn over(history: &History) -> Decision {
    let state = if history.may_have_gone_out() {
        State::Unknown
    } else {
        State::Failed
    };
    Decision::Settle { state, msgid: None }
}

#[cfg(test)]
mod tests;
