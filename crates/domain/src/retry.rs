//! What follows from an outcome: the rules of trying again.
//!
//! The class of WeChat's code decides, never its text. What may have gone out
//! is repeated only where WeChat drops the repeat (`client_msg_id` of template
//! messages, inside ten minutes) or where the caller asked for it.

use std::time::Duration;

use hongyan_wechat::ErrClass;
use jiff::Timestamp;

use crate::clock::{after, after_quota_reset};
use crate::delivery::{Decision, History, Outcome};
use crate::message::{Message, OnUnknown, State};

/// How long WeChat drops a template message with the same openid and
/// `client_msg_id` (发送模板消息, `client_msg_id`: ten minutes).
pub const DEDUPLICATION_WINDOW: Duration = Duration::from_secs(10 * 60);

/// How long before the window's end the last repeat may begin: it must reach
/// WeChat inside the window, and the two clocks may differ.
const DEDUPLICATION_MARGIN: Duration = Duration::from_secs(60);

/// How long an account rests that called too fast: WeChat's minute limits say
/// "retry next minute" (45011).
pub const RATE_LIMIT_REST: Duration = Duration::from_secs(60);

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
            ErrClass::BadSecret
            | ErrClass::IpNotAllowed
            | ErrClass::CannotReach
            | ErrClass::AccountBlocked
            | ErrClass::Permanent => over(&history),
        },
    };
    (decision, history)
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
mod tests {
    use hongyan_wechat::ErrCode;

    use super::*;
    use crate::delivery::Refusal;
    use crate::ids::{AccountId, MessageId};
    use crate::message::{Content, Data, Priority, SubscribeContent, TemplateContent};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn start() -> Timestamp {
        at("2026-11-21T04:00:00Z")
    }

    fn message(deduplicated: bool) -> Message {
        let template_id = "tpl".parse().unwrap();
        let data = Data::new();
        let content = if deduplicated {
            Content::Template(TemplateContent {
                template_id,
                data,
                url: None,
                miniprogram: None,
            })
        } else {
            Content::Subscribe(SubscribeContent {
                template_id,
                data,
                page: None,
                miniprogram_state: None,
                lang: None,
            })
        };
        Message {
            id: MessageId::new(start(), [1; 10]),
            account: AccountId(1),
            to: "oPerson".parse().unwrap(),
            content,
            priority: Priority::Normal,
            on_unknown: OnUnknown::Keep,
            send_at: None,
            expires_at: None,
            reference: None,
            metadata: None,
            created_at: start(),
            created_by: None,
            trace_context: None,
            broadcast: None,
            handling: None,
        }
    }

    fn refused(code: i64) -> Outcome {
        Outcome::Refused(Refusal {
            errcode: ErrCode(code),
            errmsg: String::new(),
            rid: None,
        })
    }

    fn lost() -> Outcome {
        Outcome::Uncertain {
            reason: "time-out".to_owned(),
        }
    }

    fn after_first(message: &Message, outcome: &Outcome) -> (Decision, History) {
        decide(
            message,
            History::default(),
            outcome,
            start(),
            start(),
            &RetryPolicy::default(),
            1.0,
        )
    }

    fn settled(state: State) -> Decision {
        Decision::Settle { state, msgid: None }
    }

    #[test]
    fn a_lost_answer_is_repeated_only_where_wechat_drops_the_repeat() {
        let (decision, history) = after_first(&message(true), &lost());
        assert_eq!(
            decision,
            Decision::RetryAt {
                at: at("2026-11-21T04:00:01Z")
            }
        );
        assert_eq!(history.first_uncertain_at, Some(start()));

        assert_eq!(
            after_first(&message(false), &lost()).0,
            settled(State::Unknown)
        );
        assert_eq!(
            after_first(&message(false), &refused(-1)).0,
            settled(State::Unknown)
        );

        let willing = Message {
            on_unknown: OnUnknown::Resend,
            ..message(false)
        };
        assert!(matches!(
            after_first(&willing, &lost()).0,
            Decision::RetryAt { .. }
        ));
    }

    #[test]
    fn repeats_stop_before_the_ten_minutes_are_over() {
        let message = message(true);
        let (mut now, mut history, mut last_repeat) = (start(), History::default(), start());
        loop {
            let (decision, kept) = decide(
                &message,
                history,
                &lost(),
                now,
                now,
                &RetryPolicy::default(),
                1.0,
            );
            history = kept;
            match decision {
                Decision::RetryAt { at } => (now, last_repeat) = (at, at),
                other => {
                    assert_eq!(other, settled(State::Unknown));
                    break;
                }
            }
        }
        assert!(last_repeat > at("2026-11-21T04:04:00Z"), "{last_repeat}");
        assert!(last_repeat < at("2026-11-21T04:09:00Z"), "{last_repeat}");
    }

