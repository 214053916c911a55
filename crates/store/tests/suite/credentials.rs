use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::clock::after;
use hongyan_domain::port::{Store, StoreError};
use hongyan_wechat::AccessToken;

use super::{Kit, cases};

cases! {
    are_kept,
    are_replaced_only_by_who_knows_the_last,
    are_forgotten_but_not_their_generation,
    belong_to_an_account,
    count_their_refreshes_by_day,
}

async fn are_kept(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    assert!(store.credential(account).await.unwrap().is_none());
    let (token, end) = (
        AccessToken::new("92_token"),
        after(kit.now(), Duration::from_secs(7200)),
    );
    let kept = store
        .keep_credential(account, &token, kit.now(), end, 0)
        .await
        .unwrap();
    assert_eq!(kept, Some(1));
    kit.advance(8000);
    let found = store.credential(account).await.unwrap().unwrap();
    assert_eq!(
        (found.token, found.expires_at, found.generation),
        (token, end, 1)
    );
    assert_eq!(after(found.obtained_at, Duration::from_secs(7200)), end);
}

async fn are_replaced_only_by_who_knows_the_last(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let now = kit.now();
    let keep = async |text: &str, after_generation| {
        let token = AccessToken::new(text);
        store
            .keep_credential(account, &token, now, now, after_generation)
            .await
            .unwrap()
    };
    assert_eq!(keep("one", 0).await, Some(1));
    assert_eq!(keep("late", 0).await, None);
    assert_eq!(keep("two", 1).await, Some(2));
    assert_eq!(keep("late", 1).await, None);
    let found = store.credential(account).await.unwrap().unwrap();
    assert_eq!((found.token.expose(), found.generation), ("two", 2));
    let (one, other) = tokio::join!(keep("one", 2), keep("other", 2));
    assert_eq!(
        (one.or(other), one.and(other)),
        (Some(3), None),
        "one of them is too late"
    );
}

async fn are_forgotten_but_not_their_generation(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    store.drop_credential(account).await.unwrap();
    let (token, now) = (AccessToken::new("token"), kit.now());
    for after_generation in 0..2 {
        store
            .keep_credential(account, &token, now, now, after_generation)
            .await
            .unwrap();
    }
    store.drop_credential(account).await.unwrap();
    assert!(store.credential(account).await.unwrap().is_none());
    // Somebody who finds none knows of none before.
    let kept = store
        .keep_credential(account, &token, now, now, 0)
        .await
        .unwrap();
    assert_eq!(kept, Some(3));
    assert_eq!(
        store.credential(account).await.unwrap().unwrap().generation,
        3
    );
}

async fn belong_to_an_account(store: &dyn Store, kit: &Kit) {
    let (token, now) = (AccessToken::new("token"), kit.now());
    let kept = store
        .keep_credential(AccountId(404), &token, now, now, 0)
        .await;
    assert!(matches!(kept, Err(StoreError::Missing { .. })), "{kept:?}");
    let counted = store.count_refresh(AccountId(404), 1).await;
    assert!(
        matches!(counted, Err(StoreError::Missing { .. })),
        "{counted:?}"
    );
    let (one, other) = (
        kit.account(store, "one").await,
        kit.account(store, "other").await,
    );
    store
        .keep_credential(one, &token, now, now, 0)
        .await
        .unwrap();
    assert!(store.credential(other).await.unwrap().is_none());
}

async fn count_their_refreshes_by_day(store: &dyn Store, kit: &Kit) {
    let (one, other) = (
        kit.account(store, "one").await,
        kit.account(store, "other").await,
    );
    for (account, day, used) in [
        (one, 20_000, 1),
        (one, 20_000, 2),
        (other, 20_000, 1),
        (one, 20_001, 1),
        (one, 20_000, 3),
    ] {
        assert_eq!(store.count_refresh(account, day).await.unwrap().used, used);
    }
}
