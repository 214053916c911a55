use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::delivery::{Decision, History, OutcomeKind};
use hongyan_domain::message::{Message, Priority, State, Status};
use hongyan_domain::port::{Settled, Store, StoreError};

use super::{Kit, LEASE, MSGID, cases, over};

cases! {
    writes_down_the_end,
    writes_down_every_end,
    puts_off_to_the_next_attempt,
    parks,
    waits_no_longer_than_the_end,
    keeps_all_attempts,
    keeps_the_last_code_without_an_attempt,
    answers_in_order,
    refuses_what_is_no_end,
}

async fn writes_down_the_end(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    kit.advance(1);
    let attempt = kit.took();
    let settlement = kit.settlement(&claimed, vec![attempt.clone()], over(State::Accepted));
    assert_eq!(
        store.settle([settlement].into()).await.unwrap(),
        [Settled::Written]
    );
    let delivery = kit.delivery(store, id).await;
    assert_eq!(
        (delivery.state, delivery.wechat_msgid),
        (State::Accepted, Some(MSGID))
    );
    assert_eq!(
        (delivery.settled_at, delivery.due_at),
        (Some(kit.now()), None)
    );
    assert_eq!((delivery.leased_until, delivery.last_errcode), (None, None));
    assert_eq!(
        (delivery.attempts, delivery.attempt_count),
        (vec![attempt], 1)
    );
    assert_eq!(
        (delivery.receipt, delivery.message),
        (None, claimed.message)
    );
    kit.clock.advance(LEASE * 2);
    let batch = store
        .claim(account, 10, LEASE, Priority::Low)
        .await
        .unwrap();
    assert!(batch.claimed.is_empty() && batch.next_due_at.is_none());
    assert!(store.depths().await.unwrap().is_empty());
}

async fn writes_down_every_end(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for (state, status) in [
        (State::Accepted, Status::Accepted),
        (State::Failed, Status::Failed),
        (State::Unknown, Status::Unknown),
        (State::Expired, Status::Expired),
        (State::Canceled, Status::Canceled),
    ] {
        let id = kit.bring_to(store, account, state).await;
        let delivery = kit.delivery(store, id).await;
        assert_eq!(
            (delivery.state, delivery.status(kit.now())),
            (state, status)
        );
    }
}

async fn puts_off_to_the_next_attempt(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    let at = after(kit.now(), Duration::from_secs(5));
    let began = kit.now();
    let mut settlement = kit.settlement(&claimed, vec![kit.refused(-1)], Decision::RetryAt { at });
    settlement.history = History {
        attempts: 3,
        first_uncertain_at: Some(began),
        doubted: false,
    };
    assert_eq!(
        store.settle([settlement.clone()].into()).await.unwrap(),
        [Settled::Written]
    );
    let delivery = kit.delivery(store, id).await;
    assert_eq!(
        (delivery.state, delivery.status(kit.now())),
        (State::Open, Status::Retrying)
    );
    assert_eq!((delivery.due_at, delivery.leased_until), (Some(at), None));
    assert_eq!(
        (delivery.last_errcode, delivery.settled_at),
        (Some(-1), None)
    );
    assert_eq!(
        store
            .claim(account, 10, LEASE, Priority::Low)
            .await
            .unwrap()
            .next_due_at,
        Some(at)
    );
    kit.advance(5);
    let again = kit.claim_one(store, account).await;
    assert_eq!(again.history, settlement.history);
    assert_eq!(again.interrupted_at, None);
}

async fn parks(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    let until = after(kit.now(), Duration::from_secs(40_000));
    let settlement = kit.settlement(&claimed, vec![kit.refused(45009)], Decision::Park { until });
    assert_eq!(
        store.settle([settlement].into()).await.unwrap(),
        [Settled::Written]
    );
    let delivery = kit.delivery(store, id).await;
    assert_eq!(
        (delivery.due_at, delivery.last_errcode),
        (Some(kit.now()), Some(45009)),
        "it is the account that waits"
    );
    assert_eq!(delivery.state, State::Open);
}

