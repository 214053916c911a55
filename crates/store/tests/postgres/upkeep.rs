//! What keeps a large database in shape: retention, clearing away, partitions,
//! back-up, and plans that go by indexes.

use std::process::Command;
use std::time::Duration;

use hongyan_domain::callback::{CallbackFilter, Effect, Forwarded, NewReceipt};
use hongyan_domain::clock::after;
use hongyan_domain::contact::{
    ContactDetails, Described, Follow, FollowerSync, Sighting, SyncPhase, SyncStep,
};
use hongyan_domain::delivery::{Decision, Reroute};
use hongyan_domain::grant::WindowCause;
use hongyan_domain::message::{Handling, Kind, Priority, State, Status};
use hongyan_domain::port::{
    AccountStore, Ask, BroadcastStore, InboxStore, LedgerStore, MessageFilter, MessageStore, Need,
    NewBatch, Page, PeopleStore, QueueStore, QuotaStore, Store,
};
use hongyan_domain::{AccountId, MessageId};
use hongyan_store::{PostgresOptions, PostgresStore, Seal};
use hongyan_test_postgres::{KEY, Server, Settings};
use hongyan_wechat::MsgId;
use tokio_postgres::Client;

use super::broadcasts::{expansion, running, tally};
use super::{eventually, open, runtime, visit};
use crate::suite::{FILLED, Kit, LEASE, over};

async fn rows(client: &Client, table: &str) -> i64 {
    let count = format!("SELECT count(*) FROM {table}");
    client.query_one(&count, &[]).await.unwrap().get(0)
}