    #[test]
    fn a_definite_refusal_does_not_hide_an_unanswered_attempt() {
        let message = message(true);
        let history = History {
            attempts: 1,
            first_uncertain_at: Some(start()),
            doubted: false,
        };
        let again = |code| {
            decide(
                &message,
                history,
                &refused(code),
                start(),
                start(),
                &RetryPolicy::default(),
                0.5,
            )
            .0
        };
        assert_eq!(again(43004), settled(State::Unknown));
        assert_eq!(again(47003), settled(State::Failed));
        assert_eq!(again(40241), settled(State::Accepted));
        // The allowance comes back long after the window's end.
        assert_eq!(again(45009), settled(State::Unknown));
    }

    #[test]
    fn classes_lead_to_their_decisions() {
        let message = message(true);
        let decision = |code| after_first(&message, &refused(code)).0;
        assert_eq!(decision(43004), settled(State::Failed));
        assert_eq!(decision(47003), settled(State::Failed));
        assert_eq!(decision(987_654), settled(State::Failed));
        assert_eq!(
            decision(45009),
            Decision::Park {
                until: at("2026-11-21T16:01:00Z")
            }
        );
        assert_eq!(
            decision(45011),
            Decision::RetryAt {
                at: at("2026-11-21T04:01:10Z")
            }
        );
        assert_eq!(
            decision(40001),
            Decision::RetryAt {
                at: at("2026-11-21T04:00:01Z")
            }
        );
    }

    #[test]
    fn what_may_have_gone_out_before_a_retry_by_hand_stays_in_doubt() {
        let doubted = History {
            doubted: true,
            ..History::default()
        };
        let message = message(true);
        let (held_back, _) = before_sending(&message, doubted, None, start());
        assert_eq!(held_back, None, "a person asked for it");
        let again = |code| {
            let policy = RetryPolicy::default();
            decide(
                &message,
                doubted,
                &refused(code),
                start(),
                start(),
                &policy,
                0.5,
            )
            .0
        };
        assert_eq!(again(40241), settled(State::Accepted));
        assert_eq!(again(43004), settled(State::Unknown));
    }

    #[test]
    fn waiting_for_the_allowance_costs_no_attempt() {
        assert_eq!(after_first(&message(true), &refused(45009)).1.attempts, 0);
        assert_eq!(after_first(&message(true), &refused(45011)).1.attempts, 0);
    }

    #[test]
    fn an_interrupted_claim_is_repeated_only_where_that_is_safe() {
        let later = at("2026-11-21T04:05:00Z");
        let too_late = at("2026-11-21T04:09:00Z");
        let look = |deduplicated, now| {
            before_sending(
                &message(deduplicated),
                History::default(),
                Some(start()),
                now,
            )
            .0
        };
        assert_eq!(look(true, later), None);
        assert_eq!(look(true, too_late), Some(settled(State::Unknown)));
        assert_eq!(look(false, later), Some(settled(State::Unknown)));
    }

    #[test]
    fn what_expired_is_not_sent_and_what_may_have_gone_out_is_not_called_expired() {
        let message = Message {
            expires_at: Some(start()),
            ..message(true)
        };
        let clean = before_sending(&message, History::default(), None, start()).0;
        assert_eq!(clean, Some(settled(State::Expired)));
        let doubtful = before_sending(&message, History::default(), Some(start()), start()).0;
        assert_eq!(doubtful, Some(settled(State::Unknown)));
    }

    #[test]
    fn pauses_double_up_to_their_cap_and_spread() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(1, 1.0), Duration::from_secs(1));
        assert_eq!(policy.pause(4, 1.0), Duration::from_secs(8));
        assert_eq!(policy.pause(4, 0.0), Duration::from_secs(4));
        assert_eq!(policy.pause(u32::MAX, 1.0), policy.longest_pause);
    }

    #[test]
    fn patience_ends() {
        let policy = RetryPolicy::default();
        let history = History {
            attempts: policy.max_attempts - 1,
            first_uncertain_at: None,
            doubted: false,
        };
        let outcome = Outcome::NotSent {
            reason: "connection refused".to_owned(),
        };
        let (decision, _) = decide(
            &message(true),
            history,
            &outcome,
            start(),
            start(),
            &policy,
            0.0,
        );
        assert_eq!(decision, settled(State::Failed));
    }
}
