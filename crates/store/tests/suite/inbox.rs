use std::time::Duration;

use bytes::Bytes;
use hongyan_domain::broadcast::{Skipped, WhySkipped};
use hongyan_domain::callback::{Callback, CallbackFilter, Effect, Mode, Received};
use hongyan_domain::clock::after;
use hongyan_domain::contact::{Follow, Sighting};
use hongyan_domain::delivery::Claimed;
use hongyan_domain::grant::{Window, WindowCause, Withheld};
use hongyan_domain::media::{Media, MediaKind};
use hongyan_domain::message::State;
use hongyan_domain::port::{Ask, Expansion, Page, Store, StoreError, Tally};
use hongyan_domain::rule::RuleSet;
use hongyan_domain::{AccountId, CallbackId, MediaId};
use hongyan_wechat::OpenId;

use super::receipts::receipt;
use super::{Kit, cases, over};

cases! {
    are_kept_as_they_came,
    are_known_when_they_come_again,
    are_told_apart,
    get_one_answer,
    are_taken_in_together,
    need_their_account,
    come_newest_first,
    are_found_by_what_they_are,
    are_found_by_person_over_the_years,
    are_forgotten_by_age,
    do_what_follows_once,
    let_people_be_forgotten,
}

impl Kit {
    /// A message of a person that came just now.
    pub(crate) fn callback(&self, account: AccountId) -> Callback {
        let fresh = self.fresh();
        let number = u64::from_be_bytes(fresh[2..].try_into().unwrap());
        Callback {
            id: CallbackId::new(self.now(), fresh),
            account,
            received_at: self.now(),
            dedupe_key: format!("oPerson-{number}"),
            openid: Some("oPerson".parse().unwrap()),
            msg_type: "text".to_owned(),
            event: None,
            event_key: None,
            created_at: self.now(),
            mode: Mode::Safe,
            query: "signature=0a&timestamp=1&nonce=2".to_owned(),
            content_type: Some("text/xml".to_owned()),
            body: "<xml><Encrypt>…</Encrypt></xml>".into(),
            text: format!("<xml><MsgId>{number}</MsgId></xml>"),
            reply: None,
            repeats: 0,
        }
    }

    /// Takes in a callback with these effects.
    pub(crate) async fn told(
        &self,
        store: &dyn Store,
        account: AccountId,
        effects: &[Effect],
    ) -> Received {
        let callback = self.callback(account);
        store.receive(&callback, effects, &[]).await.unwrap()
    }

    /// Gives an account one row in each of the tables of [`FILLED`].
    pub(crate) async fn fill(&self, store: &dyn Store, account: AccountId) {
        let openid = self.openid("oPerson");
        let id = self.queue(store, account).await;
        let claimed = self.claim_one(store, account).await;
        self.fill_beside(store, account, &claimed).await;
        let mut sent = self.settlement(&claimed, vec![self.took()], over(State::Accepted));
        sent.awaits_receipt = true;
        store.settle([sent].into()).await.unwrap();
        assert_eq!(claimed.message.id, id);
        let effects = [
            Effect::Seen(Sighting::of(openid.clone(), self.now())),
            Effect::Opened {
                openid: openid.clone(),
                cause: WindowCause::Message,
                at: self.now(),
            },
            Effect::Answered(self.consent(account, "oPerson")),
            Effect::Receipt(receipt(self, 7, true)),
        ];
        let to = ["https://example.com/".to_owned()];
        let callback = self.callback(account);
        store.receive(&callback, &effects, &to).await.unwrap();
        let user = format!("user-{}", account.0).parse().unwrap();
        store
            .bind_user(&user, None, &[(account, openid)], false)
            .await
            .unwrap();
        store
            .replace_rules(account, &RuleSet::default())
            .await
            .unwrap();
    }