/// Old messages that ended late lie in front of those that ended early. They are
/// passed by once, not at each step, and still go when their time has come.
#[tokio::test]
async fn old_messages_go_in_steps_that_do_not_begin_anew() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let store = open(&database, kit.clock.clone()).await;
    let account = kit.account(&store, "oa").await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(kit.queue(&store, account).await);
    }
    let held = store
        .claim(account, 20, LEASE * 10, Priority::Low)
        .await
        .unwrap()
        .claimed;
    kit.advance(1);
    for _ in 0..10 {
        kit.bring_to(&store, account, State::Accepted).await;
    }
    kit.advance(100);
    let quick_are_over = kit.now();
    let ends: Vec<_> = held
        .iter()
        .map(|one| kit.settlement(one, vec![kit.took()], over(State::Accepted)))
        .collect();
    store.settle(ends.into()).await.unwrap();
    kit.advance(100);
    let slow_are_over = kit.now();
    let forget = |before, limit| store.forget_finished(before, limit);
    assert_eq!(forget(quick_are_over, 4).await.unwrap(), 4);
    assert_eq!(forget(quick_are_over, 4).await.unwrap(), 4);
    // A row that is put before the place the walk has reached is not met.
    let client = visit(&database).await;
    let behind = "INSERT INTO outcome (id, account, settled_at, lease_token, attempt_count, state) \
                  VALUES ('00000000-0000-7000-8000-000000000001', $1, 1, 1, 0, 1)";
    client.execute(behind, &[&account.0]).await.unwrap();
    assert_eq!(forget(quick_are_over, 4).await.unwrap(), 2);
    assert_eq!(forget(quick_are_over, 4).await.unwrap(), 0);
    // But once one that was passed by is old enough, all are looked at.
    assert_eq!(forget(slow_are_over, 100).await.unwrap(), 21);
    for table in ["message", "outcome", "attempt"] {
        assert_eq!(rows(&client, table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn messages_of_a_removed_account_are_cleared_away_by_any_node() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let store = open(&database, kit.clock.clone()).await;
    let other = open(&database, kit.clock.clone()).await;
    let (gone, stays) = (
        kit.account(&store, "gone").await,
        kit.account(&store, "stays").await,
    );
    let kept = kit.bring_to(&store, stays, State::Failed).await;
    for _ in 0..3 {
        kit.bring_to(&other, gone, State::Failed).await;
    }
    store.remove_account(gone).await.unwrap();
    let client = visit(&database).await;
    eventually(async || rows(&client, "removed_account").await == 0).await;
    for table in ["message", "outcome", "attempt", "lane"] {
        assert_eq!(rows(&client, table).await, 1, "{table}");
    }
    assert_eq!(kit.delivery(&other, kept).await.state, State::Failed);
}

#[tokio::test]
async fn people_and_callbacks_of_a_removed_account_are_cleared_away() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let store = open(&database, kit.clock.clone()).await;
    let (gone, stays) = (
        kit.account(&store, "gone").await,
        kit.account(&store, "stays").await,
    );
    for account in [gone, stays] {
        kit.fill(&store, account).await;
    }
    store.remove_account(gone).await.unwrap();
    let client = visit(&database).await;
    eventually(async || rows(&client, "removed_account").await == 0).await;
    for table in FILLED {
        assert_eq!(rows(&client, table).await, 1, "{table}");
    }
}

/// A schema as an older version made it, with what that version wrote: it reads
/// back, and what that version still writes fits the new one, too.
#[tokio::test]
async fn an_older_schema_is_brought_up_to_date() {
    let kit = Kit::default();
    let made = Server::shared().database();
    let store = open(&made, kit.clock.clone()).await;
    let id = kit.account(&store, "oa").await;
    store.shutdown().await;
    let made = visit(&made).await;
    let probe: String = made
        .query_one("SELECT value FROM meta WHERE name = 'seal_probe'", &[])
        .await
        .unwrap()
        .get(0);
    let secret: Vec<u8> = made
        .query_one("SELECT secret FROM account", &[])
        .await
        .unwrap()
        .get(0);
    let steps = [
        include_str!("../../src/postgres/migrations/0001.sql"),
        include_str!("../../src/postgres/migrations/0002.sql"),
        include_str!("../../src/postgres/migrations/0003.sql"),
        include_str!("../../src/postgres/migrations/0004.sql"),
    ];
    for version in [2, 4] {
        let older = Server::shared().empty_database();
        let client = visit(&older).await;
        for step in &steps[..version] {
            client.batch_execute(step).await.unwrap();
        }
        client
            .execute(
                "INSERT INTO meta (name, value) VALUES ('application', 'hongyan'), \
                    ('schema', $2), ('seal_probe', $1)",
                &[&probe, &version.to_string()],
            )
            .await
            .unwrap();
        let add = "INSERT INTO account (id, name, kind, appid, secret, token_mode, max_in_flight, \
                disabled, created_at, updated_at) \
             VALUES ($1, $2, 1, 'wx-' || $2, $3, 1, 10000, false, 1, 1)";
        client.execute(add, &[&id.0, &"oa", &secret]).await.unwrap();
        client
            .execute("INSERT INTO lane (account) VALUES ($1)", &[&id.0])
            .await
            .unwrap();
        let former = kit.message(id);
        let content = serde_json::to_string(&former.content).unwrap();
        let uuid = former.id.digits();
        let queue = format!(
            "INSERT INTO message (id, account, created_at, kind, priority, on_unknown, openid, \
                content) VALUES ('{uuid}', {account}, {now}, 1, 1, 0, 'oPerson', $1)",
            account = id.0,
            now = kit.now().as_millisecond()
        );
        client.execute(&queue, &[&content]).await.unwrap();
        let work = format!(
            "INSERT INTO work (id, account, band, due_at) VALUES ('{uuid}', {}, 1, 1)",
            id.0
        );
        client.batch_execute(&work).await.unwrap();
        if version >= 4 {
            let person = format!(
                "INSERT INTO contact (account, openid, follow, seen_at, created_at) \
                 VALUES ({}, 'oPerson', 1, 1, 1)",
                id.0
            );
            client.batch_execute(&person).await.unwrap();
        }

        let store = open(&older, kit.clock.clone()).await;
        let none: &[u8] = &[];
        client
            .execute(add, &[&(id.0 + 1), &"older", &none])
            .await
            .unwrap();
        client
            .execute("DELETE FROM account WHERE name = 'older'", &[])
            .await
            .unwrap();
        let accounts = store.accounts().await.unwrap();
        assert_eq!(accounts[0].settings, kit.settings("oa"));
        assert_eq!(accounts[0].state.breaker, None);
        assert_eq!(kit.claim_one(&store, id).await.message, former);
        assert_eq!(kit.delivery(&store, former.id).await.message, former);
        if version >= 4 {
            let openid = kit.openid("oPerson");
            let person = store.contact(id, &openid).await.unwrap().unwrap();
            assert_eq!((person.follow, person.details), (Follow::Following, None));
            assert_eq!(store.undescribed(id, None, 9).await.unwrap(), [openid]);
        }
        let message = kit.queue(&store, id).await;
        assert_eq!(kit.claim_one(&store, id).await.message.id, message);
        kit.told(&store, id, &[]).await;
        store.shutdown().await;
    }
}

/// What is left of an account that another node removed before it ended.
#[tokio::test]
async fn clearing_away_goes_on_after_a_restart() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let store = open(&database, kit.clock.clone()).await;
    let gone = kit.account(&store, "gone").await;
    kit.bring_to(&store, gone, State::Failed).await;
    store.shutdown().await;
    let client = visit(&database).await;
    client
        .batch_execute("INSERT INTO removed_account SELECT id FROM account; DELETE FROM account")
        .await
        .unwrap();
    let _store = open(&database, kit.clock.clone()).await;
    eventually(async || rows(&client, "message").await == 0).await;
    eventually(async || rows(&client, "removed_account").await == 0).await;
}

