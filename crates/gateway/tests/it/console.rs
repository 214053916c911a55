//! The console's sign-in: let in once by the link, then by name and password, and
//! nobody by a page of somebody else's.

use std::time::Duration;

use hongyan_domain::key::Scope;
use hongyan_gateway::GatewaySettings;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::app::{Answer, App};

const OURS: (&str, &str) = ("x-hongyan-console", "1");
const PASSWORD: &str = "a wild goose carries it";

async fn post(app: &App, path: &str, body: &Value) -> Answer {
    app.raw("POST", path, &[OURS], body.to_string()).await
}

/// The cookie an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.headers["set-cookie"].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    set.split(';').next().unwrap().to_owned()
}

/// The first person, let in: their cookie.
async fn set_up(app: &App) -> String {
    let secret = app.engine.setup_secret().await.unwrap().unwrap();
    let body = json!({"secret": secret.expose_secret(), "name": "ann", "password": PASSWORD});
    let answer = post(app, "/v1/console/setup", &body).await;
    assert_eq!(answer.is(201)["scopes"], json!(["admin"]));
    assert_eq!(answer.headers["cache-control"], "no-store");
    cookie(&answer)
}

async fn sign_in(app: &App, name: &str, password: &str) -> Answer {
    let body = json!({"name": name, "password": password});
    post(app, "/v1/console/session", &body).await
}

#[tokio::test]
async fn the_link_lets_in_one_person_once() {
    let app = App::new().await;
    let state = async || app.raw("GET", "/v1/console", &[], "").await.is(200);
    assert_eq!(state().await["needs_setup"], true);
    let secret = app.engine.setup_secret().await.unwrap().unwrap();
    let with = |secret: &str, password: &str| json!({"secret": secret, "name": "ann", "password": password});
    let path = "/v1/console/setup";
    post(&app, path, &with("guessed", PASSWORD))
        .await
        .problem(403, "not_the_link");
    let weak = post(&app, path, &with(secret.expose_secret(), "short")).await;
    let weak = weak.problem(422, "validation_failed");
    assert_eq!(weak["violations"][0]["pointer"], "/password");

    set_up(&app).await;
    assert_eq!(state().await["needs_setup"], false);
    post(&app, path, &with(secret.expose_secret(), PASSWORD))
        .await
        .problem(403, "not_the_link");
    assert!(app.engine.setup_secret().await.unwrap().is_none());
}

#[tokio::test]
async fn the_console_is_told_where_the_phones_of_a_demo_are() {
    let session = async |app: App| {
        let key = app.key(Scope::Read, &[]).await;
        app.get(&key, "/v1/console/session").await.is(200)["phone_url"].clone()
    };
    assert_eq!(session(App::new().await).await, Value::Null);
    let phone_url = Some("http://127.0.0.1:8700/".to_owned());
    let demo = GatewaySettings {
        phone_url: phone_url.clone(),
        ..GatewaySettings::default()
    };
    let shown = session(App::with(demo).await).await;
    assert_eq!(shown.as_str(), phone_url.as_deref());
}

#[tokio::test]
async fn a_session_reads_and_changes_only_from_the_console_itself() {
    let app = App::new().await;
    let cookie = set_up(&app).await;
    let cookie = ("cookie", cookie.as_str());
    app.raw("GET", "/v1/accounts", &[cookie], "").await.is(200);
    let role = r#"{"name":"bob","role":"viewer","password":"another long password"}"#;
    let path = "/v1/console/operators";
    app.raw("POST", path, &[cookie], role)
        .await
        .problem(403, "not_from_console");
    app.raw("POST", path, &[cookie, OURS], role).await.is(201);
    // Nor does a foreign page sign anybody in.
    let body = json!({"name": "ann", "password": PASSWORD}).to_string();
    app.raw("POST", "/v1/console/session", &[], body)
        .await
        .problem(403, "not_from_console");

    let viewer = sign_in(&app, "bob", "another long password").await;
    assert_eq!(viewer.is(201)["scopes"], json!(["read"]));
    let viewer = self::cookie(&viewer);
    app.raw("POST", "/v1/messages", &[("cookie", &viewer), OURS], "{}")
        .await
        .problem(403, "insufficient_scope");

    let gone = app
        .raw("DELETE", "/v1/console/session", &[cookie, OURS], "")
        .await;
    assert_eq!(gone.status, 204);
    app.raw("GET", "/v1/accounts", &[cookie], "")
        .await
        .problem(401, "signed_out");
}

#[tokio::test]
async fn who_fails_five_times_waits() {
    let app = App::new().await;
    set_up(&app).await;
    for _ in 0..5 {
        sign_in(&app, "ann", "not her password")
            .await
            .problem(401, "wrong_password");
    }
    let barred = sign_in(&app, "ann", PASSWORD).await;
    barred.problem(429, "too_many_failures");
    assert_eq!(barred.headers["retry-after"], "900");
    app.clock.advance(Duration::from_secs(900));
    sign_in(&app, "ann", PASSWORD).await.is(201);
}

#[tokio::test]
async fn a_session_nobody_uses_ends_and_one_that_is_used_lasts() {
    let app = App::new().await;
    let cookie = set_up(&app).await;
    let look = async || {
        let header = [("cookie", cookie.as_str())];
        app.raw("GET", "/v1/console/session", &header, "").await
    };
    for _ in 0..3 {
        app.clock.advance(Duration::from_secs(2 * 24 * 60 * 60));
        assert_eq!(look().await.is(200)["name"], "ann");
    }
    app.clock.advance(Duration::from_secs(4 * 24 * 60 * 60));
    look().await.problem(401, "signed_out");
}

#[tokio::test]
async fn the_last_admin_stays_and_a_new_password_ends_sessions() {
    let app = App::new().await;
    let cookie = set_up(&app).await;
    let headers = [("cookie", cookie.as_str()), OURS];
    let me = app.raw("GET", "/v1/console/session", &headers, "").await;
    let path = format!(
        "/v1/console/operators/{}",
        me.is(200)["id"].as_str().unwrap()
    );
    app.raw("DELETE", &path, &headers, "")
        .await
        .problem(409, "in_use");
    app.raw("PATCH", &path, &headers, r#"{"role":"viewer"}"#)
        .await
        .problem(409, "in_use");

    let change = async |current: &str| {
        let body = json!({"current": current, "new": "quite another password"});
        app.raw("PUT", "/v1/console/password", &headers, body.to_string())
            .await
    };
    change("wrong").await.problem(401, "wrong_password");
    assert_eq!(change(PASSWORD).await.status, 204);
    app.raw("GET", "/v1/console/session", &headers, "")
        .await
        .problem(401, "signed_out");
    sign_in(&app, "ann", PASSWORD)
        .await
        .problem(401, "wrong_password");
    sign_in(&app, "ann", "quite another password").await.is(201);
}
