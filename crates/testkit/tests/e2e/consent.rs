//! The ledger of consents: each counted once, each used once, and WeChat not asked
//! where the answer is known.

use std::time::Duration;

use hongyan_api::{
    Can, Grant, NewMessage, Outcome, ReachQuery, ReportConsents, Route, Status, WithheldReason,
};
use hongyan_sandbox::{Action, ActionOutcome, MessageKind, Subscription};
use hongyan_testkit::TestApp;
use hongyan_testkit::scrape::Scrape;
use serde_json::json;

const SEND: &str = "/cgi-bin/message/subscribe/send";

fn choices(template: &str, answer: &str) -> hongyan_sandbox::Choices {
    [(template.to_owned(), answer.to_owned())]
        .into_iter()
        .collect()
}

async fn popup(app: &TestApp, answer: &str) -> ActionOutcome {
    let action = Action::SubscribePopup(choices(&app.subscribe, answer));
    app.perform("mp", action).await
}

/// What the mini program's own code tells; whether it counted.
async fn report(app: &TestApp, answer: &str) -> bool {
    let report = ReportConsents {
        openid: app.mp_openid.clone(),
        results: choices(&app.subscribe, answer),
    };
    let told = app.client.report_consents("mp", &report, None).await;
    told.unwrap().counted[&app.subscribe]
}

async fn grant(app: &TestApp) -> Grant {
    let grants = app.client.grants("mp", &app.mp_openid).await.unwrap();
    let found = grants
        .items
        .into_iter()
        .find(|grant| grant.template_id == app.subscribe);
    found.unwrap()
}

async fn route(app: &TestApp) -> Route {
    let who = ReachQuery {
        account: Some("mp".to_owned()),
        openid: Some(app.mp_openid.clone()),
        ..ReachQuery::default()
    };
    let mut reach = app.client.reach(&who).await.unwrap().items;
    assert_eq!(reach.len(), 1);
    let routes = reach.remove(0).routes;
    let is_it = |route: &Route| route.template_id.as_ref() == Some(&app.subscribe);
    routes.into_iter().find(is_it).unwrap()
}

/// Sends and says why WeChat was not asked.
async fn withheld(app: &TestApp, message: &NewMessage) -> WithheldReason {
    let (asked, delivered) = (app.calls(SEND), app.delivered());
    let message = app.send_and_settle(message).await;
    assert_eq!(message.status, Status::Failed);
    assert_eq!(app.calls(SEND), asked, "WeChat was asked");
    assert_eq!(app.delivered(), delivered);
    let attempts = message.attempts.unwrap();
    let last = attempts.last().unwrap();
    assert_eq!(last.outcome, Outcome::Withheld);
    let why = last.withheld.clone().unwrap();
    assert!(!why.message.is_empty() && !why.message_zh.is_empty());
    why.reason
}

