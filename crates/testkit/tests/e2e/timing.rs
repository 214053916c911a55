//! When and how often people are disturbed.

use std::time::Duration;

use hongyan_api::{
    ChangeAccount, FrequencyCap, Message, Priority, QuietAction, QuietHours, Status, WaitingFor,
    WithheldReason,
};
use hongyan_testkit::{TestApp, data};
use serde_json::json;

const SEND: &str = "/cgi-bin/message/template/send";
const HOUR: Duration = Duration::from_secs(60 * 60);

async fn change(app: &TestApp, change: ChangeAccount) {
    app.client.change_account("oa", &change).await.unwrap();
}

/// The tests begin at noon in Beijing.
async fn rest_at_noon(app: &TestApp, action: QuietAction) {
    let quiet = QuietHours {
        from: "12:00".to_owned(),
        to: "14:00".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        action,
    };
    change(
        app,
        ChangeAccount {
            quiet_hours: Some(Some(quiet)),
            ..ChangeAccount::default()
        },
    )
    .await;
}

fn withheld(message: &Message) -> WithheldReason {
    assert_eq!(message.status, Status::Failed);
    let attempts = message.attempts.as_ref().unwrap();
    attempts.last().unwrap().withheld.as_ref().unwrap().reason
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_hours_put_off_what_is_not_urgent() {
    let app = TestApp::start().await;
    rest_at_noon(&app, QuietAction::Defer).await;
    let waiting = app.send_and_pump(&app.message()).await;
    assert_eq!(waiting.status, Status::Queued);
    let end = "2026-11-21T06:00:00Z".parse().ok();
    assert_eq!(waiting.deferred_until, end);
    assert_eq!(waiting.due_at, end);
    let why = waiting.waiting.unwrap();
    assert_eq!((why.reason, why.until), (WaitingFor::QuietHours, end));
    let mut urgent = app.message();
    urgent.priority = Some(Priority::High);
    let urgent = app.send_and_pump(&urgent).await;
    assert_eq!(urgent.status, Status::Accepted);
    assert_eq!(urgent.deferred_until, None);
    app.advance(2 * HOUR);
    app.pump().await;
    assert_eq!(app.get(&waiting.id).await.status, Status::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_in_before_waits_too() {
    let app = TestApp::start().await;
    let id = app.send(&app.message()).await;
    rest_at_noon(&app, QuietAction::Defer).await;
    app.pump().await;
    let waiting = app.get(&id).await;
    assert_eq!(waiting.deferred_until, None);
    assert_eq!(waiting.waiting.unwrap().reason, WaitingFor::QuietHours);
    assert_eq!(app.calls(SEND), 0);
    app.advance(2 * HOUR);
    app.pump().await;
    assert_eq!(app.get(&id).await.status, Status::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_hours_can_drop_instead() {
    let app = TestApp::start().await;
    rest_at_noon(&app, QuietAction::Drop).await;
    let dropped = app.send_and_pump(&app.message()).await;
    assert_eq!(withheld(&dropped), WithheldReason::QuietHours);
    let mut urgent = app.message();
    urgent.priority = Some(Priority::High);
    assert_eq!(app.send_and_pump(&urgent).await.status, Status::Accepted);
    assert_eq!(app.calls(SEND), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_so_many_of_a_template_and_no_more() {
    let app = TestApp::start().await;
    let cap = FrequencyCap {
        template_id: None,
        at_most: 2,
        within_seconds: 3600,
    };
    change(
        &app,
        ChangeAccount {
            frequency_caps: Some(Some(vec![cap])),
            ..ChangeAccount::default()
        },
    )
    .await;
    // What WeChat refuses does not count.
    app.fault(json!({"path": SEND, "times": 1, "effect": {"errcode": 47003, "errmsg": "argument invalid"}}));
    let refused = app.send_and_pump(&app.message()).await;
    assert_eq!(refused.status, Status::Failed);
    for _ in 0..2 {
        let sent = app.send_and_pump(&app.message()).await;
        assert_eq!(sent.status, Status::Accepted);
    }
    let third = app.send_and_pump(&app.message()).await;
    assert_eq!(withheld(&third), WithheldReason::TooOften);
    app.advance(HOUR + Duration::from_secs(1));
    let later = app.send_and_pump(&app.message()).await;
    assert_eq!(later.status, Status::Accepted);
    assert_eq!(app.delivered(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_go_to_a_person_once() {
    let app = TestApp::start().await;
    change(
        &app,
        ChangeAccount {
            deduplicate_seconds: Some(Some(600)),
            ..ChangeAccount::default()
        },
    )
    .await;
    let first = app.send_and_pump(&app.message()).await;
    assert_eq!(first.status, Status::Accepted);
    let repeat = app.send_and_pump(&app.message()).await;
    assert_eq!(withheld(&repeat), WithheldReason::SameContent);
    let mut other = app.message();
    other.data = Some(data(&[("thing1", "水杯"), ("time2", "2026-11-20 10:00")]));
    assert_eq!(app.send_and_pump(&other).await.status, Status::Accepted);
    app.advance(Duration::from_secs(601));
    let later = app.send_and_pump(&app.message()).await;
    assert_eq!(later.status, Status::Accepted);
}
