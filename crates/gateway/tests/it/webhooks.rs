//! Webhooks: made, changed, seen by those who may.

use hongyan_domain::key::Scope;
use serde_json::{Value, json};

use crate::app::App;

/// Somewhere outside, where nothing is sent in these tests.
const URL: &str = "https://shop.example.com/hooks";

async fn made(app: &App, key: &str, accounts: Value) -> (String, Value) {
    let wanted = json!({"url": URL, "accounts": accounts});
    let made = app.post(key, "/v1/webhooks", &wanted).await.is(201);
    let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    (path, made)
}

#[tokio::test]
async fn a_secret_is_shown_when_it_is_made_and_nowhere_else() {
    let app = App::new().await;
    let admin = app.key(Scope::Admin, &[]).await;
    let wanted = json!({"url": URL, "events": ["message.failed", "message.failed"]});
    let answer = app.post_once(&admin, "/v1/webhooks", "k", &wanted).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let made = answer.is(201);
    assert_eq!(made["events"], json!(["message.failed"]));
    assert_eq!(made["enabled"], true);
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let again = app.post_once(&admin, "/v1/webhooks", "k", &wanted).await;
    assert_eq!(again.is(201), made, "a repeat makes no second one");

    let path = format!("/v1/webhooks/{}", made["id"].as_str().unwrap());
    let list = app.get(&admin, "/v1/webhooks").await;
    assert_eq!(list.is(200)["items"].as_array().unwrap().len(), 1);
    for shown in [list, app.get(&admin, &path).await] {
        assert!(!shown.text.contains("whsec_"), "{}", shown.text);
    }
    let rotated = app
        .post(&admin, &format!("{path}/rotate-secret"), &json!({}))
        .await;
    assert_eq!(rotated.headers["cache-control"], "no-store");
    let rotated = rotated.is(200);
    assert_ne!(rotated["secret"], made["secret"]);
    assert!(rotated["former_secret_ends_at"].is_string(), "{rotated}");
    assert_eq!(app.delete(&admin, &path).await.status, 204);
    app.get(&admin, &path).await.problem(404, "unknown_webhook");
}

#[tokio::test]
async fn a_webhook_is_switched_off_and_on() {
    let app = App::new().await;
    let admin = app.key(Scope::Admin, &[]).await;
    let (path, _) = made(&app, &admin, json!([])).await;
    let change = |enabled: bool| json!({"enabled": enabled, "description": "商城"});
    let off = app.patch(&admin, &path, &change(false)).await.is(200);
    assert_eq!(off["disabled"]["why"], "by_hand");
    assert_eq!(off["description"], "商城");
    app.post(&admin, &format!("{path}/ping"), &json!({}))
        .await
        .problem(409, "webhook_disabled");
    let since = json!({"since": "2026-11-21T00:00:00Z"});
    app.post(&admin, &format!("{path}/retry"), &since)
        .await
        .problem(409, "webhook_disabled");
    let on = app.patch(&admin, &path, &change(true)).await.is(200);
    assert_eq!(
        (&on["enabled"], &on["disabled"]),
        (&json!(true), &Value::Null)
    );
    let ping = app
        .post(&admin, &format!("{path}/ping"), &json!({}))
        .await
        .is(202);
    assert_eq!(
        (&ping["event"], &ping["state"]),
        (&json!("webhook.ping"), &json!("pending"))
    );
    let list = app
        .get(
            &admin,
            &format!("{path}/deliveries?event=webhook.ping&state=pending"),
        )
        .await
        .is(200);
    assert_eq!(list["items"][0], ping);
    let told = ping["id"].as_str().unwrap();
    let shown = app
        .get(&admin, &format!("{path}/deliveries/{told}"))
        .await
        .is(200);
    assert_eq!(shown["body"]["type"], "webhook.ping");
}

#[tokio::test]
async fn what_is_wrong_with_a_webhook_is_said_at_once() {
    let app = App::new().await;
    let admin = app.key(Scope::Admin, &[]).await;
    let wrong = json!({
        "url": "http://10.0.0.1/", "description": "x".repeat(257),
        "accounts": ["demo-oa", "nobody"], "events": ["webhook.ping"],
    });
    let problem = app
        .post(&admin, "/v1/webhooks", &wrong)
        .await
        .problem(422, "validation_failed");
    let places: Vec<_> = problem["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|violation| violation["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(places, ["/url", "/description", "/accounts/1", "/events/0"]);
    let (path, _) = made(&app, &admin, json!([])).await;
    app.post(
        &admin,
        &format!("{path}/rotate-secret"),
        &json!({"overlap_hours": 169}),
    )
    .await
    .problem(422, "validation_failed");
    app.get(&admin, &format!("{path}/deliveries?state=lost"))
        .await
        .problem(400, "invalid_query");
}

#[tokio::test]
async fn a_key_of_some_accounts_sees_no_more_than_those() {
    let app = App::new().await;
    let admin = app.key(Scope::Admin, &[]).await;
    let restricted = app.key(Scope::Admin, &["demo-oa"]).await;
    let (all, _) = made(&app, &admin, json!([])).await;
    let (both, _) = made(&app, &admin, json!(["demo-oa", "demo-mp"])).await;
    let (own, _) = made(&app, &restricted, json!(["demo-oa"])).await;
    for hidden in [&all, &both] {
        app.get(&restricted, hidden)
            .await
            .problem(404, "unknown_webhook");
        app.delete(&restricted, hidden)
            .await
            .problem(404, "unknown_webhook");
    }
    let list = app.get(&restricted, "/v1/webhooks").await.is(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let wide = json!({"accounts": []});
    app.patch(&restricted, &own, &wide)
        .await
        .problem(403, "account_not_allowed");
    app.post(&restricted, "/v1/webhooks", &json!({"url": URL}))
        .await
        .problem(403, "account_not_allowed");

    // An account that goes does not turn "only this one" into "all".
    app.delete(&admin, "/v1/accounts/demo-oa").await;
    let shown = app.get(&admin, &own).await.is(200);
    let left = shown["accounts"][0].as_str().unwrap();
    assert!(left.starts_with('#'), "{shown}");
    app.get(&restricted, &own)
        .await
        .problem(404, "unknown_webhook");
}