    /// The same for what has nothing to do with callbacks.
    async fn fill_beside(&self, store: &dyn Store, account: AccountId, claimed: &Claimed) {
        let now = self.now();
        let ask = Ask {
            message: claimed.message.id,
            openid: claimed.message.to.clone(),
            need: None,
            tallies: vec![Tally {
                key: [1; 16],
                at_most: 1,
                within: Duration::from_secs(60),
                reason: Withheld::TooOften,
            }],
        };
        store.clear(account, &[ask]).await.unwrap();
        let chunks = vec![self.people(&["oA"]), self.people(&["oB"])];
        let id = self.running(store, account, chunks).await;
        let passed_over = Expansion {
            chunk: 0,
            messages: Vec::new(),
            skipped: vec![Skipped {
                who: "oA".to_owned(),
                why: WhySkipped::Invalid,
                detail: None,
            }],
        };
        store.expand(id, &passed_over).await.unwrap();
        let media = Media {
            id: MediaId::new(now, self.fresh()),
            account,
            kind: MediaKind::Image,
            file_name: "a.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: 1,
            digest: [1; 32],
            created_at: now,
            at_wechat: None,
        };
        let bytes = Bytes::from_static(b"a");
        store.add_media(&media, &bytes).await.unwrap();
    }

    pub(crate) fn openid(&self, text: &str) -> OpenId {
        text.parse().unwrap()
    }
}

/// The tables an account has rows in beside its settings.
pub(crate) const FILLED: [&str; 12] = [
    "message",
    "outcome",
    "attempt",
    "awaited",
    "early_receipt",
    "callback",
    "forward",
    "contact",
    "consent",
    "service_window",
    "app_user_openid",
    "reply_rules",
];

pub(super) const NEW: Received = Received::New {
    settled: Vec::new(),
    early: 0,
};

async fn ids(store: &dyn Store, account: AccountId, filter: CallbackFilter) -> Vec<CallbackId> {
    let page = Page {
        limit: 100,
        after: None,
    };
    let found = store.callbacks(account, &filter, &page).await.unwrap();
    found.into_iter().map(|callback| callback.id).collect()
}

async fn are_kept_as_they_came(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut event = kit.callback(account);
    event.msg_type = "event".to_owned();
    event.event = Some("CLICK".to_owned());
    event.event_key = Some("菜单".to_owned());
    event.mode = Mode::Compatible;
    let mut plain = kit.callback(account);
    plain.mode = Mode::Plain;
    plain.text = "{\"MsgType\":\"text\"}".to_owned();
    plain.body = plain.text.clone().into();
    plain.openid = None;
    plain.content_type = None;
    plain.reply = Some(String::new());
    plain.repeats = 3;
    for callback in [event, plain] {
        assert_eq!(store.receive(&callback, &[], &[]).await.unwrap(), NEW);
        assert_eq!(store.callback(callback.id).await.unwrap(), Some(callback));
    }
    let never = kit.callback(account).id;
    assert_eq!(store.callback(never).await.unwrap(), None);
}

async fn are_known_when_they_come_again(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let first = kit.callback(account);
    store.receive(&first, &[], &[]).await.unwrap();
    for (seconds, reply) in [(5, None), (5, Some("<xml/>")), (1_500, Some("<xml/>"))] {
        if let Some(reply) = reply {
            store.keep_reply(first.id, reply).await.unwrap();
        }
        kit.advance(seconds);
        let mut again = kit.callback(account);
        again.dedupe_key = first.dedupe_key.clone();
        again.created_at = first.created_at;
        let repeated = store.receive(&again, &[], &[]).await.unwrap();
        let expected = Received::Repeated {
            id: first.id,
            reply: reply.map(str::to_owned),
        };
        assert_eq!(repeated, expected);
        assert_eq!(store.callback(again.id).await.unwrap(), None);
    }
    assert_eq!(store.callback(first.id).await.unwrap().unwrap().repeats, 3);
    // The key counts, not the time that was written beside it.
    let mut stamped = kit.callback(account);
    stamped.dedupe_key = first.dedupe_key.clone();
    stamped.created_at = after(first.created_at, Duration::from_secs(20));
    let repeated = store.receive(&stamped, &[], &[]).await.unwrap();
    assert!(matches!(repeated, Received::Repeated { id, .. } if id == first.id));
}

async fn are_told_apart(store: &dyn Store, kit: &Kit) {
    let (one, two) = (
        kit.account(store, "one").await,
        kit.account(store, "two").await,
    );
    let first = kit.callback(one);
    let mut elsewhere = kit.callback(two);
    elsewhere.dedupe_key = first.dedupe_key.clone();
    let mut other = kit.callback(one);
    other.dedupe_key.push('x');
    for callback in [&first, &elsewhere, &other] {
        assert_eq!(store.receive(callback, &[], &[]).await.unwrap(), NEW);
    }
}

