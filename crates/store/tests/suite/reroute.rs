use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::delivery::{Claimed, Decision, History, Reroute, Settlement};
use hongyan_domain::grant::{Hold, Use, Withheld};
use hongyan_domain::message::{
    Content, Handling, Kind, LeftRoute, Message, Priority, Route, State, SubscribeContent, WhyLeft,
};
use hongyan_domain::port::{Ask, MessageFilter, NewBatch, Settled, Store, StoreError, Tally};
use hongyan_domain::{AccountId, MessageId};

use super::{Kit, LEASE, cases, over};

cases! {
    keeps_what_was_asked_of_handling,
    goes_to_another_account,
    is_written_once,
    begins_again_but_remembers,
    is_found_where_it_is,
    is_found_where_it_is_in_old_spans,
    goes_back_and_forth,
    needs_its_lease,
    ends_where_the_account_is_gone,
    keeps_its_account,
    returns_what_it_held,
    takes_its_tally_back,
    comes_no_later_than_its_end,
}

fn content() -> Content {
    Content::Subscribe(SubscribeContent {
        template_id: "mp-tpl".parse().unwrap(),
        data: Default::default(),
        page: None,
        miniprogram_state: None,
        lang: None,
    })
}

fn handling(kit: &Kit, account: AccountId, next: AccountId) -> Handling {
    Handling {
        position: 0,
        fallback: vec![Route {
            position: 2,
            account: next,
            to: kit.openid("mPerson"),
            content: content(),
        }],
        left: vec![LeftRoute {
            position: 1,
            account,
            kind: Kind::Template,
            template_id: Some("tpl".parse().unwrap()),
            to: Some(kit.openid("oPerson")),
            at: kit.now(),
            why: WhyLeft::Withheld {
                reason: Withheld::NotFollowing,
            },
        }],
        deferred_until: None,
    }
}

/// The decision to go on by another account.
fn reroute(kit: &Kit, from: AccountId, to: AccountId) -> (Decision, Reroute) {
    let way = Reroute {
        account: to,
        to: kit.openid("mPerson"),
        content: content(),
        handling: Handling {
            position: 2,
            ..handling(kit, from, to)
        },
    };
    (Decision::Reroute(Box::new(way.clone())), way)
}

async fn settle(store: &dyn Store, settlement: Settlement) -> Settled {
    store.settle([settlement].into()).await.unwrap()[0]
}

/// A message that was claimed at the first account and sent on to the second.
async fn rerouted(store: &dyn Store, kit: &Kit, from: AccountId, to: AccountId) -> MessageId {
    let id = kit.queue(store, from).await;
    let claimed = kit.claim_one(store, from).await;
    let (decision, _) = reroute(kit, from, to);
    let onward = kit.settlement(&claimed, vec![kit.refused(43004)], decision);
    assert_eq!(settle(store, onward).await, Settled::Written);
    id
}

async fn two(store: &dyn Store, kit: &Kit) -> (AccountId, AccountId) {
    let oa = kit.account(store, "oa").await;
    (oa, kit.account(store, "mp").await)
}

async fn keeps_what_was_asked_of_handling(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let mut message = kit.message(oa);
    message.handling = Some(Box::new(Handling {
        deferred_until: Some(after(kit.now(), Duration::from_secs(60))),
        ..handling(kit, oa, mp)
    }));
    let batch = NewBatch {
        messages: vec![message.clone()],
        idempotency: None,
    };
    store.accept(batch).await.unwrap();
    let delivery = kit.delivery(store, message.id).await;
    assert_eq!(delivery.due_at, Some(message.first_due_at()));
    assert_eq!(delivery.message, message);
    kit.advance(60);
    assert_eq!(kit.claim_one(store, oa).await.message, message);
}

