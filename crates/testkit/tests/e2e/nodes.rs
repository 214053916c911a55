//! Several nodes on one database.

use std::sync::Arc;
use std::time::Duration;

use hongyan_api::{ChangeAccount, Status};
use hongyan_sandbox::{Action, Shown};
use hongyan_testkit::{Answered, Browser, Callbacks, TestApp};
use serde_json::json;

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
    app.call_sandbox(STABLE, "", &body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_by_one_node_and_used_by_all() {
    let app = TestApp::start().await;
    app.engine.maintain().await;
    let before = app.calls(STABLE);
    let other = app.another_node().await;
    let account = other.account("oa").unwrap();
    let token = other.access_token(account.id).await.unwrap().token;
    let ours = app.client.access_token("oa").await.unwrap();
    assert_eq!(token.expose(), ours.access_token.expose());
    assert_eq!(app.calls(STABLE), before);

    // Both find it missing at the same moment.
    app.advance(Duration::from_secs(8000));
    let (one, two) = tokio::join!(
        other.access_token(account.id),
        app.engine.access_token(account.id)
    );
    assert_eq!(one.unwrap().token, two.unwrap().token);
    assert_eq!(app.calls(STABLE), before + 1);

    // One renews it before its end; the other follows.
    app.advance(Duration::from_secs(7000));
    app.engine.maintain().await;
    let after_renewal = app.calls(STABLE);
    other.maintain().await;
    let renewed = other.access_token(account.id).await.unwrap().token;
    let ours = app.client.access_token("oa").await.unwrap();
    assert_eq!(renewed.expose(), ours.access_token.expose());
    assert_eq!(app.calls(STABLE), after_renewal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_is_replaced_once_for_all_nodes_and_the_thief_is_counted() {
    let app = TestApp::start().await;
    app.send_and_pump(&app.message()).await;
    let other = app.another_node().await;
    other.maintain().await;
    let before = app.calls(STABLE);
    steal(&app).await;
    for _ in 0..100 {
        app.send(&app.message()).await;
    }
    tokio::join!(app.engine.pump(), other.pump());
    assert_eq!(app.delivered(), 101);
    assert_eq!(
        app.calls(STABLE),
        before + 2,
        "the thief's call and one of ours"
    );
    let account = app.client.account("oa").await.unwrap();
    assert_eq!(account.token_refreshes.unwrap().foreign_today, 1);
    let report = app.client.check_account("oa").await.unwrap();
    let step = report
        .steps
        .iter()
        .find(|s| s.name == "credential")
        .unwrap();
    assert!(step.detail.contains("another program"), "{}", step.detail);
    assert!(step.fix.as_ref().unwrap().contains("access_token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_at_the_end_of_a_token_is_nobodys_theft() {
    let app = TestApp::start().await;
    app.send_and_pump(&app.message()).await;
    app.advance(Duration::from_secs(7000));
    steal(&app).await;
    app.send_and_pump(&app.message()).await;
    let account = app.client.account("oa").await.unwrap();
    assert_eq!(account.token_refreshes.unwrap().foreign_today, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_changes_the_others_follow() {
    let app = TestApp::start().await;
    let other = app.another_node().await;
    let change = ChangeAccount {
        disabled: Some(true),
        ..Default::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
    other.follow().await.unwrap();
    assert!(other.account("oa").unwrap().settings.disabled);

    // What one learns about an account's health counts for all.
    let change = ChangeAccount {
        disabled: Some(false),
        ..Default::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
    other.follow().await.unwrap();
    app.fault(json!({"path": SEND, "times": 1, "effect": {"errcode": 45009, "errmsg": "reach max api daily quota limit"}}));
    let id = app.send(&app.message()).await;
    app.pump().await;
    other.follow().await.unwrap();
    assert!(other.account("oa").unwrap().state.parked.is_some());
    assert_eq!(other.pump().await, 0, "the other node does not try either");
    assert_eq!(
        app.client.message(&id).await.unwrap().status,
        Status::Retrying
    );
    app.client.remove_account("mp").await.unwrap();
    other.follow().await.unwrap();
    assert!(other.account("mp").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_a_queue_and_nobody_sends_twice() {
    let app = TestApp::start().await;
    let other = app.another_node().await;
    for _ in 0..300 {
        app.send(&app.message()).await;
    }
    let (one, two) = tokio::join!(app.engine.pump(), other.pump());
    assert_eq!(one + two, 300);
    assert_eq!(app.delivered(), 300);
    assert_eq!(app.calls(SEND), 300);
}

/// Storage's clock was turned while a send was under way.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ends_under_a_send_sends_nothing_twice() {
    let app = Arc::new(TestApp::start().await);
    app.fault(json!({"path": SEND, "times": 1, "effect": {"delay_ms": 600}}));
    let id = app.send(&app.message()).await;
    let sending = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.engine.pump().await }
    });
    while app.client.message(&id).await.unwrap().status != Status::Sending {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.clock.advance(Duration::from_secs(120));
    app.engine.pump().await;
    sending.await.unwrap();
    assert_eq!(app.calls(SEND), 1);
    let message = app.client.message(&id).await.unwrap();
    assert_eq!(message.status, Status::Accepted);
    assert_eq!(message.attempts.unwrap().len(), 1);
}

/// WeChat calls one node; what follows holds on all.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_is_told_all_know() {
    let app = TestApp::calling_back().await;
    let other = app.another_node().await;
    let url = app.serve(&other).await;
    // Rules written at one are kept by the other.
    let rules = json!({"default": {"type": "text", "content": "{{time}}"}});
    let path = "/v1/accounts/oa/reply-rules";
    let (status, _) = app.raw("PUT", path, rules.to_string()).await;
    assert_eq!(status, 200);
    other.follow().await.unwrap();
    app.point_callbacks(&url, Callbacks::default());

    let text = Action::SendText {
        content: "hi".to_owned(),
    };
    let outcome = app.perform("oa", text).await.callback.unwrap();
    assert_eq!(outcome.shown, Shown::Message, "{outcome:?}");
    let sent = app.send_and_pump(&app.service_message("oa", "hello")).await;
    assert_eq!(sent.status, Status::Accepted, "the window is known here");

    // A repeat may reach another node: it gets the same answer.
    let push = app.text_push("once", 77);
    let said = app.post(&push).await.reply(&push);
    app.advance(Duration::from_secs(120));
    let (query, body) = push.request();
    let again = hongyan_testkit::http()
        .post(format!("{url}/callback/oa?{query}"))
        .body(body)
        .send()
        .await
        .unwrap();
    let again = Answered {
        status: again.status().as_u16(),
        content_type: String::new(),
        body: again.text().await.unwrap(),
    };
    assert_eq!(again.reply(&push), said);

    // Sent by one, its receipt taken in by the other.
    let message = app.send_and_settle(&app.message()).await;
    assert_eq!(message.status, Status::Delivered);

    // Two consents, two nodes, three messages at once.
    for _ in 0..2 {
        let choices = [(app.subscribe.clone(), "accept".to_owned())];
        let popup = Action::SubscribePopup(choices.into_iter().collect());
        app.perform("mp", popup).await;
    }
    for _ in 0..3 {
        app.send(&app.subscribe_message()).await;
    }
    let (one, two) = tokio::join!(app.engine.pump(), other.pump());
    assert_eq!(one + two, 3);
    assert_eq!(app.calls("/cgi-bin/message/subscribe/send"), 2);
}

/// A way over WeChat's pages may end at another node than it began at.
#[tokio::test(flavor = "multi_thread")]
async fn a_walk_may_change_nodes() {
    let app = TestApp::calling_back().await;
    let other = app.another_node().await;
    let next = format!("{}/done", hongyan_testkit::SHOP);
    let leave = app
        .engine
        .begin_oauth("oa", "snsapi_base", &next)
        .await
        .unwrap();
    let mut browser = Browser::default();
    let at_wechat = leave
        .location
        .replace('#', &format!("&person={}#", app.person));
    let back = browser.get(&at_wechat).await;
    let (code, state) = (back.carried("code"), back.carried("state"));
    let cookie = Some(leave.cookie.as_str());
    let led = other
        .end_oauth("oa", code.as_deref(), state.as_deref(), cookie)
        .await
        .unwrap();
    let ticket = led.split("ticket=").nth(1).unwrap();
    let account = app.engine.account("oa").unwrap();
    let holder = app
        .engine
        .redeem_oauth_ticket(&account, ticket)
        .await
        .unwrap();
    assert_eq!(holder.unwrap().openid.as_str(), app.openid);
    let account = other.account("oa").unwrap();
    let twice = other.redeem_oauth_ticket(&account, ticket).await.unwrap();
    assert_eq!(twice, None);
}
