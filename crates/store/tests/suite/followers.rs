use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::broadcast::RecipientId;
use hongyan_domain::clock::after;
use hongyan_domain::contact::{
    Contact, ContactDetails, Described, Follow, FollowerSync, Sighting, SyncPhase, SyncStep,
};
use hongyan_domain::port::{ContactFilter, Page, Store, StoreError};
use hongyan_wechat::OpenId;

use super::{Kit, cases};

cases! {
    begin_once_at_a_time,
    go_on_from_where_they_are,
    bring_people_in,
    find_who_is_gone,
    leave_newer_words_alone,
    bring_details,
    bring_details_without_a_sync,
    are_described_in_pages,
    are_listed_ten_thousand_at_once,
    need_their_account,
    are_found_at_their_accounts,
    are_found_by_user_and_unionid,
}

fn begin(kit: &Kit, run: i64) -> FollowerSync {
    FollowerSync {
        run,
        phase: SyncPhase::Listing,
        cursor: None,
        total: 0,
        listed: 0,
        gone: 0,
        detailed: 0,
        started_at: kit.now(),
        finished_at: None,
        problem: None,
    }
}

/// A sync under way, and how far it is.
struct Run<'a> {
    store: &'a dyn Store,
    account: AccountId,
    at: FollowerSync,
}

impl<'a> Run<'a> {
    async fn begin(store: &'a dyn Store, kit: &Kit, account: AccountId, run: i64) -> Self {
        let at = begin(kit, run);
        let step = SyncStep::Begin;
        let begun = store.step_follower_sync(account, None, &step, &at).await;
        assert!(begun.unwrap());
        Self { store, account, at }
    }

    async fn step(&mut self, step: SyncStep) {
        let mut to = self.at.clone();
        to.listed += 1;
        if step == SyncStep::ListEnded {
            to.phase = SyncPhase::Describing;
        }
        let (store, account) = (self.store, self.account);
        let from = Some(&self.at);
        let done = store.step_follower_sync(account, from, &step, &to).await;
        assert!(done.unwrap());
        // The store counts who is gone.
        if step == SyncStep::ListEnded {
            let kept = store.follower_sync(account).await.unwrap().unwrap();
            to.gone = kept.gone;
            assert_eq!(kept, to);
        }
        self.at = to;
    }

    async fn listed(&mut self, kit: &Kit, openids: &[&str]) {
        let openids = openids.iter().map(|openid| kit.openid(openid)).collect();
        self.step(SyncStep::Listed(openids)).await;
    }

    async fn end(mut self) {
        let mut to = self.at.clone();
        to.phase = SyncPhase::Over;
        let (store, account) = (self.store, self.account);
        let done = store
            .step_follower_sync(account, Some(&self.at), &SyncStep::Noted, &to)
            .await;
        assert!(done.unwrap());
        self.at = to;
    }
}

async fn contact(store: &dyn Store, kit: &Kit, account: AccountId, openid: &str) -> Contact {
    let found = store.contact(account, &kit.openid(openid)).await.unwrap();
    found.unwrap()
}

async fn saw(store: &dyn Store, kit: &Kit, account: AccountId, openid: &str, follow: Follow) {
    let mut sighting = Sighting::of(kit.openid(openid), kit.now());
    sighting.follow = Some(follow);
    store.saw(account, &sighting, None).await.unwrap();
}

async fn following(store: &dyn Store, account: AccountId) -> Vec<String> {
    let filter = ContactFilter {
        follow: Some(Follow::Following),
        unionid: None,
    };
    let page = Page {
        limit: 1000,
        after: None,
    };
    let found = store.contacts(account, &filter, &page).await.unwrap();
    found.into_iter().map(|c| c.openid.to_string()).collect()
}

async fn begin_once_at_a_time(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    assert_eq!(store.follower_sync(account).await.unwrap(), None);
    let run = Run::begin(store, kit, account, 1).await;
    let stored = store.follower_sync(account).await.unwrap();
    assert_eq!(stored, Some(run.at.clone()));
    let second = begin(kit, 2);
    let step = SyncStep::Begin;
    let begun = store.step_follower_sync(account, None, &step, &second);
    assert!(!begun.await.unwrap(), "one is under way");
    run.end().await;
    let begun = store.step_follower_sync(account, None, &step, &second);
    assert!(begun.await.unwrap());
    assert_eq!(store.follower_sync(account).await.unwrap(), Some(second));
    let other = kit.account(store, "other").await;
    assert_eq!(store.follower_sync(other).await.unwrap(), None);
}

