//! Opening a database on a server: what is refused and in which words, and that
//! a refused database stays as it was.

use hongyan_domain::account::{CallbackKeys, CallbackSettings};
use hongyan_domain::contact::Sighting;
use hongyan_domain::port::{AccountStore, PeopleStore, Store, StoreError, WebStore};
use hongyan_store::{OpenError, PostgresOptions, PostgresStore, Seal};
use hongyan_test_postgres::{Database, GUARDED, PASSWORD, Server, Settings};
use hongyan_wechat::{AppSecret, JsTicket, SessionKey};
use tokio_postgres::Client;

use super::{options, visit};
use crate::suite::Kit;

async fn refused(options: PostgresOptions) -> OpenError {
    let error = PostgresStore::open(options).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains(PASSWORD), "{text}");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

/// The same address with other parts.
fn with(database: &Database, from: &str, to: &str) -> PostgresOptions {
    let url = database.url().replace(from, to);
    assert_ne!(url, database.url());
    options(&url)
}

async fn tables(client: &Client) -> i64 {
    let count = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
    client.query_one(count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn an_address_nobody_lives_at_is_refused() {
    let database = Server::own().empty_database();
    let port = database.url().split([':', '/']).nth(4).unwrap().to_owned();
    // Discard, RFC 863: nobody's server of databases.
    let error = refused(with(&database, &port, "9")).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("127.0.0.1:9"), "{error}");
    let error = refused(options("sqlite:hongyan.db")).await;
    assert!(matches!(error, OpenError::BadUrl { .. }), "{error}");
    let name = database.name().to_owned();
    let error = refused(with(&database, &name, "nowhere")).await;
    assert!(matches!(error, OpenError::NoDatabase { .. }), "{error}");
    assert!(error.to_string().contains("\"nowhere\""), "{error}");
    // TLS where the server has none.
    let wanted = format!("{name}?sslmode=verify-full");
    let error = refused(with(&database, &name, &wanted)).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("TLS"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_starting_is_waited_for() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let database = Server::own().database();
    let server = database.url().split(['@', '/']).nth(3).unwrap().to_owned();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let through = listener.local_addr().unwrap().to_string();
    let real = server.clone();
    let turned_away = tokio::spawn(async move {
        // What a server says while it recovers (documentation, 55.7 and 55.8).
        let (mut early, _) = listener.accept().await.unwrap();
        let mut startup = [0; 1024];
        let _ = early.read(&mut startup).await.unwrap();
        let fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
        let length = u32::try_from(fields.len() + 4).unwrap();
        early.write_all(b"E").await.unwrap();
        early.write_all(&length.to_be_bytes()).await.unwrap();
        early.write_all(fields).await.unwrap();
        drop(early);
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = tokio::net::TcpStream::connect(&real).await.unwrap();
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let url = format!(
        "{}?sslmode=disable",
        database.url().replace(&server, &through)
    );
    let store = PostgresStore::open(options(&url)).await.unwrap();
    store.ping().await.unwrap();
    store.shutdown().await;
    turned_away.abort();
}

#[tokio::test]
async fn a_login_that_is_not_allowed_is_refused() {
    let database = Server::own().database();
    for user in [
        "nobody-we-know@".to_owned(),
        format!("{GUARDED}@"),
        format!("{GUARDED}:{PASSWORD}-not@"),
    ] {
        let error = refused(with(&database, "owner@", &user)).await;
        assert!(matches!(error, OpenError::LoginRefused { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_user_without_rights_is_refused() {
    let (empty, full) = (Server::own().empty_database(), Server::own().database());
    // What servers before 15 allow everybody.
    let client = visit(&empty).await;
    client
        .batch_execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await
        .unwrap();
    let guarded = format!("{GUARDED}:{PASSWORD}@");
    for database in [&empty, &full] {
        for user in ["stranger@", &guarded] {
            let error = refused(with(database, "owner@", user)).await;
            assert!(matches!(error, OpenError::NoRights { .. }), "{error}");
        }
    }
    assert_eq!(tables(&client).await, 0);
    // May read and write, but not remove.
    visit(&full)
        .await
        .batch_execute("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO stranger")
        .await
        .unwrap();
    let error = refused(with(&full, "owner@", "stranger@")).await;
    assert!(error.to_string().contains("work: DELETE"), "{error}");
    let name = full.name();
    let nowhere = format!("{name}?options=-csearch_path%3Dnowhere");
    let error = refused(with(&full, name, &nowhere)).await;
    assert!(error.to_string().contains("search_path"), "{error}");
}

#[tokio::test]
async fn tables_of_another_program_are_left_alone() {
    for table in [
        "shop (id int)",
        "meta (id int)",
        "meta (name text, value text)",
    ] {
        let database = Server::shared().empty_database();
        let client = visit(&database).await;
        let create = format!("CREATE TABLE {table}");
        client.batch_execute(&create).await.unwrap();
        let error = refused(options(database.url())).await;
        assert!(matches!(error, OpenError::ForeignTables { .. }), "{error}");
        assert_eq!(tables(&client).await, 1);
    }
    // Beside them is room.
    let database = Server::shared().empty_database();
    let client = visit(&database).await;
    client
        .batch_execute("CREATE TABLE shop (id int); CREATE SCHEMA push")
        .await
        .unwrap();
    let name = database.name();
    let push = format!("{name}?options=-csearch_path%3Dpush");
    let store = PostgresStore::open(with(&database, name, &push))
        .await
        .unwrap();
    Kit::default().account(&store, "oa").await;
    assert_eq!(tables(&client).await, 1);
}

#[tokio::test]
async fn a_visitor_may_be_told_not_to_make_tables() {
    let database = Server::shared().empty_database();
    let visitor = || PostgresOptions {
        migrate: false,
        ..options(database.url())
    };
    let error = refused(visitor()).await;
    assert!(
        matches!(error, OpenError::NotMigrated { found: 0, .. }),
        "{error}"
    );
    assert_eq!(tables(&visit(&database).await).await, 0);
    PostgresStore::open(options(database.url())).await.unwrap();
    PostgresStore::open(visitor()).await.unwrap();
}

#[tokio::test]
async fn another_key_is_refused() {
    let database = Server::shared().database();
    let other = PostgresOptions::new(database.url(), Seal::new(&[8; 32]));
    let error = refused(other).await;
    assert!(
        matches!(error, OpenError::SealedOtherwise { .. }),
        "{error}"
    );
    PostgresStore::open(options(database.url())).await.unwrap();
}

/// An older program works on beside a newer schema that says it can, and refuses
/// one that says it cannot.
#[tokio::test]
async fn a_newer_schema_is_refused_unless_it_says_it_fits() {
    let database = Server::shared().database();
    let client = visit(&database).await;
    let set = async |name: &str, value: &str| {
        let update = "UPDATE meta SET value = $2 WHERE name = $1";
        let rows = client.execute(update, &[&name, &value]).await.unwrap();
        assert_eq!(rows, 1);
    };
    set("schema", "1000").await;
    set("compatible_from", "1000").await;
    let error = refused(options(database.url())).await;
    assert!(
        matches!(error, OpenError::NewerSchema { found: 1000, .. }),
        "{error}"
    );
    set("compatible_from", "1").await;
    client
        .batch_execute("ALTER TABLE message ADD COLUMN later text")
        .await
        .unwrap();
    let kit = Kit::default();
    let store = PostgresStore::open(options(database.url())).await.unwrap();
    let account = kit.account(&store, "oa").await;
    kit.queue(&store, account).await;
    kit.claim_one(&store, account).await;
    let row = client
        .query_one("SELECT value FROM meta WHERE name = 'schema'", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "1000", "it is left as it is");
}

/// What each `sslmode` promises is kept.
#[tokio::test]
async fn a_server_that_cannot_prove_itself_is_refused() {
    let server = Server::start(&Settings {
        tls: true,
        ..Settings::default()
    });
    let database = server.database();
    let root = server.certificate().display().to_string();
    let at = |host: &str, query: &str| {
        let url = database.url().replace("127.0.0.1", host);
        options(&format!("{url}?{query}"))
    };
    let ciphered = "SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl \
                    JOIN pg_stat_activity USING (pid) WHERE application_name = 'hongyan'";
    let client = visit(&database).await;
    let by_root = |mode: &str| format!("sslmode={mode}&sslrootcert={root}");
    for (host, query, is_ciphered) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), false),
        ("127.0.0.1", "sslmode=prefer".to_owned(), true),
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        // The certificate is for another name than this one.
        ("127.0.0.1", by_root("verify-ca"), true),
        ("localhost", by_root("verify-full"), true),
    ] {
        let store = PostgresStore::open(at(host, &query)).await;
        let store = store.unwrap_or_else(|error| panic!("{query}: {error}"));
        store.ping().await.unwrap();
        let row = client.query_one(ciphered, &[]).await.unwrap();
        let (with, all): (i64, i64) = (row.get(0), row.get(1));
        let wanted = if is_ciphered { all } else { 0 };
        assert!(all > 0 && with == wanted, "{query}: {with} of {all}");
        store.shutdown().await;
        super::eventually(async || {
            let row = client.query_one(ciphered, &[]).await.unwrap();
            row.get::<_, i64>(1) == 0
        })
        .await;
    }
    for (host, query) in [
        ("127.0.0.1", by_root("verify-full")),
        ("localhost", "sslmode=verify-full".to_owned()),
        ("localhost", "sslmode=verify-ca".to_owned()),
    ] {
        let error = refused(at(host, &query)).await;
        assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    let missing = refused(at("localhost", "sslmode=verify-full&sslrootcert=/nowhere")).await;
    assert!(matches!(missing, OpenError::BadUrl { .. }), "{missing}");
    // A password that is bound to the channel (RFC 5929) is taken.
    let guarded = at("localhost", &by_root("verify-full"));
    let url = secrecy_of(&guarded).replace("owner@", &format!("{GUARDED}:{PASSWORD}@"));
    let error = refused(options(&url)).await;
    assert!(matches!(error, OpenError::NoRights { .. }), "{error}");
}

fn secrecy_of(options: &PostgresOptions) -> String {
    use secrecy::ExposeSecret;
    options.url.expose_secret().to_owned()
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_refused_and_told_apart() {
    let database = Server::shared().database();
    let store = PostgresStore::open(options(database.url())).await.unwrap();
    store.ping().await.unwrap();
    let client = visit(&database).await;
    let sql = format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.name()
    );
    client.batch_execute(&sql).await.unwrap();
    let error = refused(options(database.url())).await;
    assert!(matches!(error, OpenError::ReadOnlyServer { .. }), "{error}");
    // New connections have the new setting.
    Server::shared().cut(&database);
    let ping = store.ping().await;
    let Err(StoreError::Unavailable { reason }) = ping else {
        panic!("{ping:?}");
    };
    assert!(reason.contains("read-only"), "{reason}");
    let refused = store
        .add_account(&Kit::default().settings("oa"), None)
        .await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let database = Server::shared().database();
    let store = PostgresStore::open(options(database.url())).await.unwrap();
    let settings = Kit::default().settings("oa");
    let (added, ()) = tokio::join!(store.add_account(&settings, None), store.shutdown());
    let account = added.unwrap().id;
    store.shutdown().await;
    for refused in [
        store.ping().await,
        store.remove_account(account).await,
        store.accounts().await.map(drop),
    ] {
        assert!(
            matches!(&refused, Err(StoreError::Unavailable { reason }) if reason == "it is closed"),
            "{refused:?}"
        );
    }
    assert_eq!(store.usage(), Default::default());
    let client = visit(&database).await;
    let others = "SELECT count(*) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    super::eventually(async || {
        let row = client.query_one(others, &[]).await.unwrap();
        row.get::<_, i64>(0) == 0
    })
    .await;
}

#[tokio::test]
async fn secrets_do_not_lie_open() {
    let (database, kit) = (Server::shared().database(), Kit::default());
    let store = PostgresStore::open(options(database.url())).await.unwrap();
    let mut settings = kit.settings("oa");
    settings.secret = AppSecret::new("a-secret-that-is-easy-to-find");
    let kept = kit.idempotency(kit.key_id(), "k", "an-answer-that-is-easy-to-find");
    settings.callback = Some(CallbackSettings {
        token: AppSecret::new("a-token-that-is-easy-to-find"),
        encoding_aes_key: None,
        previous: Some(CallbackKeys {
            token: AppSecret::new("a-former-one-that-is-easy-to-find"),
            encoding_aes_key: None,
        }),
    });
    let account = store.add_account(&settings, Some(&kept)).await.unwrap().id;
    let sighting = Sighting::of(kit.openid("oPerson"), kit.now());
    let key = SessionKey::new("a-key-that-is-easy-to-find");
    store.saw(account, &sighting, Some(&key)).await.unwrap();
    let ticket = JsTicket::new("a-ticket-that-is-easy-to-find");
    store
        .keep_js_ticket(account, &ticket, kit.now())
        .await
        .unwrap();
    let client = visit(&database).await;
    for table in ["account", "idempotency", "contact", "js_ticket"] {
        let dump = format!("SELECT row_to_json(t)::text FROM {table} t");
        let row = client.query_one(&dump, &[]).await.unwrap();
        let text: String = row.get(0);
        let plain = hex_of("easy-to-find");
        assert!(
            !text.contains("easy-to-find") && !text.contains(&plain),
            "{text}"
        );
    }
    assert!(
        !format!(
            "{store:?} {:?}",
            options(&format!("postgres://a:{PASSWORD}@h/d"))
        )
        .contains(PASSWORD)
    );
}

fn hex_of(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
