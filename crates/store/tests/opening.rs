//! Opening an SQLite file: what is refused, in which words, and that a refused
//! file stays as it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hongyan_domain::account::{AccountState, CallbackKeys, CallbackSettings};
use hongyan_domain::broadcast::{BroadcastState, Skipped, WhySkipped};
use hongyan_domain::contact::Sighting;
use hongyan_domain::key::ApiKey;
use hongyan_domain::message::State;
use hongyan_domain::port::{
    AccountStore, BroadcastStore, Expansion, KeyStore, MessageStore, NewBatch, PeopleStore, Store,
    StoreError, WebStore,
};
use hongyan_domain::{AccountId, MessageId};
use hongyan_store::{OpenError, OpenOptions, Seal, SqliteStore};
use hongyan_wechat::{AppSecret, JsTicket, SessionKey};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::sqlite::{open, options};
use crate::suite::{FILLED, Kit, LEASE, Stage, Walk};

fn place() -> (TempDir, PathBuf, Kit) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hongyan.db");
    (directory, path, Kit::default())
}

/// Opens what must be refused; returns the error after seeing that the file is
/// unchanged.
fn refused(path: &Path, options: OpenOptions) -> OpenError {
    let before = fs::read(path).unwrap();
    let error = SqliteStore::open(path, options).unwrap_err();
    assert_eq!(fs::read(path).unwrap(), before, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("hongyan.db") && !text.contains('\n'),
        "{text}"
    );
    error
}

#[test]
fn garbage_is_refused() {
    let (_directory, path, kit) = place();
    let almost = [b"SQLite format 3\0".as_slice(), &[0; 50]].concat();
    for garbage in [b"to be or not to be".repeat(20), almost] {
        fs::write(&path, garbage).unwrap();
        let error = refused(&path, options(kit.clock.clone()));
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    }
}

#[test]
fn a_damaged_database_is_refused() {
    let (_directory, path, kit) = place();
    drop(open(&path, kit.clock.clone()).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..4096].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let error = refused(&path, options(kit.clock.clone()));
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let (_directory, path, kit) = place();
    for application in [0, 0x0ba5_e1e5] {
        let other = Connection::open(&path).unwrap();
        other
            .execute_batch("CREATE TABLE IF NOT EXISTS message (id)")
            .unwrap();
        other
            .pragma_update(None, "application_id", application)
            .unwrap();
        other.close().unwrap();
        let error = refused(&path, options(kit.clock.clone()));
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    }
}

/// Its tables may still be in its log, so that its header looks empty.
#[test]
fn a_database_of_another_program_that_is_running_is_refused() {
    let (_directory, path, kit) = place();
    let other = Connection::open(&path).unwrap();
    other
        .pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .unwrap();
    other.execute_batch("CREATE TABLE message (id)").unwrap();
    let error = refused(&path, options(kit.clock.clone()));
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    assert_eq!(
        other.query_row("SELECT count(*) FROM message", [], |row| row.get(0)),
        Ok(0)
    );
}

#[test]
fn a_newer_database_is_refused() {
    let (_directory, path, kit) = place();
    drop(open(&path, kit.clock.clone()).unwrap());
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 1000).unwrap();
    newer.close().unwrap();
    let error = refused(&path, options(kit.clock.clone()));
    assert!(
        matches!(error, OpenError::Newer { found: 1000, .. }),
        "{error}"
    );
}

#[test]
fn another_key_is_refused() {
    let (_directory, path, kit) = place();
    drop(open(&path, kit.clock.clone()).unwrap());
    let other = OpenOptions {
        seal: Seal::new(&[8; 32]),
        ..options(kit.clock.clone())
    };
    let error = refused(&path, other);
    assert!(matches!(error, OpenError::WrongKey { .. }), "{error}");
    open(&path, kit.clock.clone()).unwrap();
}

