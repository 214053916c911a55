//! API keys: made, listed, removed, and never stronger than their maker.

use std::time::Duration;

use hongyan_domain::key::Scope;
use serde_json::json;

use crate::app::App;

#[tokio::test]
async fn a_key_works_from_its_making_to_its_removal() {
    let app = App::new().await;
    let admin = app.key(Scope::Admin, &[]).await;
    app.clock.advance(Duration::from_secs(1));
    let wanted = json!({"name": "shop", "scopes": ["read", "read"], "accounts": ["demo-oa"]});
    let made = app.post(&admin, "/v1/keys", &wanted).await;
    assert_eq!(made.headers["cache-control"], "no-store");
    let made = made.is(201);
    assert_eq!(
        (&made["scopes"], &made["accounts"]),
        (&json!(["read"]), &json!(["demo-oa"]))
    );
    let text = made["api_key"].as_str().unwrap();
    app.get(text, "/v1/accounts/demo-oa").await.is(200);
    app.get(text, "/v1/accounts/demo-mp")
        .await
        .problem(404, "unknown_account");

    let list = app.get(&admin, "/v1/keys").await;
    assert!(
        !list.text.contains(text) && !list.text.contains("api_key"),
        "{}",
        list.text
    );
    assert_eq!(list.is(200)["items"][1]["name"], "shop");

    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(app.delete(&admin, &path).await.status, 204);
    app.get(text, "/v1/accounts/demo-oa")
        .await
        .problem(401, "invalid_key");
    app.delete(&admin, &path).await.problem(404, "unknown_key");
}

#[tokio::test]
async fn a_repeat_hands_out_the_same_key() {
    let app = App::new().await;
    let admin = app.key(Scope::Admin, &[]).await;
    let wanted = json!({"name": "shop", "scopes": ["send"]});
    let made = app
        .post_once(&admin, "/v1/keys", "k", &wanted)
        .await
        .is(201);
    let again = app.post_once(&admin, "/v1/keys", "k", &wanted).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.is(201), made);
    app.post(&admin, "/v1/keys", &wanted)
        .await
        .problem(409, "taken");
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_said_at_once() {
    let app = App::new().await;
    let admin = app.key(Scope::Admin, &[]).await;
    let wrong = json!({
        "name": " x", "scopes": [], "accounts": ["demo-oa", "Not A Name"],
        "expires_at": "2020-01-01T00:00:00Z",
    });
    let problem = app
        .post(&admin, "/v1/keys", &wrong)
        .await
        .problem(422, "validation_failed");
    let places: Vec<_> = problem["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|violation| violation["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(places, ["/name", "/scopes", "/accounts/1", "/expires_at"]);
    let root = json!({"name": "x", "scopes": ["root"]});
    let problem = app
        .post(&admin, "/v1/keys", &root)
        .await
        .problem(422, "validation_failed");
    assert_eq!(problem["violations"][0]["pointer"], "/scopes/0");
}

#[tokio::test]
async fn restricted_keys_cannot_reach_further_by_making_keys() {
    let app = App::new().await;
    let all = app.key(Scope::Admin, &[]).await;
    app.clock.advance(Duration::from_secs(1));
    let some = app.key(Scope::Admin, &["demo-mp"]).await;
    for accounts in [json!([]), json!(["demo-oa"]), json!(["demo-mp", "demo-oa"])] {
        let wanted = json!({"name": "sneaky", "scopes": ["admin"], "accounts": accounts});
        app.post(&some, "/v1/keys", &wanted)
            .await
            .problem(403, "account_not_allowed");
    }
    let wanted = json!({"name": "fine", "scopes": ["send"], "accounts": ["demo-mp"]});
    app.post(&some, "/v1/keys", &wanted).await.is(201);
    let seen = app.get(&some, "/v1/keys").await.is(200);
    assert_eq!(seen["items"].as_array().unwrap().len(), 2);
    let keys = app.get(&all, "/v1/keys").await.is(200);
    let path = format!("/v1/keys/{}", keys["items"][0]["id"].as_str().unwrap());
    app.delete(&some, &path).await.problem(404, "unknown_key");
    app.get(&all, "/v1/keys").await.is(200);
}
