//! Each kind of message: what is refused before it is sent, what is cut, what the
//! phone would show, and openids of another account.

use hongyan_api::{
    BatchResult, Kind, MessageBatch, NewLogin, NewMessage, Overflow, Recipient, Secret, Status,
};
use hongyan_sandbox::Action;
use hongyan_testkit::{TestApp, data};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn kinds_that_wechat_withdrew_are_refused_with_what_replaced_them() {
    let app = TestApp::start().await;
    for (kind, successor) in [
        ("mini_program_template", "subscribe"),
        ("wxopen_template", "subscribe"),
        ("uniform_message", "template"),
        ("uniform_send", "template"),
    ] {
        let mut body = serde_json::to_value(app.message()).unwrap();
        body["kind"] = json!(kind);
        let (status, problem) = app.raw("POST", "/v1/messages", body.to_string()).await;
        assert_eq!(
            (status, &problem["code"]),
            (422, &json!("retired_kind")),
            "{problem}"
        );
        let said = problem["violations"][0].clone();
        assert_eq!(said["pointer"], "/kind");
        assert!(
            said["message"].as_str().unwrap().contains(successor),
            "{said}"
        );
        assert!(
            said["message_zh"].as_str().unwrap().contains("下线"),
            "{said}"
        );
        let (_, found) = app
            .raw("POST", "/v1/messages/validate", body.to_string())
            .await;
        assert_eq!(found["valid"], false);
        assert_eq!(found["violations"][0]["rule"], "retired_kind");
    }
}

/// A message to somebody's openid at the mini program, sent by the official account.
fn misdirected(app: &TestApp) -> NewMessage {
    let mut message = app.message();
    message.to = Recipient::openid(&app.mp_openid);
    message
}

async fn log_in(app: &TestApp) {
    let code = app.perform("mp", Action::Login).await.code.unwrap();
    let login = NewLogin {
        code: Secret::from(code.as_str()),
    };
    app.client.login("mp", &login).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openid_of_another_account_is_recognised() {
    let app = TestApp::start().await;
    // Nothing is known of it yet: WeChat says no.
    let sent = app.send_and_pump(&misdirected(&app)).await;
    assert_eq!((sent.status, sent.errcode), (Status::Failed, Some(40003)));
    log_in(&app).await;
    let seen = app.get(&sent.id).await;
    assert!(
        seen.diagnosis
            .unwrap()
            .fix
            .contains("belongs to the account mp")
    );
    let attempts = seen.attempts.unwrap();
    assert!(
        attempts[0]
            .diagnosis
            .as_ref()
            .unwrap()
            .fix_zh
            .contains("mp")
    );

    let refused = app
        .client
        .send(&misdirected(&app), &Default::default())
        .await;
    let problem = refused.unwrap_err().problem.unwrap();
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (422, "wrong_account")
    );
    assert_eq!(problem.violations[0].pointer, "/to/openid");
    assert!(
        problem.detail.contains("the account mp"),
        "{}",
        problem.detail
    );

    // In a batch it spoils only itself.
    let batch = MessageBatch {
        messages: vec![app.message(), misdirected(&app), app.message()],
    };
    let body = serde_json::to_string(&batch).unwrap();
    let (status, answer) = app.raw("POST", "/v1/messages/batch", body).await;
    assert_eq!(status, 200);
    let results: Vec<BatchResult> = serde_json::from_value(answer["results"].clone()).unwrap();
    assert!(
        matches!(&results[1], BatchResult::Refused { problem } if problem.code == "wrong_account")
    );
    let taken = results
        .iter()
        .filter(|one| matches!(one, BatchResult::Accepted(_)));
    assert_eq!(taken.count(), 2);
    assert_eq!(app.pump().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_of_every_kind_are_cut_where_that_is_asked_for() {
    let app = TestApp::start().await;
    let to = || Recipient::openid(&app.openid);
    let words = data(&[("content", &"字".repeat(300))]);
    let mut once = NewMessage::new("oa", Kind::OneTime, to(), "tplOnce", words);
    once.scene = Some(7);
    once.title = Some("题".repeat(20));
    let service = app.service_message("oa", &"字".repeat(900));
    for (mut message, broken) in [(once, 2), (service, 1)] {
        let found = app.client.validate(&message).await.unwrap();
        assert_eq!(found.violations.len(), broken, "{found:?}");
        assert!(
            found.violations.iter().all(|one| one.rule == "too_long"),
            "{found:?}"
        );
        message.overflow = Some(Overflow::Truncate);
        let found = app.client.validate(&message).await.unwrap();
        assert!(found.valid, "{found:?}");
        assert!(found.preview[0].value.ends_with('…'));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_is_shown_as_a_phone_would() {
    let app = TestApp::start().await;
    let mut message = app.message();
    message.url = Some("https://shop.example.com/42".to_owned());
    let card = app.client.validate(&message).await.unwrap();
    assert_eq!(card.title.as_deref(), Some("通知"));
    assert_eq!(
        card.opens.unwrap().url.as_deref(),
        Some("https://shop.example.com/42")
    );

    let content = json!({"msgtype": "msgmenu", "msgmenu": {"head_content": "满意吗？",
        "list": [{"id": "1", "content": "是"}, {"id": "2", "content": "否"}], "tail_content": "谢谢"}});
    let content = content.as_object().unwrap().clone();
    let menu = NewMessage::customer_service("oa", Recipient::openid(&app.openid), content);
    let card = app.client.validate(&menu).await.unwrap();
    let lines: Vec<_> = card
        .preview
        .iter()
        .map(|line| line.value.as_str())
        .collect();
    assert_eq!(lines, ["满意吗？", "是", "否", "谢谢"]);
    assert_eq!((card.title, card.opens), (None, None));
    assert_eq!(app.pump().await, 0);
}
