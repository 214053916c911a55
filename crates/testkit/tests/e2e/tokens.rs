//! The token center against WeChat's two families of tokens.

use std::time::Duration;

use hongyan_api::{ChangeAccount, HealthStatus, Secret, Status, TokenMode};
use hongyan_testkit::{TestApp, Wishes};
use serde_json::json;

const TOKEN: &str = "/cgi-bin/token";
const STABLE: &str = "/cgi-bin/stable_token";
const SEND: &str = "/cgi-bin/message/template/send";

/// Somebody else refreshes the account's token and thereby ends ours.
async fn steal(app: &TestApp) {
    let account = app
        .sandbox
        .accounts()
        .into_iter()
        .find(|a| a.appid == app.oa)
        .unwrap();
    let body = json!({"grant_type": "client_credential", "appid": account.appid, "secret": account.secret, "force_refresh": true});
    let answer = app.call_sandbox(STABLE, "", &body).await;
    assert!(answer["access_token"].is_string(), "{answer}");
}

async fn classic(app: &TestApp) {
    let change = ChangeAccount {
        token_mode: Some(TokenMode::Classic),
        ..Default::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_serves_everything_and_outlives_a_restart() {
    let app = TestApp::start().await;
    let before = app.calls(STABLE);
    for _ in 0..20 {
        app.send(&app.message()).await;
    }
    app.pump().await;
    let app = app.crash_and_restart().await;
    app.send_and_pump(&app.message()).await;
    assert_eq!(app.delivered(), 21);
    assert_eq!(
        app.calls(STABLE),
        before,
        "a token at hand was asked for again"
    );
    assert_eq!(app.calls(TOKEN), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_costs_one_refresh_and_no_message() {
    let app = TestApp::start().await;
    app.send_and_pump(&app.message()).await;
    let before = app.calls(STABLE);
    steal(&app).await;
    for _ in 0..100 {
        app.send(&app.message()).await;
    }
    app.pump().await;
    assert_eq!(app.delivered(), 101);
    assert_eq!(
        app.calls(STABLE),
        before + 2,
        "the thief's call and one of ours"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_wechat_refuses_while_handing_it_out_is_forced_out() {
    let app = TestApp::start().await;
    app.send_and_pump(&app.message()).await;
    let before = app.calls(STABLE);
    // The token is fine at WeChat's token endpoint, so it is handed out again.
    app.fault(json!({"path": SEND, "times": 1, "effect": {"errcode": 40001, "errmsg": "invalid credential"}}));
    let message = app.send_and_pump(&app.message()).await;
    assert_eq!(message.status, Status::Accepted);
    assert_eq!(
        message.attempts.unwrap().len(),
        2,
        "the refused call and the one re-send"
    );
    assert_eq!(
        app.calls(STABLE),
        before + 2,
        "a plain call and a forced one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_refusal_in_a_row_waits_instead_of_looping() {
    let app = TestApp::start().await;
    app.fault(
        json!({"path": SEND, "effect": {"errcode": 42001, "errmsg": "access_token expired"}}),
    );
    let before = app.calls(STABLE);
    let message = app.send_and_pump(&app.message()).await;
    assert_eq!(message.status, Status::Retrying);
    assert_eq!(app.calls(SEND), 2);
    assert!(app.calls(STABLE) <= before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_before_they_end_in_both_modes() {
    for mode in [TokenMode::Stable, TokenMode::Classic] {
        let app = TestApp::start().await;
        if mode == TokenMode::Classic {
            classic(&app).await;
        }
        app.engine.maintain().await;
        let first = app.client.access_token("oa").await.unwrap();
        app.advance(Duration::from_secs(3600));
        app.engine.maintain().await;
        let same = app.client.access_token("oa").await.unwrap();
        assert_eq!(
            first.access_token, same.access_token,
            "{mode:?}: renewed far too early"
        );
        app.advance(Duration::from_secs(3600 - 200));
        app.engine.maintain().await;
        let renewed = app.client.access_token("oa").await.unwrap();
        assert_ne!(
            first.access_token, renewed.access_token,
            "{mode:?}: not renewed"
        );
        assert!(renewed.expires_in > 6000, "{mode:?}");
        let message = app.send_and_pump(&app.message()).await;
        assert_eq!(message.status, Status::Accepted, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_asked_about_once_and_its_messages_wait() {
    let app = TestApp::start().await;
    let change = ChangeAccount {
        secret: Some(Secret::from("f".repeat(32))),
        ..Default::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
    let before = app.calls(STABLE);
    let id = app.send(&app.message()).await;
    for _ in 0..10 {
        app.pump().await;
        app.engine.maintain().await;
        app.advance(Duration::from_secs(600));
    }
    assert_eq!(
        app.calls(STABLE),
        before + 1,
        "a wrong secret was tried again"
    );
    let account = app.account("oa").await;
    assert_eq!(account.health.status, HealthStatus::Unhealthy);
    assert_eq!(account.health.errcode, Some(40125));
    let message = app.get(&id).await;
    assert_eq!(message.status, Status::Queued);
    assert_eq!(message.waiting.unwrap().errcode, Some(40125));
    // The right secret is the cure.
    let secret = app
        .sandbox
        .accounts()
        .into_iter()
        .find(|a| a.appid == app.oa)
        .unwrap()
        .secret;
    let change = ChangeAccount {
        secret: Some(Secret::from(secret)),
        ..Default::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
    app.pump().await;
    assert_eq!(app.get(&id).await.status, Status::Accepted);
    assert_eq!(app.account("oa").await.health.status, HealthStatus::Healthy);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_address_is_named_and_tried_again_in_growing_pauses() {
    let app = TestApp::start().await;
    let patch: hongyan_sandbox::AccountPatch =
        serde_json::from_value(json!({"ip_allowlist": ["203.0.113.9"]})).unwrap();
    app.sandbox.update_account(&app.oa, patch).unwrap();
    classic(&app).await; // drops the token at hand
    let id = app.send(&app.message()).await;
    app.pump().await;
    let health = app.account("oa").await.health;
    assert_eq!(health.errcode, Some(40164));
    assert_eq!(health.seen_ip.as_deref(), Some("127.0.0.1"));
    let before = app.calls(TOKEN);
    for _ in 0..60 {
        app.advance(Duration::from_secs(60));
        app.engine.maintain().await;
        app.pump().await;
    }
    let asked = app.calls(TOKEN) - before;
    assert!((2..=7).contains(&asked), "asked {asked} times in an hour");
    let patch: hongyan_sandbox::AccountPatch =
        serde_json::from_value(json!({"ip_allowlist": []})).unwrap();
    app.sandbox.update_account(&app.oa, patch).unwrap();
    app.advance(Duration::from_secs(31 * 60));
    app.engine.maintain().await;
    app.pump().await;
    assert_eq!(
        app.get(&id).await.status,
        Status::Accepted,
        "did not recover by itself"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_asks_at_once_and_says_what_to_do() {
    let app = TestApp::start().await;
    let report = app.client.check_account("oa").await.unwrap();
    assert!(report.ok, "{report:?}");
    let patch: hongyan_sandbox::AccountPatch =
        serde_json::from_value(json!({"ip_allowlist": ["203.0.113.9"]})).unwrap();
    app.sandbox.update_account(&app.oa, patch).unwrap();
    classic(&app).await;
    let report = app.client.check_account("oa").await.unwrap();
    assert!(!report.ok);
    let step = report
        .steps
        .iter()
        .find(|step| step.name == "ip_allow_list")
        .unwrap();
    assert!(
        step.fix.as_deref().unwrap().contains("127.0.0.1"),
        "{step:?}"
    );
    assert!(
        step.fix_zh.as_deref().unwrap().contains("把 127.0.0.1"),
        "{step:?}"
    );
    let patch: hongyan_sandbox::AccountPatch =
        serde_json::from_value(json!({"ip_allowlist": []})).unwrap();
    app.sandbox.update_account(&app.oa, patch).unwrap();
    assert!(app.client.check_account("oa").await.unwrap().ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_token_endpoint_lets_messages_wait_not_fail() {
    let app = TestApp::start().await;
    classic(&app).await;
    app.fault(json!({"path": TOKEN, "effect": {"http_status": 502}}));
    let id = app.send(&app.message()).await;
    app.pump().await;
    let message = app.get(&id).await;
    assert_eq!(message.status, Status::Queued);
    assert_eq!(message.attempt_count, 0);
    assert!(
        message.waiting.is_some(),
        "nobody is told what it waits for"
    );
    assert_eq!(
        app.account("oa").await.health.status,
        HealthStatus::Unhealthy
    );
    app.sandbox.clear_faults();
    app.advance(Duration::from_secs(120));
    app.pump().await;
    assert_eq!(app.get(&id).await.status, Status::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_budget_of_token_calls_is_kept() {
    let mut wishes = Wishes::default();
    wishes.engine.credentials.daily_budget = 5;
    let app = TestApp::start_with(wishes).await;
    for _ in 0..10 {
        // Every token is refused at once, every time.
        app.advance(Duration::from_secs(600));
        steal(&app).await;
        app.send(&app.message()).await;
        app.pump().await;
    }
    let thefts = 10;
    let ours = app.calls(STABLE) - thefts;
    // The mini program's first token is counted apart.
    assert!(ours <= 5 + 1, "{ours} calls");
}