async fn go_on_from_where_they_are(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut run = Run::begin(store, kit, account, 1).await;
    let before = run.at.clone();
    run.listed(kit, &["oA"]).await;
    // Somebody who believes it is still at the beginning.
    let mut to = before.clone();
    to.cursor = Some(kit.openid("oB"));
    let step = SyncStep::Listed(vec![kit.openid("oB")]);
    let done = store.step_follower_sync(account, Some(&before), &step, &to);
    assert!(!done.await.unwrap());
    assert_eq!(following(store, account).await, ["oA"]);
    let mut full = run.at.clone();
    full.cursor = Some(kit.openid("oA"));
    (full.total, full.gone, full.detailed) = (5, 1, 2);
    full.problem = Some("the day's calls are used up".to_owned());
    full.finished_at = Some(kit.now());
    let step = SyncStep::Noted;
    let done = store.step_follower_sync(account, Some(&run.at), &step, &full);
    assert!(done.await.unwrap());
    assert_eq!(store.follower_sync(account).await.unwrap(), Some(full));
}

async fn bring_people_in(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    saw(store, kit, account, "oGone", Follow::Unfollowed).await;
    let known = Sighting::of(kit.openid("oKnown"), kit.now());
    store.saw(account, &known, None).await.unwrap();
    let known = contact(store, kit, account, "oKnown").await;
    kit.advance(10);
    let mut run = Run::begin(store, kit, account, 1).await;
    kit.advance(1);
    run.listed(kit, &["oKnown", "oNew", "oGone"]).await;
    assert_eq!(following(store, account).await, ["oGone", "oKnown", "oNew"]);
    let new = contact(store, kit, account, "oNew").await;
    let expected = Contact {
        account,
        openid: kit.openid("oNew"),
        unionid: None,
        follow: Follow::Following,
        followed_at: None,
        unfollowed_at: None,
        scene: None,
        seen_at: kit.now(),
        created_at: kit.now(),
        details: None,
    };
    assert_eq!(new, expected);
    let expected = Contact {
        follow: Follow::Following,
        ..known
    };
    assert_eq!(contact(store, kit, account, "oKnown").await, expected);
    assert_eq!(store.count_contacts(account).await.unwrap(), (3, 3));
    saw(store, kit, account, "oNew", Follow::Unfollowed).await;
    assert_eq!(store.count_contacts(account).await.unwrap(), (2, 3));
    let other = kit.account(store, "other").await;
    assert_eq!(store.count_contacts(other).await.unwrap(), (0, 0));
}

async fn find_who_is_gone(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let other = kit.account(store, "other").await;
    for (account, openid) in [(account, "oStays"), (account, "oGone"), (other, "oGone")] {
        saw(store, kit, account, openid, Follow::Following).await;
    }
    let stranger = Sighting::of(kit.openid("oStranger"), kit.now());
    store.saw(account, &stranger, None).await.unwrap();
    kit.advance(10);
    // One listed by an earlier run only.
    let mut first = Run::begin(store, kit, account, 1).await;
    first.listed(kit, &["oStays", "oGone", "oLeft"]).await;
    first.end().await;
    kit.advance(10);
    let mut run = Run::begin(store, kit, account, 2).await;
    run.listed(kit, &["oStays"]).await;
    kit.advance(10);
    // They came while the list was being read.
    saw(store, kit, account, "oCame", Follow::Following).await;
    run.step(SyncStep::ListEnded).await;
    assert_eq!(run.at.gone, 2);
    assert_eq!(following(store, account).await, ["oCame", "oStays"]);
    for openid in ["oGone", "oLeft"] {
        let gone = contact(store, kit, account, openid).await;
        let stands = (gone.follow, gone.unfollowed_at);
        assert_eq!(stands, (Follow::Unfollowed, Some(kit.now())));
    }
    let stranger = contact(store, kit, account, "oStranger").await;
    assert_eq!(stranger.follow, Follow::Unknown);
    assert_eq!(following(store, other).await, ["oGone"]);
}

async fn leave_newer_words_alone(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    saw(store, kit, account, "oLeft", Follow::Following).await;
    kit.advance(10);
    let mut run = Run::begin(store, kit, account, 1).await;
    kit.advance(10);
    // They left after the list was made.
    saw(store, kit, account, "oLeft", Follow::Unfollowed).await;
    let left = contact(store, kit, account, "oLeft").await;
    run.listed(kit, &["oLeft"]).await;
    assert_eq!(contact(store, kit, account, "oLeft").await, left);
    run.step(SyncStep::ListEnded).await;
    assert_eq!(contact(store, kit, account, "oLeft").await, left);
    let details = described(kit, "oLeft");
    run.step(SyncStep::Described(vec![details])).await;
    let stands = contact(store, kit, account, "oLeft").await;
    assert_eq!(stands.follow, Follow::Unfollowed);
    assert_eq!(stands.unfollowed_at, left.unfollowed_at);
}

