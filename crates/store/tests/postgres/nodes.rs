//! Two nodes on one database.

use std::collections::BTreeSet;
use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::message::{Priority, State};
use hongyan_domain::port::{
    AccountStore, CredentialLease, CredentialStore, Hint, MessageStore, NewBatch, QueueStore,
    Store, TemplateStore,
};
use hongyan_store::PostgresStore;
use hongyan_test_postgres::Server;
use hongyan_wechat::AccessToken;

use super::{open, options, visit};
use crate::suite::{Kit, LEASE, over};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn nobody_is_handed_what_another_has() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let one = open(&database, kit.clock.clone()).await;
    let other = open(&database, kit.clock.clone()).await;
    let account = kit.account(&one, "oa").await;
    let messages: Vec<_> = (0..1500).map(|_| kit.message(account)).collect();
    let sent: BTreeSet<_> = messages.iter().map(|message| message.id).collect();
    let batch = NewBatch {
        messages,
        idempotency: None,
    };
    other.accept(batch).await.unwrap();
    let drain = async |store: &PostgresStore| {
        let mut taken = Vec::new();
        loop {
            let batch = store
                .claim(account, 40, LEASE, Priority::Low)
                .await
                .unwrap();
            if batch.claimed.is_empty() && batch.next_due_at.is_none_or(|at| at > kit.now()) {
                return taken;
            }
            let ends: Vec<_> = batch
                .claimed
                .iter()
                .map(|one| kit.settlement(one, vec![kit.took()], over(State::Accepted)))
                .collect();
            store.settle(ends.into()).await.unwrap();
            taken.extend(batch.claimed.into_iter().map(|one| one.message.id));
        }
    };
    let (a, b, c, d) = tokio::join!(drain(&one), drain(&other), drain(&one), drain(&other));
    let taken = [a, b, c, d].concat();
    assert_eq!(taken.len(), sent.len());
    assert_eq!(BTreeSet::from_iter(taken), sent);
}

#[tokio::test]
async fn together_they_have_no_more_under_way_than_allowed() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let one = open(&database, kit.clock.clone()).await;
    let other = open(&database, kit.clock.clone()).await;
    let mut settings = kit.settings("oa");
    settings.max_in_flight = 10;
    let account = one.add_account(&settings, None).await.unwrap().id;
    for _ in 0..30 {
        kit.queue(&one, account).await;
    }
    let first = one.claim(account, 100, LEASE, Priority::Low).await.unwrap();
    assert_eq!(first.claimed.len(), 10);
    let pause = Duration::from_millis(20);
    assert_eq!(first.next_due_at, Some(after(kit.now(), pause)));
    let none = other
        .claim(account, 100, LEASE, Priority::Low)
        .await
        .unwrap();
    assert!(none.claimed.is_empty());
    assert_eq!(none.next_due_at, Some(after(kit.now(), pause)));
    let ends: Vec<_> = first.claimed[..3]
        .iter()
        .map(|one| kit.settlement(one, vec![kit.took()], over(State::Accepted)))
        .collect();
    one.settle(ends.into()).await.unwrap();
    // Of what it sends a node tells when it claims; with the other waiting it
    // gets no more than its half.
    one.sending(account, 7);
    assert!(
        one.claim(account, 100, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed
            .is_empty()
    );
    let next = other
        .claim(account, 100, LEASE, Priority::Low)
        .await
        .unwrap();
    assert_eq!(next.claimed.len(), 3);
    // What a dead node holds no longer counts once its leases are over.
    kit.clock.advance(LEASE);
    let rest = other
        .claim(account, 100, LEASE, Priority::Low)
        .await
        .unwrap();
    assert_eq!(rest.claimed.len(), 10);
}

#[tokio::test]
async fn together_they_are_no_faster_than_allowed() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let one = open(&database, kit.clock.clone()).await;
    let other = open(&database, kit.clock.clone()).await;
    let mut settings = kit.settings("oa");
    settings.rate_per_second = Some(100);
    let account = one.add_account(&settings, None).await.unwrap().id;
    let messages = (0..1000).map(|_| kit.message(account)).collect();
    let batch = NewBatch {
        messages,
        idempotency: None,
    };
    one.accept(batch).await.unwrap();
    let begin = kit.now();
    let first = one.claim(account, 50, LEASE, Priority::Low).await.unwrap();
    assert_eq!(first.claimed.len(), 10, "a tenth of a second's worth");
    let none = other
        .claim(account, 50, LEASE, Priority::Low)
        .await
        .unwrap();
    assert!(none.claimed.is_empty());
    let soon = Some(after(begin, Duration::from_millis(10)));
    assert_eq!((first.next_due_at, none.next_due_at), (soon, soon));
    let mut sent = 10;
    for i in 0..100 {
        kit.clock.advance(Duration::from_millis(30));
        let store = if i % 3 == 0 { &one } else { &other };
        sent += store
            .claim(account, 50, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed
            .len();
    }
    assert!((305..=311).contains(&sent), "{sent} in three seconds");
}

