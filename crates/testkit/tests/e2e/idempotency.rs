//! `Idempotency-Key`: the same request again is the same answer.

use std::time::Duration;

use hongyan_api::{MessageBatch, SendOptions, Sent};
use hongyan_testkit::TestApp;

fn keyed(key: &str) -> SendOptions {
    SendOptions {
        wait: None,
        idempotency_key: Some(key.to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_alike_and_sends_once() {
    let app = TestApp::start().await;
    let first = app
        .client
        .send(&app.message(), &keyed("order-42"))
        .await
        .unwrap();
    app.pump().await;
    let again = app
        .client
        .send(&app.message(), &keyed("order-42"))
        .await
        .unwrap();
    let (Sent::Queued(first), Sent::Queued(again)) = (first, again) else {
        panic!("not queued")
    };
    assert_eq!(first, again);
    app.pump().await;
    assert_eq!(app.delivered(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_with_another_body_is_refused() {
    let app = TestApp::start().await;
    app.client.send(&app.message(), &keyed("k")).await.unwrap();
    let mut other = app.message();
    other.reference = Some("other".to_owned());
    let error = app.client.send(&other, &keyed("k")).await.unwrap_err();
    assert_eq!(error.status, Some(422), "{error}");
    assert_eq!(error.code(), Some("idempotency_key_reused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_forgotten_after_a_day() {
    let app = TestApp::start().await;
    let first = app.client.send(&app.message(), &keyed("k")).await.unwrap();
    app.advance(Duration::from_secs(24 * 3600 + 1));
    let later = app.client.send(&app.message(), &keyed("k")).await.unwrap();
    assert_ne!(first.id(), later.id());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_the_same_time_make_one_message() {
    let app = TestApp::start().await;
    let (message, options) = (app.message(), keyed("race"));
    let (a, b) = tokio::join!(
        app.client.send(&message, &options),
        app.client.send(&message, &options)
    );
    assert_eq!(a.unwrap().id(), b.unwrap().id());
    assert_eq!(app.pump().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_remembered_whole() {
    let app = TestApp::start().await;
    let mut wrong = app.message();
    wrong.template_id = Some("nope".to_owned());
    let batch = MessageBatch {
        messages: vec![app.message(), wrong, app.message()],
    };
    let first = app.client.send_batch(&batch, Some("b")).await.unwrap();
    let again = app.client.send_batch(&batch, Some("b")).await.unwrap();
    assert_eq!(
        serde_json::to_value(&first).unwrap(),
        serde_json::to_value(&again).unwrap()
    );
    assert_eq!(app.pump().await, 2);
}
