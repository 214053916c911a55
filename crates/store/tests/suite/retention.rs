use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::message::State;
use hongyan_domain::port::{MessageFilter, Store};

use super::{Kit, cases};

cases! {
    takes_what_was_over_long_ago,
    goes_in_steps_past_what_stays,
    leaves_what_is_open,
}

async fn takes_what_was_over_long_ago(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let old = kit.bring_to(store, account, State::Failed).await;
    kit.advance(100);
    let young = kit.bring_to(store, account, State::Accepted).await;
    let before = after(kit.now(), Duration::ZERO);
    assert_eq!(store.forget_finished(before, 10).await.unwrap(), 1);
    assert_eq!(store.delivery(old).await.unwrap(), None);
    assert_eq!(
        kit.search(store, MessageFilter::default()).await,
        [young],
        "nothing of the old one is found"
    );
    let by_person = MessageFilter {
        openids: Some(vec!["oPerson".parse().unwrap()]),
        ..MessageFilter::default()
    };
    assert_eq!(kit.search(store, by_person).await, [young]);
    assert_eq!(store.forget_finished(before, 10).await.unwrap(), 0);
}

/// Made early and over late: looked at, passed over, no obstacle.
async fn goes_in_steps_past_what_stays(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(kit.queue(store, account).await);
    }
    let mut old = Vec::new();
    for _ in 0..5 {
        old.push(kit.queue(store, account).await);
    }
    kit.advance(1);
    for id in &old {
        store.cancel(*id, kit.now()).await.unwrap();
    }
    kit.advance(100);
    let before = kit.now();
    for id in &ids {
        store.cancel(*id, kit.now()).await.unwrap();
    }
    for removed in [2, 2, 1, 0] {
        assert_eq!(store.forget_finished(before, 2).await.unwrap(), removed);
    }
    ids.reverse();
    assert_eq!(kit.search(store, MessageFilter::default()).await, ids);
    kit.advance(1);
    assert_eq!(store.forget_finished(kit.now(), 10).await.unwrap(), 3);
}

async fn leaves_what_is_open(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.queue(store, account).await;
    kit.advance(1_000_000);
    assert_eq!(store.forget_finished(kit.now(), 10).await.unwrap(), 0);
    assert_eq!(kit.claim_one(store, account).await.message.id, id);
}