/// The statements of `docs/operating.md` for an archive in months, without the
/// indentation of the list they stand in.
fn partitioning() -> String {
    let document = include_str!("../../../../docs/operating.md");
    let begin = document.find("   -- The least id of a time.").unwrap();
    let end = begin + document[begin..].find("   ```").unwrap();
    document[begin..end].replace("\n   ", "\n")
}

#[tokio::test]
async fn an_archive_in_months_works_and_loses_one_at_once() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let client = visit(&database).await;
    client.batch_execute(&partitioning()).await.unwrap();
    client
        .batch_execute("SELECT hongyan_add_month('2026-11-01'), hongyan_add_month('2026-12-01')")
        .await
        .unwrap();
    let store = open(&database, kit.clock.clone()).await;
    let account = kit.account(&store, "oa").await;
    let november = kit.bring_to(&store, account, State::Failed).await;
    let far = after(kit.now(), Duration::from_secs(365 * 24 * 60 * 60));
    let waiting = kit
        .queue_with(&store, account, |message| message.send_at = Some(far))
        .await;
    kit.advance(30 * 24 * 60 * 60);
    let december = kit.bring_to(&store, account, State::Accepted).await;
    kit.advance(200 * 24 * 60 * 60);
    let rest = kit.bring_to(&store, account, State::Accepted).await;
    for (table, expected) in [
        ("message_2026_11", 2),
        ("outcome_2026_11", 1),
        ("attempt_2026_12", 1),
        ("message_rest", 1),
    ] {
        assert_eq!(rows(&client, table).await, expected, "{table}");
    }
    let all = kit.search(&store, MessageFilter::default()).await;
    assert_eq!(all, [rest, december, waiting, november]);
    let person = MessageFilter {
        openids: Some(vec!["oPerson".parse().unwrap()]),
        ..Default::default()
    };
    assert_eq!(kit.search(&store, person.clone()).await, all);
    store.requeue(november, kit.now()).await.unwrap();
    store.cancel(november, kit.now()).await.unwrap();

    let drop_november = "SELECT hongyan_drop_month('2026-11-01')";
    let refused = client.batch_execute(drop_november).await.unwrap_err();
    let words = refused.as_db_error().unwrap().message().to_owned();
    assert!(words.contains("2026-11 are still open"), "{words}");
    store.cancel(waiting, kit.now()).await.unwrap();
    client.batch_execute(drop_november).await.unwrap();
    assert_eq!(store.delivery(waiting).await.unwrap(), None);
    assert_eq!(kit.search(&store, person).await, [rest, december]);
    let end = after(kit.now(), Duration::from_secs(1));
    assert_eq!(store.forget_finished(end, 10).await.unwrap(), 2);
    kit.queue(&store, account).await;
    kit.claim_one(&store, account).await;
}

