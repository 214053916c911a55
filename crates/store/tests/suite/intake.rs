use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::message::{
    Content, MiniProgramLink, OnUnknown, Priority, State, Status, SubscribeContent, Value,
};
use hongyan_domain::port::{Accepted, NewBatch, Store, StoreError};
use hongyan_domain::{AccountId, MessageId};

use super::{Kit, cases};

cases! {
    keeps_every_part_of_a_message,
    keeps_the_order_of_data,
    takes_all_or_none,
    refuses_an_account_that_is_gone,
    takes_callers_at_the_same_time,
    knows_nothing_of_other_ids,
    takes_a_thousand_at_once,
}

async fn keeps_every_part_of_a_message(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut message = kit.message(account);
    message.send_at = Some(after(kit.now(), Duration::from_secs(60)));
    message.expires_at = Some(after(kit.now(), Duration::from_secs(120)));
    message.priority = Priority::Low;
    message.on_unknown = OnUnknown::Resend;
    message.reference = Some("order-42".to_owned());
    message.metadata = Some(r#"{"b":1,"a":[null,"鸿雁"]}"#.to_owned());
    message.created_by = Some(kit.key_id());
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 rojo=1,congo=2";
    message.trace_context = Some(trace.parse().unwrap());
    if let Content::Template(content) = &mut message.content {
        content.url = Some("https://shop.example/?a=1&b=2".to_owned());
        let appid = "wx1".parse().unwrap();
        content.miniprogram = Some(MiniProgramLink {
            appid,
            pagepath: Some("p?x=1".to_owned()),
        });
    }
    let batch = NewBatch {
        messages: vec![message.clone()],
        idempotency: None,
    };
    store.accept(batch).await.unwrap();

    let delivery = kit.delivery(store, message.id).await;
    assert_eq!(delivery.message, message);
    assert_eq!(
        (delivery.state, delivery.status(kit.now())),
        (State::Open, Status::Scheduled)
    );
    assert_eq!(delivery.due_at, message.send_at);
    assert!(delivery.leased_until.is_none() && delivery.settled_at.is_none());
    assert!(delivery.attempts.is_empty() && delivery.attempt_count == 0);
}

async fn keeps_the_order_of_data(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let keys = ["thing3", "thing1", "time2"];
    let mut message = kit.message(account);
    message.content = Content::Subscribe(SubscribeContent {
        template_id: "tpl".parse().unwrap(),
        data: keys
            .into_iter()
            .map(|key| (key.to_owned(), Value::from("x")))
            .collect(),
        page: Some("pages/index?id=1".to_owned()),
        miniprogram_state: None,
        lang: None,
    });
    store
        .accept(NewBatch {
            messages: vec![message.clone()],
            idempotency: None,
        })
        .await
        .unwrap();
    let delivery = kit.delivery(store, message.id).await;
    assert!(delivery.message.content.data().unwrap().keys().eq(keys));
    assert_eq!(delivery.message, message);
}

async fn takes_all_or_none(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let there = kit.message(account);
    store
        .accept(NewBatch {
            messages: vec![there.clone()],
            idempotency: None,
        })
        .await
        .unwrap();
    let new = kit.message(account);
    let caller = kit.key_id();
    let batch = NewBatch {
        messages: vec![new.clone(), there],
        idempotency: Some(kit.idempotency(caller, "k", "answer")),
    };
    let refused = store.accept(batch).await;
    assert!(
        matches!(refused, Err(StoreError::Taken { .. })),
        "{refused:?}"
    );
    assert_eq!(store.delivery(new.id).await.unwrap(), None);
    assert_eq!(store.earlier_response(caller, "k").await.unwrap(), None);
    assert_eq!(store.depths().await.unwrap()[0].open, 1);
}

async fn refuses_an_account_that_is_gone(store: &dyn Store, kit: &Kit) {
    let messages = vec![kit.message(AccountId(404))];
    let refused = store
        .accept(NewBatch {
            messages,
            idempotency: None,
        })
        .await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
    assert!(store.depths().await.unwrap().is_empty());
}

/// They share a commit, and one that fails does not spoil the others.
async fn takes_callers_at_the_same_time(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let accept = |account| {
        let message = kit.message(account);
        async move {
            let id = message.id;
            (
                id,
                store
                    .accept(NewBatch {
                        messages: vec![message],
                        idempotency: None,
                    })
                    .await,
            )
        }
    };
    let (a, b, c, d) = tokio::join!(
        accept(account),
        accept(AccountId(404)),
        accept(account),
        accept(account)
    );
    for (id, accepted) in [a, c, d] {
        assert_eq!(accepted, Ok(Accepted::Stored));
        assert!(store.delivery(id).await.unwrap().is_some());
    }
    assert!(matches!(b.1, Err(StoreError::Missing { .. })));
    assert_eq!(store.delivery(b.0).await.unwrap(), None);
}

async fn knows_nothing_of_other_ids(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    kit.queue(store, account).await;
    let other = MessageId::new(kit.now(), [9; 10]);
    assert_eq!(store.delivery(other).await.unwrap(), None);
}

async fn takes_a_thousand_at_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let messages: Vec<_> = (0..1000).map(|_| kit.message(account)).collect();
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    store
        .accept(NewBatch {
            messages,
            idempotency: None,
        })
        .await
        .unwrap();
    let batch = store
        .claim(account, 2000, super::LEASE, Priority::Low)
        .await
        .unwrap();
    let claimed: Vec<_> = batch
        .claimed
        .iter()
        .map(|claimed| claimed.message.id)
        .collect();
    assert_eq!(claimed, ids);
    assert_eq!(batch.next_due_at, None);
}