fn described(kit: &Kit, openid: &str) -> Described {
    Described {
        openid: kit.openid(openid),
        follow: Follow::Following,
        followed_at: Some(after(kit.now(), Duration::ZERO)),
        unionid: Some(format!("u-{openid}").parse().unwrap()),
        details: Some(ContactDetails {
            remark: "熟客".to_owned(),
            tags: vec![2, 100],
            subscribe_scene: Some("ADD_SCENE_QR_CODE".to_owned()),
            qr_scene: Some("shop-7".to_owned()),
            language: Some("zh_CN".to_owned()),
        }),
    }
}

async fn bring_details(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut run = Run::begin(store, kit, account, 1).await;
    run.listed(kit, &["oA", "oB"]).await;
    let seen_at = kit.now();
    kit.advance(5);
    let full = described(kit, "oA");
    let gone = Described {
        openid: kit.openid("oB"),
        follow: Follow::Unfollowed,
        followed_at: None,
        unionid: None,
        details: None,
    };
    let stranger = described(kit, "oForgotten");
    run.step(SyncStep::Described(vec![full.clone(), gone, stranger]))
        .await;
    let expected = Contact {
        account,
        openid: kit.openid("oA"),
        unionid: full.unionid,
        follow: Follow::Following,
        followed_at: full.followed_at,
        unfollowed_at: None,
        scene: Some("shop-7".to_owned()),
        seen_at,
        created_at: seen_at,
        details: full.details,
    };
    assert_eq!(contact(store, kit, account, "oA").await, expected);
    let gone = contact(store, kit, account, "oB").await;
    let stands = (gone.follow, gone.unfollowed_at);
    assert_eq!(stands, (Follow::Unfollowed, Some(kit.now())));
    // Who was forgotten stays forgotten.
    let forgotten = store.contact(account, &kit.openid("oForgotten")).await;
    assert_eq!(forgotten.unwrap(), None);
    // An event later on takes nothing away.
    kit.advance(5);
    let again = Sighting::of(kit.openid("oA"), kit.now());
    store.saw(account, &again, None).await.unwrap();
    let stands = contact(store, kit, account, "oA").await;
    assert_eq!(stands.details, expected.details);
}

async fn bring_details_without_a_sync(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for openid in ["oA", "oB"] {
        saw(store, kit, account, openid, Follow::Following).await;
    }
    kit.advance(5);
    let full = described(kit, "oA");
    let gone = Described {
        openid: kit.openid("oB"),
        follow: Follow::Unfollowed,
        followed_at: None,
        unionid: None,
        details: None,
    };
    let stranger = described(kit, "oForgotten");
    let people = [full.clone(), gone, stranger];
    store.describe(account, &people).await.unwrap();
    let stands = contact(store, kit, account, "oA").await;
    assert_eq!(
        (stands.unionid, stands.details),
        (full.unionid, full.details)
    );
    assert_eq!(stands.followed_at, full.followed_at);
    let gone = contact(store, kit, account, "oB").await;
    let stands = (gone.follow, gone.unfollowed_at);
    assert_eq!(stands, (Follow::Unfollowed, Some(kit.now())));
    let forgotten = store.contact(account, &kit.openid("oForgotten")).await;
    assert_eq!(forgotten.unwrap(), None);
    assert_eq!(store.follower_sync(account).await.unwrap(), None);
    let refused = store.describe(AccountId(404), &[]).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
}

async fn are_described_in_pages(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut run = Run::begin(store, kit, account, 1).await;
    run.listed(kit, &["oD", "oB", "oA", "oC", "oE"]).await;
    saw(store, kit, account, "oE", Follow::Unfollowed).await;
    let pages = async |after: Option<&str>, limit| {
        let after = after.map(|openid| kit.openid(openid));
        let found = store.undescribed(account, after.as_ref(), limit).await;
        let found: Vec<_> = found.unwrap().iter().map(ToString::to_string).collect();
        found
    };
    assert_eq!(pages(None, 10).await, ["oA", "oB", "oC", "oD"]);
    assert_eq!(pages(Some("oA"), 2).await, ["oB", "oC"]);
    let some = ["oB", "oC"].map(|openid| described(kit, openid));
    run.step(SyncStep::Described(some.to_vec())).await;
    assert_eq!(pages(None, 10).await, ["oA", "oD"]);
}

