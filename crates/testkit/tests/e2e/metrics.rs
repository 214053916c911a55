//! What `/metrics` says of what really happened.

use std::time::Duration;

use hongyan_api::{ChangeAccount, OnUnknown, Secret};
use hongyan_testkit::scrape::Scrape;
use hongyan_testkit::{TestApp, new_account};
use serde_json::json;

const SEND: &str = "/cgi-bin/message/template/send";
const STABLE: &str = "/cgi-bin/stable_token";

async fn scrape(app: &TestApp) -> Scrape {
    app.engine.sample_queue().await.unwrap();
    Scrape::of(&app.url).await
}

fn attempts(scrape: &Scrape, outcome: &str, errcode: &str) -> Option<f64> {
    let labels = [
        ("account", "oa"),
        ("outcome", outcome),
        ("errcode", errcode),
    ];
    scrape.value("hongyan_attempts_total", &labels)
}

fn settled(scrape: &Scrape, account: &str, state: &str) -> Option<f64> {
    let labels = [("account", account), ("state", state)];
    scrape.value("hongyan_messages_settled_total", &labels)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_counted_from_acceptance_to_their_end() {
    let app = TestApp::start().await;
    let before = scrape(&app).await;
    assert_eq!(
        settled(&before, "oa", "accepted"),
        Some(0.0),
        "none yet, and said"
    );
    let mut urgent = app.message();
    urgent.priority = Some(serde_json::from_value(json!("high")).unwrap());
    app.send_and_pump(&urgent).await;
    for _ in 0..2 {
        app.send_and_pump(&app.message()).await;
    }
    // 43101: nobody consented.
    app.send_and_pump(&app.subscribe_message()).await;
    app.client.validate(&app.message()).await.unwrap();
    let scrape = scrape(&app).await;
    let accepted = |account, kind, priority| {
        let labels = [("account", account), ("kind", kind), ("priority", priority)];
        scrape.value("hongyan_messages_accepted_total", &labels)
    };
    assert_eq!(accepted("oa", "template", "high"), Some(1.0));
    assert_eq!(accepted("oa", "template", "normal"), Some(2.0));
    assert_eq!(accepted("mp", "subscribe", "normal"), Some(1.0));
    assert_eq!(
        accepted("oa", "subscribe", "normal"),
        None,
        "it cannot send those"
    );
    assert_eq!(settled(&scrape, "oa", "accepted"), Some(3.0));
    assert_eq!(settled(&scrape, "mp", "failed"), Some(1.0));
    assert_eq!(attempts(&scrape, "accepted", ""), Some(3.0));
    let refused = [
        ("account", "mp"),
        ("outcome", "refused"),
        ("errcode", "43101"),
    ];
    assert_eq!(scrape.value("hongyan_attempts_total", &refused), Some(1.0));
    let oa = [("account", "oa")];
    assert_eq!(
        scrape.value("hongyan_delivery_latency_seconds_count", &oa),
        Some(3.0)
    );
    assert_eq!(
        scrape.value("hongyan_wechat_call_duration_seconds_count", &oa),
        Some(3.0)
    );
    assert_eq!(scrape.value("hongyan_sends_in_flight", &oa), Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_a_call_can_end_has_its_name_and_foreign_codes_share_one() {
    let app = TestApp::start().await;
    let mut message = app.message();
    message.on_unknown = Some(OnUnknown::Resend);
    for effect in [
        json!({"drop": "before"}),
        json!({"http_status": 404}),
        json!({"errcode": 45011}),
        json!({"errcode": 987_654}),
        json!({"errcode": 987_655}),
    ] {
        app.fault(json!({"path": SEND, "times": 1, "effect": effect}));
        app.send_and_pump(&message).await;
        app.sandbox.clear_faults();
        app.advance(Duration::from_secs(120));
        app.pump().await;
    }
    // One more of which nobody will note the answer.
    app.send(&message).await;
    assert_eq!(app.claim("oa").await.len(), 1);
    app.advance(Duration::from_secs(61));
    app.pump().await;
    let scrape = scrape(&app).await;
    assert_eq!(attempts(&scrape, "refused", "45011"), Some(1.0));
    assert_eq!(attempts(&scrape, "refused", "other"), Some(2.0));
    assert_eq!(attempts(&scrape, "refused", "987654"), None);
    assert_eq!(attempts(&scrape, "interrupted", ""), Some(1.0));
    let lost =
        attempts(&scrape, "uncertain", "").unwrap() + attempts(&scrape, "not_sent", "").unwrap();
    assert_eq!(lost, 2.0);
    assert_eq!(settled(&scrape, "oa", "failed"), Some(2.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_as_deep_and_as_old_as_it_is() {
    let app = TestApp::start().await;
    let empty = scrape(&app).await;
    let figure = |scrape: &Scrape, name, priority| {
        scrape.value(name, &[("account", "oa"), ("priority", priority)])
    };
    let (depth, age) = (
        "hongyan_queue_depth",
        "hongyan_queue_oldest_due_age_seconds",
    );
    assert_eq!(figure(&empty, depth, "normal"), Some(0.0));
    assert_eq!(figure(&empty, age, "normal"), Some(0.0));

    let mut scheduled = app.message();
    scheduled.send_at = Some("2026-11-21T10:00:00Z".parse().unwrap());
    scheduled.priority = Some(serde_json::from_value(json!("low")).unwrap());
    app.send(&scheduled).await;
    let canceled = app.send(&scheduled).await;
    app.client.cancel(&canceled).await.unwrap();
    app.send(&app.message()).await;
    app.send(&app.message()).await;
    app.advance(Duration::from_secs(90));
    let waiting = scrape(&app).await;
    assert_eq!(figure(&waiting, depth, "normal"), Some(2.0));
    assert_eq!(figure(&waiting, age, "normal"), Some(90.0));
    assert_eq!(figure(&waiting, depth, "low"), Some(1.0));
    assert_eq!(figure(&waiting, age, "low"), Some(0.0), "it is not due yet");
    assert_eq!(settled(&waiting, "oa", "canceled"), Some(1.0));

    app.pump().await;
    // What is not looked at again stays as it was found.
    assert_eq!(
        figure(&Scrape::of(&app.url).await, depth, "normal"),
        Some(2.0)
    );
    let worked = scrape(&app).await;
    assert_eq!(figure(&worked, depth, "normal"), Some(0.0));
    let waited = worked.value("hongyan_delivery_latency_seconds_sum", &[("account", "oa")]);
    assert_eq!(waited, Some(180.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_too_late_are_counted_by_the_sweep() {
    let app = TestApp::start().await;
    let change = ChangeAccount {
        disabled: Some(true),
        ..Default::default()
    };
    let mut late = app.message();
    late.expires_at = Some("2026-11-21T04:01:00Z".parse().unwrap());
    app.send(&late).await;
    app.client.change_account("oa", &change).await.unwrap();
    app.advance(Duration::from_secs(120));
    app.pump().await;
    let scrape = scrape(&app).await;
    assert_eq!(scrape.value("hongyan_messages_swept_total", &[]), Some(1.0));
    let oa = [("account", "oa")];
    assert_eq!(scrape.value("hongyan_account_disabled", &oa), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_the_health_of_accounts_can_be_watched() {
    let app = TestApp::start().await;
    app.send_and_pump(&app.message()).await;
    let oa = [("account", "oa")];
    let renewals = |scrape: &Scrape, result| {
        let labels = [("account", "oa"), ("result", result)];
        scrape.value("hongyan_token_renewals_total", &labels)
    };
    let well = scrape(&app).await;
    assert_eq!(renewals(&well, "obtained"), Some(1.0));
    assert_eq!(
        well.value("hongyan_token_expires_in_seconds", &oa),
        Some(7200.0)
    );
    assert_eq!(well.value("hongyan_account_unhealthy", &oa), Some(0.0));

    // A thief.
    let account = app
        .sandbox
        .accounts()
        .into_iter()
        .find(|a| a.appid == app.oa)
        .unwrap();
    let body = json!({"grant_type": "client_credential", "appid": account.appid, "secret": account.secret, "force_refresh": true});
    app.call_sandbox(STABLE, "", &body).await;
    app.send_and_pump(&app.message()).await;
    let robbed = scrape(&app).await;
    assert_eq!(
        robbed.value("hongyan_token_foreign_refreshes_total", &oa),
        Some(1.0)
    );
    assert_eq!(renewals(&robbed, "obtained"), Some(2.0));

    // The day's allowance.
    app.sandbox.set_quota(&app.oa, SEND, 0).unwrap();
    app.send_and_pump(&app.message()).await;
    assert_eq!(
        scrape(&app).await.value("hongyan_account_parked", &oa),
        Some(1.0)
    );

    let change = ChangeAccount {
        secret: Some(Secret::from("f".repeat(32))),
        ..Default::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
    app.engine.maintain().await;
    let ill = scrape(&app).await;
    assert_eq!(renewals(&ill, "refused"), Some(1.0));
    assert_eq!(
        ill.value("hongyan_token_expires_in_seconds", &oa),
        Some(0.0)
    );
    assert_eq!(ill.value("hongyan_account_unhealthy", &oa), Some(1.0));
    assert_eq!(ill.value("hongyan_account_parked", &oa), Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_account_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let account = new_account(
        "brief",
        hongyan_api::AccountKind::MiniProgram,
        "wx123",
        "hush",
    );
    app.client.add_account(&account, None).await.unwrap();
    let is_brief = |sample: &hongyan_testkit::scrape::Sample| {
        sample
            .labels
            .get("account")
            .is_some_and(|name| name == "brief")
    };
    assert!(scrape(&app).await.samples.iter().any(is_brief));
    app.client.remove_account("brief").await.unwrap();
    assert!(!scrape(&app).await.samples.iter().any(is_brief));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_label_grows_with_people_or_messages() {
    let app = TestApp::start().await;
    let first = app.send_and_pump(&app.message()).await;
    // The paths people ask for, and the methods, are theirs to choose.
    for (method, path) in [
        ("GET", format!("/v1/messages/{}", first.id)),
        ("GET", "/v1/messages/msg_no".to_owned()),
        ("GET", "/wp-login.php".to_owned()),
        ("BREW", format!("/pot/{}", app.openid)),
    ] {
        app.raw(method, &path, "").await;
    }
    // The first scrape is a request, too, and counted by the second.
    scrape(&app).await;
    let before = scrape(&app).await;
    let http = |route, method, status| {
        let labels = [("route", route), ("method", method), ("status", status)];
        before.value("hongyan_http_requests_total", &labels)
    };
    assert_eq!(http("/v1/messages/{id}", "GET", "2xx"), Some(2.0));
    assert_eq!(http("/v1/messages/{id}", "GET", "4xx"), Some(1.0));
    assert_eq!(http("none", "GET", "4xx"), Some(1.0));
    assert_eq!(http("none", "other", "4xx"), Some(1.0));
    for sample in &before.samples {
        for value in sample.labels.values() {
            for theirs in [&*first.id, &app.openid, &app.template, "wp-login", "BREW"] {
                assert!(!value.contains(theirs), "{sample:?}");
            }
        }
    }
    for _ in 0..5 {
        let message = app.send_and_pump(&app.message()).await;
        app.raw("GET", &format!("/v1/messages/{}", message.id), "")
            .await;
        app.raw("GET", &format!("/nothing/{}", message.id), "")
            .await;
    }
    let after = scrape(&app).await;
    assert_eq!(before.samples.len(), after.samples.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_measured_and_its_failures_are_counted() {
    let app = TestApp::start().await;
    app.send_and_pump(&app.message()).await;
    let well = scrape(&app).await;
    let steps = |scrape: &Scrape, operation| {
        let name = "hongyan_store_operation_duration_seconds_count";
        scrape.value(name, &[("operation", operation)])
    };
    for operation in ["accept", "claim", "settle", "delivery", "depths"] {
        assert!(steps(&well, operation) >= Some(1.0), "{operation}");
    }
    let connections = well.value("hongyan_store_connections", &[]);
    assert!(connections >= Some(1.0), "{connections:?}");
    // An answer that is no is no failure.
    let refused = app
        .client
        .message("msg_00000000000000000000000000000000")
        .await;
    assert!(refused.is_err());
    let failed: f64 = scrape(&app)
        .await
        .named("hongyan_store_errors_total")
        .map(|s| s.value)
        .sum();
    assert_eq!(failed, 0.0);
}
