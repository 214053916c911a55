use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::delivery::{Decision, History};
use hongyan_domain::message::{Priority, State};
use hongyan_domain::port::{Settled, Store};

use super::{Kit, LEASE, MSGID, cases, over};

cases! {
    end_with_their_time,
    are_fenced_by_their_token,
    outlive_their_time_until_somebody_else_comes,
    can_be_given_back,
    count_as_interrupted_once,
    keep_an_interruption_when_given_back,
    of_a_message_queued_again_are_over,
    are_not_given_back_by_strangers,
    take_one_word_once,
    are_lost_to_the_end_of_the_messages_time,
}

/// A caller whose connection broke settles again.
async fn take_one_word_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    let at = after(kit.now(), Duration::from_secs(1));
    let again = kit.settlement(&claimed, vec![kit.refused(-1)], Decision::RetryAt { at });
    for _ in 0..2 {
        let settled = store.settle([again.clone()].into()).await.unwrap();
        assert_eq!(settled, [Settled::Written]);
    }
    assert_eq!(kit.delivery(store, id).await.attempts.len(), 1);
    kit.advance(1);
    let claimed = kit.claim_one(store, account).await;
    let settled = store.settle([again].into()).await.unwrap();
    assert_eq!(settled, [Settled::LeaseLost], "the message has moved on");
    let last = kit.settlement(&claimed, vec![kit.took()], over(State::Accepted));
    assert_eq!(
        store.settle([last].into()).await.unwrap(),
        [Settled::Written]
    );
}

async fn are_lost_to_the_end_of_the_messages_time(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let end = after(kit.now(), LEASE);
    let id = kit
        .queue_with(store, account, |message| message.expires_at = Some(end))
        .await;
    let claimed = kit.claim_one(store, account).await;
    kit.clock.advance(LEASE * 2);
    assert_eq!(store.expire(10).await.unwrap(), [id]);
    let late = kit.settlement(&claimed, vec![kit.took()], over(State::Accepted));
    assert_eq!(
        store.settle([late].into()).await.unwrap(),
        [Settled::LeaseLost]
    );
    let delivery = kit.delivery(store, id).await;
    assert_eq!(
        (delivery.state, delivery.attempts.len()),
        (State::Unknown, 1)
    );
}

async fn end_with_their_time(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    kit.queue(store, account).await;
    let claimed_at = kit.now();
    let first = kit.claim_one(store, account).await;
    kit.clock.advance(LEASE - Duration::from_millis(1));
    let batch = store
        .claim(account, 10, LEASE, Priority::Low)
        .await
        .unwrap();
    assert!(batch.claimed.is_empty());
    assert_eq!(batch.next_due_at, Some(first.lease.until));
    kit.clock.advance(Duration::from_millis(1));
    let second = kit.claim_one(store, account).await;
    assert_eq!(second.message, first.message);
    assert!(second.lease.token > first.lease.token);
    assert_eq!(second.interrupted_at, Some(claimed_at));
}

async fn are_fenced_by_their_token(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let first = kit.claim_one(store, account).await;
    let late = kit.settlement(&first, vec![kit.refused(45011)], over(State::Failed));
    kit.clock.advance(LEASE);
    let second = kit.claim_one(store, account).await;

    assert_eq!(
        store.settle([late.clone()].into()).await.unwrap(),
        [Settled::LeaseLost]
    );
    let delivery = kit.delivery(store, id).await;
    assert_eq!((delivery.state, delivery.attempt_count), (State::Open, 1));
    assert_eq!(delivery.leased_until, Some(second.lease.until));

    let good = kit.settlement(&second, vec![kit.took()], over(State::Accepted));
    assert_eq!(
        store.settle([good.clone()].into()).await.unwrap(),
        [Settled::Written]
    );
    let again = store.settle([late, good].into()).await.unwrap();
    assert_eq!(
        again,
        [Settled::LeaseLost, Settled::Written],
        "what was written before is not written again"
    );
    let delivery = kit.delivery(store, id).await;
    assert_eq!(
        (delivery.state, delivery.wechat_msgid),
        (State::Accepted, Some(MSGID))
    );
    assert_eq!(delivery.attempt_count, 3);
    assert_eq!(delivery.attempts.len(), 3);
    assert!(delivery.attempts.is_sorted_by_key(|attempt| attempt.at));
    assert_eq!(
        delivery.last_errcode, None,
        "what came late is not the last word"
    );
}

