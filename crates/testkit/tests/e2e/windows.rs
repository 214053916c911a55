//! The windows in which customer-service messages may be sent, and following: what
//! is known of them is not asked of WeChat.

use std::time::Duration;

use hongyan_api::{
    Can, ChangeAccount, Follow, Kind, NewMessage, Outcome, ReachQuery, Route, Status, WindowCause,
    WithheldReason,
};
use hongyan_sandbox::Action;
use hongyan_testkit::TestApp;

const SERVICE: &str = "/cgi-bin/message/custom/send";
const TEMPLATE: &str = "/cgi-bin/message/template/send";
const HOURS: u64 = 60 * 60;

fn text(content: &str) -> Action {
    Action::SendText {
        content: content.to_owned(),
    }
}

fn reply(app: &TestApp) -> NewMessage {
    app.service_message("oa", "您好")
}

async fn accepted(app: &TestApp, message: &NewMessage) {
    let sent = app.send_and_pump(message).await;
    assert_eq!(sent.status, Status::Accepted, "{:?}", sent.attempts);
}

/// Sends and says why WeChat was not asked.
async fn withheld(app: &TestApp, message: &NewMessage) -> WithheldReason {
    let asked = app.calls(SERVICE) + app.calls(TEMPLATE);
    let message = app.send_and_pump(message).await;
    assert_eq!(message.status, Status::Failed);
    let now_asked = app.calls(SERVICE) + app.calls(TEMPLATE);
    assert_eq!(now_asked, asked, "WeChat was asked");
    let last = message.attempts.unwrap().pop().unwrap();
    assert_eq!(last.outcome, Outcome::Withheld);
    last.withheld.unwrap().reason
}

async fn routes(app: &TestApp) -> (Follow, Vec<Route>) {
    let who = ReachQuery {
        account: Some("oa".to_owned()),
        openid: Some(app.openid.clone()),
        ..ReachQuery::default()
    };
    let found = app.client.reach(&who).await.unwrap().items.remove(0);
    (found.follow, found.routes)
}

async fn service_route(app: &TestApp) -> Route {
    let (_, routes) = routes(app).await;
    let is_it = |route: &Route| route.kind == Kind::CustomerService;
    routes.into_iter().find(is_it).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_opens_two_days_and_five_answers() {
    let app = TestApp::calling_back().await;
    // The person follows since before we could hear of it.
    app.advance(Duration::from_secs(120));
    assert_eq!(service_route(&app).await.can, Can::Unknown);
    // Nothing is known: WeChat is asked, and says no.
    let message = app.send_and_pump(&reply(&app)).await;
    assert_eq!(
        (message.status, message.errcode),
        (Status::Failed, Some(45015))
    );

    app.perform("oa", text("在吗")).await;
    let open = service_route(&app).await;
    assert_eq!((open.can, open.left), (Can::Yes, Some(5)));
    let until = open.until.unwrap().as_second();
    assert_eq!(until, app.seconds() + 48 * 3600);
    for _ in 0..5 {
        accepted(&app, &reply(&app)).await;
    }
    let used_up = withheld(&app, &reply(&app)).await;
    assert_eq!(used_up, WithheldReason::WindowUsedUp);
    assert_eq!(app.inbox().len(), 5);
    let route = service_route(&app).await;
    assert_eq!((route.can, route.left), (Can::No, Some(0)));

    // Another message begins anew; two days later all is over.
    app.perform("oa", text("还在吗")).await;
    app.advance(Duration::from_secs(48 * HOURS - 2));
    accepted(&app, &reply(&app)).await;
    app.advance(Duration::from_secs(2));
    let closed = withheld(&app, &reply(&app)).await;
    assert_eq!(closed, WithheldReason::WindowClosed);
    assert_eq!(app.inbox().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_opens_a_minute_and_three_answers() {
    let app = TestApp::calling_back().await;
    let tap = || Action::MenuClick {
        key: "HELP".to_owned(),
    };
    app.perform("oa", tap()).await;
    assert_eq!(service_route(&app).await.left, Some(3));
    for _ in 0..3 {
        accepted(&app, &reply(&app)).await;
    }
    let used_up = withheld(&app, &reply(&app)).await;
    assert_eq!(used_up, WithheldReason::WindowUsedUp);
    app.perform("oa", tap()).await;
    app.advance(Duration::from_secs(61));
    let closed = withheld(&app, &reply(&app)).await;
    assert_eq!(closed, WithheldReason::WindowClosed);

    // Windows of several causes stand side by side.
    app.perform("oa", text("hi")).await;
    app.perform("oa", tap()).await;
    let card = app.client.contact("oa", &app.openid).await.unwrap();
    let left: Vec<_> = card
        .windows
        .iter()
        .filter(|window| window.left > 0)
        .map(|window| (window.cause, window.left))
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains(&(WindowCause::Message, 5)));
    assert!(left.contains(&(WindowCause::MenuTap, 3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mini_program_s_chat_opens_two_answers() {
    let app = TestApp::calling_back().await;
    let enter = Action::EnterSession {
        session_from: "order".to_owned(),
    };
    app.perform("mp", enter).await;
    let message = app.service_message("mp", "您好");
    accepted(&app, &message).await;
    accepted(&app, &message).await;
    let used_up = withheld(&app, &message).await;
    assert_eq!(used_up, WithheldReason::WindowUsedUp);
}

#[tokio::test(flavor = "multi_thread")]
async fn wechat_s_word_on_a_window_is_believed() {
    let app = TestApp::calling_back().await;
    app.perform("oa", text("hi")).await;
    let fault = |errcode: i32| serde_json::json!({"path": SERVICE, "times": 1, "effect": {"errcode": errcode}});
    app.fault(fault(45047));
    let message = app.send_and_pump(&reply(&app)).await;
    assert_eq!(message.errcode, Some(45047));
    let used_up = withheld(&app, &reply(&app)).await;
    assert_eq!(used_up, WithheldReason::WindowUsedUp);
    app.perform("oa", text("hi")).await;
    app.fault(fault(45015));
    let message = app.send_and_pump(&reply(&app)).await;
    assert_eq!(message.errcode, Some(45015));
    let closed = withheld(&app, &reply(&app)).await;
    assert_eq!(closed, WithheldReason::WindowClosed);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_left_gets_no_template_messages_unless_the_owner_wants_it() {
    let app = TestApp::calling_back().await;
    app.perform("oa", Action::Unfollow).await;
    let card = app.client.contact("oa", &app.openid).await.unwrap();
    assert_eq!(card.contact.follow, Follow::Unfollowed);
    let left = withheld(&app, &app.message()).await;
    assert_eq!(left, WithheldReason::NotFollowing);
    let (follow, ways) = routes(&app).await;
    assert_eq!(follow, Follow::Unfollowed);
    let by_template = ways.iter().find(|route| route.kind == Kind::Template);
    let by_template = by_template.unwrap();
    assert_eq!(by_template.can, Can::No);
    let reason = by_template.reason.as_ref().unwrap().reason;
    assert_eq!(reason, WithheldReason::NotFollowing);

    let change = ChangeAccount {
        send_to_unfollowed: Some(true),
        ..ChangeAccount::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
    let message = app.send_and_pump(&app.message()).await;
    assert_eq!(message.errcode, Some(43004), "now WeChat says it");

    let change = ChangeAccount {
        send_to_unfollowed: Some(false),
        ..ChangeAccount::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
    app.perform("oa", Action::Follow).await;
    let message = app.send_and_settle(&app.message()).await;
    assert_eq!(message.status, Status::Delivered);
}
