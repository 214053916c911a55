//! Outcomes and what follows from them.

use hongyan_wechat::ErrCode;

use super::*;
use crate::delivery::Refusal;
use crate::grant::Withheld;
use crate::ids::{AccountId, MessageId};
use crate::message::{Content, Data, Handling, Priority, Route, SubscribeContent, TemplateContent};

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
fn what_the_account_is_refused_for_is_tried_again_until_patience_ends() {
    let message = message(false);
    for code in [48001, 50002, 40164] {
        let (decision, history) = after_first(&message, &refused(code));
        assert!(matches!(decision, Decision::RetryAt { .. }), "{code}");
        assert_eq!(history.attempts, 1);
    }
    // Of a mini program it concerns this one openid.
    assert_eq!(
        after_first(&message, &refused(43104)).0,
        settled(State::Failed)
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

/// A mini-program message with another way by an official account.
fn with_another_way() -> Message {
    let other = message(true);
    let handling = Handling {
        fallback: vec![Route {
            position: 1,
            account: AccountId(2),
            to: "oElsewhere".parse().unwrap(),
            content: other.content,
        }],
        ..Handling::default()
    };
    Message {
        handling: Some(Box::new(handling)),
        ..message(false)
    }
}

#[test]
fn only_a_definite_no_leads_to_the_next_way() {
    let message = with_another_way();
    for outcome in [
        refused(43101),
        refused(45015),
        refused(40003),
        refused(43107),
        Outcome::Withheld(Withheld::NoConsentLeft),
    ] {
        let (decision, history) = after_first(&message, &outcome);
        let Decision::Reroute(next) = decision else {
            panic!("{outcome:?} led to {decision:?}");
        };
        assert_eq!(next.account, AccountId(2));
        assert_eq!(next.to.as_str(), "oElsewhere");
        assert_eq!(next.handling.position, 1);
        assert!(next.handling.fallback.is_empty());
        let left = &next.handling.left[0];
        assert_eq!((left.position, left.account), (0, AccountId(1)));
        assert_eq!(history, History::default());
    }
    for outcome in [
        refused(47003),
        refused(43116),
        Outcome::Withheld(Withheld::QuietHours),
        Outcome::Withheld(Withheld::SameContent),
    ] {
        assert_eq!(after_first(&message, &outcome).0, settled(State::Failed));
    }
    // Nobody knows: then nobody is told by another way, either.
    assert_eq!(after_first(&message, &lost()).0, settled(State::Unknown));
    assert_eq!(
        after_first(&message, &refused(-1)).0,
        settled(State::Unknown)
    );
}

#[test]
fn what_may_have_gone_out_goes_no_other_way() {
    let mut message = with_another_way();
    message.on_unknown = OnUnknown::Resend;
    for history in [
        History {
            first_uncertain_at: Some(start()),
            ..History::default()
        },
        History {
            doubted: true,
            ..History::default()
        },
    ] {
        let policy = RetryPolicy::default();
        let (decision, _) = decide(
            &message,
            history,
            &refused(43101),
            start(),
            start(),
            &policy,
            0.5,
        );
        assert_eq!(decision, settled(State::Unknown));
    }
}

#[test]
fn the_last_way_ends_as_a_message_without_others() {
    let mut message = with_another_way();
    message.handling.as_mut().unwrap().fallback.clear();
    assert_eq!(
        after_first(&message, &refused(43101)).0,
        settled(State::Failed)
    );
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
