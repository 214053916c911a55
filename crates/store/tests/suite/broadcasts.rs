use std::time::Duration;

use hongyan_domain::broadcast::{
    Audience, Broadcast, BroadcastSpec, BroadcastState, Recipient, RecipientId,
};
use hongyan_domain::clock::after;
use hongyan_domain::message::{Content, OnUnknown, Priority, TemplateContent};
use hongyan_domain::port::{Intake, Page, Store, StoreError};
use hongyan_domain::template::Overflow;
use hongyan_domain::{AccountId, BroadcastId};

use super::{Kit, LEASE, cases};

cases! {
    are_kept_whole,
    need_their_account,
    come_newest_first,
    take_people_in_once,
    take_nobody_in_later,
    move_only_from_where_they_are,
    keep_nobody_when_they_are_over,
    are_leased_to_one_node,
    are_given_to_another_node_in_time,
    go_with_their_account,
}

impl Kit {
    /// A broadcast to a list that is being taken in.
    pub(super) fn broadcast(&self, account: AccountId) -> Broadcast {
        Broadcast {
            id: BroadcastId::new(self.now(), self.fresh()),
            account,
            name: "spring".to_owned(),
            state: BroadcastState::Loading,
            spec: BroadcastSpec {
                content: Content::Template(TemplateContent {
                    template_id: "tpl".parse().unwrap(),
                    data: Default::default(),
                    url: None,
                    miniprogram: None,
                }),
                fallback: Vec::new(),
                audience: Audience::List,
                priority: Priority::Low,
                overflow: Overflow::default(),
                on_unknown: OnUnknown::Keep,
                send_at: None,
                expires_at: None,
                rate_per_second: None,
                starts_by_itself: true,
                skips_invalid: false,
                metadata: None,
            },
            recipients: 0,
            chunks: 0,
            expanded: 0,
            messages: 0,
            skipped: 0,
            load_cursor: None,
            problem: None,
            created_at: self.now(),
            created_by: None,
            started_at: None,
            finished_at: None,
        }
    }

    /// People by their openids, with a field each.
    pub(crate) fn people(&self, openids: &[&str]) -> Vec<Recipient> {
        let person = |openid: &&str| Recipient {
            to: RecipientId::Openid(self.openid(openid)),
            fields: [("name".to_owned(), "张三".into())].into_iter().collect(),
        };
        openids.iter().map(person).collect()
    }

    /// Adds a broadcast with these chunks and lets it run.
    pub(crate) async fn running(
        &self,
        store: &dyn Store,
        account: AccountId,
        chunks: Vec<Vec<Recipient>>,
    ) -> BroadcastId {
        let broadcast = self.broadcast(account);
        let id = broadcast.id;
        store.add_broadcast(&broadcast, None).await.unwrap();
        let intake = Intake {
            first: 0,
            chunks,
            load_cursor: None,
        };
        store.add_recipients(id, &intake).await.unwrap().unwrap();
        let begin = [BroadcastState::Loading];
        self.moved(store, id, &begin, BroadcastState::Running)
            .await
            .unwrap();
        id
    }

    /// Moves a broadcast without a word.
    pub(crate) async fn moved(
        &self,
        store: &dyn Store,
        id: BroadcastId,
        from: &[BroadcastState],
        to: BroadcastState,
    ) -> Option<Broadcast> {
        let moved = store.move_broadcast(id, from, to, None, self.now()).await;
        moved.unwrap()
    }
}

async fn ids(
    store: &dyn Store,
    accounts: Option<&[AccountId]>,
    limit: usize,
    after: Option<BroadcastId>,
) -> Vec<BroadcastId> {
    let page = Page { limit, after };
    let found = store.broadcasts(accounts, &page).await.unwrap();
    found.into_iter().map(|one| one.id).collect()
}

async fn are_kept_whole(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let plain = kit.broadcast(account);
    let mut full = kit.broadcast(account);
    full.spec.fallback = vec![(account, full.spec.content.clone())];
    full.spec.audience = Audience::Tag { id: 7 };
    full.spec.send_at = Some(kit.now());
    full.spec.rate_per_second = Some(9);
    full.spec.metadata = Some("{\"a\":1}".to_owned());
    full.load_cursor = Some("oLast".to_owned());
    full.created_by = Some(kit.key_id());
    let caller = kit.key_id();
    let kept = kit.idempotency(caller, "k", "answer");
    store.add_broadcast(&plain, None).await.unwrap();
    store.add_broadcast(&full, Some(&kept)).await.unwrap();
    let answer = store.earlier_response(caller, "k").await.unwrap();
    assert_eq!(answer, Some((kept.fingerprint, kept.response)));
    for one in [plain, full] {
        assert_eq!(store.broadcast(one.id).await.unwrap(), Some(one));
    }
    let never = kit.broadcast(account).id;
    assert_eq!(store.broadcast(never).await.unwrap(), None);
    assert!(store.broadcast_counts(never).await.unwrap().is_empty());
    assert!(store.recipients(never, 0).await.unwrap().is_empty());
}