async fn are_listed_ten_thousand_at_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let all: Vec<OpenId> = (0..10_000)
        .map(|n| kit.openid(&format!("o{:08x}", n * 2_654_435_761_u64 % 0xffff_ffff)))
        .collect();
    for run in 1..=2 {
        let mut run = Run::begin(store, kit, account, run).await;
        run.step(SyncStep::Listed(all.clone())).await;
        run.step(SyncStep::ListEnded).await;
        run.end().await;
        kit.advance(10);
    }
    let count = all.len() as u64;
    assert_eq!(store.count_contacts(account).await.unwrap(), (count, count));
}

async fn need_their_account(store: &dyn Store, kit: &Kit) {
    let stray = AccountId(404);
    assert_eq!(store.follower_sync(stray).await.unwrap(), None);
    let to = begin(kit, 1);
    let step = SyncStep::Begin;
    let refused = store.step_follower_sync(stray, None, &step, &to).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
    let gone = kit.account(store, "gone").await;
    Run::begin(store, kit, gone, 1).await;
    store.remove_account(gone).await.unwrap();
    assert_eq!(store.follower_sync(gone).await.unwrap(), None);
}

async fn are_found_at_their_accounts(store: &dyn Store, kit: &Kit) {
    let (oa, mp) = (
        kit.account(store, "oa").await,
        kit.account(store, "mp").await,
    );
    let accounts = async |openid: &str| {
        let found = store.accounts_of(&[kit.openid(openid)]).await;
        found.unwrap().remove(0)
    };
    assert!(accounts("oPerson").await.is_empty());
    saw(store, kit, oa, "oPerson", Follow::Following).await;
    assert_eq!(accounts("oPerson").await, [oa]);
    saw(store, kit, mp, "mPerson", Follow::Unknown).await;
    assert_eq!(accounts("mPerson").await, [mp]);
    // As it is after a mistake.
    saw(store, kit, mp, "oPerson", Follow::Unknown).await;
    assert_eq!(accounts("oPerson").await, [oa, mp]);
    let asked = ["mPerson", "oNobody", "oPerson", "mPerson"].map(|openid| kit.openid(openid));
    let found = store.accounts_of(&asked).await.unwrap();
    assert_eq!(found, [vec![mp], vec![], vec![oa, mp], vec![mp]]);
    assert!(store.accounts_of(&[]).await.unwrap().is_empty());
    store.remove_account(oa).await.unwrap();
    assert_eq!(accounts("oPerson").await, [mp]);
}

async fn are_found_by_user_and_unionid(store: &dyn Store, kit: &Kit) {
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
        sighting.unionid = Some(union.parse().unwrap());
        store.saw(account, &sighting, None).await.unwrap();
    }
    let user = |text: &str| RecipientId::UserId(text.parse().unwrap());
    let union = |text: &str| RecipientId::Unionid(text.parse().unwrap());
    let bind = async |id: &str, unionid: Option<&str>, openids: &[(AccountId, OpenId)]| {
        let unionid = unionid.map(|text| text.parse().unwrap());
        let id = id.parse().unwrap();
        store
            .bind_user(&id, unionid.as_ref(), openids, false)
            .await
            .unwrap();
    };
    bind("by-openid", None, &[(mp, kit.openid("mBound"))]).await;
    bind("by-union", Some("uPerson"), &[]).await;
    // What is bound there goes before what is linked.
    let both = [(mp, kit.openid("mMine"))];
    bind("by-both", Some("uOther"), &both).await;
    let who = [
        user("by-both"),
        union("uPerson"),
        user("nobody"),
        user("by-openid"),
        union("uNobody"),
        user("by-union"),
        RecipientId::Openid(kit.openid("mAnybody")),
        union("uPerson"),
    ];
    let found = async |account| {
        let found = store.openids_of(account, &who).await.unwrap();
        let found: Vec<_> = found
            .into_iter()
            .map(|openid| openid.map(|openid| openid.to_string()))
            .collect();
        found
    };
    let expected = |all: [&str; 8]| all.map(|text| (!text.is_empty()).then(|| text.to_owned()));
    let at_mp = [
        "mMine", "mPerson", "", "mBound", "", "mPerson", "mAnybody", "mPerson",
    ];
    assert_eq!(found(mp).await, expected(at_mp));
    let at_oa = ["", "oPerson", "", "", "", "oPerson", "mAnybody", "oPerson"];
    assert_eq!(found(oa).await, expected(at_oa));
    assert!(store.openids_of(oa, &[]).await.unwrap().is_empty());
}
