//! Servers that crash and connections that break: nothing is lost, nothing is
//! doubled, and the store goes on by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hongyan_domain::delivery::Settlement;
use hongyan_domain::message::{Priority, State};
use hongyan_domain::port::{
    Accepted, AccountStore, MessageStore, NewBatch, QueueStore, Settled, Store, StoreError,
};
use hongyan_domain::{AccountId, MessageId};
use hongyan_store::{PostgresOptions, PostgresStore};
use hongyan_test_postgres::{Server, Settings, Stop};

use super::{options, runtime};
use crate::suite::{Kit, over};

/// Longer than any of these tests: whatever is claimed is settled or given back,
/// not left to its lease.
const LEASE: Duration = Duration::from_secs(3600);

/// What callers were told.
#[derive(Default)]
struct Told {
    /// That it is stored.
    accepted: Mutex<BTreeSet<MessageId>>,
    /// That the database could not be reached, so that nothing was done.
    refused: Mutex<BTreeSet<MessageId>>,
    /// To send it, and how often.
    sent: Mutex<BTreeMap<MessageId, u32>>,
    /// That the intake shall end.
    is_over: AtomicBool,
    /// That it has: what it was about when it was told to end is in, too.
    all_is_in: AtomicBool,
}

async fn accept(store: &PostgresStore, kit: &Kit, account: AccountId, told: &Told) {
    while !told.is_over.load(Ordering::SeqCst) {
        let mut message = kit.message(account);
        message.created_at = store.clock().now();
        let id = message.id;
        let batch = NewBatch {
            messages: vec![message],
            idempotency: None,
        };
        match store.accept(batch).await {
            Ok(taken) => {
                assert_eq!(taken, Accepted::Stored);
                told.accepted.lock().unwrap().insert(id);
            }
            Err(StoreError::Unavailable { .. }) => {
                told.refused.lock().unwrap().insert(id);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Sends until there is nothing more.
async fn send(store: &PostgresStore, kit: &Kit, account: AccountId, told: &Told) {
    loop {
        let was_over = told.all_is_in.load(Ordering::SeqCst);
        let batch = match store.claim(account, 20, LEASE, Priority::Low).await {
            Ok(batch) => batch,
            Err(StoreError::Unavailable { .. }) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        if batch.claimed.is_empty() {
            if was_over && store.depths().await.is_ok_and(|depths| depths.is_empty()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let settlements: Arc<[Settlement]> = batch
            .claimed
            .iter()
            .map(|claimed| {
                assert_eq!(claimed.interrupted_at, None, "nobody was interrupted");
                let mut sent = told.sent.lock().unwrap();
                *sent.entry(claimed.message.id).or_default() += 1;
                kit.settlement(claimed, vec![kit.took()], over(State::Accepted))
            })
            .collect();
        loop {
            match store.settle(Arc::clone(&settlements)).await {
                Ok(settled) => {
                    assert!(settled.iter().all(|one| *one == Settled::Written));
                    break;
                }
                Err(StoreError::Unavailable { .. }) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Runs intake and sending over two stores while `disturb` does its worst, then
/// compares.
async fn nothing_is_lost_or_doubled(url: &str, disturb: impl AsyncFnOnce(&Told)) {
    let kit = Kit::default();
    let one = PostgresStore::open(options(url)).await.unwrap();
    let other = PostgresStore::open(options(url)).await.unwrap();
    let account = kit.account(&one, "oa").await;
    let told = Told::default();
    tokio::join!(
        async {
            tokio::join!(
                accept(&one, &kit, account, &told),
                accept(&one, &kit, account, &told),
                accept(&other, &kit, account, &told),
            );
            told.all_is_in.store(true, Ordering::SeqCst);
        },
        send(&one, &kit, account, &told),
        send(&other, &kit, account, &told),
        send(&other, &kit, account, &told),
        async {
            disturb(&told).await;
            told.is_over.store(true, Ordering::SeqCst);
        },
    );
    let accepted = told.accepted.into_inner().unwrap();
    let refused = told.refused.into_inner().unwrap();
    let sent = told.sent.into_inner().unwrap();
    assert!(accepted.len() > 100, "{} accepted", accepted.len());
    let lost: Vec<_> = accepted
        .iter()
        .filter(|id| !sent.contains_key(id))
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let doubled: Vec<_> = sent.iter().filter(|&(_, &times)| times != 1).collect();
    assert!(doubled.is_empty(), "doubled: {doubled:?}");
    let kept: Vec<_> = refused.iter().filter(|id| sent.contains_key(id)).collect();
    assert!(kept.is_empty(), "refused and yet kept: {kept:?}");
    for id in &accepted {
        let delivery = kit.delivery(&one, *id).await;
        assert_eq!(
            (
                delivery.state,
                delivery.attempt_count,
                delivery.attempts.len()
            ),
            (State::Accepted, 1, 1)
        );
    }
    one.ping().await.unwrap();
}

/// Waits until some more were accepted than before.
async fn progress(told: &Told) {
    let count = || told.accepted.lock().unwrap().len();
    let (before, begin) = (count(), Instant::now());
    while count() < before + 50 {
        assert!(begin.elapsed() < Duration::from_secs(30), "nothing goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_server_may_crash_while_everybody_is_at_work() {
    let server = Arc::new(Server::start(&Settings::default()));
    let database = server.database();
    runtime().block_on(nothing_is_lost_or_doubled(database.url(), async |told| {
        for how in [Stop::Immediate, Stop::Fast, Stop::Kill] {
            progress(told).await;
            let server = Arc::clone(&server);
            let restart = move || {
                server.stop(how);
                server.resume();
            };
            tokio::task::spawn_blocking(restart).await.unwrap();
        }
        progress(told).await;
    }));
}

#[test]
fn connections_may_break_while_everybody_is_at_work() {
    let server = Server::own();
    let database = server.database();
    runtime().block_on(nothing_is_lost_or_doubled(database.url(), async |told| {
        for _ in 0..8 {
            progress(told).await;
            server.cut(&database);
        }
        progress(told).await;
    }));
}

#[test]
fn a_server_that_says_nothing_holds_nobody_up() {
    let server = Server::start(&Settings::default());
    let database = server.database();
    runtime().block_on(async {
        let second = Duration::from_secs(1);
        let store = PostgresStore::open(PostgresOptions {
            connect_timeout: second,
            statement_timeout: second,
            ..options(database.url())
        })
        .await
        .unwrap();
        let kit = Kit::default();
        let account = kit.account(&store, "oa").await;
        server.freeze(true);
        let begin = Instant::now();
        let batch = NewBatch {
            messages: vec![kit.message(account)],
            idempotency: None,
        };
        let (ping, claim, accepted) = tokio::join!(
            store.ping(),
            store.claim(account, 10, LEASE, Priority::Low),
            store.accept(batch)
        );
        for refused in [ping, claim.map(drop), accepted.map(drop)] {
            assert!(
                matches!(refused, Err(StoreError::Unavailable { .. })),
                "{refused:?}"
            );
        }
        assert!(begin.elapsed() < 8 * second, "{:?}", begin.elapsed());
        server.freeze(false);
        super::eventually(async || store.ping().await.is_ok()).await;
        assert_eq!(store.accounts().await.unwrap().len(), 1);
    });
}
