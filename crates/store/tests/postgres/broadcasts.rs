//! Broadcasts, counts and new ways where several nodes share a database, and what is
//! left of them.

use std::collections::BTreeSet;
use std::time::Duration;

use hongyan_domain::broadcast::{
    Audience, Broadcast, BroadcastSpec, BroadcastState, Recipient, RecipientId, Skipped, WhySkipped,
};
use hongyan_domain::delivery::{Decision, Reroute};
use hongyan_domain::grant::{Hold, Withheld};
use hongyan_domain::message::{Handling, OnUnknown, Priority, State};
use hongyan_domain::port::{
    AccountStore, Ask, BroadcastStore, Expanded, Expansion, Hint, Intake, LedgerStore, Page,
    QueueStore, QuotaStore, Settled, Store, Tally,
};
use hongyan_domain::quota::CallsMade;
use hongyan_domain::template::Overflow;
use hongyan_domain::{AccountId, BroadcastId};
use hongyan_test_postgres::Server;
use tokio_postgres::Client;

use super::{eventually, open, visit};
use crate::suite::{Kit, LEASE, over};

const SECOND: Duration = Duration::from_secs(1);

/// A broadcast whose audience is being taken in.
pub(super) fn broadcast(kit: &Kit, account: AccountId, number: u8) -> Broadcast {
    Broadcast {
        id: BroadcastId::new(kit.now(), [number; 10]),
        account,
        name: "spring".to_owned(),
        state: BroadcastState::Loading,
        spec: BroadcastSpec {
            content: kit.message(account).content,
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
        created_at: kit.now(),
        created_by: None,
        started_at: None,
        finished_at: None,
    }
}

/// So many people in a chunk.
pub(super) fn people(kit: &Kit, chunk: usize, count: usize) -> Vec<Recipient> {
    let person = |n| Recipient {
        to: RecipientId::Openid(kit.openid(&format!("o{chunk}-{n}"))),
        fields: serde_json::Map::new(),
    };
    (0..count).map(person).collect()
}

/// A broadcast that runs, of so many chunks of so many people.
pub(super) async fn running(
    store: &dyn Store,
    kit: &Kit,
    account: AccountId,
    number: u8,
    (chunks, size): (usize, usize),
) -> BroadcastId {
    let broadcast = broadcast(kit, account, number);
    store.add_broadcast(&broadcast, None).await.unwrap();
    let intake = Intake {
        first: 0,
        chunks: (0..chunks).map(|chunk| people(kit, chunk, size)).collect(),
        load_cursor: None,
    };
    store.add_recipients(broadcast.id, &intake).await.unwrap();
    let (from, to) = ([BroadcastState::Loading], BroadcastState::Running);
    let moved = store.move_broadcast(broadcast.id, &from, to, None, kit.now());
    moved.await.unwrap().unwrap();
    broadcast.id
}

/// Messages to the people of a chunk.
pub(super) async fn expansion(
    store: &dyn Store,
    kit: &Kit,
    account: AccountId,
    id: BroadcastId,
    chunk: u32,
) -> Expansion {
    let people = store.recipients(id, chunk).await.unwrap();
    let messages = people.iter().map(|person| {
        let mut message = kit.message(account);
        message.to = kit.openid(person.to.as_str());
        message.broadcast = Some(id);
        message.priority = Priority::Low;
        message
    });
    Expansion {
        chunk,
        messages: messages.collect(),
        skipped: Vec::new(),
    }
}

pub(super) fn tally(key: u8, at_most: u32) -> Tally {
    Tally {
        key: [key; 16],
        at_most,
        within: Duration::from_secs(1000),
        reason: Withheld::TooOften,
    }
}

async fn rows(client: &Client, table: &str) -> i64 {
    let count = format!("SELECT count(*) FROM {table}");
    client.query_one(&count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn two_nodes_make_each_message_once() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let one = open(&database, kit.clock.clone()).await;
    let other = open(&database, kit.clock.clone()).await;
    let account = kit.account(&one, "oa").await;
    let id = running(&one, &kit, account, 1, (12, 20)).await;
    for chunk in 0..12 {
        let mine = expansion(&one, &kit, account, id, chunk).await;
        let theirs = expansion(&other, &kit, account, id, chunk).await;
        let (a, b) = tokio::join!(one.expand(id, &mine), other.expand(id, &theirs));
        let made: Vec<_> = [a, b].into_iter().filter_map(Result::unwrap).collect();
        let all = Expanded {
            messages: 20,
            duplicates: 0,
        };
        assert_eq!(made, [all], "chunk {chunk}");
    }
    let counts = one.broadcast_counts(id).await.unwrap();
    assert_eq!(counts, [(State::Open, 240)]);
    let batch = other.claim(account, 1000, LEASE, Priority::Low).await;
    let claimed = batch.unwrap().claimed;
    let told: BTreeSet<_> = claimed.iter().map(|one| one.message.to.as_str()).collect();
    assert_eq!((claimed.len(), told.len()), (240, 240));
}

/// Who waits for messages hears of those a broadcast makes, and of those that come
/// another way.
#[tokio::test]
async fn other_nodes_hear_of_what_became_due() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let one = open(&database, kit.clock.clone()).await;
    let other = open(&database, kit.clock.clone()).await;
    let (oa, mp) = (kit.account(&one, "oa").await, kit.account(&one, "mp").await);
    let id = running(&one, &kit, oa, 1, (1, 1)).await;
    let hear = async |wanted: Hint| {
        let heard = async { while other.hint().await != wanted {} };
        tokio::time::timeout(SECOND * 10, heard).await.unwrap();
    };
    let made = expansion(&one, &kit, oa, id, 0).await;
    one.expand(id, &made).await.unwrap().unwrap();
    hear(Hint::Due(oa)).await;
    let claimed = kit.claim_one(&one, oa).await;
    let way = Reroute {
        account: mp,
        to: kit.openid("mPerson"),
        content: claimed.message.content.clone(),
        handling: Handling::default(),
    };
    let decision = Decision::Reroute(Box::new(way));
    let onward = kit.settlement(&claimed, vec![kit.refused(43004)], decision);
    let settled = one.settle([onward].into()).await.unwrap();
    assert_eq!(settled, [Settled::Written]);
    hear(Hint::Due(mp)).await;
    assert_eq!(
        kit.claim_one(&other, mp).await.message.to.as_str(),
        "mPerson"
    );
}

#[tokio::test]
async fn nodes_count_together() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let one = open(&database, kit.clock.clone()).await;
    let other = open(&database, kit.clock.clone()).await;
    let account = kit.account(&one, "oa").await;
    for _ in 0..40 {
        kit.queue(&one, account).await;
    }
    let batch = one.claim(account, 40, LEASE, Priority::Low).await.unwrap();
    let asks: Vec<Ask> = batch
        .claimed
        .iter()
        .map(|claimed| Ask {
            message: claimed.message.id,
            openid: claimed.message.to.clone(),
            need: None,
            tallies: vec![tally(1, 7), tally(2, 100)],
        })
        .collect();
    let clear = async |store: &dyn Store, asks: &[Ask]| {
        let mut free = 0;
        for some in asks.chunks(2) {
            let answers = store.clear(account, some).await.unwrap();
            free += answers.iter().filter(|one| **one == Hold::Free).count();
        }
        free
    };
    let (a, b, c, d) = tokio::join!(
        clear(&one, &asks[..10]),
        clear(&other, &asks[10..20]),
        clear(&one, &asks[20..30]),
        clear(&other, &asks[30..])
    );
    assert_eq!(a + b + c + d, 7);
    assert_eq!(rows(&visit(&database).await, "tally").await, 14);
}

