//! What WeChat allows in a day: counted, asked about, kept for what is urgent,
//! cleared on purpose.

use std::time::Duration;

use hongyan_api::{
    AccountQuota, ChangeAccount, HealthStatus, Kind, Message, MessageBatch, Priority, Quota,
    Status, WaitingFor,
};
use hongyan_domain::clock::{Clock, after};
use hongyan_sandbox::Action;
use hongyan_testkit::TestApp;
use hongyan_testkit::scrape::Scrape;
use serde_json::json;

const SEND: &str = "/cgi-bin/message/template/send";

async fn send_many(app: &TestApp, count: usize) {
    let messages = vec![app.message(); count];
    app.client
        .send_batch(&MessageBatch { messages }, None)
        .await
        .unwrap();
    app.pump().await;
}

fn of_sends(quota: AccountQuota) -> Quota {
    let mut lines = quota.quotas.into_iter();
    lines.find(|line| line.path == SEND).unwrap()
}

async fn urgent(app: &TestApp) -> Message {
    let mut message = app.message();
    message.priority = Some(Priority::High);
    app.send_and_pump(&message).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_tells_our_calls_and_wechats_word() {
    let app = TestApp::start().await;
    app.sandbox.set_quota(&app.oa, SEND, 100).unwrap();
    send_many(&app, 3).await;
    let unasked = of_sends(app.client.quota("oa").await.unwrap());
    assert_eq!((unasked.ours, unasked.used), (3, 3));
    assert_eq!((unasked.limit, unasked.left), (None, None));
    let asked = of_sends(app.client.sync_quota("oa").await.unwrap());
    assert_eq!((asked.limit, asked.used), (Some(100), 3));
    assert!(asked.synced_at.is_some());
    // What we add is known without asking again.
    send_many(&app, 2).await;
    let later = of_sends(app.client.quota("oa").await.unwrap());
    assert_eq!((later.ours, later.used, later.left), (5, 5, Some(95)));
    assert_eq!(later.per_minute, 5);
    let end = later.forecast.exhausted_at.unwrap();
    let left = end.as_second() - app.seconds();
    assert_eq!(left, 95 * 12, "95 calls at five a minute");
    // It is kept over a restart.
    let app = app.crash_and_restart().await;
    assert_eq!(of_sends(app.client.quota("oa").await.unwrap()).ours, 5);
    app.advance(Duration::from_secs(12 * 3600));
    let tomorrow = app.client.quota("oa").await.unwrap();
    assert!(tomorrow.quotas.iter().all(|line| line.path != SEND));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_background_asks_for_what_is_used() {
    let app = TestApp::start().await;
    let asked = || app.calls("/cgi-bin/openapi/quota/get");
    app.engine.tend_quotas().await;
    let before = asked();
    send_many(&app, 1).await;
    app.engine.tend_quotas().await;
    let first = asked();
    assert!(first > before);
    send_many(&app, 1).await;
    app.engine.tend_quotas().await;
    assert_eq!(asked(), first, "asked again within ten minutes");
    app.advance(Duration::from_secs(601));
    app.engine.tend_quotas().await;
    assert!(asked() > first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_day_is_kept_for_what_is_urgent() {
    let app = TestApp::start().await;
    app.sandbox.set_quota(&app.oa, SEND, 10).unwrap();
    let half = ChangeAccount {
        reserve_for_high_percent: Some(Some(50)),
        ..ChangeAccount::default()
    };
    app.client.change_account("oa", &half).await.unwrap();
    app.client.sync_quota("oa").await.unwrap();
    for _ in 0..7 {
        app.send_and_pump(&app.message()).await;
    }
    assert_eq!(app.delivered(), 5);
    let waiting = app.send_and_pump(&app.message()).await;
    assert_eq!(waiting.attempt_count, 0);
    let why = waiting.waiting.unwrap();
    assert_eq!(why.reason, WaitingFor::ReservedForHigh);
    assert_eq!(
        why.until.unwrap().to_string(),
        "2026-11-21T16:00:00Z",
        "midnight in Beijing"
    );
    assert_eq!(urgent(&app).await.status, Status::Accepted);
    app.advance(Duration::from_secs(12 * 3600 + 60));
    app.pump().await;
    assert_eq!(app.delivered(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_day_is_cleared_on_purpose_alone() {
    let app = TestApp::start().await;
    app.sandbox.set_quota(&app.oa, SEND, 2).unwrap();
    send_many(&app, 4).await;
    assert_eq!(app.delivered(), 2);
    assert_eq!(app.account("oa").await.health.status, HealthStatus::Parked);
    let path = "/v1/accounts/oa/quota/clear";
    for body in [json!({"confirm": false}), json!({})] {
        let (status, problem) = app.raw("POST", path, body.to_string()).await;
        assert_eq!(status, 422, "{problem}");
        assert_eq!(problem["violations"][0]["pointer"], "/confirm");
    }
    assert_eq!(app.calls("/cgi-bin/clear_quota"), 0);
    let cleared = app.client.clear_quota("oa").await.unwrap();
    assert_eq!(cleared.clearings.used_this_month, 1);
    assert_eq!(cleared.clearings.allowance, 10);
    let line = of_sends(cleared);
    assert_eq!((line.limit, line.used), (Some(2), 0));
    app.pump().await;
    assert_eq!(app.delivered(), 4);
    for _ in 1..10 {
        app.client.clear_quota("oa").await.unwrap();
    }
    let (status, problem) = app.raw("POST", path, r#"{"confirm": true}"#).await;
    assert_eq!((status, problem["errcode"].as_i64()), (502, Some(48006)));
    assert!(problem["diagnosis"]["fix"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_an_allowance_of_its_own_is_sent_all_the_same() {
    let app = TestApp::start().await;
    app.sandbox.set_quota(&app.oa, SEND, 1).unwrap();
    send_many(&app, 30).await;
    let health = app.account("oa").await.health;
    assert_eq!(health.status, HealthStatus::Parked);
    assert_eq!(health.kinds, [Kind::Template]);
    // Templates that wait keep no others waiting, slow as the account may be.
    let slow = ChangeAccount {
        rate_per_second: Some(Some(1)),
        ..ChangeAccount::default()
    };
    app.client.change_account("oa", &slow).await.unwrap();
    app.pump().await;
    assert_eq!(app.account("oa").await.health.kinds, [Kind::Template]);
    send_many(&app, 10).await;
    let content = "在吗".to_owned();
    app.perform("oa", Action::SendText { content }).await;
    let answer = app.service_message("oa", "您好");
    app.advance(Duration::from_secs(2));
    let answer = app.send_and_pump(&answer).await;
    assert_eq!(answer.status, Status::Accepted, "{answer:?}");
    let waiting = app.send_and_pump(&app.message()).await;
    assert_eq!(waiting.attempt_count, 0);
    assert_eq!(waiting.waiting.unwrap().reason, WaitingFor::AccountParked);
    // More of the day at once, not only at midnight.
    app.client.clear_quota("oa").await.unwrap();
    app.sandbox.set_quota(&app.oa, SEND, 1000).unwrap();
    for _ in 0..60 {
        app.advance(Duration::from_secs(1));
        app.pump().await;
    }
    assert_eq!(app.get(&waiting.id).await.status, Status::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_tell_queue_pace_and_allowance() {
    let app = TestApp::start().await;
    app.sandbox.set_quota(&app.oa, SEND, 1000).unwrap();
    send_many(&app, 4).await;
    app.client.sync_quota("oa").await.unwrap();
    let mut later = app.message();
    later.send_at = Some(after(app.clock.now(), Duration::from_secs(3600)));
    app.send(&later).await;
    app.engine.sample_queue().await.unwrap();
    let stats = app.client.stats().await.unwrap();
    let names: Vec<_> = stats
        .accounts
        .iter()
        .map(|it| it.account.as_str())
        .collect();
    assert_eq!(names, ["mp", "oa"]);
    let oa = &stats.accounts[1];
    assert_eq!(
        (oa.token_refreshes.today, oa.token_refreshes.foreign_today),
        (1, 0)
    );
    assert_eq!(
        (oa.queue[0].priority, oa.queue[0].open),
        (Priority::Normal, 1)
    );
    assert_eq!((oa.sends_per_minute, oa.in_flight), (4, 0));
    assert!((oa.pace - 1.0).abs() < f64::EPSILON);
    let quota = oa.quotas.iter().find(|line| line.path == SEND).unwrap();
    assert_eq!(quota.left, Some(996));
    assert_eq!(quota.forecast.enough_for_queue, Some(true));
    assert_eq!(oa.health.status, HealthStatus::Healthy);
    let scrape = Scrape::of(&app.url).await;
    let left: Vec<_> = scrape.named("hongyan_quota_left").collect();
    let is_it = |value: f64| (value - 996.0).abs() < f64::EPSILON;
    assert!(left.iter().any(|sample| is_it(sample.value)), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_slows_the_account_down_and_quiet_brings_it_back() {
    let app = TestApp::start().await;
    app.fault(
        json!({"path": SEND, "times": 30, "effect": {"errcode": -1, "errmsg": "system error"}}),
    );
    send_many(&app, 30).await;
    let pace = async || app.client.stats().await.unwrap().accounts[1].pace;
    assert!(
        (pace().await - 0.5).abs() < f64::EPSILON,
        "{}",
        pace().await
    );
    app.advance(Duration::from_secs(20));
    app.pump().await;
    assert_eq!(app.delivered(), 30);
    assert!(
        (pace().await - 1.0).abs() < f64::EPSILON,
        "{}",
        pace().await
    );
}