async fn need_their_account(store: &dyn Store, kit: &Kit) {
    let stray = kit.broadcast(AccountId(404));
    let kept = kit.idempotency(kit.key_id(), "k", "answer");
    let refused = store.add_broadcast(&stray, Some(&kept)).await;
    assert!(
        matches!(refused, Err(StoreError::Missing { .. })),
        "{refused:?}"
    );
    let answer = store.earlier_response(kept.caller, "k").await.unwrap();
    assert_eq!(answer, None, "all or nothing");
}

async fn come_newest_first(store: &dyn Store, kit: &Kit) {
    let (one, other) = (
        kit.account(store, "one").await,
        kit.account(store, "other").await,
    );
    let mut made = Vec::new();
    for account in [one, other, one, other] {
        kit.advance(1);
        let broadcast = kit.broadcast(account);
        made.insert(0, broadcast.id);
        store.add_broadcast(&broadcast, None).await.unwrap();
    }
    assert_eq!(ids(store, None, 10, None).await, made);
    assert_eq!(ids(store, None, 2, Some(made[0])).await, made[1..3]);
    let mine = [made[1], made[3]];
    assert_eq!(ids(store, Some(&[one]), 10, None).await, mine);
    assert_eq!(ids(store, Some(&[one, other]), 10, None).await, made);
    assert_eq!(ids(store, Some(&[one]), 10, Some(made[1])).await, mine[1..]);
    assert!(ids(store, Some(&[]), 10, None).await.is_empty());
}

async fn take_people_in_once(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let broadcast = kit.broadcast(account);
    let id = broadcast.id;
    store.add_broadcast(&broadcast, None).await.unwrap();
    let (a, b, c) = (
        kit.people(&["oA", "oB"]),
        kit.people(&["oC"]),
        kit.people(&["oD", "oE", "oF"]),
    );
    let first = Intake {
        first: 0,
        chunks: vec![a.clone(), b.clone()],
        load_cursor: Some("2".to_owned()),
    };
    let stands = store.add_recipients(id, &first).await.unwrap();
    let expected = Broadcast {
        recipients: 3,
        chunks: 2,
        load_cursor: Some("2".to_owned()),
        ..broadcast
    };
    assert_eq!(stands, Some(expected.clone()));
    // Nobody, only how far it has come.
    let cursor = Intake {
        first: 2,
        chunks: Vec::new(),
        load_cursor: Some("3".to_owned()),
    };
    let stands = store.add_recipients(id, &cursor).await.unwrap();
    let expected = Broadcast {
        load_cursor: Some("3".to_owned()),
        ..expected
    };
    assert_eq!(stands, Some(expected.clone()));
    // The same again, as by somebody who did not hear the answer.
    assert_eq!(store.add_recipients(id, &first).await.unwrap(), None);
    let second = Intake {
        first: 2,
        chunks: vec![c.clone()],
        load_cursor: None,
    };
    let stands = store.add_recipients(id, &second).await.unwrap();
    let expected = Broadcast {
        recipients: 6,
        chunks: 3,
        load_cursor: None,
        ..expected
    };
    assert_eq!(stands, Some(expected.clone()));
    assert_eq!(store.broadcast(id).await.unwrap(), Some(expected));
    for (chunk, people) in [(0, a), (1, b), (2, c), (3, Vec::new())] {
        assert_eq!(store.recipients(id, chunk).await.unwrap(), people);
    }
}

async fn take_nobody_in_later(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.running(store, account, vec![kit.people(&["oA"])]).await;
    let late = Intake {
        first: 1,
        chunks: vec![kit.people(&["oB"])],
        load_cursor: None,
    };
    assert_eq!(store.add_recipients(id, &late).await.unwrap(), None);
    let never = kit.broadcast(account).id;
    assert_eq!(store.add_recipients(never, &late).await.unwrap(), None);
    let stands = store.broadcast(id).await.unwrap().unwrap();
    assert_eq!((stands.recipients, stands.chunks), (1, 1));
}