#[test]
fn one_gateway_at_a_time() {
    let (_directory, path, kit) = place();
    let first = open(&path, kit.clock.clone()).unwrap();
    let error = open(&path, kit.clock.clone()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    drop(first);
    open(&path, kit.clock.clone()).unwrap();
}

#[test]
fn where_nothing_can_be_written_nothing_is_opened() {
    let (directory, _, kit) = place();
    for path in [
        directory.path().join("no/hongyan.db"),
        directory.path().to_owned(),
    ] {
        let error = open(&path, kit.clock.clone()).unwrap_err();
        assert!(matches!(error, OpenError::Unwritable { .. }), "{error}");
    }
}

#[test]
fn a_visitor_may_be_told_not_to_make_a_database() {
    let (directory, path, kit) = place();
    let visitor = || OpenOptions {
        exclusive: false,
        create: false,
        ..options(kit.clock.clone())
    };
    let error = SqliteStore::open(&path, visitor()).unwrap_err();
    assert!(matches!(error, OpenError::Absent { .. }), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    drop(open(&path, kit.clock.clone()).unwrap());
    SqliteStore::open(&path, visitor()).unwrap();
}

#[cfg(unix)]
#[test]
fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::MetadataExt;

    let (_directory, path, kit) = place();
    let _store = open(&path, kit.clock.clone()).unwrap();
    for end in ["", "-wal", "-shm"] {
        let mode = fs::metadata(format!("{}{end}", path.display()))
            .unwrap()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{end}");
    }
}

fn key(kit: &Kit) -> ApiKey {
    ApiKey {
        id: kit.key_id(),
        name: "ops".to_owned(),
        digest: [1; 32],
        scopes: Vec::new(),
        accounts: Vec::new(),
        created_at: kit.now(),
        expires_at: None,
    }
}

#[tokio::test]
async fn a_visitor_makes_a_key_beside_a_running_gateway() {
    let (_directory, path, kit) = place();
    let gateway = open(&path, kit.clock.clone()).unwrap();
    let visitor = OpenOptions {
        exclusive: false,
        ..options(kit.clock.clone())
    };
    let visitor = SqliteStore::open(&path, visitor).unwrap();
    let key = key(&kit);
    visitor.add_key(&key, None).await.unwrap();
    assert_eq!(gateway.key_by_digest(&key.digest).await.unwrap(), Some(key));
    drop(visitor);
    kit.account(&gateway, "oa").await;
    gateway.ping().await.unwrap();
}

#[tokio::test]
async fn everything_is_there_again() {
    let (_directory, path, kit) = place();
    let store = open(&path, kit.clock.clone()).unwrap();
    let account = kit.account(&store, "oa").await;
    let open_message = kit.queue(&store, account).await;
    let (_, failed) = {
        let other = kit.account(&store, "other").await;
        (other, kit.bring_to(&store, other, State::Failed).await)
    };
    drop(store);
    let store = open(&path, kit.clock.clone()).unwrap();
    assert_eq!(kit.delivery(&store, failed).await.state, State::Failed);
    assert_eq!(
        kit.claim_one(&store, account).await.message.id,
        open_message
    );
    assert_eq!(
        store.accounts().await.unwrap()[0].settings,
        kit.settings("oa")
    );
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let (_directory, path, kit) = place();
    let store = open(&path, kit.clock.clone()).unwrap();
    store.shutdown().await;
    store.shutdown().await;
    let refused = store.ping().await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable { .. })),
        "{refused:?}"
    );
    assert_eq!(
        fs::metadata(path.with_extension("db-wal")).map_or(0, |wal| wal.len()),
        0
    );
}

#[tokio::test]
async fn what_was_asked_before_the_end_is_done() {
    let (_directory, path, kit) = place();
    let store = Arc::new(open(&path, kit.clock.clone()).unwrap());
    let settings = kit.settings("oa");
    let (added, ()) = tokio::join!(store.add_account(&settings, None), store.shutdown());
    let account = added.unwrap().id;
    drop(store);
    let store = open(&path, kit.clock.clone()).unwrap();
    assert_eq!(store.accounts().await.unwrap()[0].id, account);
}

