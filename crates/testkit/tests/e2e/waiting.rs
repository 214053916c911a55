//! `?wait=`: the answer comes when the outcome is known. Here the queue is
//! driven in the background, as in a real gateway.

use std::time::Duration;

use hongyan_api::{SendOptions, Sent, Status};
use hongyan_testkit::TestApp;
use serde_json::json;

fn waiting(seconds: u32) -> SendOptions {
    SendOptions {
        wait: Some(seconds),
        idempotency_key: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outcome_is_the_answer() {
    let app = TestApp::start().await;
    let running = app.engine.start();
    let sent = app.client.send(&app.message(), &waiting(20)).await.unwrap();
    let Sent::Known(message) = sent else {
        panic!("not known: {sent:?}")
    };
    assert_eq!(message.status, Status::Accepted);
    assert!(
        running.stop(Duration::from_secs(10)).await,
        "the loops did not end"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_answer_too() {
    let app = TestApp::start().await;
    let running = app.engine.start();
    let sent = app
        .client
        .send(&app.subscribe_message(), &waiting(20))
        .await
        .unwrap();
    let Sent::Known(message) = sent else {
        panic!("not known: {sent:?}")
    };
    assert_eq!(
        (message.status, message.errcode),
        (Status::Failed, Some(43101))
    );
    running.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_in_vain_is_told_that_it_is_queued() {
    let app = TestApp::start().await;
    let sent = app.client.send(&app.message(), &waiting(1)).await.unwrap();
    assert!(matches!(sent, Sent::Queued(_)), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_sends_under_way_end_and_be_noted() {
    let app = TestApp::start().await;
    let running = app.engine.start();
    app.fault(json!({"path": "/cgi-bin/message/template/send", "effect": {"delay_ms": 300}}));
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(app.send(&app.message()).await);
    }
    // Until the sandbox holds them all.
    while app.calls("/cgi-bin/message/template/send") + usize::try_from(app.delivered()).unwrap()
        == 0
    {
        tokio::task::yield_now().await;
    }
    assert!(running.stop(Duration::from_secs(10)).await);
    let mut accepted = 0;
    for id in &ids {
        let message = app.get(id).await;
        assert_ne!(
            message.status,
            Status::Sending,
            "left behind without a word"
        );
        accepted += u64::from(message.status == Status::Accepted);
    }
    assert_eq!(accepted, app.delivered());
    assert!(accepted > 0);
}
