//! Several ways to one person: the next one only after a definite no.

use std::time::Duration;

use hongyan_api::{
    BindUser, Fallback, Kind, Message, NewKey, NewMessage, Outcome, Recipient, Scope, Status,
    WhyLeft,
};
use hongyan_sandbox::Action;
use hongyan_testkit::{TestApp, Wishes};
use serde_json::json;

const TEMPLATE: &str = "/cgi-bin/message/template/send";
const SUBSCRIBE: &str = "/cgi-bin/message/subscribe/send";

/// The person at both accounts as one user of the caller's.
async fn bound(app: &TestApp) -> Recipient {
    let binding = BindUser {
        openids: [
            ("oa".to_owned(), app.openid.clone()),
            ("mp".to_owned(), app.mp_openid.clone()),
        ]
        .into_iter()
        .collect(),
        ..BindUser::default()
    };
    app.client.bind_user("42", &binding).await.unwrap();
    Recipient {
        user_id: Some("42".to_owned()),
        ..Recipient::default()
    }
}

/// A message of the mini program, else the official account's template.
fn either(app: &TestApp, to: Recipient) -> NewMessage {
    let mut message = app.subscribe_message();
    message.to = to;
    message.fallback = Some(vec![way(&app.message())]);
    message
}

/// The way of a message to whoever its own person is.
fn way(message: &NewMessage) -> Fallback {
    Fallback {
        to: None,
        ..Fallback::from(message.clone())
    }
}

