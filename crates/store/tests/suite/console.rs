use hongyan_domain::console::{Operator, Role, Session};
use hongyan_domain::port::{Store, StoreError};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{Kit, cases};

cases! {
    keeps_people_whole,
    has_each_name_once,
    lets_the_first_in_once,
    is_never_without_an_admin,
    keeps_sessions,
    ends_sessions_with_what_they_stand_for,
    forgets_sessions_that_ended,
}

fn operator(kit: &Kit, name: &str, role: Role) -> Operator {
    Operator {
        id: kit.key_id(),
        name: name.parse().unwrap(),
        role,
        password: SecretString::from(format!("$argon2id$hash of {name}")),
        created_at: kit.now(),
        seen_at: None,
    }
}

/// All of an operator, so that two can be compared.
fn whole(one: &Operator) -> (String, Role, String, Timestamp, Option<Timestamp>) {
    (
        format!("{} {}", one.id, one.name),
        one.role,
        one.password.expose_secret().to_owned(),
        one.created_at,
        one.seen_at,
    )
}

async fn everybody(store: &dyn Store) -> Vec<(String, Role, String, Timestamp, Option<Timestamp>)> {
    let operators = store.operators().await.unwrap();
    operators.iter().map(whole).collect()
}

fn session(kit: &Kit, operator: &Operator, digest: u8, seconds: i64) -> Session {
    Session {
        digest: [digest; 32],
        operator: operator.id,
        created_at: kit.now(),
        ends_at: kit.now() + jiff::SignedDuration::from_secs(seconds),
    }
}

async fn keeps_people_whole(store: &dyn Store, kit: &Kit) {
    assert!(everybody(store).await.is_empty());
    let zoe = operator(kit, "zoe", Role::Admin);
    let mut ann = operator(kit, "安", Role::Viewer);
    ann.seen_at = Some(kit.now());
    let ben = operator(kit, "ben", Role::Operator);
    for one in [&zoe, &ann, &ben] {
        store.add_operator(one, false).await.unwrap();
    }
    let expected = [&ben, &zoe, &ann].map(whole);
    assert_eq!(everybody(store).await, expected, "by name");
    let mut changed = ben.clone();
    changed.name = "benjamin".parse().unwrap();
    changed.role = Role::Admin;
    changed.password = SecretString::from("$argon2id$another".to_owned());
    store.change_operator(&changed, false).await.unwrap();
    assert_eq!(everybody(store).await[0], whole(&changed));
    store.remove_operator(ann.id).await.unwrap();
    assert_eq!(everybody(store).await, [whole(&changed), whole(&zoe)]);
    for gone in [
        store.remove_operator(ann.id).await,
        store.change_operator(&ann, false).await,
    ] {
        assert!(matches!(gone, Err(StoreError::Missing { .. })), "{gone:?}");
    }
}

async fn has_each_name_once(store: &dyn Store, kit: &Kit) {
    let one = operator(kit, "one", Role::Admin);
    let mut other = operator(kit, "other", Role::Admin);
    store.add_operator(&one, false).await.unwrap();
    store.add_operator(&other, false).await.unwrap();
    let again = operator(kit, "one", Role::Viewer);
    let taken = store.add_operator(&again, false).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "{taken:?}");
    other.name = "one".parse().unwrap();
    let taken = store.change_operator(&other, false).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "{taken:?}");
    assert_eq!(everybody(store).await.len(), 2);
}

async fn lets_the_first_in_once(store: &dyn Store, kit: &Kit) {
    let first = operator(kit, "first", Role::Admin);
    store.add_operator(&first, true).await.unwrap();
    let second = operator(kit, "second", Role::Admin);
    let late = store.add_operator(&second, true).await;
    assert!(matches!(late, Err(StoreError::InUse { .. })), "{late:?}");
    assert_eq!(everybody(store).await, [whole(&first)]);
}