async fn outlive_their_time_until_somebody_else_comes(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    kit.clock.advance(LEASE * 2);
    let settlement = kit.settlement(&claimed, vec![kit.took()], over(State::Accepted));
    assert_eq!(
        store.settle([settlement].into()).await.unwrap(),
        [Settled::Written]
    );
    assert_eq!(kit.delivery(store, id).await.state, State::Accepted);
}

async fn can_be_given_back(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let first = kit.claim_one(store, account).await;
    store.release(&[(id, first.lease.token)]).await.unwrap();
    assert_eq!(kit.delivery(store, id).await.leased_until, None);
    let second = kit.claim_one(store, account).await;
    assert_eq!(second.interrupted_at, None);
    assert!(second.lease.token > first.lease.token);
    let late = kit.settlement(&first, Vec::new(), over(State::Failed));
    assert_eq!(
        store.settle([late].into()).await.unwrap(),
        [Settled::LeaseLost]
    );

    store.release(&[(id, second.lease.token)]).await.unwrap();
    let released = kit.settlement(&second, Vec::new(), over(State::Failed));
    assert_eq!(
        store.settle([released].into()).await.unwrap(),
        [Settled::LeaseLost]
    );
}

async fn count_as_interrupted_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    kit.queue(store, account).await;
    let begin = kit.now();
    kit.claim_one(store, account).await;
    kit.clock.advance(LEASE);
    let second = kit.claim_one(store, account).await;
    assert_eq!(second.interrupted_at, Some(begin));
    let at = after(kit.now(), Duration::from_secs(1));
    let mut settlement = kit.settlement(&second, Vec::new(), Decision::RetryAt { at });
    settlement.history = History {
        attempts: 1,
        first_uncertain_at: second.interrupted_at,
        doubted: false,
    };
    store.settle([settlement].into()).await.unwrap();
    kit.advance(1);
    let third = kit.claim_one(store, account).await;
    assert_eq!(third.interrupted_at, None);
    assert_eq!(
        third.history,
        History {
            attempts: 1,
            first_uncertain_at: Some(begin),
            doubted: false,
        }
    );
}

/// The one who gives it back sent nothing; the one before may have.
async fn keep_an_interruption_when_given_back(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let begin = kit.now();
    kit.claim_one(store, account).await;
    kit.clock.advance(LEASE);
    let second = kit.claim_one(store, account).await;
    store.release(&[(id, second.lease.token)]).await.unwrap();
    kit.advance(1);
    let third = kit.claim_one(store, account).await;
    assert_eq!(third.interrupted_at, Some(begin));
    kit.clock.advance(LEASE);
    assert_eq!(
        kit.claim_one(store, account).await.interrupted_at,
        Some(begin)
    );
}

async fn of_a_message_queued_again_are_over(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    let settlement = kit.settlement(&claimed, vec![kit.refused(43004)], over(State::Failed));
    store.settle([settlement.clone()].into()).await.unwrap();
    store.requeue(id, kit.now()).await.unwrap();
    let again = store.settle([settlement].into()).await.unwrap();
    assert_eq!(again, [Settled::Written], "it was, before");
    let again = kit.claim_one(store, account).await;
    assert!(again.lease.token > claimed.lease.token, "tokens grow on");
    assert_eq!(kit.delivery(store, id).await.attempt_count, 1);
}

async fn are_not_given_back_by_strangers(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    let other = kit.message(account).id;
    let held = [
        (id, claimed.lease.token - 1),
        (other, 1),
        (id, claimed.lease.token + 1),
    ];
    store.release(&held).await.unwrap();
    assert_eq!(
        kit.delivery(store, id).await.leased_until,
        Some(claimed.lease.until)
    );
    store.release(&[]).await.unwrap();
}