#[tokio::test]
async fn one_hears_what_the_other_did() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let one = open(&database, kit.clock.clone()).await;
    let other = open(&database, kit.clock.clone()).await;
    let hear = async |store: &PostgresStore, wanted: Hint| {
        tokio::time::timeout(10 * SECOND, async { while store.hint().await != wanted {} })
            .await
            .unwrap_or_else(|_| panic!("{wanted:?} was not heard"));
    };
    // Both listen.
    hear(&one, Hint::Missed).await;
    hear(&other, Hint::Missed).await;
    let account = kit.account(&one, "oa").await;
    hear(&other, Hint::Changed(account)).await;
    kit.queue(&other, account).await;
    hear(&one, Hint::Due(account)).await;
    let claimed = kit.claim_one(&one, account).await;
    one.release(&[(claimed.message.id, claimed.lease.token)])
        .await
        .unwrap();
    hear(&other, Hint::Due(account)).await;
    one.replace_templates(account, &[], &[]).await.unwrap();
    hear(&other, Hint::Changed(account)).await;
    // After its connection broke it cannot know what was said.
    Server::shared().cut(&database);
    hear(&one, Hint::Missed).await;
    hear(&other, Hint::Missed).await;
    kit.queue(&one, account).await;
    hear(&other, Hint::Due(account)).await;
}

#[tokio::test]
async fn one_of_them_asks_for_the_token() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let one = open(&database, kit.clock.clone()).await;
    let other = open(&database, kit.clock.clone()).await;
    let account = kit.account(&one, "oa").await;
    let (first, second) = (kit.node(), kit.node());
    let (a, b) = tokio::join!(
        one.lease_credential(account, first, LEASE),
        other.lease_credential(account, second, LEASE)
    );
    let (holder, fence, late) = match (a.unwrap(), b.unwrap()) {
        (CredentialLease::Taken { fence, .. }, CredentialLease::Held { until }) => {
            assert_eq!(until, after(kit.now(), LEASE));
            (&one, fence, &other)
        }
        (CredentialLease::Held { .. }, CredentialLease::Taken { fence, .. }) => {
            (&other, fence, &one)
        }
        both => panic!("{both:?}"),
    };
    // Its holder is held up until another one has taken over.
    kit.clock.advance(LEASE);
    let lease = late.lease_credential(account, kit.node(), LEASE).await;
    let Ok(CredentialLease::Taken { fence: newer, .. }) = lease else {
        panic!("{lease:?}");
    };
    let keep = async |store: &PostgresStore, fence, text: &str| {
        let (token, now) = (AccessToken::new(text), kit.now());
        let kept = store
            .keep_credential(account, fence, &token, now, now)
            .await;
        kept.unwrap()
    };
    assert_eq!(keep(holder, fence, "late").await, None);
    assert_eq!(keep(late, newer, "new").await, Some(1));
    let found = holder.credential(account).await.unwrap().unwrap();
    assert_eq!(found.token.expose(), "new");
}

#[tokio::test]
async fn the_database_tells_the_time() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let store = PostgresStore::open(options(database.url())).await.unwrap();
    let client = visit(&database).await;
    let now = async || -> i64 {
        let sql = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        client.query_one(sql, &[]).await.unwrap().get(0)
    };
    let before = now().await;
    let told = store.clock().now().as_millisecond();
    let later = now().await;
    assert!((before - 100..=later + 100).contains(&told));
    // The kit's clock, and with it what the node calls now, is years off.
    assert!((kit.now().as_millisecond() - told).abs() > 1);
    let account = kit.account(&store, "oa").await;
    let made = kit.message(account);
    let id = made.id;
    let mut message = made;
    message.created_at = hongyan_domain::clock::from_millisecond(before);
    let batch = NewBatch {
        messages: vec![message],
        idempotency: None,
    };
    store.accept(batch).await.unwrap();
    let claimed = kit.claim_one(&store, account).await;
    let until = claimed.lease.until.as_millisecond();
    let lease = i64::try_from(LEASE.as_millis()).unwrap();
    assert!((before + lease..=now().await + lease).contains(&until));
    store.release(&[(id, claimed.lease.token)]).await.unwrap();
    let due_at = kit.delivery(&store, id).await.due_at.unwrap();
    assert!((before..=now().await).contains(&due_at.as_millisecond()));
}

#[tokio::test]
async fn two_may_open_an_empty_database_at_once() {
    let database = Server::shared().empty_database();
    let open = || PostgresStore::open(options(database.url()));
    let (a, b, c) = tokio::join!(open(), open(), open());
    let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
    let kit = Kit::default();
    kit.account(&a, "oa").await;
    assert_eq!(b.accounts().await.unwrap().len(), 1);
    c.ping().await.unwrap();
}
