use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::port::{CredentialLease, RefreshCount, Store, StoreError, StoredCredential};
use hongyan_domain::{AccountId, NodeId};
use hongyan_wechat::AccessToken;

use super::{Kit, LEASE, cases};

cases! {
    are_kept,
    are_asked_for_by_one_node_at_a_time,
    are_kept_only_under_the_last_lease,
    are_forgotten_but_not_their_generation,
    belong_to_an_account,
    count_their_refreshes_by_day,
}

/// Takes the lease, which must be free.
async fn lease(
    store: &dyn Store,
    account: AccountId,
    node: NodeId,
) -> (i64, Option<StoredCredential>) {
    match store.lease_credential(account, node, LEASE).await.unwrap() {
        CredentialLease::Taken { fence, stored } => (fence, stored),
        CredentialLease::Held { until } => panic!("held until {until}"),
    }
}

async fn keep(store: &dyn Store, kit: &Kit, account: AccountId, text: &str) -> Option<i64> {
    let (fence, _) = lease(store, account, kit.node()).await;
    let token = AccessToken::new(text);
    store
        .keep_credential(account, fence, &token, kit.now(), kit.now())
        .await
        .unwrap()
}

async fn are_kept(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    assert!(store.credential(account).await.unwrap().is_none());
    let (token, end) = (
        AccessToken::new("92_token"),
        after(kit.now(), Duration::from_secs(7200)),
    );
    let (fence, stored) = lease(store, account, kit.node()).await;
    assert!(stored.is_none());
    let kept = store
        .keep_credential(account, fence, &token, kit.now(), end)
        .await
        .unwrap();
    assert_eq!(kept, Some(1));
    kit.advance(8000);
    let found = store.credential(account).await.unwrap().unwrap();
    assert_eq!(
        (found.token.clone(), found.expires_at, found.generation),
        (token.clone(), end, 1)
    );
    assert_eq!(after(found.obtained_at, Duration::from_secs(7200)), end);
    let (_, stored) = lease(store, account, kit.node()).await;
    assert_eq!(stored.unwrap().token, token);
}

async fn are_asked_for_by_one_node_at_a_time(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let (one, other) = (kit.node(), kit.node());
    let (first, _) = lease(store, account, one).await;
    let until = after(kit.now(), LEASE);
    let held = store.lease_credential(account, other, LEASE).await.unwrap();
    assert!(
        matches!(held, CredentialLease::Held { until: end } if end == until),
        "{held:?}"
    );
    let (second, _) = lease(store, account, one).await;
    assert!(second > first, "its holder may take it anew");

    store.return_credential_lease(account, first).await.unwrap();
    let held = store.lease_credential(account, other, LEASE).await.unwrap();
    assert!(matches!(held, CredentialLease::Held { .. }), "{held:?}");
    store
        .return_credential_lease(account, second)
        .await
        .unwrap();
    let (third, _) = lease(store, account, other).await;
    assert!(third > second);

    kit.clock.advance(LEASE);
    let (fourth, _) = lease(store, account, one).await;
    assert!(fourth > third, "a node that died is replaced");
}

async fn are_kept_only_under_the_last_lease(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let now = kit.now();
    let (late, _) = lease(store, account, kit.node()).await;
    kit.clock.advance(LEASE);
    let (good, _) = lease(store, account, kit.node()).await;
    let keep = async |fence, text: &str| {
        let token = AccessToken::new(text);
        store
            .keep_credential(account, fence, &token, now, now)
            .await
            .unwrap()
    };
    assert_eq!(keep(late, "late").await, None);
    assert!(store.credential(account).await.unwrap().is_none());
    assert_eq!(keep(good, "good").await, Some(1));
    assert_eq!(keep(good, "twice").await, None, "keeping ends the lease");
    let found = store.credential(account).await.unwrap().unwrap();
    assert_eq!((found.token.expose(), found.generation), ("good", 1));
}

async fn are_forgotten_but_not_their_generation(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    store.drop_credential(account).await.unwrap();
    assert_eq!(keep(store, kit, account, "one").await, Some(1));
    assert_eq!(keep(store, kit, account, "two").await, Some(2));
    let (fence, _) = lease(store, account, kit.node()).await;
    store.drop_credential(account).await.unwrap();
    assert!(store.credential(account).await.unwrap().is_none());
    let seen = store.revisions().await.unwrap()[0].credential;
    assert!(seen > 2, "other nodes must notice");
    let token = AccessToken::new("of the former secret");
    let kept = store
        .keep_credential(account, fence, &token, kit.now(), kit.now())
        .await
        .unwrap();
    assert_eq!(kept, None);
    let kept = keep(store, kit, account, "three").await.unwrap();
    assert!(kept > seen);
    let found = store.credential(account).await.unwrap().unwrap();
    assert_eq!(found.generation, kept);
}

async fn belong_to_an_account(store: &dyn Store, kit: &Kit) {
    let gone = AccountId(404);
    let leased = store.lease_credential(gone, kit.node(), LEASE).await;
    assert!(
        matches!(leased, Err(StoreError::Missing { .. })),
        "{leased:?}"
    );
    for counted in [
        store.count_refresh(gone, 1).await,
        store.count_foreign_refresh(gone, 1).await,
    ] {
        assert!(
            matches!(counted, Err(StoreError::Missing { .. })),
            "{counted:?}"
        );
    }
    let (one, other) = (
        kit.account(store, "one").await,
        kit.account(store, "other").await,
    );
    keep(store, kit, one, "token").await;
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
    let lost = store.count_foreign_refresh(one, 20_000).await.unwrap();
    let all = RefreshCount {
        used: 3,
        foreign: 1,
    };
    assert_eq!(lost, all);
    assert_eq!(store.refreshes(one, 20_000).await.unwrap(), all);
    assert_eq!(
        store.refreshes(other, 20_001).await.unwrap(),
        RefreshCount::default()
    );
}