#[tokio::test]
async fn members_of_a_broadcast_that_is_over_are_cleared_away() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let store = open(&database, kit.clock.clone()).await;
    let account = kit.account(&store, "oa").await;
    let over = running(&store, &kit, account, 1, (3, 4)).await;
    let runs = running(&store, &kit, account, 2, (2, 4)).await;
    for id in [over, runs] {
        let made = expansion(&store, &kit, account, id, 0).await;
        store.expand(id, &made).await.unwrap().unwrap();
    }
    let client = visit(&database).await;
    assert_eq!(rows(&client, "broadcast_member").await, 8);
    assert_eq!(rows(&client, "broadcast_chunk").await, 3);
    let from = [BroadcastState::Running];
    let moved = store.move_broadcast(over, &from, BroadcastState::Canceled, None, kit.now());
    moved.await.unwrap().unwrap();
    eventually(async || rows(&client, "broadcast WHERE has_rest").await == 1).await;
    assert_eq!(rows(&client, "broadcast_member").await, 4);
    assert_eq!(rows(&client, "broadcast_chunk").await, 1);
    assert_eq!(rows(&client, "message").await, 8);
}

/// What the newer tables hold of an account.
const TABLES: [&str; 6] = [
    "broadcast",
    "broadcast_chunk",
    "broadcast_member",
    "broadcast_skip",
    "tally",
    "call_count",
];

#[tokio::test]
async fn what_a_removed_account_had_is_cleared_away() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let store = open(&database, kit.clock.clone()).await;
    let (gone, stays) = (
        kit.account(&store, "gone").await,
        kit.account(&store, "stays").await,
    );
    for (number, account) in [(1, gone), (2, stays)] {
        let id = running(&store, &kit, account, number, (2, 1)).await;
        let mut made = expansion(&store, &kit, account, id, 0).await;
        made.skipped.push(Skipped {
            who: "user-7".to_owned(),
            why: WhySkipped::UnknownPerson,
            detail: None,
        });
        store.expand(id, &made).await.unwrap().unwrap();
        let claimed = kit.claim_one(&store, account).await;
        let ask = Ask {
            message: claimed.message.id,
            openid: claimed.message.to.clone(),
            need: None,
            tallies: vec![tally(1, 1)],
        };
        assert_eq!(store.clear(account, &[ask]).await.unwrap(), [Hold::Free]);
        let end = kit.settlement(&claimed, vec![kit.took()], over(State::Accepted));
        store.settle([end].into()).await.unwrap();
        let call = CallsMade {
            account,
            path: "/x".to_owned(),
            day: 1,
            calls: 1,
        };
        store.note_calls(&[call]).await.unwrap();
    }
    let client = visit(&database).await;
    for table in TABLES {
        assert_eq!(rows(&client, table).await, 2, "{table}");
    }
    store.remove_account(gone).await.unwrap();
    eventually(async || rows(&client, "removed_account").await == 0).await;
    for table in TABLES {
        assert_eq!(rows(&client, table).await, 1, "{table}");
    }
    let page = Page {
        limit: 10,
        after: None,
    };
    let left = store.broadcasts(None, &page).await.unwrap();
    assert_eq!(left.iter().map(|b| b.account).collect::<Vec<_>>(), [stays]);
}