/// Runs one of PostgreSQL's own programs, as `docs/operating.md` says.
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(Server::program(program))
        .args(arguments)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program}: {words}");
}

#[tokio::test]
async fn a_back_up_taken_at_work_is_put_back() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let store = open(&database, kit.clock.clone()).await;
    let account = kit.account(&store, "oa").await;
    let over = kit.bring_to(&store, account, State::Failed).await;
    let waiting = kit.queue(&store, account).await;
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("hongyan.dump");
    let dump = dump.to_str().unwrap();
    let file = format!("--file={dump}");
    run("pg_dump", &["--format=custom", &file, database.url()]);
    kit.queue(&store, account).await;

    let restored = Server::shared().empty_database();
    let target = format!("--dbname={}", restored.url());
    run(
        "pg_restore",
        &["--no-owner", "--exit-on-error", &target, dump],
    );
    let store = open(&restored, kit.clock.clone()).await;
    assert_eq!(kit.delivery(&store, over).await.state, State::Failed);
    assert_eq!(kit.claim_one(&store, account).await.message.id, waiting);
    let accounts = store.accounts().await.unwrap();
    assert_eq!(accounts[0].settings, kit.settings("oa"));
    let next = kit.account(&store, "next").await;
    assert!(next > account, "numbers go on");
}

/// Searches by person go through spans; those are made of sequence numbers.
#[tokio::test]
async fn searches_by_person_page_through_many_spans() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let store = open(&database, kit.clock.clone()).await;
    let account = kit.account(&store, "oa").await;
    let mut sent: Vec<MessageId> = Vec::new();
    for span in [0, 1, 2, 40, 41, 700] {
        let next = (span << 16) + 1;
        let restart = format!("ALTER SEQUENCE message_seq RESTART WITH {next}");
        let client = visit(&database).await;
        client.batch_execute(&restart).await.unwrap();
        // Connections hold numbers in reserve.
        Server::shared().cut(&database);
        eventually(async || store.ping().await.is_ok()).await;
        for _ in 0..2 {
            sent.push(kit.queue(&store, account).await);
        }
        kit.advance(1);
    }
    let client = visit(&database).await;
    assert_eq!(
        rows(&client, "(SELECT DISTINCT seq >> 16 FROM message) s").await,
        6
    );
    sent.reverse();
    let filter = MessageFilter {
        openids: Some(vec!["oPerson".parse().unwrap()]),
        ..Default::default()
    };
    for limit in [1, 3, 100] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = Page { limit, after };
            let found = store.deliveries(&filter, page).await.unwrap();
            let Some(last) = found.last() else { break };
            after = Some(last.message.id);
            seen.extend(found.iter().map(|delivery| delivery.message.id));
        }
        assert_eq!(seen, sent, "{limit} at a time");
    }
}