async fn get_one_answer(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let callback = kit.callback(account);
    store.receive(&callback, &[], &[]).await.unwrap();
    assert_eq!(store.keep_reply(callback.id, "").await.unwrap(), "");
    assert_eq!(store.keep_reply(callback.id, "late").await.unwrap(), "");
    let kept = store.callback(callback.id).await.unwrap().unwrap();
    assert_eq!(kept.reply.as_deref(), Some(""));
    let never = store.keep_reply(kit.callback(account).id, "x").await;
    assert!(
        matches!(never, Err(StoreError::Missing { .. })),
        "{never:?}"
    );
}

/// Callers at the same time, two of them with the same callback.
async fn are_taken_in_together(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let (one, two, mut again) = (
        kit.callback(account),
        kit.callback(account),
        kit.callback(account),
    );
    again.dedupe_key = one.dedupe_key.clone();
    let seen = [Effect::Seen(Sighting::of(kit.openid("oPerson"), kit.now()))];
    let gone = kit.callback(AccountId(i64::MAX));
    let (a, b, c, d) = tokio::join!(
        store.receive(&one, &seen, &[]),
        store.receive(&two, &seen, &[]),
        store.receive(&again, &seen, &[]),
        store.receive(&gone, &seen, &[])
    );
    assert_eq!((a, b), (Ok(NEW), Ok(NEW)));
    assert!(matches!(c, Ok(Received::Repeated { id, .. }) if id == one.id));
    assert!(matches!(d, Err(StoreError::Missing { .. })));
}

async fn need_their_account(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let kept = kit.callback(account);
    store.receive(&kept, &[], &[]).await.unwrap();
    store.remove_account(account).await.unwrap();
    let refused = store.receive(&kit.callback(account), &[], &[]).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
    assert_eq!(store.callback(kept.id).await.unwrap(), None);
}

async fn come_newest_first(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let other = kit.account(store, "other").await;
    kit.told(store, other, &[]).await;
    let mut kept = Vec::new();
    for _ in 0..5 {
        let callback = kit.callback(account);
        kept.insert(0, callback.id);
        store.receive(&callback, &[], &[]).await.unwrap();
        kit.advance(1);
    }
    assert_eq!(ids(store, account, CallbackFilter::default()).await, kept);
    for filter in [
        CallbackFilter::default(),
        CallbackFilter {
            openid: Some(kit.openid("oPerson")),
            ..Default::default()
        },
    ] {
        let page = Page {
            limit: 2,
            after: Some(kept[1]),
        };
        let found = store.callbacks(account, &filter, &page).await.unwrap();
        let found: Vec<_> = found.iter().map(|callback| callback.id).collect();
        assert_eq!(found, kept[2..4]);
    }
}

async fn are_found_by_what_they_are(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut event = kit.callback(account);
    event.msg_type = "event".to_owned();
    event.event = Some("subscribe".to_owned());
    event.openid = Some(kit.openid("oOther"));
    store.receive(&event, &[], &[]).await.unwrap();
    kit.advance(10);
    let text = kit.callback(account);
    store.receive(&text, &[], &[]).await.unwrap();
    let find = async |change: &dyn Fn(&mut CallbackFilter)| {
        let mut filter = CallbackFilter::default();
        change(&mut filter);
        ids(store, account, filter).await
    };
    let (oldest, newest) = (vec![event.id], vec![text.id]);
    assert_eq!(
        find(&|f| f.msg_type = Some("event".to_owned())).await,
        oldest
    );
    assert_eq!(
        find(&|f| f.event = Some("subscribe".to_owned())).await,
        oldest
    );
    assert_eq!(
        find(&|f| f.openid = Some(kit.openid("oOther"))).await,
        oldest
    );
    assert_eq!(
        find(&|f| f.received_before = Some(text.received_at)).await,
        oldest
    );
    assert_eq!(
        find(&|f| f.received_after = Some(text.received_at)).await,
        newest
    );
    assert_eq!(
        find(&|f| f.msg_type = Some("text".to_owned())).await,
        newest
    );
    assert!(
        find(&|f| f.openid = Some(kit.openid("oNobody")))
            .await
            .is_empty()
    );
    let both = |f: &mut CallbackFilter| {
        f.openid = Some(kit.openid("oOther"));
        f.received_after = Some(text.received_at);
    };
    assert!(find(&both).await.is_empty());
}

