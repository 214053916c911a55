use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::key::{ApiKey, Scope};
use hongyan_domain::port::{Store, StoreError};

use super::{Kit, cases};

cases! {
    are_found_by_their_digest,
    come_oldest_first,
    have_names_of_their_own,
    are_removed_once,
    keep_the_answer_they_were_made_with,
}

fn key(kit: &Kit, name: &str) -> ApiKey {
    ApiKey {
        id: kit.key_id(),
        name: name.to_owned(),
        digest: [name.as_bytes()[0]; 32],
        scopes: vec![Scope::Token, Scope::Send],
        accounts: vec!["demo-oa".to_owned()],
        created_at: kit.now(),
        expires_at: Some(after(kit.now(), Duration::from_secs(60))),
    }
}

async fn are_found_by_their_digest(store: &dyn Store, kit: &Kit) {
    let limited = key(kit, "limited");
    let mut all = key(kit, "all");
    (all.accounts, all.expires_at, all.scopes) = (Vec::new(), None, Scope::ALL.to_vec());
    for key in [&limited, &all] {
        store.add_key(key, None).await.unwrap();
    }
    assert_eq!(
        store.key_by_digest(&limited.digest).await.unwrap(),
        Some(limited)
    );
    assert_eq!(store.key_by_digest(&all.digest).await.unwrap(), Some(all));
    assert_eq!(store.key_by_digest(&[0; 32]).await.unwrap(), None);
}

async fn come_oldest_first(store: &dyn Store, kit: &Kit) {
    assert!(store.keys().await.unwrap().is_empty());
    let mut made = Vec::new();
    for name in ["c", "a", "b"] {
        made.push(key(kit, name));
        kit.advance(1);
    }
    for i in [1, 2, 0] {
        store.add_key(&made[i], None).await.unwrap();
    }
    assert_eq!(store.keys().await.unwrap(), made);
}

async fn have_names_of_their_own(store: &dyn Store, kit: &Kit) {
    store.add_key(&key(kit, "ops"), None).await.unwrap();
    let mut same = key(kit, "ops");
    same.digest = [0; 32];
    let refused = store.add_key(&same, None).await;
    assert!(
        matches!(refused, Err(StoreError::Taken { .. })),
        "{refused:?}"
    );
    assert_eq!(store.keys().await.unwrap().len(), 1);
}

async fn are_removed_once(store: &dyn Store, kit: &Kit) {
    let key = key(kit, "ops");
    store.add_key(&key, None).await.unwrap();
    store.remove_key(key.id).await.unwrap();
    assert_eq!(store.key_by_digest(&key.digest).await.unwrap(), None);
    let again = store.remove_key(key.id).await;
    assert!(
        matches!(again, Err(StoreError::Missing { .. })),
        "{again:?}"
    );
}

async fn keep_the_answer_they_were_made_with(store: &dyn Store, kit: &Kit) {
    let kept = kit.idempotency(kit.key_id(), "k", "the key");
    store.add_key(&key(kit, "ops"), Some(&kept)).await.unwrap();
    let earlier = store.earlier_response(kept.caller, "k").await.unwrap();
    assert_eq!(earlier, Some((kept.fingerprint, kept.response.clone())));
    let second = store.add_key(&key(kit, "dev"), Some(&kept)).await;
    assert!(
        matches!(second, Err(StoreError::Taken { .. })),
        "{second:?}"
    );
    assert_eq!(store.keys().await.unwrap().len(), 1);
}
