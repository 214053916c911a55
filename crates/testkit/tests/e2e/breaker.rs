//! What WeChat refuses because of the account waits until the account is let
//! through again.

use std::time::Duration;

use hongyan_api::{HealthStatus, Kind, MessageBatch, Status, StepState, WaitingFor};
use hongyan_sandbox::Action;
use hongyan_testkit::TestApp;
use serde_json::json;

const SEND: &str = "/cgi-bin/message/template/send";
const SERVICE: &str = "/cgi-bin/message/custom/send";

async fn send_many(app: &TestApp, count: usize) {
    let messages = vec![app.message(); count];
    app.client
        .send_batch(&MessageBatch { messages }, None)
        .await
        .unwrap();
    app.pump().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_account_waits_with_its_messages_and_is_tried_now_and_then() {
    let app = TestApp::start().await;
    app.fault(json!({"path": SEND, "effect": {"errcode": 50002, "errmsg": "user limited"}}));
    send_many(&app, 5).await;
    let asked = app.calls(SEND);
    let health = app.account("oa").await.health;
    assert_eq!(health.status, HealthStatus::Blocked);
    assert_eq!(health.errcode, Some(50002));
    assert!(health.diagnosis.is_some() && health.kinds.is_empty());
    let late = app.send_and_pump(&app.message()).await;
    let why = late.waiting.unwrap();
    assert_eq!(why.reason, WaitingFor::AccountBlocked);
    assert_eq!((why.errcode, why.until), (Some(50002), health.next_try_at));
    assert_eq!(app.calls(SEND), asked, "asked although it is blocked");
    // One is tried after a minute, the next two minutes after that.
    app.advance(Duration::from_secs(61));
    app.pump().await;
    assert_eq!(app.calls(SEND), asked + 1);
    app.advance(Duration::from_secs(61));
    app.pump().await;
    assert_eq!(app.calls(SEND), asked + 1);
    app.sandbox.clear_faults();
    app.advance(Duration::from_secs(60));
    app.pump().await;
    assert_eq!(app.delivered(), 6);
    assert_eq!(app.account("oa").await.health.status, HealthStatus::Healthy);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_ability_holds_its_own_kind_alone() {
    let app = TestApp::start().await;
    let hello = Action::SendText {
        content: "在吗".to_owned(),
    };
    app.sandbox.act(&app.person, &app.oa, &hello).unwrap();
    app.fault(json!({"path": SERVICE, "effect": {"errcode": 48001, "errmsg": "api unauthorized"}}));
    let service = app.service_message("oa", "您好");
    let held = app.send_and_pump(&service).await;
    assert_eq!(held.status, Status::Retrying);
    assert_eq!(held.waiting.unwrap().reason, WaitingFor::AccountBlocked);
    let health = app.account("oa").await.health;
    assert_eq!(health.status, HealthStatus::Blocked);
    assert_eq!(health.kinds, [Kind::CustomerService]);
    let other = app.send_and_pump(&service).await;
    assert_eq!((other.attempt_count, app.calls(SERVICE)), (0, 1));
    let template = app.send_and_pump(&app.message()).await;
    assert_eq!(template.status, Status::Accepted);
    app.sandbox.clear_faults();
    app.advance(Duration::from_secs(61));
    app.pump().await;
    app.advance(Duration::from_secs(75));
    app.pump().await;
    for id in [&held.id, &other.id] {
        assert_eq!(app.get(id).await.status, Status::Accepted);
    }
    assert_eq!(app.account("oa").await.health.status, HealthStatus::Healthy);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_refused_is_named_and_a_check_tries_at_once() {
    let app = TestApp::start().await;
    app.fault(json!({"path": SEND, "effect": {
        "errcode": 40164, "errmsg": "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist"
    }}));
    let message = app.send_and_pump(&app.message()).await;
    let why = message.waiting.unwrap();
    assert_eq!(why.seen_ip.as_deref(), Some("203.0.113.9"));
    assert!(why.detail.contains("203.0.113.9"), "{}", why.detail);
    app.sandbox.clear_faults();
    let report = app.client.check_account("oa").await.unwrap();
    let step = report.steps.iter().find(|step| step.name == "sending");
    let step = step.unwrap();
    assert_eq!(
        (step.state, step.errcode),
        (StepState::Warning, Some(40164))
    );
    assert!(step.fix.as_ref().unwrap().contains("203.0.113.9"));
    app.advance(Duration::from_secs(2));
    app.pump().await;
    assert_eq!(app.get(&message.id).await.status, Status::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_tried_for_ever() {
    let app = TestApp::start().await;
    app.fault(json!({"path": SEND, "effect": {"errcode": 50002, "errmsg": "user limited"}}));
    let id = app.send(&app.message()).await;
    for _ in 0..25 {
        app.pump().await;
        app.advance(Duration::from_secs(3600));
    }
    let message = app.get(&id).await;
    assert_eq!(
        (message.status, message.errcode),
        (Status::Failed, Some(50002))
    );
    assert_eq!(message.attempt_count, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_kept_over_a_restart() {
    let app = TestApp::start().await;
    app.fault(json!({"path": SEND, "effect": {"errcode": 50002, "errmsg": "user limited"}}));
    send_many(&app, 2).await;
    let asked = app.calls(SEND);
    let app = app.crash_and_restart().await;
    app.advance(Duration::from_secs(5));
    app.pump().await;
    assert_eq!(app.calls(SEND), asked, "they are due, and wait");
    assert_eq!(app.account("oa").await.health.status, HealthStatus::Blocked);
}