async fn move_only_from_where_they_are(store: &dyn Store, kit: &Kit) {
    use BroadcastState::{Canceled, Finished, Loading, Paused, Ready, Running};
    let account = kit.account(store, "oa").await;
    let broadcast = kit.broadcast(account);
    let id = broadcast.id;
    store.add_broadcast(&broadcast, None).await.unwrap();
    assert_eq!(kit.moved(store, id, &[Ready, Running], Paused).await, None);
    assert_eq!(kit.moved(store, id, &[], Paused).await, None);
    let ready = kit.moved(store, id, &[Loading], Ready).await.unwrap();
    assert_eq!((ready.state, ready.started_at), (Ready, None));
    // A word about one that stays where it is.
    let sample = Some("person 3 has no name");
    let noted = store
        .move_broadcast(id, &[Ready], Ready, sample, kit.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((noted.state, noted.problem.as_deref()), (Ready, sample));
    kit.advance(5);
    let began = kit.now();
    let running = kit.moved(store, id, &[Ready, Paused], Running).await;
    assert_eq!(running.unwrap().started_at, Some(began));
    kit.advance(5);
    let why = Some("the account is parked");
    let paused = store
        .move_broadcast(id, &[Running], Paused, why, kit.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((paused.state, paused.problem.as_deref()), (Paused, why));
    let again = kit.moved(store, id, &[Paused], Running).await.unwrap();
    assert_eq!((again.problem, again.started_at), (None, Some(began)));
    assert_eq!(again.finished_at, None);
    kit.advance(5);
    let over = kit.moved(store, id, &[Running], Finished).await.unwrap();
    assert_eq!(over.finished_at, Some(kit.now()));
    assert_eq!(store.broadcast(id).await.unwrap(), Some(over));
    assert_eq!(kit.moved(store, id, &[Running], Canceled).await, None);
    let never = kit.broadcast(account).id;
    assert_eq!(kit.moved(store, never, &[Loading], Ready).await, None);
}

async fn keep_nobody_when_they_are_over(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for to in [
        BroadcastState::Canceled,
        BroadcastState::Finished,
        BroadcastState::Failed,
    ] {
        let id = kit.running(store, account, vec![kit.people(&["oA"])]).await;
        assert_eq!(store.recipients(id, 0).await.unwrap().len(), 1);
        kit.moved(store, id, &[BroadcastState::Running], to).await;
        assert!(store.recipients(id, 0).await.unwrap().is_empty());
    }
}

async fn are_leased_to_one_node(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let (node, other) = (kit.node(), kit.node());
    let lease = async |node| {
        let mine = store.lease_broadcasts(node, LEASE).await.unwrap();
        let mut ids: Vec<_> = mine.into_iter().map(|one| one.id).collect();
        ids.sort();
        ids
    };
    assert!(lease(node).await.is_empty());
    let first = kit.running(store, account, vec![]).await;
    let over = kit.running(store, account, vec![]).await;
    let end = [BroadcastState::Running];
    kit.moved(store, over, &end, BroadcastState::Finished).await;
    assert_eq!(lease(node).await, [first]);
    let second = kit.broadcast(account);
    store.add_broadcast(&second, None).await.unwrap();
    assert_eq!(lease(other).await, [second.id]);
    // Those it has are among them.
    assert_eq!(lease(node).await, [first]);
    let whole = store.lease_broadcasts(other, LEASE).await.unwrap();
    assert_eq!(whole, [second]);
}

async fn are_given_to_another_node_in_time(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let (node, other) = (kit.node(), kit.node());
    let id = kit.running(store, account, vec![]).await;
    let count = async |node| store.lease_broadcasts(node, LEASE).await.unwrap().len();
    assert_eq!(count(node).await, 1);
    kit.clock.advance(LEASE / 2);
    assert_eq!(count(node).await, 1, "it is prolonged");
    kit.clock.advance(LEASE / 2);
    assert_eq!(count(other).await, 0);
    kit.clock.advance(LEASE / 2 + Duration::from_millis(1));
    assert_eq!(count(other).await, 1);
    assert_eq!(count(node).await, 0);
    assert!(store.broadcast(id).await.unwrap().is_some());
}

async fn go_with_their_account(store: &dyn Store, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    let id = kit.running(store, account, vec![kit.people(&["oA"])]).await;
    store.remove_account(account).await.unwrap();
    assert_eq!(store.broadcast(id).await.unwrap(), None);
    assert!(ids(store, None, 10, None).await.is_empty());
    let leased = store.lease_broadcasts(kit.node(), LEASE).await.unwrap();
    assert!(leased.is_empty());
    assert!(store.recipients(id, 0).await.unwrap().is_empty());
    let end = [BroadcastState::Running];
    let moved = kit.moved(store, id, &end, BroadcastState::Canceled).await;
    assert_eq!(moved, None);
    let later = after(kit.now(), Duration::from_secs(1));
    assert_eq!(store.forget_broadcasts(later, 10).await.unwrap(), 0);
}