async fn is_never_without_an_admin(store: &dyn Store, kit: &Kit) {
    let mut admin = operator(kit, "admin", Role::Admin);
    let viewer = operator(kit, "viewer", Role::Viewer);
    store.add_operator(&admin, false).await.unwrap();
    store.add_operator(&viewer, false).await.unwrap();
    admin.role = Role::Operator;
    for refused in [
        store.remove_operator(admin.id).await,
        store.change_operator(&admin, false).await,
    ] {
        assert!(
            matches!(refused, Err(StoreError::InUse { .. })),
            "{refused:?}"
        );
    }
    store.remove_operator(viewer.id).await.unwrap();
    let second = operator(kit, "second", Role::Admin);
    store.add_operator(&second, false).await.unwrap();
    store.change_operator(&admin, false).await.unwrap();
    assert_eq!(everybody(store).await[0], whole(&admin));
}

async fn keeps_sessions(store: &dyn Store, kit: &Kit) {
    let admin = operator(kit, "admin", Role::Admin);
    store.add_operator(&admin, false).await.unwrap();
    kit.advance(5);
    let begun = session(kit, &admin, 1, 60);
    store.begin_session(&begun).await.unwrap();
    let seen = Operator {
        seen_at: Some(kit.now()),
        ..admin.clone()
    };
    let (kept, who) = store.session(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((kept, whole(&who)), (begun.clone(), whole(&seen)));
    assert!(store.session(&[2; 32]).await.unwrap().is_none());
    let later = session(kit, &admin, 1, 600).ends_at;
    store.prolong_session(&[1; 32], later).await.unwrap();
    store.prolong_session(&[2; 32], later).await.unwrap();
    kit.advance(1_000);
    let (kept, _) = store.session(&[1; 32]).await.unwrap().unwrap();
    assert_eq!(kept.ends_at, later, "ended or not");
    for _ in 0..2 {
        store.end_session(&[1; 32]).await.unwrap();
        assert!(store.session(&[1; 32]).await.unwrap().is_none());
    }
    let stray = session(kit, &operator(kit, "gone", Role::Admin), 3, 60);
    let refused = store.begin_session(&stray).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
}

async fn ends_sessions_with_what_they_stand_for(store: &dyn Store, kit: &Kit) {
    let admin = operator(kit, "admin", Role::Admin);
    let other = operator(kit, "other", Role::Viewer);
    for (one, digests) in [(&admin, [1, 2]), (&other, [3, 4])] {
        store.add_operator(one, false).await.unwrap();
        for digest in digests {
            let begun = session(kit, one, digest, 60);
            store.begin_session(&begun).await.unwrap();
        }
    }
    let left = async || {
        let mut left = Vec::new();
        for digest in 1..=4 {
            if store.session(&[digest; 32]).await.unwrap().is_some() {
                left.push(digest);
            }
        }
        left
    };
    store.change_operator(&admin, false).await.unwrap();
    assert_eq!(left().await, [1, 2, 3, 4]);
    store.change_operator(&admin, true).await.unwrap();
    assert_eq!(left().await, [3, 4]);
    store.remove_operator(other.id).await.unwrap();
    assert!(left().await.is_empty());
}

async fn forgets_sessions_that_ended(store: &dyn Store, kit: &Kit) {
    let admin = operator(kit, "admin", Role::Admin);
    store.add_operator(&admin, false).await.unwrap();
    for (digest, seconds) in [(1, 10), (2, 20), (3, 30), (4, 100)] {
        let begun = session(kit, &admin, digest, seconds);
        store.begin_session(&begun).await.unwrap();
    }
    kit.advance(50);
    let forget = async |limit| store.forget_sessions(kit.now(), limit).await.unwrap();
    assert_eq!(forget(2).await, 2);
    assert_eq!(forget(2).await, 1);
    assert_eq!(forget(2).await, 0);
    assert!(store.session(&[4; 32]).await.unwrap().is_some());
}
