use hongyan_domain::callback::Effect;
use hongyan_domain::clock::after;
use hongyan_domain::contact::{Contact, Follow, Sighting};
use hongyan_domain::port::{Binding, ContactFilter, Page, Store, StoreError};
use hongyan_domain::{AccountId, contact::UserId};
use hongyan_wechat::{SessionKey, UnionId};

use super::{Kit, LEASE, cases};

cases! {
    are_known_from_what_they_do,
    follow_and_stop,
    act_without_beginning_to_follow,
    are_linked_over_accounts,
    come_in_pages,
    have_sealed_session_keys,
    are_forgotten,
    are_bound_to_users,
    are_taken_over_when_asked,
    are_found_by_user,
    belong_to_an_account,
}

fn unionid(text: &str) -> UnionId {
    text.parse().unwrap()
}

fn user(text: &str) -> UserId {
    text.parse().unwrap()
}

async fn see(store: &dyn Store, account: AccountId, sighting: &Sighting) -> Contact {
    store.saw(account, sighting, None).await.unwrap().0
}

async fn are_known_from_what_they_do(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let first = Sighting::of(kit.openid("oPerson"), kit.now());
    let (contact, is_new) = store.saw(account, &first, None).await.unwrap();
    let expected = Contact {
        account,
        openid: kit.openid("oPerson"),
        unionid: None,
        follow: Follow::Unknown,
        followed_at: None,
        unfollowed_at: None,
        scene: None,
        seen_at: kit.now(),
        created_at: kit.now(),
        details: None,
    };
    assert_eq!((&contact, is_new), (&expected, true));
    kit.advance(10);
    let mut later = Sighting::of(kit.openid("oPerson"), kit.now());
    later.unionid = Some(unionid("uPerson"));
    later.scene = Some("shop-7".to_owned());
    let (contact, is_new) = store.saw(account, &later, None).await.unwrap();
    let expected = Contact {
        unionid: later.unionid.clone(),
        scene: later.scene.clone(),
        seen_at: kit.now(),
        ..expected
    };
    assert_eq!((&contact, is_new), (&expected, false));
    // What is absent says nothing, and what is late is not the last.
    assert_eq!(see(store, account, &first).await, expected);
    let found = store.contact(account, &expected.openid).await.unwrap();
    assert_eq!(found, Some(expected));
}