async fn are_found_by_person_over_the_years(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut kept = Vec::new();
    for days in [0, 1, 30, 365, 1] {
        kit.advance(days * 86_400);
        for openid in ["oPerson", "oOther"] {
            let mut callback = kit.callback(account);
            callback.openid = Some(kit.openid(openid));
            store.receive(&callback, &[], &[]).await.unwrap();
            if openid == "oPerson" {
                kept.insert(0, callback.id);
            }
        }
    }
    let filter = CallbackFilter {
        openid: Some(kit.openid("oPerson")),
        ..Default::default()
    };
    assert_eq!(ids(store, account, filter).await, kept);
}

async fn are_forgotten_by_age(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let mut old = Vec::new();
    for _ in 0..5 {
        let callback = kit.callback(account);
        store.receive(&callback, &[], &[]).await.unwrap();
        old.push(callback);
    }
    let under_way = kit.callback(account);
    let to = ["https://example.com/".to_owned()];
    store.receive(&under_way, &[], &to).await.unwrap();
    kit.advance(100);
    let young = kit.callback(account);
    store.receive(&young, &[], &[]).await.unwrap();
    for removed in [2, 2, 1, 0] {
        let count = store.forget_callbacks(young.received_at, 2).await.unwrap();
        assert_eq!(count, removed);
    }
    assert_eq!(
        ids(store, account, CallbackFilter::default()).await,
        [young.id, under_way.id]
    );
    // Once it is over it goes, with its forwarding.
    let lease = Duration::from_secs(60);
    let forward = store.claim_forwards(10, lease).await.unwrap().remove(0);
    let done = hongyan_domain::callback::Forwarded::Done { status: 200 };
    store
        .settle_forward(forward.id, forward.lease_token, &done)
        .await
        .unwrap();
    assert_eq!(
        store.forget_callbacks(young.received_at, 9).await.unwrap(),
        1
    );
    assert!(store.forwards(under_way.id).await.unwrap().is_empty());
    // What is forgotten can come again.
    assert_eq!(store.receive(&old[0], &[], &[]).await.unwrap(), NEW);
}

async fn do_what_follows_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let openid = kit.openid("oPerson");
    let mut followed = Sighting::of(openid.clone(), kit.now());
    followed.follow = Some(Follow::Following);
    let effects = [
        Effect::Seen(followed),
        Effect::Opened {
            openid: openid.clone(),
            cause: WindowCause::Follow,
            at: kit.now(),
        },
        Effect::Answered(kit.consent(account, "oPerson")),
    ];
    let callback = kit.callback(account);
    let to = ["https://example.com/".to_owned()];
    for _ in 0..2 {
        store.receive(&callback, &effects, &to).await.unwrap();
    }
    let contact = store.contact(account, &openid).await.unwrap().unwrap();
    assert_eq!(
        (contact.follow, contact.followed_at),
        (Follow::Following, Some(kit.now()))
    );
    assert_eq!(
        store.windows(account, &openid).await.unwrap(),
        [Window::open(WindowCause::Follow, kit.now())]
    );
    let grants = store.grants(account, &openid).await.unwrap();
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].1.count, 1, "a repeat does not count again");
    assert_eq!(store.forwards(callback.id).await.unwrap().len(), 1);
}

async fn let_people_be_forgotten(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let openid = kit.openid("oPerson");
    let seen = Effect::Seen(Sighting::of(openid.clone(), kit.now()));
    let opened = Effect::Opened {
        openid: openid.clone(),
        cause: WindowCause::Message,
        at: kit.now(),
    };
    let answered = Effect::Answered(kit.consent(account, "oPerson"));
    let forgotten = Effect::Forgotten {
        openid: openid.clone(),
    };
    kit.told(store, account, &[seen.clone(), opened, answered])
        .await;
    let user = "42".parse().unwrap();
    store
        .bind_user(&user, None, &[(account, openid.clone())], false)
        .await
        .unwrap();
    kit.told(store, account, std::slice::from_ref(&forgotten))
        .await;
    assert_eq!(store.contact(account, &openid).await.unwrap(), None);
    assert!(store.windows(account, &openid).await.unwrap().is_empty());
    assert!(store.grants(account, &openid).await.unwrap().is_empty());
    assert_eq!(store.user_of(account, &openid).await.unwrap(), None);
    // Who comes back is known again.
    kit.told(store, account, &[seen.clone(), forgotten, seen])
        .await;
    assert!(store.contact(account, &openid).await.unwrap().is_some());
}
