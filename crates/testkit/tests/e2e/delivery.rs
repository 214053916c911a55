//! What becomes of a message at WeChat.

use std::time::Duration;

use hongyan_api::{OnUnknown, Outcome, Status};
use hongyan_testkit::{TestApp, Wishes};
use serde_json::json;

const SEND: &str = "/cgi-bin/message/template/send";
const SUBSCRIBE_SEND: &str = "/cgi-bin/message/subscribe/send";

/// A gateway that soon loses patience with a silent sandbox.
async fn impatient() -> TestApp {
    let mut wishes = Wishes {
        request_timeout: Duration::from_millis(150),
        ..Wishes::default()
    };
    wishes.engine.dispatch.request_timeout = wishes.request_timeout;
    TestApp::start_with(wishes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_the_phone() {
    let app = TestApp::start().await;
    let message = app.send_and_pump(&app.message()).await;
    assert_eq!(message.status, Status::Accepted);
    let inbox = app.sandbox.inbox(&app.person, 10).unwrap();
    assert_eq!(inbox.items.len(), 1);
    let item = serde_json::to_value(&inbox.items[0]).unwrap();
    assert_eq!(item["template_id"], app.template.as_str());
    assert_eq!(
        item["msgid"].to_string().trim_matches('"'),
        message.wechat_msgid.clone().unwrap()
    );
    assert!(item["lines"].to_string().contains("耳机"), "{item}");
    let attempts = message.attempts.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].outcome, Outcome::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscribe_message_needs_a_consent_and_spends_it() {
    let app = TestApp::start().await;
    app.consent();
    assert_eq!(
        app.send_and_pump(&app.subscribe_message()).await.status,
        Status::Accepted
    );
    let refused = app.send_and_pump(&app.subscribe_message()).await;
    assert_eq!(refused.status, Status::Failed);
    assert_eq!(refused.errcode, Some(43101));
    assert!(refused.diagnosis.is_some());
    assert!(refused.attempts.unwrap()[0].rid.is_some());
    assert_eq!(app.delivered(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_good_is_explained_and_not_repeated() {
    let app = TestApp::start().await;
    app.sandbox
        .act(&app.person, &app.oa, &hongyan_sandbox::Action::Unfollow)
        .unwrap();
    let message = app.send_and_pump(&app.message()).await;
    assert_eq!(message.status, Status::Failed);
    assert_eq!(message.errcode, Some(43004));
    assert_eq!(app.calls(SEND), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_after_the_effect_is_asked_for_again_and_doubles_nothing() {
    let app = impatient().await;
    app.fault(json!({"path": SEND, "times": 1, "effect": {"drop": "after"}}));
    let message = app.send_and_pump(&app.message()).await;
    assert_eq!(message.status, Status::Retrying);
    assert_eq!(app.delivered(), 1);
    app.advance(Duration::from_secs(5));
    app.pump().await;
    let message = app.get(&message.id).await;
    assert_eq!(message.status, Status::Accepted);
    let outcomes: Vec<_> = message
        .attempts
        .unwrap()
        .iter()
        .map(|a| a.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Uncertain, Outcome::Accepted]);
    assert_eq!(app.delivered(), 1, "the person was told twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_wechat_is_no_acceptance() {
    let app = impatient().await;
    app.fault(json!({"path": SEND, "times": 1, "effect": {"delay_ms": 400}}));
    let message = app.send_and_pump(&app.message()).await;
    assert_eq!(message.status, Status::Retrying);
    assert_eq!(message.attempts.unwrap()[0].outcome, Outcome::Uncertain);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_deduplication_a_lost_answer_is_unknown_and_stays_so() {
    let app = TestApp::start().await;
    app.consent();
    app.consent();
    app.fault(json!({"path": SUBSCRIBE_SEND, "times": 1, "effect": {"drop": "after"}}));
    let message = app.send_and_pump(&app.subscribe_message()).await;
    assert_eq!(message.status, Status::Unknown);
    app.advance(Duration::from_secs(3600));
    app.pump().await;
    assert_eq!(app.calls(SUBSCRIBE_SEND), 1);
    // A person may decide otherwise.
    app.client.retry(&message.id).await.unwrap();
    app.pump().await;
    assert_eq!(app.get(&message.id).await.status, Status::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_it_is_rather_told_twice() {
    let app = TestApp::start().await;
    app.consent();
    app.consent();
    app.fault(json!({"path": SUBSCRIBE_SEND, "times": 1, "effect": {"drop": "after"}}));
    let mut message = app.subscribe_message();
    message.on_unknown = Some(OnUnknown::Resend);
    let message = app.send_and_pump(&message).await;
    assert_eq!(message.status, Status::Retrying);
    app.advance(Duration::from_secs(5));
    app.pump().await;
    assert_eq!(app.get(&message.id).await.status, Status::Accepted);
    assert_eq!(app.delivered(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn system_error_is_repeated_until_the_ten_minutes_are_nearly_over() {
    let app = TestApp::start().await;
    app.fault(json!({"path": SEND, "effect": {"errcode": -1, "errmsg": "system error"}}));
    let id = app.send(&app.message()).await;
    for _ in 0..20 {
        app.pump().await;
        app.advance(Duration::from_secs(60));
    }
    let message = app.get(&id).await;
    assert_eq!(message.status, Status::Unknown);
    let attempts = message.attempts.unwrap();
    let span = attempts.last().unwrap().at.duration_since(attempts[0].at);
    assert!(span.as_secs() < 600, "the last repeat came after {span}");
    assert!(attempts.len() >= 5, "{}", attempts.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_limit_makes_the_message_wait_and_go_out_once() {
    let app = TestApp::start().await;
    app.fault(json!({"path": SEND, "times": 1, "effect": {"errcode": 45011, "errmsg": "api minute-quota reach limit"}}));
    let message = app.send_and_pump(&app.message()).await;
    assert_eq!(message.status, Status::Retrying);
    app.advance(Duration::from_secs(10));
    app.pump().await;
    assert_eq!(app.calls(SEND), 1, "asked again within the minute");
    app.advance(Duration::from_secs(60));
    app.pump().await;
    assert_eq!(app.get(&message.id).await.status, Status::Accepted);
    assert_eq!(app.delivered(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_day_parks_the_account_until_beijing_midnight() {
    let app = TestApp::start().await;
    app.sandbox.set_quota(&app.oa, SEND, 2).unwrap();
    for _ in 0..5 {
        app.send(&app.message()).await;
    }
    app.pump().await;
    assert_eq!(app.delivered(), 2);
    let account = app.account("oa").await;
    assert_eq!(account.health.status, hongyan_api::HealthStatus::Parked);
    assert_eq!(
        account.health.until.unwrap().to_string(),
        "2026-11-21T16:01:00Z"
    );
    let waiting = app
        .client
        .messages(
            &hongyan_api::MessageFilter {
                status: Some(Status::Queued),
                ..Default::default()
            },
            &Default::default(),
        )
        .await
        .unwrap();
    for message in &waiting.items {
        assert!(message.waiting.is_some());
    }
    let asked = app.calls(SEND);
    app.advance(Duration::from_secs(3600));
    app.pump().await;
    assert_eq!(app.calls(SEND), asked, "asked although the day is used up");
    app.sandbox.set_quota(&app.oa, SEND, 1000).unwrap();
    app.advance(Duration::from_secs(12 * 3600));
    app.pump().await;
    assert_eq!(app.delivered(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_sending_and_noting_doubles_nothing() {
    let app = TestApp::start().await;
    let id = app.send(&app.message()).await;
    // Somebody claims the message, sends it, and dies before noting the answer.
    assert_eq!(app.claim("oa").await.len(), 1);
    let token = app.client.access_token("oa").await.unwrap();
    let body = json!({
        "touser": app.openid,
        "template_id": app.template,
        "data": {"thing1": {"value": "耳机"}, "time2": {"value": "2026-11-20 10:00"}},
        "client_msg_id": id.replace("msg_", ""),
    });
    let answer = app
        .call_sandbox(SEND, token.access_token.expose(), &body)
        .await;
    assert_eq!(answer["errcode"], 0);
    let app = app.crash_and_restart().await;
    assert_eq!(app.delivered(), 1);
    assert_eq!(app.get(&id).await.status, Status::Sending);
    app.pump().await;
    assert_eq!(app.calls(SEND), 1, "sent although another holds the lease");
    app.advance(Duration::from_secs(61));
    app.pump().await;
    let message = app.get(&id).await;
    assert_eq!(message.status, Status::Accepted);
    let outcomes: Vec<_> = message
        .attempts
        .unwrap()
        .iter()
        .map(|a| a.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Interrupted, Outcome::Accepted]);
    assert_eq!(app.delivered(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accounts_rate_is_kept_over_time() {
    let app = TestApp::start().await;
    let rate = hongyan_api::ChangeAccount {
        rate_per_second: Some(Some(10)),
        ..Default::default()
    };
    app.client.change_account("oa", &rate).await.unwrap();
    let messages = (0..100).map(|_| app.message()).collect();
    app.client
        .send_batch(&hongyan_api::MessageBatch { messages }, None)
        .await
        .unwrap();
    for _ in 0..50 {
        app.pump().await;
        app.advance(Duration::from_millis(100));
    }
    let sent = app.delivered();
    assert!(
        (48..=52).contains(&sent),
        "{sent} in five seconds at ten a second"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn urgent_messages_go_first() {
    let app = TestApp::start().await;
    let mut order = Vec::new();
    for priority in ["low", "normal", "high"] {
        let mut message = app.message();
        message.priority = Some(serde_json::from_value(json!(priority)).unwrap());
        message.reference = Some(priority.to_owned());
        order.push(app.send(&message).await);
    }
    app.client
        .change_account(
            "oa",
            &hongyan_api::ChangeAccount {
                max_in_flight: Some(Some(1)),
                ..Default::default()
            },
        )
        .await
        .unwrap();
    app.pump().await;
    let deliveries = app.sandbox.deliveries(&Default::default()).unwrap();
    let sent: Vec<_> = deliveries
        .items
        .iter()
        .map(|d| {
            serde_json::to_value(d).unwrap()["client_msg_id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let expected: Vec<_> = order
        .iter()
        .rev()
        .map(|id| id.replace("msg_", ""))
        .collect();
    assert_eq!(sent, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduled_messages_wait_and_late_ones_expire() {
    let app = TestApp::start().await;
    let mut later = app.message();
    later.send_at = Some("2026-11-21T05:00:00Z".parse().unwrap());
    let later = app.send(&later).await;
    let mut late = app.message();
    late.expires_at = Some("2026-11-21T04:30:00Z".parse().unwrap());
    app.fault(json!({"path": SEND, "times": 1, "effect": {"errcode": 45011}}));
    let late = app.send(&late).await;
    app.pump().await;
    assert_eq!(app.get(&later).await.status, Status::Scheduled);
    assert_eq!(app.get(&late).await.status, Status::Retrying);
    app.clock.advance(Duration::from_secs(3600));
    app.pump().await;
    assert_eq!(app.get(&later).await.status, Status::Accepted);
    assert_eq!(app.get(&late).await.status, Status::Expired);
    assert_eq!(app.delivered(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_can_be_taken_back_before_it_is_sent_and_not_after() {
    let app = TestApp::start().await;
    let mut later = app.message();
    later.send_at = Some("2026-11-21T05:00:00Z".parse().unwrap());
    let id = app.send(&later).await;
    assert_eq!(
        app.client.cancel(&id).await.unwrap().status,
        Status::Canceled
    );
    app.advance(Duration::from_secs(7200));
    app.pump().await;
    assert_eq!(app.delivered(), 0);
    assert_eq!(
        app.client.cancel(&id).await.unwrap().status,
        Status::Canceled,
        "twice is no harm"
    );
    assert_eq!(app.client.retry(&id).await.unwrap_err().status, Some(409));
    let sent = app.send_and_pump(&app.message()).await;
    assert_eq!(
        app.client.cancel(&sent.id).await.unwrap_err().status,
        Some(409)
    );
    assert_eq!(
        app.client.retry(&sent.id).await.unwrap_err().status,
        Some(409)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_to_many_arrive_once_each() {
    let app = TestApp::start().await;
    let messages = (0..300).map(|_| app.message()).collect();
    let results = app
        .client
        .send_batch(&hongyan_api::MessageBatch { messages }, None)
        .await
        .unwrap();
    assert_eq!(results.results.len(), 300);
    assert_eq!(app.pump().await, 300);
    assert_eq!(app.delivered(), 300);
    assert_eq!(app.calls(SEND), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_parked_goes_on_when_its_check_finds_allowance() {
    let app = TestApp::start().await;
    app.sandbox.set_quota(&app.oa, SEND, 0).unwrap();
    let id = app.send(&app.message()).await;
    app.pump().await;
    assert!(app.get(&id).await.waiting.is_some());
    app.sandbox.set_quota(&app.oa, SEND, 10).unwrap();
    app.client.check_account("oa").await.unwrap();
    app.pump().await;
    assert_eq!(app.get(&id).await.status, Status::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_limit_stops_the_account_and_fails_nothing() {
    let app = TestApp::start().await;
    let change = hongyan_api::ChangeAccount {
        max_in_flight: Some(Some(4)),
        ..Default::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
    app.fault(json!({"path": SEND, "effect": {"errcode": 45011}}));
    let messages = (0..50).map(|_| app.message()).collect();
    app.client
        .send_batch(&hongyan_api::MessageBatch { messages }, None)
        .await
        .unwrap();
    for minute in 1..=30 {
        app.pump().await;
        assert!(
            app.calls(SEND) <= 4 * minute,
            "{} calls in {minute} minutes",
            app.calls(SEND)
        );
        app.advance(Duration::from_secs(75));
    }
    app.sandbox.clear_faults();
    for _ in 0..20 {
        app.pump().await;
        app.advance(Duration::from_secs(75));
    }
    assert_eq!(app.delivered(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_message_expires_all_the_same() {
    let app = TestApp::start().await;
    app.sandbox.set_quota(&app.oa, SEND, 0).unwrap();
    app.send_and_pump(&app.message()).await;
    let mut brief = app.message();
    brief.expires_at = Some("2026-11-21T04:10:00Z".parse().unwrap());
    let id = app.send(&brief).await;
    app.pump().await;
    assert_eq!(app.get(&id).await.status, Status::Queued);
    app.advance(Duration::from_secs(660));
    app.pump().await;
    assert_eq!(app.get(&id).await.status, Status::Expired);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_by_hand_keeps_the_doubt() {
    let app = TestApp::start().await;
    let refuse = serde_json::from_value(json!({"duplicate_answer": "refuse"})).unwrap();
    app.sandbox.update_account(&app.oa, refuse).unwrap();
    app.fault(json!({"path": SEND, "times": 1, "effect": {"drop": "after"}}));
    let message = app.send_and_pump(&app.message()).await;
    app.fault(json!({"path": SEND, "times": 1, "effect": {"errcode": 43004}}));
    app.advance(Duration::from_secs(5));
    app.pump().await;
    assert_eq!(app.get(&message.id).await.status, Status::Unknown);
    app.client.retry(&message.id).await.unwrap();
    assert_eq!(
        app.client.cancel(&message.id).await.unwrap_err().status,
        Some(409)
    );
    app.pump().await;
    // WeChat says that it has the message: that was the missing answer.
    assert_eq!(app.get(&message.id).await.status, Status::Accepted);
    assert_eq!(app.delivered(), 1);
}