fn outcomes(message: &Message) -> Vec<Outcome> {
    let attempts = message.attempts.iter().flatten();
    attempts.map(|attempt| attempt.outcome).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_consent_the_official_account_tells_them_and_the_record_says_why() {
    let app = TestApp::start().await;
    let to = bound(&app).await;
    let message = app.send_and_pump(&either(&app, to)).await;
    assert_eq!(message.status, Status::Accepted, "{message:?}");
    assert_eq!(message.account, "oa");
    assert_eq!(message.kind, Kind::Template);
    assert_eq!(message.to.openid.as_deref(), Some(app.openid.as_str()));
    assert_eq!(outcomes(&message), [Outcome::Refused, Outcome::Accepted]);
    let route = message.route.unwrap();
    assert_eq!((route.position, route.account.as_deref()), (1, Some("oa")));
    assert!(message.fallback.is_empty());
    let left = &message.routes_left[0];
    assert_eq!((left.position, left.account.as_deref()), (0, Some("mp")));
    assert_eq!((left.reason, left.errcode), (WhyLeft::Refused, Some(43101)));
    assert_eq!(
        left.to.as_ref().unwrap().openid.as_deref(),
        Some(app.mp_openid.as_str())
    );
    assert!(!left.message.is_empty() && !left.message_zh.is_ascii());
    assert_eq!(app.delivered(), 1);
    let card = serde_json::to_value(&app.inbox()[0]).unwrap();
    assert_eq!(card["template_id"], app.template.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_consent_the_first_way_is_the_only_one() {
    let app = TestApp::start().await;
    let to = bound(&app).await;
    app.consent();
    let message = app.send_and_pump(&either(&app, to)).await;
    assert_eq!(message.status, Status::Accepted);
    assert_eq!(message.account, "mp");
    assert_eq!(message.route.unwrap().position, 0);
    assert!(message.routes_left.is_empty());
    assert_eq!(message.fallback[0].account.as_deref(), Some("oa"));
    assert_eq!((app.delivered(), app.calls(TEMPLATE)), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_knows_leads_on_without_asking_wechat() {
    let app = TestApp::calling_back().await;
    let to = bound(&app).await;
    let answer = [(app.subscribe.clone(), "reject".to_owned())];
    let refusal = Action::SubscribePopup(answer.into_iter().collect());
    app.perform("mp", refusal).await;
    let message = app.send_and_settle(&either(&app, to)).await;
    assert_eq!(message.status, Status::Delivered, "{message:?}");
    assert_eq!(outcomes(&message), [Outcome::Withheld, Outcome::Accepted]);
    let left = &message.routes_left[0];
    assert_eq!(left.reason, WhyLeft::Withheld);
    assert!(left.withheld.is_some());
    assert_eq!(app.calls(SUBSCRIBE), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_nobody_knows_leads_nowhere() {
    let mut wishes = Wishes {
        request_timeout: Duration::from_millis(150),
        ..Wishes::default()
    };
    wishes.engine.dispatch.request_timeout = wishes.request_timeout;
    let app = TestApp::start_with(wishes).await;
    let to = bound(&app).await;
    app.consent();
    app.fault(json!({"path": SUBSCRIBE, "effect": {"drop": "after"}}));
    let id = app.send(&either(&app, to)).await;
    for _ in 0..5 {
        app.pump().await;
        app.advance(Duration::from_secs(600));
    }
    let message = app.get(&id).await;
    assert_eq!(message.status, Status::Unknown);
    assert_eq!(message.account, "mp");
    assert_eq!((app.delivered(), app.calls(TEMPLATE)), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_to_strangers_are_left_at_once() {
    let app = TestApp::start().await;
    let user = |id: &str| Recipient {
        user_id: Some(id.to_owned()),
        ..Recipient::default()
    };
    let binding = BindUser {
        openids: [("oa".to_owned(), app.openid.clone())]
            .into_iter()
            .collect(),
        ..BindUser::default()
    };
    app.client.bind_user("7", &binding).await.unwrap();
    // The mini program does not know them: the message begins on its second way.
    let message = app.send_and_pump(&either(&app, user("7"))).await;
    assert_eq!(message.status, Status::Accepted);
    assert_eq!(message.account, "oa");
    assert_eq!(message.routes_left[0].reason, WhyLeft::UnknownPerson);
    assert_eq!(message.attempt_count, 1);
    // The other way round there is nothing to fall back on.
    let mut message = app.message();
    message.to = user("7");
    message.fallback = Some(vec![way(&app.subscribe_message())]);
    let message = app.send_and_pump(&message).await;
    assert_eq!(message.route.unwrap().position, 0);
    assert_eq!(message.routes_left[0].position, 1);
    // Nobody at all is refused.
    let refused = app
        .client
        .send(&either(&app, user("8")), &Default::default())
        .await;
    assert_eq!(refused.unwrap_err().code(), Some("unknown_person"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openid_leads_to_the_same_person_elsewhere() {
    let app = TestApp::start().await;
    let message = either(&app, Recipient::openid(&app.mp_openid));
    let alone = app.send_and_pump(&message).await;
    assert_eq!(alone.status, Status::Failed);
    assert_eq!(alone.routes_left[0].reason, WhyLeft::UnknownPerson);
    bound(&app).await;
    let led_on = app.send_and_pump(&message).await;
    assert_eq!(led_on.status, Status::Accepted);
    assert_eq!(led_on.to.openid.as_deref(), Some(app.openid.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_is_checked_when_the_message_is_taken_in() {
    let app = TestApp::start().await;
    let to = bound(&app).await;
    let violations = async |change: &dyn Fn(&mut Fallback)| {
        let mut message = either(&app, to.clone());
        change(&mut message.fallback.as_mut().unwrap()[0]);
        let body = serde_json::to_string(&message).unwrap();
        let (status, problem) = app.raw("POST", "/v1/messages", body).await;
        assert!((400..500).contains(&status), "{problem}");
        let first = &problem["violations"][0];
        let text = |name: &str| first[name].as_str().unwrap_or_default().to_owned();
        (text("pointer"), text("rule"))
    };
    let is = |pointer: &str, rule: &str| (format!("/fallback/0{pointer}"), rule.to_owned());
    assert_eq!(
        violations(&|way| way.account = "nobody".to_owned()).await,
        is("/account", "unknown_account")
    );
    assert_eq!(
        violations(&|way| way.account = "mp".to_owned()).await,
        is("/kind", "wrong_kind")
    );
    assert_eq!(
        violations(&|way| way.template_id = Some("nothing".to_owned())).await,
        is("/template_id", "unknown_template")
    );
    assert_eq!(
        violations(&|way| {
            way.data.as_mut().unwrap().shift_remove("time2");
        })
        .await,
        is("/data/time2", "missing")
    );
    assert_eq!(
        violations(&|way| way.to = Some(Recipient::openid("no openid"))).await,
        is("/to/openid", "form")
    );
    // A key restricted to one account reaches no other by a fallback.
    let key = NewKey {
        name: "mp alone".to_owned(),
        scopes: vec![Scope::Send],
        accounts: vec!["mp".to_owned()],
        expires_at: None,
    };
    let key = app.client.add_key(&key, None).await.unwrap();
    let client = hongyan_api::Client::new(&app.url, key.api_key.expose()).unwrap();
    let refused = client
        .send(
            &either(&app, Recipient::openid(&app.mp_openid)),
            &Default::default(),
        )
        .await;
    assert_eq!(refused.unwrap_err().code(), Some("validation_failed"));
    assert_eq!(app.delivered(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sent_again_by_hand_it_goes_the_last_way() {
    let app = TestApp::start().await;
    let to = bound(&app).await;
    app.fault(json!({"path": TEMPLATE, "times": 1, "effect": {"errcode": 43004, "errmsg": "require subscribe"}}));
    let failed = app.send_and_pump(&either(&app, to)).await;
    assert_eq!(failed.status, Status::Failed);
    assert_eq!(
        (failed.account.as_str(), failed.errcode),
        ("oa", Some(43004))
    );
    app.client.retry(&failed.id).await.unwrap();
    app.pump().await;
    let sent = app.get(&failed.id).await;
    assert_eq!(sent.status, Status::Accepted);
    assert_eq!(sent.account, "oa");
    assert_eq!(app.calls(SUBSCRIBE), 1, "the first way was left for good");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_whose_account_is_gone_is_passed_over() {
    let app = TestApp::start().await;
    let to = bound(&app).await;
    let id = app.send(&either(&app, to)).await;
    app.client.remove_account("oa").await.unwrap();
    app.pump().await;
    let message = app.get(&id).await;
    assert_eq!(message.status, Status::Failed);
    assert_eq!(
        (message.account.as_str(), message.errcode),
        ("mp", Some(43101))
    );
}
