//! Gateways on PostgreSQL: what stands in their way, two of them together, and
//! the end and return of the database.

use std::path::Path;
use std::process::Command;

use hongyan_test_postgres::{Server, Settings, Stop};
use serde_json::json;

use crate::support::{Running, address, get, hongyan, post, run, stderr, stdout};

fn command(dir: &Path, url: &str, arguments: &[&str]) -> Command {
    let mut command = hongyan();
    command
        .args(arguments)
        .current_dir(dir)
        .env("HONGYAN_SERVER__LISTEN", "127.0.0.1:0")
        .env("HONGYAN_SERVER__UNREADY_S", "0")
        .env("HONGYAN_DATABASE__CONNECT_TIMEOUT_S", "2")
        .env("HONGYAN_DATABASE__URL", url);
    command
}

fn new_key(dir: &Path, url: &str) -> String {
    let arguments = ["keys", "create", "--name", "ops", "--scope", "admin"];
    let made = run(&mut command(dir, url, &arguments));
    assert!(made.status.success(), "{}", stderr(&made));
    stdout(&made).trim().to_owned()
}

#[test]
fn what_stands_in_the_way_is_said_in_a_sentence_without_the_password() {
    let server = Server::shared();
    let database = server.empty_database();
    let url = database.url();
    let dir = tempfile::tempdir().unwrap();
    let (before, rest) = url.split_once("://").unwrap();
    let (login, place) = rest.split_once('@').unwrap();
    let user = login.split(':').next().unwrap();
    let nowhere = format!("{before}://{user}:hush-hush@127.0.0.1:1/hongyan");
    let no_database = url.replace(database.name(), "there_is_none");
    let no_user = format!("{before}://nobody_here:hush-hush@{place}");
    for (url, words) in [
        (nowhere.as_str(), &["127.0.0.1:1", "cannot be reached"][..]),
        (
            &no_database,
            &["there_is_none", "does not exist", "CREATE DATABASE"],
        ),
        (&no_user, &["refuses the login", "nobody_here"]),
        ("postgres://u:hush-hush@h:no-port/d", &["[database] url"]),
        (
            "mysql://u:hush-hush@h/d",
            &["HONGYAN_DATABASE__URL", "postgres://"],
        ),
    ] {
        let output = run(&mut command(dir.path(), url, &["serve"]));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
        assert!(
            !said.contains("hush-hush") && !said.contains("panicked"),
            "{said}"
        );
    }
    // Who only looks makes no tables.
    let output = run(&mut command(dir.path(), url, &["keys", "list"]));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("does not have the tables"), "{said}");
}

#[test]
fn two_gateways_share_a_database_and_a_key_file() {
    let database = Server::shared().empty_database();
    let url = database.url();
    let dir = tempfile::tempdir().unwrap();
    let key = new_key(dir.path(), url);
    let mut gateways: Vec<_> = (0..2)
        .map(|_| Running::start(&mut command(dir.path(), url, &["serve"])))
        .collect();
    let addresses: Vec<_> = gateways.iter_mut().map(address).collect();
    let account = json!({
        "name": "shop", "kind": "official_account",
        "appid": "wx0123456789abcdef", "secret": "0123456789abcdef0123456789abcdef",
    });
    let (status, answer) = post(&addresses[0], "/v1/accounts", &key, &account);
    assert_eq!(status, 201, "{answer}");
    // The other one follows by itself.
    let began = std::time::Instant::now();
    while get(&addresses[1], "/v1/accounts/shop", &key).unwrap().0 != 200 {
        assert!(
            began.elapsed().as_secs() < 5,
            "the other node did not follow"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    for gateway in gateways {
        gateway.signal("TERM");
        assert_eq!(gateway.wait(), Some(0));
    }

    // Another key file does not open what this one sealed, and is not left behind.
    let stranger = tempfile::tempdir().unwrap();
    let output = run(&mut command(stranger.path(), url, &["serve"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("another key"),
        "{}",
        stderr(&output)
    );
    assert!(!stranger.path().join("hongyan.key").exists());
}

#[test]
fn without_its_database_a_gateway_says_so_and_recovers() {
    let server = Server::start(&Settings::default());
    let database = server.empty_database();
    let url = database.url();
    let dir = tempfile::tempdir().unwrap();
    let key = new_key(dir.path(), url);
    let mut gateway = Running::start(&mut command(dir.path(), url, &["serve"]));
    let address = address(&mut gateway);
    assert_eq!(get(&address, "/readyz", "").unwrap().0, 200);
    server.stop(Stop::Immediate);
    let (status, answer) = get(&address, "/readyz", "").unwrap();
    assert_eq!(status, 503, "{answer}");
    assert!(answer.contains("database is not available"), "{answer}");
    let new = json!({"name": "two", "scopes": ["read"]});
    let (status, answer) = post(&address, "/v1/keys", &key, &new);
    assert_eq!(status, 503, "{answer}");
    assert!(answer.to_lowercase().contains("retry-after:"), "{answer}");
    server.resume();
    let began = std::time::Instant::now();
    while get(&address, "/readyz", "").unwrap().0 != 200 {
        assert!(began.elapsed().as_secs() < 20, "it did not recover");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let (status, answer) = post(&address, "/v1/keys", &key, &new);
    assert_eq!(status, 201, "{answer}");
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
}