async fn waits_no_longer_than_the_end(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let expires_at = after(kit.now(), Duration::from_secs(100));
    let change = |message: &mut Message| message.expires_at = Some(expires_at);
    let id = kit.queue_with(store, account, change).await;
    let at = after(kit.now(), Duration::from_secs(500));
    for decision in [Decision::RetryAt { at }, Decision::Park { until: at }] {
        let claimed = kit.claim_one(store, account).await;
        let settlement = kit.settlement(&claimed, vec![kit.refused(-1)], decision);
        store.settle([settlement].into()).await.unwrap();
        assert_eq!(kit.delivery(store, id).await.due_at, Some(expires_at));
        kit.advance(100);
    }
}

async fn keeps_all_attempts(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let first = kit.claim_one(store, account).await;
    let mut made = vec![kit.refused(40001), kit.refused(45011)];
    let at = kit.now();
    let wait = kit.settlement(&first, made.clone(), Decision::RetryAt { at });
    store.settle([wait].into()).await.unwrap();
    kit.advance(1);
    let second = kit.claim_one(store, account).await;
    let last = kit.refused(43004);
    made.push(last.clone());
    let end = kit.settlement(&second, vec![last], over(State::Failed));
    store.settle([end].into()).await.unwrap();
    let delivery = kit.delivery(store, id).await;
    assert_eq!(
        (delivery.attempt_count, delivery.last_errcode),
        (3, Some(43004))
    );
    assert_eq!(delivery.attempts, made);
    let kept = &delivery.attempts[2];
    assert_eq!((kept.outcome, kept.elapsed_ms), (OutcomeKind::Refused, 51));
    assert_eq!(
        (kept.errmsg.as_deref(), kept.rid.as_deref()),
        (Some("no 43004"), Some("rid"))
    );
}

/// As when a message expires that was tried before.
async fn keeps_the_last_code_without_an_attempt(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let first = kit.claim_one(store, account).await;
    let at = kit.now();
    let wait = kit.settlement(&first, vec![kit.refused(45011)], Decision::RetryAt { at });
    store.settle([wait].into()).await.unwrap();
    for decision in [Decision::RetryAt { at }, over(State::Expired)] {
        let claimed = kit.claim_one(store, account).await;
        store
            .settle([kit.settlement(&claimed, Vec::new(), decision)].into())
            .await
            .unwrap();
        let delivery = kit.delivery(store, id).await;
        assert_eq!(
            (delivery.last_errcode, delivery.attempt_count),
            (Some(45011), 1)
        );
    }
}

async fn answers_in_order(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for _ in 0..3 {
        kit.queue(store, account).await;
    }
    let claimed = store
        .claim(account, 3, LEASE, Priority::Low)
        .await
        .unwrap()
        .claimed;
    let mut settlements: Vec<_> = claimed
        .iter()
        .map(|one| kit.settlement(one, vec![kit.took()], over(State::Accepted)))
        .collect();
    settlements[1].lease_token -= 1;
    let mut stranger = settlements[0].clone();
    stranger.message = kit.message(account).id;
    settlements.push(stranger);
    use Settled::{LeaseLost, Written};
    let settled = store.settle(settlements.into()).await.unwrap();
    assert_eq!(settled, [Written, LeaseLost, Written, LeaseLost]);
    assert!(store.settle(Vec::new().into()).await.unwrap().is_empty());
}

async fn refuses_what_is_no_end(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    for state in [State::Open, State::Delivered, State::Undelivered] {
        let settlement = kit.settlement(&claimed, vec![kit.took()], over(state));
        let refused = store.settle([settlement].into()).await;
        assert!(
            matches!(refused, Err(StoreError::Corrupt { .. })),
            "{refused:?}"
        );
    }
    let delivery = kit.delivery(store, id).await;
    assert_eq!((delivery.state, delivery.attempt_count), (State::Open, 0));
}
