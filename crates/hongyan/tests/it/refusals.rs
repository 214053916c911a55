//! What stands in the way of a start: one clear sentence, exit code 1, and
//! nothing overwritten.

use std::path::Path;

use crate::support::{Running, hongyan, run, stderr};

fn serve(dir: &Path) -> std::process::Output {
    let file = dir.join("hongyan.toml");
    if !file.exists() {
        std::fs::write(&file, "[server]\nlisten = \"127.0.0.1:0\"\n").unwrap();
    }
    run(hongyan().args(["serve", "--config"]).arg(&file))
}

/// One sentence on standard error that has all the words.
fn refuses(output: &std::process::Output, words: &[&str]) {
    let said = stderr(output);
    let complaint = said
        .lines()
        .find(|line| line.starts_with("hongyan: "))
        .unwrap_or_default();
    for word in words {
        assert!(complaint.contains(word), "{word:?} is not in: {said}");
    }
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let garbage = "these are my notes, not a database\n".repeat(100);
    std::fs::write(dir.path().join("hongyan.db"), &garbage).unwrap();
    refuses(&serve(dir.path()), &["hongyan.db", "database"]);
    assert_eq!(
        std::fs::read_to_string(dir.path().join("hongyan.db")).unwrap(),
        garbage
    );
}

#[test]
fn a_garbled_or_lost_key_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let made = run(hongyan()
        .args(["keys", "create", "--name", "a", "--scope", "read"])
        .current_dir(dir.path()));
    assert!(made.status.success(), "{}", stderr(&made));
    let key = dir.path().join("hongyan.key");
    std::fs::write(&key, "short").unwrap();
    refuses(&serve(dir.path()), &["hongyan.key"]);
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "short");
    std::fs::remove_file(&key).unwrap();
    // Another key would not open what the lost one sealed.
    refuses(&serve(dir.path()), &["hongyan.key", "missing", "backup"]);
    assert!(!key.exists());
}

#[test]
fn the_key_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    run(hongyan()
        .args(["keys", "create", "--name", "a", "--scope", "read"])
        .current_dir(dir.path()));
    let mode = std::fs::metadata(dir.path().join("hongyan.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_port_in_use_is_said_before_anything_is_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("hongyan.toml"),
        format!("[server]\nlisten = \"{address}\"\n"),
    )
    .unwrap();
    refuses(&serve(dir.path()), &[&address, "another program"]);
    assert!(!dir.path().join("hongyan.db").exists());
}

#[test]
fn a_second_gateway_on_one_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("hongyan.toml"),
        "[server]\nlisten = \"127.0.0.1:0\"\n",
    )
    .unwrap();
    let mut first = Running::start(
        hongyan()
            .args(["serve", "--config"])
            .arg(dir.path().join("hongyan.toml")),
    );
    first.read_until("is ready at");
    refuses(&serve(dir.path()), &["hongyan.db"]);
}

#[test]
fn a_bad_line_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("hongyan.toml"),
        "[server]\nlisten = \"127.0.0.1:0\"\nport = 1\n",
    )
    .unwrap();
    refuses(&serve(dir.path()), &["line 3", "port"]);
    std::fs::write(
        dir.path().join("hongyan.toml"),
        "[database]\nurl = \"mysql://x\"\n",
    )
    .unwrap();
    refuses(&serve(dir.path()), &["line 2", "sqlite:"]);
    let missing = run(hongyan().args(["serve", "--config", "/nowhere/hongyan.toml"]));
    refuses(&missing, &["/nowhere/hongyan.toml"]);
}

#[test]
fn looking_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for command in [["doctor", "--json"], ["keys", "list"]] {
        let looked = run(hongyan().args(command).current_dir(dir.path()));
        assert_eq!(looked.status.code(), Some(1));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn reply_rules_that_cannot_be_read_are_named_with_their_line() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[server]\nlisten = \"127.0.0.1:0\"\n[[accounts]]\nname = \"shop\"\nkind = \"official_account\"\n\
                appid = \"wx1\"\nsecret = \"s\"\nreply_rules = \"rules.toml\"\n";
    std::fs::write(dir.path().join("hongyan.toml"), text).unwrap();
    refuses(&serve(dir.path()), &["cannot read", "rules.toml"]);
    std::fs::write(dir.path().join("rules.toml"), "[[rules]]\nnam = \"x\"\n").unwrap();
    refuses(&serve(dir.path()), &["rules.toml line 2", "nam"]);
}