#[tokio::test(flavor = "multi_thread")]
async fn one_consent_told_by_both_counts_once() {
    let app = TestApp::calling_back().await;
    popup(&app, "accept").await;
    assert!(!report(&app, "accept").await, "the event came first");
    assert_eq!(grant(&app).await.left, 1);

    // The other way round: the mini program's code is quicker than WeChat.
    app.advance(Duration::from_secs(3600));
    assert!(report(&app, "accept").await);
    assert_eq!(grant(&app).await.left, 2);
    popup(&app, "accept").await;
    assert_eq!(grant(&app).await.left, 2);

    // Two taps are two consents, however they are told.
    app.advance(Duration::from_secs(3600));
    assert!(report(&app, "accept").await);
    assert!(report(&app, "acceptWithAudio").await);
    popup(&app, "accept").await;
    popup(&app, "accept").await;
    assert_eq!(grant(&app).await.left, 4);
    assert!(!report(&app, "filter").await, "it says nothing");
    assert_eq!(grant(&app).await.left, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_consents_are_two_messages_and_the_third_is_not_even_tried() {
    let app = TestApp::calling_back().await;
    popup(&app, "accept").await;
    popup(&app, "accept").await;
    let before = route(&app).await;
    assert_eq!((before.can, before.left), (Can::Yes, Some(2)));

    // All three are due at the same moment.
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(app.send(&app.subscribe_message()).await);
    }
    app.pump().await;
    app.settle().await;
    let mut ended = Vec::new();
    for id in &ids {
        ended.push(app.get(id).await.status);
    }
    ended.sort_by_key(|status| status.as_str());
    let expected = [Status::Delivered, Status::Delivered, Status::Failed];
    assert_eq!(ended, expected);
    assert_eq!(app.calls(SEND), 2);
    assert_eq!(app.delivered(), 2);
    let withheld_once = [("account", "mp"), ("outcome", "withheld"), ("errcode", "")];
    let scrape = Scrape::of(&app.url).await;
    let counted = scrape.value("hongyan_attempts_total", &withheld_once);
    assert_eq!(counted, Some(1.0));
    assert_eq!(app.inbox().len(), 2);
    let reason = withheld(&app, &app.subscribe_message()).await;
    assert_eq!(reason, WithheldReason::NoConsentLeft);

    let after = route(&app).await;
    assert_eq!((after.can, after.left), (Can::No, Some(0)));
    let reason = after.reason.unwrap().reason;
    assert_eq!(reason, WithheldReason::NoConsentLeft);
    let grant = grant(&app).await;
    assert_eq!((grant.left, grant.held, grant.can_send), (0, 0, false));
    // One more consent, one more message.
    popup(&app, "accept").await;
    let message = app.send_and_settle(&app.subscribe_message()).await;
    assert_eq!(message.status, Status::Delivered);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_refuses_in_the_settings_is_left_alone() {
    let app = TestApp::calling_back().await;
    popup(&app, "accept").await;
    let refuse = Action::SubscribeSetting(choices(&app.subscribe, "reject"));
    app.perform("mp", refuse).await;
    let refused = grant(&app).await;
    assert_eq!(
        (refused.refused, refused.left, refused.can_send),
        (true, 0, false)
    );
    let reason = withheld(&app, &app.subscribe_message()).await;
    assert_eq!(reason, WithheldReason::Refused);
    popup(&app, "accept").await;
    let again = grant(&app).await;
    assert_eq!((again.refused, again.left), (false, 1));
}

/// A refusal in the pop-up takes no earlier consent away.
#[tokio::test(flavor = "multi_thread")]
async fn a_no_in_the_popup_keeps_what_was_saved_up() {
    let app = TestApp::calling_back().await;
    popup(&app, "accept").await;
    popup(&app, "reject").await;
    let message = app.send_and_settle(&app.subscribe_message()).await;
    assert_eq!(message.status, Status::Delivered);
    let reason = withheld(&app, &app.subscribe_message()).await;
    assert_eq!(reason, WithheldReason::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn wechat_s_no_is_believed() {
    let app = TestApp::calling_back().await;
    let unknown = route(&app).await;
    assert_eq!((unknown.can, unknown.left), (Can::Unknown, None));
    // Nobody ever told us of a consent, so WeChat is asked, each time anew: where no
    // callback works, a ledger would silence people for good.
    for asked in 1..=2 {
        let message = app.send_and_pump(&app.subscribe_message()).await;
        assert_eq!(
            (message.status, message.errcode),
            (Status::Failed, Some(43101))
        );
        assert_eq!(app.calls(SEND), asked);
        assert_eq!(route(&app).await.can, Can::Unknown);
        assert!(grant(&app).await.refused);
    }

    // We counted two, WeChat says none.
    popup(&app, "accept").await;
    popup(&app, "accept").await;
    app.fault(json!({"path": SEND, "times": 1, "effect": {"errcode": 43101}}));
    let message = app.send_and_pump(&app.subscribe_message()).await;
    assert_eq!(message.errcode, Some(43101));
    assert_eq!(grant(&app).await.left, 0);
    let reason = withheld(&app, &app.subscribe_message()).await;
    assert_eq!(reason, WithheldReason::Refused);

    // A ban is no matter of the person's.
    popup(&app, "accept").await;
    app.fault(json!({"path": SEND, "times": 1, "effect": {"errcode": 43107}}));
    app.send_and_pump(&app.subscribe_message()).await;
    assert!(grant(&app).await.banned);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_did_not_go_out_gives_its_consent_back() {
    let app = TestApp::calling_back().await;
    popup(&app, "accept").await;
    app.fault(json!({"path": SEND, "times": 1, "effect": {"errcode": 47003}}));
    let message = app.send_and_pump(&app.subscribe_message()).await;
    assert_eq!(message.status, Status::Failed);
    let kept = grant(&app).await;
    assert_eq!((kept.left, kept.held), (1, 0));
    let message = app.send_and_settle(&app.subscribe_message()).await;
    assert_eq!(message.status, Status::Delivered);
}

/// Nobody knows whether the consent was used up: it is neither promised nor denied.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_leaves_the_consent_in_doubt() {
    let app = TestApp::calling_back().await;
    popup(&app, "accept").await;
    app.fault(json!({"path": SEND, "times": 1, "effect": {"drop": "after"}}));
    let message = app.send_and_pump(&app.subscribe_message()).await;
    assert_eq!(message.status, Status::Unknown);
    let doubtful = grant(&app).await;
    assert_eq!((doubtful.left, doubtful.in_doubt, doubtful.held), (0, 1, 0));
    assert_eq!(route(&app).await.can, Can::Unknown);

    // WeChat is asked and knows.
    let asked = app.calls(SEND);
    let message = app.send_and_pump(&app.subscribe_message()).await;
    assert_eq!(
        (message.status, message.errcode),
        (Status::Failed, Some(43101))
    );
    assert_eq!(app.calls(SEND), asked + 1);
    let settled = grant(&app).await;
    assert_eq!((settled.in_doubt, settled.can_send), (0, false));
    let reason = withheld(&app, &app.subscribe_message()).await;
    assert_eq!(reason, WithheldReason::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_middle_of_a_send_loses_no_count() {
    let app = TestApp::calling_back().await;
    popup(&app, "accept").await;
    let id = app.send(&app.subscribe_message()).await;
    // Somebody claims the message and dies before sending it.
    assert_eq!(app.claim("mp").await.len(), 1);
    let app = app.crash_and_restart().await;
    app.advance(Duration::from_secs(61));
    app.pump().await;
    // A subscribe message has no number that makes a repeat safe.
    assert_eq!(app.get(&id).await.status, Status::Unknown);
    let grant = grant(&app).await;
    assert_eq!(grant.held, 0);
    assert!(grant.left + grant.in_doubt <= 1, "{grant:?}");
    assert!(grant.can_send, "WeChat can still say yes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_term_consent_is_not_used_up() {
    let app = TestApp::calling_back().await;
    let content = "取餐码：{{character_string1.DATA}}\n门店：{{thing2.DATA}}\n";
    let lasts = Some(Subscription::LongTerm);
    let template = app.add_template("mp", MessageKind::Subscribe, lasts, content);
    let template = template.await;
    let accept = Action::SubscribePopup(choices(&template, "accept"));
    app.perform("mp", accept).await;
    let mut message = app.subscribe_message();
    message.template_id = Some(template.clone());
    for _ in 0..3 {
        let sent = app.send_and_settle(&message).await;
        assert_eq!(sent.status, Status::Delivered);
    }
    let grants = app.client.grants("mp", &app.mp_openid).await.unwrap().items;
    assert!(grants[0].long_term && grants[0].can_send);
    let refuse = Action::SubscribeSetting(choices(&template, "reject"));
    app.perform("mp", refuse).await;
    assert_eq!(withheld(&app, &message).await, WithheldReason::Refused);
}

/// A pop-up on a web page of the official account counts there.
#[tokio::test(flavor = "multi_thread")]
async fn consents_to_notices_are_kept_apart_by_account() {
    let app = TestApp::calling_back().await;
    let lasts = Some(Subscription::OneTime);
    let template = app
        .add_template(
            "oa",
            MessageKind::Notification,
            lasts,
            "名称：{{thing1.DATA}}\n",
        )
        .await;
    let accept = Action::SubscribePopup(choices(&template, "accept"));
    app.perform("oa", accept).await;
    let at_oa = app.client.grants("oa", &app.openid).await.unwrap().items;
    assert_eq!((at_oa.len(), at_oa[0].left), (1, 1));
    let at_mp = app.client.grants("mp", &app.mp_openid).await.unwrap().items;
    assert_eq!(at_mp, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_makes_no_sense_is_refused_as_a_whole() {
    let app = TestApp::calling_back().await;
    let openid = &app.mp_openid;
    for body in [
        json!({"openid": openid, "results": {app.subscribe.clone(): "yes"}}),
        json!({"openid": openid, "results": {}}),
        json!({"openid": "with space", "results": {app.subscribe.clone(): "accept"}}),
        json!({"openid": openid, "results": {"": "accept"}}),
        json!({"openid": openid, "result": {app.subscribe.clone(): "accept"}}),
    ] {
        let path = "/v1/accounts/mp/grants";
        let (status, problem) = app.raw("POST", path, body.to_string()).await;
        assert!(matches!(status, 400 | 422), "{body}: {status} {problem}");
    }
    let grants = app.client.grants("mp", openid).await.unwrap().items;
    assert_eq!(grants, []);
}
