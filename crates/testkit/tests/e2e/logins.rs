//! Mini-program logins: a code becomes a person, and a message can be sent with
//! nothing but the code.

use std::time::Duration;

use hongyan_api::{ApiError, Login, NewLogin, Recipient, Secret, Status};
use hongyan_sandbox::Action;
use hongyan_testkit::TestApp;
use serde_json::json;

const SESSION: &str = "/sns/jscode2session";

async fn code(app: &TestApp) -> String {
    app.perform("mp", Action::Login).await.code.unwrap()
}

async fn log_in(app: &TestApp, account: &str, code: &str) -> Result<Login, ApiError> {
    let login = NewLogin {
        code: Secret::from(code),
    };
    app.client.login(account, &login).await
}

/// WeChat's code and what we say to it.
fn refusal(error: ApiError) -> (Option<u16>, Option<i64>, String) {
    let problem = error.problem.unwrap();
    let advice = problem.diagnosis.map(|said| said.fix).unwrap_or_default();
    (error.status, problem.errcode, advice)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_becomes_a_person_and_is_asked_about_once() {
    let app = TestApp::start().await;
    let first = code(&app).await;
    let login = log_in(&app, "mp", &first).await.unwrap();
    assert_eq!(login.openid, app.mp_openid);
    assert!(login.unionid.is_some() && login.is_new);
    // The same request again, as after a lost answer.
    assert_eq!(log_in(&app, "mp", &first).await.unwrap(), login);
    assert_eq!(app.calls(SESSION), 1);

    let second = log_in(&app, "mp", &code(&app).await).await.unwrap();
    assert_eq!((second.openid, second.is_new), (login.openid, false));
    assert_eq!(app.calls(SESSION), 2);

    // The whole answer: the session key stays inside.
    let body = json!({ "code": first }).to_string();
    let (_, answer) = app.raw("POST", "/v1/accounts/mp/login", body).await;
    let keys: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["openid", "unionid", "is_new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_bring_one_code_are_told_the_same() {
    let app = TestApp::start().await;
    let code = code(&app).await;
    let (one, two) = tokio::join!(log_in(&app, "mp", &code), log_in(&app, "mp", &code));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(app.calls(SESSION), 1);
    // Another node is told what the first learned.
    let other = app.another_node().await;
    let account = other.account("mp").unwrap();
    let login = other.login(&account, &code).await.unwrap();
    assert_eq!(login.openid.as_str(), app.mp_openid);
    assert_eq!(app.calls(SESSION), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_used_up_or_made_up_says_so() {
    let app = TestApp::start().await;
    let made_up = log_in(&app, "mp", "0a1b2c3d").await.unwrap_err();
    assert_eq!(made_up.code(), Some("login_refused"));
    let (status, errcode, advice) = refusal(made_up);
    assert_eq!((status, errcode), (Some(422), Some(40029)));
    assert!(!advice.is_empty());

    let old = code(&app).await;
    log_in(&app, "mp", &old).await.unwrap();
    app.advance(Duration::from_secs(4 * 60));
    log_in(&app, "mp", &old).await.expect("it is remembered");
    app.advance(Duration::from_secs(7 * 60));
    let over = log_in(&app, "mp", &old).await.unwrap_err();
    let (status, errcode, _) = refusal(over);
    assert_eq!(status, Some(422));
    assert!(matches!(errcode, Some(40163 | 40029)), "{errcode:?}");

    for errcode in [40163, 40226, 45011] {
        app.fault(json!({"path": SESSION, "times": 1, "effect": {"errcode": errcode}}));
        let fresh = code(&app).await;
        let refused = log_in(&app, "mp", &fresh).await.unwrap_err();
        let (status, said, advice) = refusal(refused);
        assert!(matches!(status, Some(422 | 502)), "{errcode}: {status:?}");
        assert_eq!(said, Some(errcode));
        assert!(!advice.is_empty(), "{errcode}");
    }
    app.sandbox.clear_faults();
    app.fault(json!({"path": SESSION, "times": 1, "effect": {"drop": "before"}}));
    let fresh = code(&app).await;
    let lost = log_in(&app, "mp", &fresh).await;
    if let Err(error) = lost {
        assert!(matches!(error.status, Some(502..=504)), "{error:?}");
    }
    let login = log_in(&app, "mp", &fresh).await.unwrap();
    assert_eq!(login.openid, app.mp_openid, "the code was not used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_mini_programs_have_logins() {
    let app = TestApp::start().await;
    let code = code(&app).await;
    let wrong = log_in(&app, "oa", &code).await.unwrap_err();
    assert_eq!(
        (wrong.status, wrong.code()),
        (Some(422), Some("wrong_kind"))
    );
    for bad in [String::new(), "x".repeat(257)] {
        let refused = log_in(&app, "mp", &bad).await.unwrap_err();
        assert!(matches!(refused.status, Some(400 | 422)), "{refused:?}");
    }
    assert_eq!(app.calls(SESSION), 0);
}

/// The seed of the whole thing: the app hands over a login code with its data, and
/// the person gets the message.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_to_whoever_a_login_code_stands_for() {
    let app = TestApp::calling_back().await;
    app.consent();
    app.settle().await;
    let code = code(&app).await;
    let mut message = app.subscribe_message();
    message.to = Recipient {
        login_code: Some(code.clone()),
        ..Recipient::default()
    };
    let sent = app.send_and_settle(&message).await;
    assert_eq!(sent.status, Status::Delivered);
    assert_eq!(
        sent.to,
        Recipient::openid(&app.mp_openid),
        "the code is gone"
    );
    assert_eq!(app.inbox().len(), 1);

    message.to.login_code = Some("0a1b2c3d".to_owned());
    let refused = app.client.send(&message, &Default::default()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Some("login_refused"));
    assert_eq!(refusal(refused).1, Some(40029));
    assert_eq!(app.pump().await, 0, "nothing was queued");

    // An official account has no such codes, and a wrong body uses none up.
    let mut official = app.message();
    official.to = message.to.clone();
    let refused = app.client.send(&official, &Default::default()).await;
    assert_eq!(refused.unwrap_err().code(), Some("wrong_kind"));
    let fresh = app.perform("mp", Action::Login).await.code.unwrap();
    let asked = app.calls(SESSION);
    let mut wrong = app.subscribe_message();
    wrong.to = Recipient {
        login_code: Some(fresh),
        ..Recipient::default()
    };
    wrong.data = Some(hongyan_testkit::data(&[("thing2", "x")]));
    app.client
        .send(&wrong, &Default::default())
        .await
        .unwrap_err();
    assert_eq!(app.calls(SESSION), asked);
}