async fn goes_to_another_account(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let id = kit
        .queue_with(store, oa, |message| {
            message.priority = Priority::High;
            message.reference = Some("order-1".to_owned());
        })
        .await;
    let claimed = kit.claim_one(store, oa).await;
    let (decision, way) = reroute(kit, oa, mp);
    kit.advance(3);
    let attempt = kit.refused(43004);
    let onward = kit.settlement(&claimed, vec![attempt.clone()], decision);
    assert_eq!(settle(store, onward).await, Settled::Written);
    let delivery = kit.delivery(store, id).await;
    let expected = Message {
        account: mp,
        to: way.to,
        content: way.content,
        handling: Some(Box::new(way.handling)),
        ..claimed.message
    };
    assert_eq!(delivery.message, expected);
    assert_eq!((delivery.state, delivery.settled_at), (State::Open, None));
    assert_eq!(
        (delivery.due_at, delivery.leased_until),
        (Some(kit.now()), None)
    );
    let last = (delivery.attempt_count, delivery.last_errcode);
    assert_eq!(last, (1, Some(43004)));
    assert_eq!(delivery.attempts, std::slice::from_ref(&attempt));
    let none = store.claim(oa, 10, LEASE, Priority::Low).await.unwrap();
    assert!(none.claimed.is_empty() && none.next_due_at.is_none());
    let again = kit.claim_one(store, mp).await;
    assert_eq!((&again.message, again.interrupted_at), (&expected, None));
    assert!(again.lease.token > claimed.lease.token);
    let took = kit.took();
    let end = kit.settlement(&again, vec![took.clone()], over(State::Accepted));
    assert_eq!(settle(store, end).await, Settled::Written);
    let delivery = kit.delivery(store, id).await;
    assert_eq!(
        (delivery.state, delivery.attempt_count),
        (State::Accepted, 2)
    );
    assert_eq!(delivery.attempts, [attempt, took]);
    assert!(store.depths().await.unwrap().is_empty());
}

/// An answer that is lost is asked for again.
async fn is_written_once(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let id = kit.queue(store, oa).await;
    let claimed = kit.claim_one(store, oa).await;
    let (decision, _) = reroute(kit, oa, mp);
    let onward = kit.settlement(&claimed, vec![kit.refused(43004)], decision);
    for _ in 0..2 {
        assert_eq!(settle(store, onward.clone()).await, Settled::Written);
    }
    assert_eq!(kit.delivery(store, id).await.attempt_count, 1);
    // Claimed by now: the answer comes too late, but changes nothing either.
    kit.claim_one(store, mp).await;
    settle(store, onward).await;
    let delivery = kit.delivery(store, id).await;
    assert_eq!(
        (delivery.state, delivery.message.account),
        (State::Open, mp)
    );
}

async fn begins_again_but_remembers(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let id = kit.queue(store, oa).await;
    let first = kit.claim_one(store, oa).await;
    let mut wait = kit.settlement(
        &first,
        vec![kit.refused(45011)],
        Decision::RetryAt { at: kit.now() },
    );
    wait.history = History {
        attempts: 3,
        first_uncertain_at: None,
        doubted: false,
    };
    settle(store, wait).await;
    // One that was never settled.
    kit.claim_one(store, oa).await;
    kit.clock.advance(LEASE);
    let claimed = kit.claim_one(store, oa).await;
    assert_eq!(claimed.history.attempts, 3);
    assert!(claimed.interrupted_at.is_some());
    let (decision, _) = reroute(kit, oa, mp);
    let mut onward = kit.settlement(&claimed, vec![kit.refused(43004)], decision);
    onward.history = claimed.history;
    settle(store, onward).await;
    let again = kit.claim_one(store, mp).await;
    assert_eq!(
        (again.history, again.interrupted_at),
        (History::default(), None)
    );
    let delivery = kit.delivery(store, id).await;
    let last = (delivery.attempt_count, delivery.last_errcode);
    assert_eq!(last, (2, Some(43004)));
}

async fn found(store: &dyn Store, kit: &Kit, filter: MessageFilter) -> Vec<MessageId> {
    kit.search(store, filter).await
}

