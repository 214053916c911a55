use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::delivery::Decision;
use hongyan_domain::message::{Priority, State, Status};
use hongyan_domain::port::{QueueDepth, Store};

use super::{Kit, LEASE, cases};

cases! {
    hands_out_what_is_due,
    hands_out_by_priority_then_by_time,
    hands_out_no_more_than_asked_for,
    hands_out_nothing_for_nothing,
    tells_when_to_come_again,
    keeps_accounts_apart,
    waits_for_send_at,
    comes_early_when_the_end_is_before_the_beginning,
    tells_how_full_it_is,
    ends_what_is_too_late_and_not_held,
    leaves_what_is_less_urgent,
    counts_what_is_due,
    brings_forward_what_was_put_off_until_just_then,
}

async fn hands_out_what_is_due(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    let claimed = kit.claim_one(store, account).await;
    assert_eq!(claimed.message, kit.delivery(store, id).await.message);
    assert_eq!(claimed.lease.until, after(kit.now(), LEASE));
    assert_eq!(claimed.history, Default::default());
    assert_eq!(claimed.interrupted_at, None);
    let delivery = kit.delivery(store, id).await;
    assert_eq!(delivery.leased_until, Some(claimed.lease.until));
    assert_eq!(delivery.status(kit.now()), Status::Sending);
    assert!(
        store
            .claim(account, 10, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed
            .is_empty()
    );
}

async fn hands_out_by_priority_then_by_time(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut ids = Vec::new();
    for priority in [
        Priority::Low,
        Priority::Normal,
        Priority::High,
        Priority::Normal,
    ] {
        ids.push(
            kit.queue_with(store, account, |message| message.priority = priority)
                .await,
        );
        kit.advance(1);
    }
    let batch = store.claim(account, 3, LEASE, Priority::Low).await.unwrap();
    let claimed: Vec<_> = batch
        .claimed
        .iter()
        .map(|claimed| claimed.message.id)
        .collect();
    assert_eq!(claimed, [ids[2], ids[1], ids[3]]);
    assert_eq!(kit.claim_one(store, account).await.message.id, ids[0]);
}

async fn hands_out_no_more_than_asked_for(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for _ in 0..5 {
        kit.queue(store, account).await;
    }
    let begin = kit.now();
    kit.advance(1);
    for (expected, next_due_at) in [(2, Some(begin)), (2, Some(begin)), (1, None)] {
        let batch = store.claim(account, 2, LEASE, Priority::Low).await.unwrap();
        assert_eq!(batch.claimed.len(), expected);
        if next_due_at.is_some() {
            assert_eq!(batch.next_due_at, next_due_at);
        }
    }
}

async fn hands_out_nothing_for_nothing(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    kit.queue(store, account).await;
    let batch = store.claim(account, 0, LEASE, Priority::Low).await.unwrap();
    assert!(batch.claimed.is_empty());
    assert_eq!(batch.next_due_at, Some(kit.now()));
}

async fn tells_when_to_come_again(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    assert_eq!(
        store
            .claim(account, 10, LEASE, Priority::Low)
            .await
            .unwrap()
            .next_due_at,
        None
    );
    let (soon, later) = (
        after(kit.now(), Duration::from_secs(30)),
        after(kit.now(), Duration::from_secs(90)),
    );
    kit.queue_with(store, account, |message| message.send_at = Some(later))
        .await;
    kit.queue_with(store, account, |message| {
        message.send_at = Some(soon);
        message.priority = Priority::Low;
    })
    .await;
    assert_eq!(
        store
            .claim(account, 10, LEASE, Priority::Low)
            .await
            .unwrap()
            .next_due_at,
        Some(soon)
    );
    kit.advance(30);
    let batch = store
        .claim(account, 10, LEASE, Priority::Low)
        .await
        .unwrap();
    assert_eq!((batch.claimed.len(), batch.next_due_at), (1, Some(later)));
    // The lease of the one that was handed out ends at the same time.
    let next = store
        .claim(account, 10, LEASE, Priority::Low)
        .await
        .unwrap()
        .next_due_at;
    assert_eq!(next, Some(batch.claimed[0].lease.until));
}

async fn keeps_accounts_apart(store: &dyn Store, kit: &Kit) {
    let (one, other) = (
        kit.account(store, "one").await,
        kit.account(store, "other").await,
    );
    let id = kit.queue(store, one).await;
    let batch = store.claim(other, 10, LEASE, Priority::Low).await.unwrap();
    assert!(batch.claimed.is_empty() && batch.next_due_at.is_none());
    assert_eq!(kit.claim_one(store, one).await.message.id, id);
}

async fn waits_for_send_at(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let send_at = after(kit.now(), Duration::from_secs(60));
    let id = kit
        .queue_with(store, account, |message| message.send_at = Some(send_at))
        .await;
    kit.clock.advance(Duration::from_millis(59_999));
    assert!(
        store
            .claim(account, 10, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed
            .is_empty()
    );
    assert_eq!(
        kit.delivery(store, id).await.status(kit.now()),
        Status::Scheduled
    );
    kit.clock.advance(Duration::from_millis(1));
    assert_eq!(
        kit.delivery(store, id).await.status(kit.now()),
        Status::Queued
    );
    assert_eq!(kit.claim_one(store, account).await.message.id, id);
}

async fn comes_early_when_the_end_is_before_the_beginning(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let expires_at = after(kit.now(), Duration::from_secs(60));
    kit.queue_with(store, account, |message| {
        message.send_at = Some(after(kit.now(), Duration::from_secs(3600)));
        message.expires_at = Some(expires_at);
    })
    .await;
    assert_eq!(
        store
            .claim(account, 1, LEASE, Priority::Low)
            .await
            .unwrap()
            .next_due_at,
        Some(expires_at)
    );
}

async fn tells_how_full_it_is(store: &dyn Store, kit: &Kit) {
    let (one, other) = (
        kit.account(store, "one").await,
        kit.account(store, "other").await,
    );
    kit.bring_to(store, other, State::Failed).await;
    assert!(store.depths().await.unwrap().is_empty());
    let begin = kit.now();
    kit.queue(store, one).await;
    kit.advance(5);
    kit.queue(store, one).await;
    let later = kit.now();
    kit.queue_with(store, other, |message| message.priority = Priority::High)
        .await;
    let mut depths = store.depths().await.unwrap();
    depths.sort_by_key(|depth| (depth.account, depth.priority));
    let depth = |account, priority, open, oldest| QueueDepth {
        account,
        priority,
        open,
        oldest_due_at: Some(oldest),
    };
    assert_eq!(
        depths,
        [
            depth(one, Priority::Normal, 2, begin),
            depth(other, Priority::High, 1, later)
        ]
    );
}

async fn ends_what_is_too_late_and_not_held(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let end = after(kit.now(), Duration::from_secs(10));
    let mut brief = Vec::new();
    for _ in 0..3 {
        brief.push(
            kit.queue_with(store, account, |message| message.expires_at = Some(end))
                .await,
        );
    }
    let endless = kit.queue(store, account).await;
    let batch = store.claim(account, 1, LEASE, Priority::Low).await.unwrap();
    let [held] = &batch.claimed[..] else {
        panic!("{batch:?}")
    };
    assert!(store.expire(10).await.unwrap().is_empty(), "too early");
    kit.advance(10);
    assert_eq!(store.expire(1).await.unwrap().len(), 1);
    let rest = store.expire(10).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert!(!rest.contains(&held.message.id) && !rest.contains(&endless));
    assert_eq!(kit.delivery(store, rest[0]).await.state, State::Expired);
    // Its holder died and may have sent it.
    kit.clock.advance(LEASE);
    assert_eq!(store.expire(10).await.unwrap(), [held.message.id]);
    let lost = kit.delivery(store, held.message.id).await;
    assert_eq!(lost.state, State::Unknown);
    assert_eq!(kit.delivery(store, endless).await.state, State::Open);
}

async fn leaves_what_is_less_urgent(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for priority in [Priority::Low, Priority::Normal, Priority::High] {
        kit.queue_with(store, account, |message| message.priority = priority)
            .await;
    }
    for (least, expected) in [
        (Priority::High, Some(Priority::High)),
        (Priority::High, None),
        (Priority::Normal, Some(Priority::Normal)),
        (Priority::Normal, None),
        (Priority::Low, Some(Priority::Low)),
    ] {
        let batch = store.claim(account, 10, LEASE, least).await.unwrap();
        let priorities: Vec<_> = batch.claimed.iter().map(|c| c.message.priority).collect();
        assert_eq!(priorities, Vec::from_iter(expected));
        // What is less urgent is due, but not for who asks so.
        if batch.claimed.is_empty() {
            assert_eq!(batch.next_due_at, Some(after(kit.now(), LEASE)));
        }
    }
}

async fn counts_what_is_due(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let other = kit.account(store, "other").await;
    kit.queue(store, other).await;
    let later = after(kit.now(), Duration::from_secs(10));
    for priority in [
        Priority::High,
        Priority::Normal,
        Priority::Normal,
        Priority::Low,
        Priority::Low,
        Priority::Low,
    ] {
        kit.queue_with(store, account, |message| message.priority = priority)
            .await;
    }
    kit.queue_with(store, account, |message| message.send_at = Some(later))
        .await;
    let count = async |least, at_most| store.backlog(account, least, at_most).await.unwrap();
    assert_eq!(count(Priority::High, 100).await, 1);
    assert_eq!(count(Priority::Normal, 100).await, 3);
    assert_eq!(count(Priority::Low, 100).await, 6);
    assert_eq!(count(Priority::Low, 4).await, 4);
    assert_eq!(count(Priority::Low, 0).await, 0);
    kit.advance(10);
    assert_eq!(count(Priority::Low, 100).await, 7);
    // What is with somebody is not due.
    let claimed = store.claim(account, 2, LEASE, Priority::Low).await.unwrap();
    assert_eq!(claimed.claimed.len(), 2);
    assert_eq!(count(Priority::Low, 100).await, 5);
}

async fn brings_forward_what_was_put_off_until_just_then(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let other = kit.account(store, "mp").await;
    let (midnight, later) = (after(kit.now(), LEASE * 2), after(kit.now(), LEASE * 3));
    let mut put_off = Vec::new();
    for (of, at) in [
        (account, midnight),
        (account, midnight),
        (account, midnight),
        (account, later),
        (other, midnight),
    ] {
        let id = kit.queue(store, of).await;
        let claimed = kit.claim_one(store, of).await;
        let hold = kit.settlement(&claimed, Vec::new(), Decision::RetryAt { at });
        store.settle([hold].into()).await.unwrap();
        put_off.push(id);
    }
    // Its caller wants it at that time.
    kit.queue_with(store, account, |message| message.send_at = Some(midnight))
        .await;
    let moved = async |limit| store.bring_forward(account, midnight, limit).await.unwrap();
    assert_eq!(moved(2).await, 2);
    assert_eq!(moved(2).await, 1);
    assert_eq!(moved(2).await, 0);
    let batch = store
        .claim(account, 10, LEASE, Priority::Low)
        .await
        .unwrap();
    let mut due: Vec<_> = batch.claimed.iter().map(|it| it.message.id).collect();
    due.sort_unstable();
    assert_eq!(due, put_off[..3]);
    assert_eq!(batch.next_due_at, Some(midnight));
    let others = store.claim(other, 10, LEASE, Priority::Low).await.unwrap();
    assert!(others.claimed.is_empty());
}