#[tokio::test]
async fn secrets_do_not_lie_open() {
    let (directory, path, kit) = place();
    let store = open(&path, kit.clock.clone()).unwrap();
    let mut settings = kit.settings("oa");
    settings.secret = AppSecret::new("a-secret-that-is-easy-to-find");
    let kept = kit.idempotency(kit.key_id(), "k", "an-answer-that-is-easy-to-find");
    settings.callback = Some(CallbackSettings {
        token: AppSecret::new("token-that-is-easy-to-find"),
        encoding_aes_key: None,
        previous: Some(CallbackKeys {
            token: AppSecret::new("former-that-is-easy-to-find"),
            encoding_aes_key: None,
        }),
    });
    let account = store.add_account(&settings, Some(&kept)).await.unwrap();
    let sighting = Sighting::of(kit.openid("oPerson"), kit.now());
    let key = SessionKey::new("key-that-is-easy-to-find");
    store.saw(account.id, &sighting, Some(&key)).await.unwrap();
    let ticket = JsTicket::new("ticket-that-is-easy-to-find");
    store
        .keep_js_ticket(account.id, &ticket, kit.now())
        .await
        .unwrap();
    drop(store);
    for file in fs::read_dir(directory.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(15).any(|text| text == b"is-easy-to-find"));
    }
}

/// A database with three messages of the first account, and of the second one
/// that is over and enough others for the words of the first to be entered.
async fn two_accounts(path: &Path, kit: &Kit) -> (SqliteStore, AccountId, MessageId) {
    let store = open(path, kit.clock.clone()).unwrap();
    let account = kit.account(&store, "gone").await;
    let stays = kit.account(&store, "stays").await;
    let kept = kit.bring_to(&store, stays, State::Failed).await;
    for _ in 0..3 {
        kit.bring_to(&store, account, State::Failed).await;
    }
    let messages = (0..4100).map(|_| kit.message(stays)).collect();
    let more = NewBatch {
        messages,
        idempotency: None,
    };
    store.accept(more).await.unwrap();
    assert_eq!(count(path, "term"), 4095, "one for each of the first span");
    (store, account, kept)
}

fn count(path: &Path, rows: &str) -> i64 {
    let db = Connection::open(path).unwrap();
    let count = format!("SELECT count(*) FROM {rows}");
    db.query_row(&count, [], |row| row.get(0)).unwrap()
}

/// Waits until the writer has cleared away, which it does whenever it finds
/// nothing else to do, and looks at what is left.
async fn nothing_of_it_is_left(store: &SqliteStore, path: &Path, kit: &Kit, kept: MessageId) {
    for _ in 0..1000 {
        if count(path, "removed_account") == 0 {
            break;
        }
        store.ping().await.unwrap();
    }
    assert_eq!(count(path, "message"), 4101);
    for (table, left) in [("outcome", 1), ("attempt", 1), ("term", 4092)] {
        assert_eq!(count(path, table), left, "{table}");
    }
    assert_eq!(kit.delivery(store, kept).await.state, State::Failed);
}

#[tokio::test]
async fn messages_of_a_removed_account_are_cleared_away() {
    let (_directory, path, kit) = place();
    let (store, account, kept) = two_accounts(&path, &kit).await;
    store.remove_account(account).await.unwrap();
    nothing_of_it_is_left(&store, &path, &kit, kept).await;
}

#[tokio::test]
async fn clearing_away_goes_on_after_a_restart() {
    let (_directory, path, kit) = place();
    let (store, account, kept) = two_accounts(&path, &kit).await;
    drop(store);
    // What `remove_account` writes, with nobody there to clear away.
    let db = Connection::open(&path).unwrap();
    db.execute("DELETE FROM account WHERE id = ?1", [account.0])
        .unwrap();
    db.execute("INSERT INTO removed_account (id) VALUES (?1)", [account.0])
        .unwrap();
    drop(db);
    let store = open(&path, kit.clock.clone()).unwrap();
    nothing_of_it_is_left(&store, &path, &kit, kept).await;
}