/// Every statement goes by an index, also where its plan was made while the
/// tables were empty and known to be so.
#[test]
fn plans_made_for_empty_tables_fit_full_ones() {
    let settings = Settings {
        lines: [
            "session_preload_libraries = 'auto_explain'",
            "auto_explain.log_min_duration = 0",
            "autovacuum = off",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Settings::default()
    };
    let server = Server::start(&settings);
    let (database, kit) = (server.database(), Kit::default());
    runtime().block_on(async {
        visit(&database)
            .await
            .batch_execute("VACUUM ANALYZE")
            .await
            .unwrap();
        // A single connection keeps the plans it made at first.
        let store = PostgresStore::open(PostgresOptions {
            clock: Some(kit.clock.clone()),
            pool_size: 2,
            ..PostgresOptions::new(database.url(), Seal::new(&KEY))
        })
        .await
        .unwrap();
        work(&store, &kit).await;
        store.shutdown().await;
    });
    let log = server.log();
    assert!(log.contains("-- claim.take") && log.contains("-- settle.finish"));
    for plan in log.split("LOG:  duration: ").skip(1) {
        let Some(name) = plan
            .split("-- ")
            .nth(1)
            .map(|rest| rest.lines().next().unwrap())
        else {
            continue;
        };
        // These look at the catalogue and at small tables.
        let of_large_tables = [
            "claim",
            "settle",
            "intake",
            "queue",
            "search",
            "messages",
            "inbox",
            "receipt",
            "ledger",
            "people",
            "window",
            "forward",
            "tally",
            "expand",
            "followers",
        ];
        if !of_large_tables.contains(&name.split('.').next().unwrap()) {
            continue;
        }
        for whole in [
            "message",
            "work",
            "outcome",
            "attempt",
            "idempotency",
            "awaited",
            "early_receipt",
            "callback",
            "forward",
            "contact",
            "consent",
            "hold",
            "service_window",
            "tally",
            "broadcast_member",
            "broadcast_chunk",
        ] {
            assert!(!plan.contains(&format!("Seq Scan on {whole}")), "{plan}");
        }
        let lines = || plan.lines().map(str::trim);
        // People are looked up by their openids, counts by their keys.
        let misses = match name {
            "followers.lock_people" | "followers.describe" => {
                lines().any(|line| line == "Index Cond: (account = $1)")
            }
            "people.accounts_of" => lines().any(|line| line == "Index Cond: (openid = $1)"),
            "tally.before" => plan.contains("tally_age"),
            _ => false,
        };
        assert!(!misses, "{plan}");
        if name == "claim.take" {
            assert!(!plan.contains("message_of_account"), "{plan}");
        }
        // Rows are found by their ids, not compared with them, except those of
        // one message that is asked for.
        let compares = |line: &str| line.contains("Join Filter") && line.contains(".id = ");
        assert!(
            name.starts_with("messages")
                || name.starts_with("inbox.one")
                || !plan.lines().any(compares),
            "{plan}"
        );
    }
}

/// A bit of everything.
async fn work(store: &PostgresStore, kit: &Kit) {
    let account = kit.account(store, "oa").await;
    for _ in 0..3 {
        let messages: Vec<_> = (0..300).map(|_| kit.message(account)).collect();
        let idempotency = Some(kit.idempotency(kit.key_id(), "k", "answer"));
        let batch = NewBatch {
            messages,
            idempotency,
        };
        store.accept(batch).await.unwrap();
        let claimed = store
            .claim(account, 250, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed;
        assert_eq!(claimed.len(), 250);
        let at = after(kit.now(), LEASE);
        let settlements: Vec<_> = claimed
            .iter()
            .enumerate()
            .map(|(i, one)| {
                let decision = match i % 10 {
                    0 => over(State::Failed),
                    1 => Decision::RetryAt { at },
                    _ => over(State::Accepted),
                };
                kit.settlement(one, vec![kit.refused(43004)], decision)
            })
            .collect();
        store.settle(settlements.into()).await.unwrap();
        let rest = store
            .claim(account, 5, LEASE, Priority::Low)
            .await
            .unwrap()
            .claimed;
        let rest: Vec<_> = rest.iter().map(|c| (c.message.id, c.lease.token)).collect();
        store.release(&rest).await.unwrap();
        kit.advance(1);
    }
    let reference = Some("order".to_owned());
    let filters = [
        MessageFilter::default(),
        MessageFilter {
            accounts: Some(vec![account]),
            ..Default::default()
        },
        MessageFilter {
            status: Some(Status::Retrying),
            ..Default::default()
        },
        MessageFilter {
            status: Some(Status::Failed),
            kind: Some(Kind::Template),
            ..Default::default()
        },
        MessageFilter {
            errcode: Some(43004),
            ..Default::default()
        },
        MessageFilter {
            openids: Some(vec!["oPerson".parse().unwrap()]),
            created_after: Some(kit.now()),
            ..Default::default()
        },
        MessageFilter {
            reference,
            ..Default::default()
        },
    ];
    for filter in filters {
        let page = Page {
            limit: 20,
            after: None,
        };
        let found = store.deliveries(&filter, page).await.unwrap();
        if let Some(last) = found.last() {
            let page = Page {
                limit: 20,
                after: Some(last.message.id),
            };
            store.deliveries(&filter, page).await.unwrap();
            store.delivery(last.message.id).await.unwrap().unwrap();
            store.requeue(last.message.id, kit.now()).await.unwrap();
            store.cancel(last.message.id, kit.now()).await.unwrap();
        }
    }
    listen(store, kit, account).await;
    broadcast(store, kit, account).await;
    follow(store, kit, account).await;
    store.expire(100).await.unwrap();
    store.depths().await.unwrap();
    store.forget_old_responses(100).await.unwrap();
    let end = after(kit.now(), LEASE);
    assert_eq!(store.forget_finished(end, 100).await.unwrap(), 100);
}

/// A bit of a broadcast, with counts and a further way.
async fn broadcast(store: &PostgresStore, kit: &Kit, account: AccountId) {
    let other = kit.account(store, "other").await;
    let id = running(store, kit, account, 1, (2, 200)).await;
    for chunk in 0..2 {
        let made = expansion(store, kit, account, id, chunk).await;
        store.expand(id, &made).await.unwrap().unwrap();
    }
    store.backlog(account, Priority::Low, 1000).await.unwrap();
    let claimed = store.claim(account, 100, LEASE, Priority::Low).await;
    let claimed = claimed.unwrap().claimed;
    let asks: Vec<_> = claimed
        .iter()
        .map(|one| Ask {
            message: one.message.id,
            openid: one.message.to.clone(),
            need: None,
            tallies: vec![tally(1, 50), tally(2, 1000)],
        })
        .collect();
    store.clear(account, &asks).await.unwrap();
    let settlements: Vec<_> = claimed
        .iter()
        .enumerate()
        .map(|(i, one)| {
            let decision = if i % 2 == 0 {
                Decision::Reroute(Box::new(Reroute {
                    account: other,
                    to: kit.openid("mPerson"),
                    content: one.message.content.clone(),
                    handling: Handling::default(),
                }))
            } else {
                over(State::Failed)
            };
            let mut end = kit.settlement(one, vec![kit.refused(43004)], decision);
            end.tallied = true;
            end
        })
        .collect();
    store.settle(settlements.into()).await.unwrap();
    store.broadcast_counts(id).await.unwrap();
    let filter = MessageFilter {
        broadcast: Some(id),
        ..Default::default()
    };
    let page = Page {
        limit: 20,
        after: None,
    };
    let found = store.deliveries(&filter, page).await.unwrap();
    assert_eq!(found.len(), 20);
    store.forget_counts(0, 100).await.unwrap();
}

/// A bit of a sync of followers.
async fn follow(store: &PostgresStore, kit: &Kit, account: AccountId) {
    let mut at = FollowerSync {
        run: 1,
        phase: SyncPhase::Listing,
        cursor: None,
        total: 0,
        listed: 0,
        gone: 0,
        detailed: 0,
        started_at: kit.now(),
        finished_at: None,
        problem: None,
    };
    let begin = SyncStep::Begin;
    let begun = store.step_follower_sync(account, None, &begin, &at).await;
    assert!(begun.unwrap());
    let openids: Vec<_> = (0..500).map(|n| kit.openid(&format!("oF{n}"))).collect();
    let described = Described {
        openid: openids[7].clone(),
        follow: Follow::Following,
        followed_at: Some(kit.now()),
        unionid: None,
        details: Some(ContactDetails::default()),
    };
    for step in [
        SyncStep::Listed(openids),
        SyncStep::ListEnded,
        SyncStep::Described(vec![described]),
    ] {
        let to = FollowerSync {
            listed: at.listed + 1,
            ..at.clone()
        };
        let done = store.step_follower_sync(account, Some(&at), &step, &to);
        assert!(done.await.unwrap());
        at = to;
    }
    assert_eq!(
        store.undescribed(account, None, 1000).await.unwrap().len(),
        499
    );
    store.count_contacts(account).await.unwrap();
    store.accounts_of(&[kit.openid("oF7")]).await.unwrap();
}

/// A bit of everything that WeChat tells.
async fn listen(store: &PostgresStore, kit: &Kit, account: AccountId) {
    let mut callbacks = Vec::new();
    for n in 0..100 {
        let mut callback = kit.callback(account);
        let openid = kit.openid(&format!("oPerson-{n}"));
        callback.openid = Some(openid.clone());
        let receipt = NewReceipt {
            msgid: MsgId(n),
            openid: openid.clone(),
            template_id: Some("tpl".parse().unwrap()),
            delivered: true,
            status: "success".to_owned(),
            at: kit.now(),
        };
        let effects = [
            Effect::Seen(Sighting::of(openid.clone(), kit.now())),
            Effect::Opened {
                openid,
                cause: WindowCause::Message,
                at: kit.now(),
            },
            Effect::Answered(kit.consent(account, &format!("oPerson-{n}"))),
            Effect::Receipt(receipt),
        ];
        callbacks.push((callback, effects));
    }
    let to = ["https://example.com/".to_owned()];
    for _ in 0..2 {
        for (callback, effects) in &callbacks {
            store.receive(callback, effects, &to).await.unwrap();
        }
    }
    let openid = kit.openid("oPerson-7");
    let mut asks = Vec::new();
    let claimed = store
        .claim(account, 50, LEASE, Priority::Low)
        .await
        .unwrap()
        .claimed;
    for (n, one) in claimed.iter().enumerate() {
        let need = match n % 3 {
            0 => Need::Follower,
            1 => Need::Window,
            _ => Need::Grant {
                template_id: "tpl".parse().unwrap(),
                scene: None,
            },
        };
        asks.push(Ask {
            message: one.message.id,
            openid: kit.openid(&format!("oPerson-{n}")),
            need: Some(need),
            tallies: Vec::new(),
        });
    }
    store.clear(account, &asks).await.unwrap();
    let settlements: Vec<_> = claimed
        .iter()
        .map(|one| {
            let mut sent = kit.settlement(one, vec![kit.took()], over(State::Accepted));
            sent.awaits_receipt = true;
            sent
        })
        .collect();
    store.settle(settlements.into()).await.unwrap();
    store.join_early_receipts(100).await.unwrap();
    store.receipts_missing(kit.now(), 100).await.unwrap();
    let page = Page {
        limit: 20,
        after: Some(callbacks[50].0.id),
    };
    for person in [None, Some(openid.clone())] {
        let filter = CallbackFilter {
            openid: person,
            ..Default::default()
        };
        store.callbacks(account, &filter, &page).await.unwrap();
    }
    store.callback(callbacks[0].0.id).await.unwrap().unwrap();
    store.keep_reply(callbacks[0].0.id, "").await.unwrap();
    let forward = store.claim_forwards(10, LEASE).await.unwrap().remove(0);
    let done = Forwarded::Done { status: 200 };
    store
        .settle_forward(forward.id, forward.lease_token, &done)
        .await
        .unwrap();
    store.forwards(forward.callback).await.unwrap();
    store.forget_contact(account, &openid).await.unwrap();
    let waiting = MessageFilter {
        no_receipt_since: Some(after(kit.now(), LEASE)),
        ..Default::default()
    };
    let page = Page {
        limit: 20,
        after: None,
    };
    store.deliveries(&waiting, page).await.unwrap();
    let end = after(kit.now(), LEASE);
    assert_eq!(store.forget_callbacks(end, 100).await.unwrap(), 1);
}
