//! Both token calls.

use std::time::Duration;

use hongyan_sandbox::{AccountKind, AccountPatch, AccountView};
use serde_json::{Value, json};

use crate::app::App;

fn classic(app: &App, account: &AccountView) -> Value {
    app.get(&format!(
        "/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
        account.appid, account.secret
    ))
    .json()
}

fn stable(app: &App, account: &AccountView, force: bool) -> Value {
    let body = json!({
        "grant_type": "client_credential",
        "appid": account.appid,
        "secret": account.secret,
        "force_refresh": force,
    });
    app.post("/cgi-bin/stable_token", &body).json()
}

fn check(app: &App, token: &Value) -> i64 {
    let token = token["access_token"].as_str().unwrap();
    app.get(&format!("/cgi-bin/user/get?access_token={token}"))
        .errcode()
}

#[test]
fn the_families_over_http() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let first = classic(&app, &account);
    assert_eq!(first["expires_in"], 7200);
    assert!(first.get("errcode").is_none());
    let steady = stable(&app, &account, false);
    assert_eq!(stable(&app, &account, false), steady);
    let second = classic(&app, &account);
    assert_ne!(first, second);
    assert_eq!(
        [
            check(&app, &first),
            check(&app, &second),
            check(&app, &steady)
        ],
        [0, 0, 0]
    );

    app.sandbox.advance(Duration::from_secs(300)).unwrap();
    assert_eq!(
        [
            check(&app, &first),
            check(&app, &second),
            check(&app, &steady)
        ],
        [40001, 0, 0]
    );
    assert_eq!(stable(&app, &account, false)["expires_in"], 6900);

    let forced = stable(&app, &account, true);
    assert_ne!(forced["access_token"], steady["access_token"]);
    assert_eq!(
        [
            check(&app, &steady),
            check(&app, &second),
            check(&app, &forced)
        ],
        [40001, 0, 0]
    );
    assert_eq!(
        stable(&app, &account, true)["access_token"],
        forced["access_token"]
    );

    app.sandbox.advance(Duration::from_secs(7200)).unwrap();
    assert_eq!([check(&app, &second), check(&app, &forced)], [42001, 42001]);
    assert_eq!(check(&app, &json!({ "access_token": "garbage" })), 40014);
    assert_eq!(app.get("/cgi-bin/user/get?access_token=").errcode(), 41001);
}

#[test]
fn credentials_are_checked_in_order() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let (appid, secret) = (&account.appid, &account.secret);
    let code = |query: &str| app.get(&format!("/cgi-bin/token?{query}")).errcode();
    let grant = "grant_type=client_credential";
    assert_eq!(code(&format!("appid={appid}&secret={secret}")), 40002);
    assert_eq!(code(&format!("{grant}&secret={secret}")), 41002);
    assert_eq!(code(&format!("{grant}&appid={appid}")), 41004);
    assert_eq!(code(&format!("{grant}&appid=wx0&secret={secret}")), 40013);
    assert_eq!(code(&format!("{grant}&appid={appid}&secret=0")), 40125);
    let post = |body: &Value| app.post("/cgi-bin/stable_token", body).errcode();
    assert_eq!(post(&json!({ "grant_type": "x" })), 40002);
    let known = json!({ "grant_type": "client_credential", "appid": appid, "secret": "no" });
    assert_eq!(post(&known), 40125);
    assert_eq!(
        app.call("POST", "/cgi-bin/stable_token", Some("a=b"))
            .unwrap()
            .errcode(),
        47001
    );
}

#[test]
fn strangers_addresses_are_told_what_was_seen() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let allow = |rules: &[&str]| {
        let ip_allowlist = Some(rules.iter().map(ToString::to_string).collect());
        let patch = AccountPatch {
            ip_allowlist,
            ..AccountPatch::default()
        };
        app.sandbox.update_account(&account.appid, patch).unwrap();
    };
    allow(&["203.0.113.0/24"]);
    let refused = classic(&app, &account);
    assert_eq!(refused["errcode"], 40164);
    let text = refused["errmsg"].as_str().unwrap();
    let seen = "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist rid: ";
    assert!(text.starts_with(seen), "{text}");
    allow(&["203.0.113.0/24", "127.0.0.0/8"]);
    assert_eq!(classic(&app, &account)["expires_in"], 7200);
}

#[test]
fn the_token_call_has_a_quota_and_a_minute_too() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    app.sandbox
        .set_quota(&account.appid, "/cgi-bin/token", 1)
        .unwrap();
    assert!(classic(&app, &account).get("errcode").is_none());
    assert_eq!(classic(&app, &account)["errcode"], 45009);
    app.sandbox.advance(Duration::from_secs(12 * 3600)).unwrap();
    assert!(classic(&app, &account).get("errcode").is_none());
}