/// Looks for a message by all that a reroute changes.
async fn look(store: &dyn Store, kit: &Kit, id: MessageId, oa: AccountId, mp: AccountId) {
    let of = |account| MessageFilter {
        accounts: Some(vec![account]),
        ..MessageFilter::default()
    };
    let to = |openid: &str| MessageFilter {
        openids: Some(vec![kit.openid(openid)]),
        ..MessageFilter::default()
    };
    let kind = |kind| MessageFilter {
        kind: Some(kind),
        ..of(mp)
    };
    assert!(!found(store, kit, of(oa)).await.contains(&id));
    assert!(!found(store, kit, to("oPerson")).await.contains(&id));
    assert!(!found(store, kit, kind(Kind::Template)).await.contains(&id));
    for filter in [of(mp), to("mPerson"), kind(Kind::Subscribe)] {
        assert_eq!(found(store, kit, filter).await, [id]);
    }
    let mut by_code = of(mp);
    by_code.errcode = Some(43004);
    assert_eq!(found(store, kit, by_code.clone()).await, [id]);
    by_code.accounts = Some(vec![oa]);
    assert!(found(store, kit, by_code).await.is_empty());
}

async fn is_found_where_it_is(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let id = rerouted(store, kit, oa, mp).await;
    look(store, kit, id, oa, mp).await;
    let claimed = kit.claim_one(store, mp).await;
    let end = kit.settlement(&claimed, vec![kit.refused(43004)], over(State::Failed));
    settle(store, end).await;
    look(store, kit, id, oa, mp).await;
    let failed = MessageFilter {
        accounts: Some(vec![mp]),
        status: Some(hongyan_domain::message::Status::Failed),
        ..MessageFilter::default()
    };
    assert_eq!(found(store, kit, failed).await, [id]);
    let later = after(kit.now(), Duration::from_secs(1));
    assert_eq!(store.forget_finished(later, 10).await.unwrap(), 1);
    assert_eq!(store.delivery(id).await.unwrap(), None);
}

/// Where words of many messages are entered at once, an early one has its own by then.
async fn is_found_where_it_is_in_old_spans(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let other = kit.account(store, "other").await;
    let id = kit.queue(store, oa).await;
    let claimed = kit.claim_one(store, oa).await;
    for _ in 0..5 {
        let messages = (0..1000).map(|_| kit.message(other)).collect();
        let more = NewBatch {
            messages,
            idempotency: None,
        };
        store.accept(more).await.unwrap();
    }
    let (decision, _) = reroute(kit, oa, mp);
    let onward = kit.settlement(&claimed, vec![kit.refused(43004)], decision);
    settle(store, onward).await;
    look(store, kit, id, oa, mp).await;
}

async fn goes_back_and_forth(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let id = rerouted(store, kit, oa, mp).await;
    let mut ways = vec![(mp, oa), (oa, mp), (mp, oa)];
    let mut attempts = 1;
    while let Some((from, to)) = ways.pop() {
        let claimed = kit.claim_one(store, from).await;
        let (decision, _) = reroute(kit, from, to);
        kit.advance(1);
        let onward = kit.settlement(&claimed, vec![kit.refused(43004)], decision);
        settle(store, onward).await;
        attempts += 1;
        let delivery = kit.delivery(store, id).await;
        assert_eq!(delivery.message.account, to);
        assert_eq!(delivery.attempts.len(), attempts);
    }
}

/// With a lost lease the attempts are written, and nothing else.
async fn needs_its_lease(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let id = kit.queue(store, oa).await;
    let lost = kit.claim_one(store, oa).await;
    kit.clock.advance(LEASE);
    let held = kit.claim_one(store, oa).await;
    let (decision, _) = reroute(kit, oa, mp);
    let late = kit.settlement(&lost, vec![kit.refused(43004)], decision.clone());
    assert_eq!(settle(store, late).await, Settled::LeaseLost);
    let delivery = kit.delivery(store, id).await;
    assert_eq!((delivery.message.account, delivery.attempt_count), (oa, 1));
    // One that comes when the message has left for another account.
    let onward = kit.settlement(&held, vec![], decision.clone());
    assert_eq!(settle(store, onward).await, Settled::Written);
    kit.advance(1);
    let later = kit.settlement(&lost, vec![kit.refused(40003)], decision);
    assert_eq!(settle(store, later).await, Settled::LeaseLost);
    let delivery = kit.delivery(store, id).await;
    assert_eq!((delivery.message.account, delivery.attempt_count), (mp, 2));
    assert_eq!(delivery.attempts.len(), 2);
}

