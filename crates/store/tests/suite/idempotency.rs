use std::time::Duration;

use hongyan_domain::port::{Accepted, IDEMPOTENCY_LIFE, Idempotency, NewBatch, Store, StoreError};

use super::{Kit, cases};

cases! {
    answers_the_same_request_the_same,
    tells_another_request_under_the_same_key,
    keeps_callers_apart,
    forgets_after_its_life,
    forgets_a_few_at_a_time,
    answers_only_one_of_two_at_the_same_time,
    keeps_answers_of_other_requests,
}

async fn accept(store: &dyn Store, kit: &Kit, idempotency: Idempotency) -> Accepted {
    let account = store.accounts().await.unwrap()[0].id;
    let messages = vec![kit.message(account)];
    store
        .accept(NewBatch {
            messages,
            idempotency: Some(idempotency),
        })
        .await
        .unwrap()
}

async fn open_messages(store: &dyn Store) -> u64 {
    store
        .depths()
        .await
        .unwrap()
        .iter()
        .map(|depth| depth.open)
        .sum()
}

async fn answers_the_same_request_the_same(store: &dyn Store, kit: &Kit) {
    kit.account(store, "oa").await;
    let first = kit.idempotency(kit.key_id(), "k", "answer");
    assert_eq!(accept(store, kit, first.clone()).await, Accepted::Stored);
    kit.advance(60);
    let mut again = first.clone();
    again.response.body = "another answer".into();
    assert_eq!(
        accept(store, kit, again).await,
        Accepted::Replayed(first.response.clone())
    );
    assert_eq!(open_messages(store).await, 1);
    let earlier = store.earlier_response(first.caller, "k").await.unwrap();
    assert_eq!(earlier, Some((first.fingerprint, first.response)));
}

async fn tells_another_request_under_the_same_key(store: &dyn Store, kit: &Kit) {
    kit.account(store, "oa").await;
    let first = kit.idempotency(kit.key_id(), "k", "answer");
    accept(store, kit, first.clone()).await;
    let other = Idempotency {
        fingerprint: [9; 32],
        ..first
    };
    assert_eq!(accept(store, kit, other).await, Accepted::KeyReused);
    assert_eq!(open_messages(store).await, 1);
}

async fn keeps_callers_apart(store: &dyn Store, kit: &Kit) {
    kit.account(store, "oa").await;
    let (one, other) = (kit.key_id(), kit.key_id());
    accept(store, kit, kit.idempotency(one, "k", "to one")).await;
    assert_eq!(store.earlier_response(other, "k").await.unwrap(), None);
    assert_eq!(store.earlier_response(one, "K").await.unwrap(), None);
    let answer = accept(store, kit, kit.idempotency(other, "k", "to the other")).await;
    assert_eq!(answer, Accepted::Stored);
    assert_eq!(open_messages(store).await, 2);
}

async fn forgets_after_its_life(store: &dyn Store, kit: &Kit) {
    kit.account(store, "oa").await;
    let first = kit.idempotency(kit.key_id(), "k", "answer");
    accept(store, kit, first.clone()).await;
    kit.clock
        .advance(IDEMPOTENCY_LIFE - Duration::from_millis(1));
    assert!(matches!(
        accept(store, kit, first.clone()).await,
        Accepted::Replayed(_)
    ));
    kit.clock.advance(Duration::from_millis(1));
    assert_eq!(
        store.earlier_response(first.caller, "k").await.unwrap(),
        None
    );
    let second = Idempotency {
        fingerprint: [9; 32],
        ..first
    };
    assert_eq!(accept(store, kit, second.clone()).await, Accepted::Stored);
    let earlier = store.earlier_response(second.caller, "k").await.unwrap();
    assert_eq!(earlier.unwrap().0, second.fingerprint);
}

async fn forgets_a_few_at_a_time(store: &dyn Store, kit: &Kit) {
    kit.account(store, "oa").await;
    let caller = kit.key_id();
    for key in ["a", "b", "c"] {
        accept(store, kit, kit.idempotency(caller, key, "old")).await;
    }
    kit.clock.advance(IDEMPOTENCY_LIFE);
    accept(store, kit, kit.idempotency(caller, "d", "young")).await;
    assert_eq!(store.forget_old_responses(2).await.unwrap(), 2);
    assert_eq!(store.forget_old_responses(10).await.unwrap(), 1);
    assert_eq!(store.forget_old_responses(10).await.unwrap(), 0);
    assert!(store.earlier_response(caller, "d").await.unwrap().is_some());
}

async fn answers_only_one_of_two_at_the_same_time(store: &dyn Store, kit: &Kit) {
    kit.account(store, "oa").await;
    let same = kit.idempotency(kit.key_id(), "k", "answer");
    let (one, other) = tokio::join!(
        accept(store, kit, same.clone()),
        accept(store, kit, same.clone())
    );
    let answers = [Accepted::Stored, Accepted::Replayed(same.response)];
    assert!(answers.contains(&one) && answers.contains(&other) && one != other);
    assert_eq!(open_messages(store).await, 1);
}

/// Accounts and keys are made under a caller's key too.
async fn keeps_answers_of_other_requests(store: &dyn Store, kit: &Kit) {
    let caller = kit.key_id();
    let kept = kit.idempotency(caller, "k", "made");
    store
        .add_account(&kit.settings("one"), Some(&kept))
        .await
        .unwrap();
    let earlier = store.earlier_response(caller, "k").await.unwrap();
    assert_eq!(earlier, Some((kept.fingerprint, kept.response.clone())));
    let second = store.add_account(&kit.settings("two"), Some(&kept)).await;
    assert!(
        matches!(second, Err(StoreError::Taken { .. })),
        "{second:?}"
    );
    assert_eq!(store.accounts().await.unwrap().len(), 1);

    let unused = kit.idempotency(caller, "k2", "not made");
    assert!(
        store
            .add_account(&kit.settings("one"), Some(&unused))
            .await
            .is_err()
    );
    assert_eq!(store.earlier_response(caller, "k2").await.unwrap(), None);
}
