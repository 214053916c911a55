//! Accepted is not delivered: WeChat's later word on a message.

use std::time::Duration;

use hongyan_api::{Kind, MessageFilter, NewMessage, PageQuery, Recipient, Status};
use hongyan_sandbox::{Action, MessageKind, ReceiptRules, ReceiptStatus, Subscription};
use hongyan_testkit::scrape::Scrape;
use hongyan_testkit::{TestApp, data};
use serde_json::json;

const SEND: &str = "/cgi-bin/message/template/send";

fn rules(rules: ReceiptRules, app: &TestApp) {
    app.sandbox.set_receipts(&app.oa, rules).unwrap();
}

async fn receipts(app: &TestApp, state: &str) -> Option<f64> {
    let labels = [("account", "oa"), ("state", state)];
    let scrape = Scrape::of(&app.url).await;
    scrape.value("hongyan_receipts_total", &labels)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_delivered_when_wechat_says_so() {
    let app = TestApp::calling_back().await;
    let message = app.send_and_settle(&app.message()).await;
    assert_eq!(message.status, Status::Delivered);
    let receipt = message.receipt.unwrap();
    assert_eq!(receipt.status, "success");
    assert_eq!(receipt.at.as_second(), app.seconds());
    assert_eq!(receipts(&app, "delivered").await, Some(1.0));

    // A mini program's receipts are JSON and look different.
    app.consent();
    let message = app.send_and_settle(&app.subscribe_message()).await;
    assert_eq!(message.status, Status::Delivered);
    assert_eq!(message.receipt.unwrap().status, "success");
    let filter = MessageFilter {
        status: Some(Status::Delivered),
        ..MessageFilter::default()
    };
    let found = app.client.messages(&filter, &PageQuery::default()).await;
    assert_eq!(found.unwrap().items.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_blocks_the_account_makes_the_next_message_undelivered() {
    let app = TestApp::calling_back().await;
    app.perform("oa", Action::Block).await;
    let message = app.send_and_settle(&app.message()).await;
    assert_eq!(message.status, Status::Undelivered);
    assert_eq!(message.receipt.unwrap().status, "failed:user block");
    assert_eq!(message.errcode, None, "WeChat took it");
    assert_eq!(app.inbox().len(), 0);
    app.perform("oa", Action::Unblock).await;
    let message = app.send_and_settle(&app.message()).await;
    assert_eq!(message.status, Status::Delivered);
    assert_eq!(receipts(&app, "undelivered").await, Some(1.0));

    let failing = ReceiptRules {
        status: Some(ReceiptStatus::SystemFailed),
        ..ReceiptRules::default()
    };
    rules(failing, &app);
    let message = app.send_and_settle(&app.message()).await;
    assert_eq!(message.status, Status::Undelivered);
    assert_eq!(message.receipt.unwrap().status, "failed: system failed");
}

/// The send took effect and its receipt came, but the answer to the send was lost:
/// the receipt is kept until the repeat tells which message it belongs to.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_comes_before_its_send_is_settled_is_kept_and_joined() {
    let app = TestApp::calling_back().await;
    app.fault(json!({"path": SEND, "times": 1, "effect": {"drop": "after"}}));
    let message = app.send_and_settle(&app.message()).await;
    assert_eq!(message.status, Status::Retrying);
    assert_eq!(message.receipt, None);
    let app = app.crash_and_restart().await;
    app.advance(Duration::from_secs(5));
    app.pump().await;
    app.settle().await;
    let message = app.get(&message.id).await;
    assert_eq!(message.status, Status::Delivered);
    assert_eq!(message.receipt.unwrap().status, "success");
    assert_eq!(app.delivered(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_comes_twice_counts_once() {
    let app = TestApp::calling_back().await;
    let twice = ReceiptRules {
        duplicate: true,
        ..ReceiptRules::default()
    };
    rules(twice, &app);
    let message = app.send_and_settle(&app.message()).await;
    assert_eq!(message.status, Status::Delivered);
    assert_eq!(receipts(&app, "delivered").await, Some(1.0));
    let labels = [("account", "oa"), ("result", "repeated")];
    let scrape = Scrape::of(&app.url).await;
    assert_eq!(scrape.value("hongyan_callbacks_total", &labels), Some(1.0));
}

/// `bizsend` answers without an id: the receipt is the first to name it.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_notice_gets_its_id_from_its_receipt() {
    let app = TestApp::calling_back().await;
    let content = "课程名称：{{thing1.DATA}}\n";
    let lasts = Some(Subscription::OneTime);
    let template = app.add_template("oa", MessageKind::Notification, lasts, content);
    let template = template.await;
    let notice = NewMessage::new(
        "oa",
        Kind::Notification,
        Recipient::openid(&app.openid),
        &template,
        data(&[("thing1", "书法")]),
    );
    let choices: hongyan_sandbox::Choices = [(template, "accept".to_owned())].into_iter().collect();
    app.perform("oa", Action::SubscribePopup(choices.clone()))
        .await;
    let message = app.send_and_settle(&notice).await;
    assert_eq!(message.status, Status::Delivered);
    assert_eq!(message.receipt.unwrap().status, "success");
    let id: u64 = message.wechat_msgid.unwrap().parse().unwrap();
    assert_eq!(app.inbox()[0].msgid, id);

    app.perform("oa", Action::SubscribePopup(choices)).await;
    let silent = ReceiptRules {
        drop_probability: 1.0,
        ..ReceiptRules::default()
    };
    rules(silent, &app);
    let message = app.send_and_settle(&notice).await;
    assert_eq!(message.status, Status::Accepted);
    assert_eq!(message.wechat_msgid, None);
    assert_eq!(app.inbox().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_without_a_receipt_are_found_and_counted() {
    let app = TestApp::calling_back().await;
    let delivered = app.send_and_settle(&app.message()).await;
    assert_eq!(delivered.status, Status::Delivered);
    let silent = ReceiptRules {
        drop_probability: 1.0,
        ..ReceiptRules::default()
    };
    rules(silent, &app);
    let message = app.send_and_settle(&app.message()).await;
    assert_eq!(message.status, Status::Accepted);
    let missing = async |app: &TestApp| {
        let filter = MessageFilter {
            no_receipt_after_minutes: Some(10),
            ..MessageFilter::default()
        };
        let found = app.client.messages(&filter, &PageQuery::default()).await;
        let ids = found.unwrap().items.into_iter().map(|message| message.id);
        app.engine.sample_queue().await.unwrap();
        let scrape = Scrape::of(&app.url).await;
        let counted = scrape.value("hongyan_receipts_missing", &[("account", "oa")]);
        (ids.collect::<Vec<_>>(), counted)
    };
    assert_eq!(missing(&app).await, (vec![], Some(0.0)), "it is too early");
    app.advance(Duration::from_secs(11 * 60));
    assert_eq!(missing(&app).await, (vec![message.id], Some(1.0)));
}

/// The account's console sends, too.
#[tokio::test(flavor = "multi_thread")]
async fn receipts_of_others_messages_change_nothing() {
    let app = TestApp::calling_back().await;
    let message = app.send_and_settle(&app.message()).await;
    let other = format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>{}</FromUserName><CreateTime>{}</CreateTime>\
         <MsgType>event</MsgType><Event>TEMPLATESENDJOBFINISH</Event><MsgID>17</MsgID>\
         <Status>failed:user block</Status></xml>",
        app.openid,
        app.seconds(),
    );
    assert_eq!(app.post(&app.push("oa", other)).await.status, 200);
    app.settle().await;
    let after = app.get(&message.id).await;
    assert_eq!(after.status, Status::Delivered);
    assert_eq!(after.receipt, message.receipt);
}