#[test]
fn the_store_can_be_shared() {
    fn shared(_: &(impl Store + Send + Sync + 'static)) {}
    let (_directory, path, kit) = place();
    shared(&open(&path, kit.clock.clone()).unwrap());
}

/// A file as schema 3 made it, with an account in it.
#[tokio::test]
async fn a_file_of_an_older_version_is_brought_up_to_date() {
    let (directory, path, kit) = place();
    let store = open(&path, kit.clock.clone()).unwrap();
    kit.account(&store, "oa").await;
    drop(store);
    let older = directory.path().join("older.db");
    let db = Connection::open(&older).unwrap();
    for step in [
        include_str!("../src/sqlite/migrations/0001.sql"),
        include_str!("../src/sqlite/migrations/0002.sql"),
        include_str!("../src/sqlite/migrations/0003.sql"),
    ] {
        db.execute_batch(step).unwrap();
    }
    let name = path.to_str().unwrap();
    db.execute("ATTACH ?1 AS new", [name]).unwrap();
    db.execute_batch(
        "INSERT INTO meta SELECT * FROM new.meta; \
         INSERT INTO account (id, name, kind, appid, secret, token_mode, max_in_flight, disabled, \
            created_at, updated_at) \
         SELECT id, name, kind, appid, secret, token_mode, max_in_flight, disabled, created_at, \
            updated_at FROM new.account; \
         DETACH new",
    )
    .unwrap();
    db.pragma_update(None, "application_id", 0x4859_414e)
        .unwrap();
    db.pragma_update(None, "user_version", 3).unwrap();
    db.close().unwrap();
    let store = open(&older, kit.clock.clone()).unwrap();
    let account = &store.accounts().await.unwrap()[0];
    assert_eq!(account.settings, kit.settings("oa"));
    let id = kit.queue(&store, account.id).await;
    assert_eq!(kit.claim_one(&store, account.id).await.message.id, id);
    kit.told(&store, account.id, &[]).await;
}

/// A file as schema 4 made it: what it holds has nothing of what came later.
#[tokio::test]
async fn what_an_older_version_kept_reads_back() {
    let (directory, path, kit) = place();
    let store = open(&path, kit.clock.clone()).unwrap();
    let account = kit.account(&store, "oa").await;
    let id = kit.queue(&store, account).await;
    let sighting = Sighting::of(kit.openid("oPerson"), kit.now());
    let (contact, _) = store.saw(account, &sighting, None).await.unwrap();
    drop(store);
    let older = directory.path().join("older.db");
    let db = Connection::open(&older).unwrap();
    for step in [
        include_str!("../src/sqlite/migrations/0001.sql"),
        include_str!("../src/sqlite/migrations/0002.sql"),
        include_str!("../src/sqlite/migrations/0003.sql"),
        include_str!("../src/sqlite/migrations/0004.sql"),
    ] {
        db.execute_batch(step).unwrap();
    }
    db.execute("ATTACH ?1 AS new", [path.to_str().unwrap()])
        .unwrap();
    for table in ["meta", "account", "message", "work", "span", "contact"] {
        let columns: Vec<String> = db
            .prepare("SELECT name FROM pragma_table_info(?1, 'main')")
            .unwrap()
            .query_map([table], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let columns = columns.join(", ");
        db.execute_batch(&format!(
            "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}"
        ))
        .unwrap();
    }
    db.execute_batch("DETACH new").unwrap();
    db.pragma_update(None, "application_id", 0x4859_414e)
        .unwrap();
    db.pragma_update(None, "user_version", 4).unwrap();
    db.close().unwrap();
    let store = open(&older, kit.clock.clone()).unwrap();
    let state = &store.accounts().await.unwrap()[0].state;
    assert_eq!(state, &AccountState::default());
    assert_eq!(
        store.contact(account, &contact.openid).await,
        Ok(Some(contact))
    );
    let claimed = kit.claim_one(&store, account).await;
    assert_eq!(claimed.message.id, id);
    assert_eq!(
        (claimed.message.broadcast, claimed.message.handling),
        (None, None)
    );
    kit.fill(&store, account).await;
}

/// What an account had beside its messages goes, too.
#[tokio::test]
async fn people_and_callbacks_of_a_removed_account_are_cleared_away() {
    let (_directory, path, kit) = place();
    let store = open(&path, kit.clock.clone()).unwrap();
    let (gone, stays) = (
        kit.account(&store, "gone").await,
        kit.account(&store, "stays").await,
    );
    for account in [gone, stays] {
        kit.fill(&store, account).await;
    }
    store.remove_account(gone).await.unwrap();
    for _ in 0..1000 {
        if count(&path, "removed_account") == 0 {
            break;
        }
        store.ping().await.unwrap();
    }
    let beside = [
        "broadcast",
        "broadcast_chunk",
        "broadcast_skip",
        "tally",
        "media",
        "media_bytes",
    ];
    for table in FILLED.into_iter().chain(beside) {
        assert_eq!(count(&path, table), 1, "{table}");
    }
}

/// A broadcast that is over keeps only what is shown of it, one that is forgotten
/// nothing.
#[tokio::test]
async fn what_broadcasts_kept_is_cleared_away() {
    let (_directory, path, kit) = place();
    let store = open(&path, kit.clock.clone()).unwrap();
    let account = kit.account(&store, "oa").await;
    let chunks: Vec<_> = (0..50).map(|_| kit.people(&["oA"])).collect();
    let id = kit.running(&store, account, chunks).await;
    let mut message = kit.message(account);
    message.broadcast = Some(id);
    let expansion = Expansion {
        chunk: 0,
        messages: vec![message],
        skipped: vec![Skipped {
            who: "oB".to_owned(),
            why: WhySkipped::Invalid,
            detail: None,
        }],
    };
    store.expand(id, &expansion).await.unwrap();
    let tables = ["broadcast_chunk", "broadcast_told", "broadcast_skip"];
    let left = || tables.map(|table| count(&path, table));
    assert_eq!(left(), [49, 1, 1]);
    let running = [BroadcastState::Running];
    kit.moved(&store, id, &running, BroadcastState::Canceled)
        .await;
    until_nothing_has_ended(&store, &path).await;
    assert_eq!(left(), [0, 0, 1]);
    let message = expansion.messages[0].id;
    store.cancel(message, kit.now()).await.unwrap();
    kit.advance(1);
    assert_eq!(store.forget_finished(kit.now(), 10).await.unwrap(), 1);
    assert_eq!(store.forget_broadcasts(kit.now(), 10).await.unwrap(), 1);
    until_nothing_has_ended(&store, &path).await;
    assert_eq!(left(), [0, 0, 0]);
    // What a store that ended too early has left is found by the next one.
    drop(store);
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "INSERT INTO broadcast_skip (broadcast, who, why) VALUES (99, 'oC', 2); \
         INSERT INTO ended_broadcast VALUES (99)",
    )
    .unwrap();
    drop(db);
    let store = open(&path, kit.clock.clone()).unwrap();
    until_nothing_has_ended(&store, &path).await;
    assert_eq!(left(), [0, 0, 0]);
}

async fn until_nothing_has_ended(store: &SqliteStore, path: &Path) {
    for _ in 0..1000 {
        if count(path, "ended_broadcast") == 0 {
            return;
        }
        store.ping().await.unwrap();
    }
    panic!("something is left");
}

/// Each time the store is opened anew: nobody is told twice and nobody is left out.
#[tokio::test]
async fn a_broadcast_goes_on_where_it_was() {
    let (_directory, path, kit) = place();
    let mut store = open(&path, kit.clock.clone()).unwrap();
    let account = kit.account(&store, "oa").await;
    let mut walk = Walk::new(3);
    for _ in 0..8 {
        let mut stage = Stage::begin(&store, &kit, account).await;
        for _ in 0..4 {
            walk.take(&store, &kit, &mut stage).await;
            drop(store);
            store = open(&path, kit.clock.clone()).unwrap();
            stage.look(&store).await;
        }
    }
}

/// The node that had it is gone with the gateway.
#[tokio::test]
async fn broadcasts_of_a_former_run_are_taken_up_at_once() {
    let (_directory, path, kit) = place();
    let store = open(&path, kit.clock.clone()).unwrap();
    let account = kit.account(&store, "oa").await;
    let id = kit.running(&store, account, Vec::new()).await;
    let taken = store.lease_broadcasts(kit.node(), LEASE).await.unwrap();
    assert_eq!(taken[0].id, id);
    drop(store);
    let store = open(&path, kit.clock.clone()).unwrap();
    let taken = store.lease_broadcasts(kit.node(), LEASE).await.unwrap();
    assert_eq!(taken[0].id, id);
}