async fn act_without_beginning_to_follow(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let begin = kit.now();
    let at = |seconds| after(begin, std::time::Duration::from_secs(seconds));
    let said = |openid, seconds, follow| {
        let mut sighting = Sighting::of(kit.openid(openid), at(seconds));
        sighting.follow = Some(follow);
        sighting
    };
    let implied = |openid, seconds| Sighting {
        follow_is_implied: true,
        ..said(openid, seconds, Follow::Following)
    };
    for (sighting, stands, followed) in [
        (
            said("oPerson", 10, Follow::Following),
            Follow::Following,
            Some(10),
        ),
        (implied("oPerson", 20), Follow::Following, Some(10)),
        (
            said("oPerson", 30, Follow::Unfollowed),
            Follow::Unfollowed,
            Some(10),
        ),
        // What they did before they stopped came late.
        (implied("oPerson", 25), Follow::Unfollowed, Some(10)),
        // That they began again was never told.
        (implied("oPerson", 40), Follow::Following, Some(40)),
        (implied("oPerson", 50), Follow::Following, Some(40)),
        // Since when is not known.
        (implied("oOther", 10), Follow::Following, None),
        (implied("oOther", 20), Follow::Following, None),
        (
            said("oOther", 15, Follow::Following),
            Follow::Following,
            Some(15),
        ),
    ] {
        let contact = see(store, account, &sighting).await;
        assert_eq!(contact.follow, stands, "{sighting:?}");
        assert_eq!(contact.followed_at, followed.map(at), "{sighting:?}");
        assert_eq!(contact.seen_at, contact.seen_at.max(sighting.at));
    }
    // Together with other words.
    let effects = [
        said("oPerson", 60, Follow::Unfollowed),
        implied("oPerson", 70),
        implied("oPerson", 80),
    ]
    .map(Effect::Seen);
    kit.told(store, account, &effects).await;
    let contact = store
        .contact(account, &kit.openid("oPerson"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(contact.follow, Follow::Following);
    assert_eq!(
        (contact.followed_at, contact.unfollowed_at),
        (Some(at(70)), Some(at(60)))
    );
}

async fn follow_and_stop(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let begin = kit.now();
    let at = |seconds| after(begin, std::time::Duration::from_secs(seconds));
    let word = |seconds, follow| {
        let mut sighting = Sighting::of(kit.openid("oPerson"), at(seconds));
        sighting.follow = Some(follow);
        sighting
    };
    use Follow::{Following, Unfollowed};
    for (seconds, follow, stands, followed, unfollowed) in [
        (10, Following, Following, Some(10), None),
        (20, Unfollowed, Unfollowed, Some(10), Some(20)),
        // An older word that was late.
        (15, Following, Unfollowed, Some(15), Some(20)),
        (5, Unfollowed, Unfollowed, Some(15), Some(20)),
        (30, Following, Following, Some(30), Some(20)),
    ] {
        let contact = see(store, account, &word(seconds, follow)).await;
        assert_eq!(contact.follow, stands);
        assert_eq!(contact.followed_at, followed.map(at));
        assert_eq!(contact.unfollowed_at, unfollowed.map(at));
    }
    // Several words at the same time.
    let effects = [
        word(50, Following),
        word(60, Unfollowed),
        word(55, Following),
    ]
    .map(Effect::Seen);
    kit.told(store, account, &effects).await;
    let contact = store
        .contact(account, &kit.openid("oPerson"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(contact.follow, Unfollowed);
    assert_eq!(
        (contact.followed_at, contact.unfollowed_at, contact.seen_at),
        (Some(at(55)), Some(at(60)), at(60))
    );
}

async fn are_linked_over_accounts(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = (
        kit.account(store, "oa").await,
        kit.account(store, "mp").await,
    );
    for (account, openid, union) in [
        (oa, "oPerson", "uPerson"),
        (mp, "mPerson", "uPerson"),
        (mp, "mOther", "uOther"),
    ] {
        let mut sighting = Sighting::of(kit.openid(openid), kit.now());
        sighting.unionid = Some(unionid(union));
        see(store, account, &sighting).await;
    }
    let places = async || {
        let linked = store.contacts_of(&unionid("uPerson")).await.unwrap();
        let places: Vec<_> = linked.into_iter().map(|c| (c.account, c.openid)).collect();
        places
    };
    let (at_oa, at_mp) = ((oa, kit.openid("oPerson")), (mp, kit.openid("mPerson")));
    assert_eq!(places().await, [at_oa, at_mp.clone()]);
    store.remove_account(oa).await.unwrap();
    assert_eq!(places().await, [at_mp]);
}

async fn come_in_pages(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let other = kit.account(store, "other").await;
    see(store, other, &Sighting::of(kit.openid("oA"), kit.now())).await;
    for (openid, follow) in [
        ("oD", Follow::Unfollowed),
        ("oB", Follow::Following),
        ("oA", Follow::Unfollowed),
        ("oC", Follow::Unknown),
    ] {
        let mut sighting = Sighting::of(kit.openid(openid), kit.now());
        sighting.follow = Some(follow);
        sighting.unionid = (openid < "oC").then(|| unionid("uPerson"));
        see(store, account, &sighting).await;
    }
    let list = async |follow, union: Option<&str>, after: Option<&str>, limit| {
        let filter = ContactFilter {
            follow,
            unionid: union.map(unionid),
        };
        let page = Page {
            limit,
            after: after.map(|openid| kit.openid(openid)),
        };
        let found = store.contacts(account, &filter, &page).await.unwrap();
        let names: Vec<_> = found.iter().map(|c| c.openid.as_str().to_owned()).collect();
        names
    };
    assert_eq!(list(None, None, None, 9).await, ["oA", "oB", "oC", "oD"]);
    assert_eq!(list(None, None, Some("oA"), 2).await, ["oB", "oC"]);
    let gone = Some(Follow::Unfollowed);
    assert_eq!(list(gone, None, None, 9).await, ["oA", "oD"]);
    assert_eq!(list(gone, None, Some("oA"), 9).await, ["oD"]);
    assert_eq!(list(Some(Follow::Following), None, None, 9).await, ["oB"]);
    assert_eq!(list(None, Some("uPerson"), None, 9).await, ["oA", "oB"]);
    assert_eq!(list(gone, Some("uPerson"), None, 9).await, ["oA"]);
    assert!(list(None, Some("uPerson"), Some("oB"), 9).await.is_empty());
}

async fn have_sealed_session_keys(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let person = kit.openid("oPerson");
    let sighting = Sighting::of(person.clone(), kit.now());
    see(store, account, &sighting).await;
    assert_eq!(store.session_key(account, &person).await.unwrap(), None);
    for text in ["tiihtNczf5v6AKRyjwEUhQ==", "HyVFkGl5F5OQWJZZaNzBBg=="] {
        kit.advance(1);
        let sighting = Sighting::of(person.clone(), kit.now());
        let key = SessionKey::new(text);
        store.saw(account, &sighting, Some(&key)).await.unwrap();
        let kept = store.session_key(account, &person).await.unwrap();
        assert_eq!(kept, Some((key, kit.now())));
    }
    // A sighting without one leaves it.
    see(store, account, &sighting).await;
    let kept = store.session_key(account, &person).await.unwrap();
    assert!(kept.is_some());
}

async fn are_forgotten(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "mp").await;
    let person = kit.openid("oPerson");
    let sighting = Sighting::of(person.clone(), kit.now());
    let key = SessionKey::new("key");
    store.saw(account, &sighting, Some(&key)).await.unwrap();
    store
        .answered(&[kit.consent(account, "oPerson")])
        .await
        .unwrap();
    store
        .bind_user(&user("42"), None, &[(account, person.clone())], false)
        .await
        .unwrap();
    assert!(store.forget_contact(account, &person).await.unwrap());
    assert!(!store.forget_contact(account, &person).await.unwrap());
    assert_eq!(store.contact(account, &person).await.unwrap(), None);
    assert_eq!(store.session_key(account, &person).await.unwrap(), None);
    assert!(store.grants(account, &person).await.unwrap().is_empty());
    let left = store.user(&user("42")).await.unwrap().unwrap();
    assert!(left.openids.is_empty());
}

async fn are_bound_to_users(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = (
        kit.account(store, "oa").await,
        kit.account(store, "mp").await,
    );
    let made_at = kit.now();
    let at_oa = (oa, kit.openid("oPerson"));
    let bound = store
        .bind_user(&user("42"), None, std::slice::from_ref(&at_oa), false)
        .await
        .unwrap();
    let Binding::Bound(bound) = bound else {
        panic!("{bound:?}");
    };
    assert_eq!(bound.openids, std::slice::from_ref(&at_oa));
    assert_eq!((bound.created_at, bound.updated_at), (made_at, made_at));
    kit.advance(1);
    // Adds to what there is, and replaces what is given.
    let at_mp = (mp, kit.openid("mPerson"));
    let (old, new) = ((mp, kit.openid("mOld")), at_mp.clone());
    for openids in [[old], [new]] {
        let union = unionid("uPerson");
        store
            .bind_user(&user("42"), Some(&union), &openids, false)
            .await
            .unwrap();
    }
    let bound = store.user(&user("42")).await.unwrap().unwrap();
    assert_eq!(bound.openids, [at_oa, at_mp.clone()]);
    assert_eq!(bound.unionid, Some(unionid("uPerson")));
    assert_eq!((bound.created_at, bound.updated_at), (made_at, kit.now()));
    for name in ["7", "张三"] {
        store
            .bind_user(&user(name), None, &[], false)
            .await
            .unwrap();
    }
    let page = |after: Option<&str>, limit| Page {
        limit,
        after: after.map(user),
    };
    let names = async |page| {
        let users = store.users(&page).await.unwrap();
        let names: Vec<_> = users.iter().map(|u| u.id.as_str().to_owned()).collect();
        names
    };
    assert_eq!(names(page(None, 9)).await, ["42", "7", "张三"]);
    assert_eq!(names(page(Some("42"), 1)).await, ["7"]);
    let listed = store.users(&page(None, 1)).await.unwrap();
    assert_eq!(listed, [bound]);
    store.remove_user(&user("42")).await.unwrap();
    let again = store.remove_user(&user("42")).await;
    assert!(
        matches!(again, Err(StoreError::Missing { .. })),
        "{again:?}"
    );
    assert_eq!(store.user(&user("42")).await.unwrap(), None);
    assert_eq!(store.user_of(at_mp.0, &at_mp.1).await.unwrap(), None);
}

async fn are_taken_over_when_asked(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = (
        kit.account(store, "oa").await,
        kit.account(store, "mp").await,
    );
    let both = [(oa, kit.openid("oPerson")), (mp, kit.openid("mPerson"))];
    store
        .bind_user(&user("first"), None, &both[..1], false)
        .await
        .unwrap();
    let refused = store
        .bind_user(&user("second"), None, &both, false)
        .await
        .unwrap();
    let taken = Binding::TakenBy {
        user: user("first"),
        account: oa,
    };
    assert_eq!(refused, taken);
    assert_eq!(store.user(&user("second")).await.unwrap(), None);
    let bound = store
        .bind_user(&user("second"), None, &both, true)
        .await
        .unwrap();
    assert!(matches!(bound, Binding::Bound(user) if user.openids == both));
    let first = store.user(&user("first")).await.unwrap().unwrap();
    assert!(first.openids.is_empty());
    let gone = [(AccountId(i64::MAX), kit.openid("oPerson"))];
    let refused = store.bind_user(&user("third"), None, &gone, true).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
}

async fn are_found_by_user(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = (
        kit.account(store, "oa").await,
        kit.account(store, "mp").await,
    );
    let person = kit.openid("oPerson");
    let mut linked = Sighting::of(kit.openid("mPerson"), kit.now());
    linked.unionid = Some(unionid("uPerson"));
    see(store, mp, &linked).await;
    let union = unionid("uPerson");
    store
        .bind_user(&user("42"), Some(&union), &[(oa, person.clone())], false)
        .await
        .unwrap();
    let found = store.user_of(oa, &person).await.unwrap();
    assert_eq!(found, Some(user("42")));
    let found = store.user_of(mp, &linked.openid).await.unwrap();
    assert_eq!(found, Some(user("42")), "by the unionid");
    assert_eq!(store.user_of(mp, &person).await.unwrap(), None);
}

async fn belong_to_an_account(store: &dyn Store, kit: &Kit) {
    let gone = kit.account(store, "gone").await;
    let sighting = Sighting::of(kit.openid("oPerson"), kit.now());
    see(store, gone, &sighting).await;
    let bound = [(gone, kit.openid("oPerson"))];
    store
        .bind_user(&user("42"), None, &bound, false)
        .await
        .unwrap();
    store.remove_account(gone).await.unwrap();
    let refused = store.saw(gone, &sighting, None).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
    let left = store.user(&user("42")).await.unwrap().unwrap();
    assert!(left.openids.is_empty());
    assert!(store.claim_forwards(1, LEASE).await.unwrap().is_empty());
}
