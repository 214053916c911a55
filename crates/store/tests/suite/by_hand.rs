use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::delivery::{Attempt, Decision, History, Outcome};
use hongyan_domain::message::{Priority, State, Status};
use hongyan_domain::port::{Cancellation, Requeue, Settled, Store};

use super::{Kit, LEASE, cases, over};

cases! {
    a_waiting_message_is_taken_back,
    a_message_that_may_be_sent_is_not_taken_back,
    a_finished_message_is_not_taken_back,
    taking_back_and_claiming_exclude_each_other,
    what_failed_is_queued_again,
    what_is_not_over_or_went_out_is_not_queued_again,
    queueing_again_begins_a_new_history,
    queueing_again_lifts_an_end_that_has_passed,
    queueing_again_keeps_the_doubt,
    nobody_knows_strangers,
}

async fn a_waiting_message_is_taken_back(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    kit.advance(1);
    assert_eq!(
        store.cancel(id, kit.now()).await.unwrap(),
        Cancellation::Canceled
    );
    let delivery = kit.delivery(store, id).await;
    assert_eq!(
        (delivery.state, delivery.settled_at),
        (State::Canceled, Some(kit.now()))
    );
    assert!(
        store
            .claim(account, 10, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed
            .is_empty()
    );
    assert!(store.depths().await.unwrap().is_empty());
}

async fn a_message_that_may_be_sent_is_not_taken_back(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    assert_eq!(
        store.cancel(id, kit.now()).await.unwrap(),
        Cancellation::BeingSent
    );
    // Its holder may be dead, but may have sent it.
    kit.clock.advance(LEASE * 2);
    assert_eq!(
        store.cancel(id, kit.now()).await.unwrap(),
        Cancellation::BeingSent
    );
    let second = kit.claim_one(store, account).await;
    store.release(&[(id, second.lease.token)]).await.unwrap();
    assert_eq!(
        store.cancel(id, kit.now()).await.unwrap(),
        Cancellation::BeingSent
    );

    let third = kit.claim_one(store, account).await;
    let mut wait = kit.settlement(&third, Vec::new(), Decision::RetryAt { at: kit.now() });
    wait.history = History {
        attempts: 1,
        first_uncertain_at: Some(claimed.message.created_at),
        doubted: false,
    };
    store.settle([wait].into()).await.unwrap();
    assert_eq!(
        store.cancel(id, kit.now()).await.unwrap(),
        Cancellation::BeingSent
    );

    let fourth = kit.claim_one(store, account).await;
    let wait = kit.settlement(&fourth, Vec::new(), Decision::RetryAt { at: kit.now() });
    store.settle([wait].into()).await.unwrap();
    assert_eq!(
        store.cancel(id, kit.now()).await.unwrap(),
        Cancellation::Canceled
    );
}

async fn a_finished_message_is_not_taken_back(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for state in [
        State::Accepted,
        State::Failed,
        State::Unknown,
        State::Expired,
    ] {
        let id = kit.bring_to(store, account, state).await;
        assert_eq!(
            store.cancel(id, kit.now()).await.unwrap(),
            Cancellation::Over(state)
        );
        assert_eq!(kit.delivery(store, id).await.state, state);
    }
    let id = kit.queue(store, account).await;
    store.cancel(id, kit.now()).await.unwrap();
    let again = store.cancel(id, kit.now()).await.unwrap();
    assert_eq!(again, Cancellation::Over(State::Canceled));
}

async fn taking_back_and_claiming_exclude_each_other(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for _ in 0..5 {
        let id = kit.queue(store, account).await;
        let (batch, canceled) = tokio::join!(
            store.claim(account, 1, LEASE, Priority::Low),
            store.cancel(id, kit.now())
        );
        let (claimed, canceled) = (batch.unwrap().claimed, canceled.unwrap());
        assert_eq!(
            claimed.is_empty(),
            canceled == Cancellation::Canceled,
            "{canceled:?}"
        );
        for one in claimed {
            let end = kit.settlement(&one, vec![kit.took()], over(State::Accepted));
            assert_eq!(
                store.settle([end].into()).await.unwrap(),
                [Settled::Written]
            );
        }
    }
}

async fn what_failed_is_queued_again(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for state in [State::Failed, State::Unknown] {
        let id = kit.bring_to(store, account, state).await;
        kit.advance(10);
        assert_eq!(store.requeue(id, kit.now()).await.unwrap(), Requeue::Queued);
        let delivery = kit.delivery(store, id).await;
        assert_eq!(
            (delivery.state, delivery.status(kit.now())),
            (State::Open, Status::Retrying)
        );
        assert_eq!(
            (delivery.due_at, delivery.settled_at),
            (Some(kit.now()), None)
        );
        assert_eq!((delivery.attempt_count, delivery.attempts.len()), (1, 1));
        assert_eq!(delivery.last_errcode, Some(43004));
        let claimed = kit.claim_one(store, account).await;
        assert_eq!(claimed.message.id, id);
        let end = kit.settlement(&claimed, vec![kit.took()], over(State::Accepted));
        assert_eq!(
            store.settle([end].into()).await.unwrap(),
            [Settled::Written]
        );
        let delivery = kit.delivery(store, id).await;
        assert_eq!((delivery.attempt_count, delivery.attempts.len()), (2, 2));
        assert_eq!(delivery.last_errcode, None);
    }
}

async fn what_is_not_over_or_went_out_is_not_queued_again(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for state in [
        State::Accepted,
        State::Expired,
        State::Canceled,
        State::Open,
    ] {
        let id = kit.bring_to(store, account, state).await;
        assert_eq!(
            store.requeue(id, kit.now()).await.unwrap(),
            Requeue::NotPossible(state)
        );
        assert_eq!(kit.delivery(store, id).await.state, state);
    }
}

async fn queueing_again_begins_a_new_history(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    let mut end = kit.settlement(&claimed, vec![kit.refused(-1)], over(State::Unknown));
    end.history = History {
        attempts: 7,
        first_uncertain_at: Some(kit.now()),
        doubted: false,
    };
    store.settle([end].into()).await.unwrap();
    store.requeue(id, kit.now()).await.unwrap();
    let again = kit.claim_one(store, account).await;
    let begun = History {
        doubted: true,
        ..History::default()
    };
    assert_eq!((again.history, again.interrupted_at), (begun, None));
}

async fn queueing_again_lifts_an_end_that_has_passed(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let expires_at = Some(after(kit.now(), Duration::from_secs(10)));
    let id = kit
        .queue_with(store, account, |message| message.expires_at = expires_at)
        .await;
    for (seconds, expected) in [(9, expires_at), (1, None)] {
        let claimed = kit.claim_one(store, account).await;
        let end = kit.settlement(&claimed, vec![kit.refused(43004)], over(State::Failed));
        store.settle([end].into()).await.unwrap();
        kit.advance(seconds);
        store.requeue(id, kit.now()).await.unwrap();
        assert_eq!(kit.delivery(store, id).await.message.expires_at, expected);
    }
}

async fn nobody_knows_strangers(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.message(account).id;
    assert_eq!(
        store.cancel(id, kit.now()).await.unwrap(),
        Cancellation::Missing
    );
    assert_eq!(
        store.requeue(id, kit.now()).await.unwrap(),
        Requeue::Missing
    );
}

async fn queueing_again_keeps_the_doubt(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let lost = Outcome::Uncertain {
        reason: "time-out".to_owned(),
    };
    for (attempt, doubted) in [
        (Attempt::new(kit.now(), &lost, Duration::ZERO), true),
        (kit.refused(-1), true),
        (kit.refused(43004), false),
    ] {
        let id = kit.queue(store, account).await;
        let claimed = kit.claim_one(store, account).await;
        let end = kit.settlement(&claimed, vec![attempt], over(State::Unknown));
        store.settle([end].into()).await.unwrap();
        let queued = store.requeue(id, kit.now()).await.unwrap();
        assert_eq!(queued, Requeue::Queued);
        let canceled = store.cancel(id, kit.now()).await.unwrap();
        if doubted {
            assert_eq!(canceled, Cancellation::BeingSent);
            let again = kit.claim_one(store, account).await;
            assert!(again.history.doubted);
            let mut wait = kit.settlement(&again, Vec::new(), Decision::RetryAt { at: kit.now() });
            wait.history = again.history;
            store.settle([wait].into()).await.unwrap();
            let third = kit.claim_one(store, account).await;
            assert!(third.history.doubted, "forgotten by waiting");
            let end = kit.settlement(&third, Vec::new(), over(State::Accepted));
            store.settle([end].into()).await.unwrap();
        } else {
            assert_eq!(canceled, Cancellation::Canceled);
        }
    }
}