async fn ends_where_the_account_is_gone(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let id = kit.queue(store, oa).await;
    let claimed = kit.claim_one(store, oa).await;
    store.remove_account(mp).await.unwrap();
    let (decision, _) = reroute(kit, oa, mp);
    let onward = kit.settlement(&claimed, vec![kit.refused(43004)], decision);
    for _ in 0..2 {
        assert_eq!(settle(store, onward.clone()).await, Settled::Written);
    }
    let delivery = kit.delivery(store, id).await;
    assert_eq!(
        (delivery.state, delivery.message),
        (State::Failed, claimed.message)
    );
    let last = (delivery.attempt_count, delivery.last_errcode);
    assert_eq!(last, (1, Some(43004)));
    assert_eq!(delivery.settled_at, Some(kit.now()));
}

/// Open messages are those of the account they are with now.
async fn keeps_its_account(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let id = rerouted(store, kit, oa, mp).await;
    let refused = store.remove_account(mp).await;
    assert!(
        matches!(refused, Err(StoreError::InUse { .. })),
        "{refused:?}"
    );
    store.remove_account(oa).await.unwrap();
    assert_eq!(kit.delivery(store, id).await.attempts.len(), 1);
    kit.claim_one(store, mp).await;
}

async fn returns_what_it_held(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    for outcome in [None, Some(Use::Returned), Some(Use::DeniedByWechat)] {
        kit.advance(1_000);
        let consent = kit.consent(oa, "oPerson");
        store.answered(&[consent]).await.unwrap();
        kit.queue(store, oa).await;
        let claimed: Vec<Claimed> = vec![kit.claim_one(store, oa).await];
        let asks = kit.asks(&claimed);
        assert_eq!(store.clear(oa, &asks).await.unwrap(), [Hold::Held]);
        let before = kit.grant(store, oa).await;
        let (decision, _) = reroute(kit, oa, mp);
        let onward = kit.used(&claimed[0], outcome, decision);
        settle(store, onward).await;
        let mut expected = before;
        expected.used(true, outcome.unwrap_or(Use::Returned), kit.now());
        assert_eq!(kit.grant(store, oa).await, expected, "{outcome:?}");
        assert_eq!(expected.held, 0);
    }
}

async fn takes_its_tally_back(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let ask = |claimed: &Claimed| Ask {
        message: claimed.message.id,
        openid: claimed.message.to.clone(),
        need: None,
        tallies: vec![Tally {
            key: [1; 16],
            at_most: 1,
            within: Duration::from_secs(1_000),
            reason: Withheld::TooOften,
        }],
    };
    kit.queue(store, oa).await;
    let first = kit.claim_one(store, oa).await;
    let answers = store.clear(oa, &[ask(&first)]).await.unwrap();
    assert_eq!(answers, [Hold::Free]);
    let (decision, _) = reroute(kit, oa, mp);
    let mut onward = kit.settlement(&first, vec![kit.refused(43004)], decision);
    onward.tallied = true;
    settle(store, onward).await;
    kit.queue(store, oa).await;
    let next = kit.claim_one(store, oa).await;
    let answers = store.clear(oa, &[ask(&next)]).await.unwrap();
    assert_eq!(answers, [Hold::Free]);
}

async fn comes_no_later_than_its_end(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = two(store, kit).await;
    let end = after(kit.now(), Duration::from_secs(100));
    let id = kit
        .queue_with(store, oa, |message| message.expires_at = Some(end))
        .await;
    let claimed = kit.claim_one(store, oa).await;
    let (decision, _) = reroute(kit, oa, mp);
    settle(store, kit.settlement(&claimed, vec![], decision)).await;
    assert_eq!(kit.delivery(store, id).await.message.expires_at, Some(end));
    kit.advance(100);
    assert_eq!(store.expire(10).await.unwrap(), [id]);
    assert_eq!(kit.delivery(store, id).await.state, State::Expired);
}
