//! Commands that need no demo.

use std::path::Path;

use crate::support::{Running, hongyan, run, stderr, stdout};

fn config(dir: &Path, text: &str) -> std::path::PathBuf {
    let path = dir.join("hongyan.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn the_first_key_needs_no_gateway_and_opens_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = config(dir.path(), "[server]\nlisten = \"127.0.0.1:0\"\n");
    let created = run(hongyan()
        .args([
            "keys", "create", "--name", "ops", "--scope", "admin", "--config",
        ])
        .arg(&file));
    assert!(created.status.success(), "{}", stderr(&created));
    let key = stdout(&created);
    assert_eq!(key.lines().count(), 1, "more than the key: {key}");
    assert!(key.starts_with("hy_"));
    assert!(
        dir.path().join("hongyan.db").exists(),
        "not beside the configuration"
    );

    let mut gateway = Running::start(hongyan().args(["serve", "--config"]).arg(&file));
    let ready = gateway.read_until("is ready at");
    let url = ready
        .split("is ready at ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    let list = |key: &str| {
        run(hongyan()
            .args(["accounts", "list"])
            .env("HONGYAN_URL", &url)
            .env("HONGYAN_API_KEY", key))
    };
    assert!(list(key.trim()).status.success());
    assert_eq!(list("hy_wrong").status.code(), Some(1));
    // Beside a running gateway too.
    let second = run(hongyan()
        .args([
            "keys", "create", "--name", "two", "--scope", "read", "--config",
        ])
        .arg(&file));
    assert!(second.status.success(), "{}", stderr(&second));
    assert!(list(stdout(&second).trim()).status.success());
    let again = run(hongyan()
        .args([
            "keys", "create", "--name", "ops", "--scope", "admin", "--config",
        ])
        .arg(&file));
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("taken"), "{}", stderr(&again));
    let listed = stdout(&run(hongyan()
        .args(["keys", "list", "--config"])
        .arg(&file)));
    assert!(listed.contains("ops") && !listed.contains(key.trim()));
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
}

#[test]
fn codes_are_explained_in_both_languages() {
    let english = run(hongyan().args(["explain", "45009", "--lang", "en"]));
    assert!(
        stdout(&english).contains("What to do"),
        "{}",
        stdout(&english)
    );
    let chinese = run(hongyan().args(["explain", "45009", "--lang", "zh"]));
    assert!(stdout(&chinese).contains("怎么办"), "{}", stdout(&chinese));
    assert!(
        stdout(&run(hongyan().args(["explain", "-1", "--lang", "en"]))).contains("system error")
    );
    let found = stdout(&run(hongyan().args([
        "explain",
        "whitelist",
        "--lang",
        "en",
    ])));
    assert!(found.contains("40164"), "{found}");
    assert_eq!(
        run(hongyan().args(["explain", "123456789"])).status.code(),
        Some(1)
    );
}

#[test]
fn descriptions_are_printed() {
    let openapi: serde_json::Value =
        serde_json::from_str(&stdout(&run(hongyan().arg("openapi")))).unwrap();
    assert!(openapi["openapi"].as_str().unwrap().starts_with("3.1"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            stdout(&run(hongyan().args(["completions", shell]))).contains("hongyan"),
            "{shell}"
        );
    }
    assert!(stdout(&run(hongyan().arg("--help"))).contains("Exit codes"));
    assert_eq!(run(hongyan().arg("frobnicate")).status.code(), Some(2));
    let no_key = run(hongyan().args(["accounts", "list"]));
    assert_eq!(no_key.status.code(), Some(2));
    assert!(stderr(&no_key).contains("HONGYAN_API_KEY"));
}

#[test]
fn the_doctor_names_what_is_wrong() {
    let sandbox = Running::start(hongyan().args(["sandbox", "--listen", "127.0.0.1:0"]));
    let (sandbox, url) = sandbox_url(sandbox);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let control = hongyan_api::Client::new(&url, "none").unwrap();
    let account = serde_json::json!({"kind": "official_account", "ip_allowlist": ["203.0.113.9"]});
    let account = runtime
        .block_on(control.call_raw("POST", "/sandbox/v1/accounts", Some(&account)))
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (appid, secret) = (
        account["appid"].as_str().unwrap(),
        account["secret"].as_str().unwrap(),
    );
    let text = format!(
        "[wechat]\napi_base = \"{url}\"\n[server]\nlisten = \"127.0.0.1:0\"\n\
         [[accounts]]\nname = \"shop\"\nkind = \"official_account\"\nappid = \"{appid}\"\nsecret = \"{secret}\"\n"
    );
    let file = config(dir.path(), &text);
    // The accounts of the configuration are laid down by the first start.
    let mut gateway = Running::start(hongyan().args(["serve", "--config"]).arg(&file));
    gateway.read_until("is ready at");
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
    let found = run(hongyan().args(["doctor", "--json", "--config"]).arg(&file));
    assert_eq!(found.status.code(), Some(1));
    let text = stdout(&found);
    assert!(
        text.contains("127.0.0.1") && text.contains("40164") || text.contains("allow-list"),
        "{text}"
    );
    assert!(!text.contains(secret));
    let open = serde_json::json!({"ip_allowlist": []});
    runtime
        .block_on(control.call_raw(
            "PATCH",
            &format!("/sandbox/v1/accounts/{appid}"),
            Some(&open),
        ))
        .unwrap();
    let found = run(hongyan().args(["doctor", "--config"]).arg(&file));
    assert!(
        found.status.success(),
        "{}{}",
        stdout(&found),
        stderr(&found)
    );
    drop(sandbox);
}

fn sandbox_url(mut sandbox: Running) -> (Running, String) {
    let ready = sandbox.read_until("is ready at");
    let url = ready
        .split("is ready at ")
        .nth(1)
        .unwrap()
        .trim()
        .to_owned();
    (sandbox, url)
}

#[test]
fn a_template_id_may_begin_with_a_hyphen() {
    let sent = run(hongyan()
        .args(["send", "--account", "a", "--kind", "template", "--to", "o"])
        .args(["--template", "-abc", "--data", "thing1=x"])
        .env("HONGYAN_URL", "http://127.0.0.1:9")
        .env("HONGYAN_API_KEY", "k"));
    // Nobody answers there; but it was understood.
    assert_eq!(sent.status.code(), Some(1), "{}", stderr(&sent));
}

#[test]
fn rules_are_checked_without_a_gateway() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rules.toml");
    let rule = "[[rules]]\nname = \"welcome\"\nwhen = { event = \"subscribe\" }\nreply = { type = \"text\", content = \"hi\" }\n";
    std::fs::write(&file, rule).unwrap();
    let check = |kind: &str| {
        run(hongyan()
            .args(["rules", "check", "--kind", kind])
            .arg(&file))
    };
    let good = check("official_account");
    assert!(good.status.success(), "{}", stderr(&good));
    assert!(stdout(&good).contains("1 rules"), "{}", stdout(&good));
    let bad = check("mini_program");
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        stderr(&bad).contains("rule \"welcome\", reply.type"),
        "{}",
        stderr(&bad)
    );
}
