//! Accounts: made known, changed, removed; secrets never come back.

use hongyan_domain::key::Scope;
use serde_json::{Value, json};

use crate::app::{App, TEMPLATE, good};

fn shop() -> Value {
    json!({
        "name": "shop", "kind": "official_account", "appid": "wx99", "secret": "hush-hush",
        "original_id": "gh_1", "rate_per_second": 20,
        "callback": {"token": "hushToken", "encoding_aes_key": "a".repeat(43)},
    })
}

#[tokio::test]
async fn an_account_lives_from_post_to_delete() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    let created = app.post(&key, "/v1/accounts", &shop()).await;
    assert!(!created.text.contains("hush"), "{}", created.text);
    let created = created.is(201);
    assert_eq!(created["health"], json!({"status": "healthy"}));
    assert_eq!(
        created["callback"],
        json!({"has_token": true, "has_encoding_aes_key": true, "has_previous": false})
    );
    assert_eq!(
        (&created["token_mode"], &created["max_in_flight"]),
        (&json!("stable"), &json!(256))
    );

    let path = "/v1/accounts/shop";
    let mut shown = app.get(&key, path).await.is(200);
    let refreshes = shown.as_object_mut().unwrap().remove("token_refreshes");
    assert_eq!(refreshes, Some(json!({"today": 0, "foreign_today": 0})));
    assert_eq!(shown, created);
    let change =
        json!({"secret": "hush-2", "rate_per_second": null, "callback": null, "max_in_flight": 5});
    let changed = app.patch(&key, path, &change).await;
    assert!(!changed.text.contains("hush"), "{}", changed.text);
    let changed = changed.is(200);
    assert_eq!(
        (&changed["rate_per_second"], &changed["callback"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&changed["max_in_flight"], &changed["original_id"]),
        (&json!(5), &json!("gh_1"))
    );
    let settings = app.engine.account("shop").unwrap().settings.clone();
    assert_eq!(settings.secret.expose(), "hush-2");

    let names = |list: Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let list = app.get(&key, "/v1/accounts?limit=2").await.is(200);
    assert_eq!(names(list.clone()), ["demo-mp", "demo-oa"]);
    let next = format!(
        "/v1/accounts?cursor={}",
        list["next_cursor"].as_str().unwrap()
    );
    assert_eq!(names(app.get(&key, &next).await.is(200)), ["shop"]);

    assert_eq!(app.delete(&key, path).await.status, 204);
    app.get(&key, path).await.problem(404, "unknown_account");
}

#[tokio::test]
async fn what_is_wrong_with_an_account_is_said_at_once() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    let wrong = json!({
        "name": "Shop!", "kind": "mini_program", "appid": "w x", "secret": " hush ",
        "original_id": "", "rate_per_second": 0, "max_in_flight": 10_001,
        "callback": {"token": "x", "encoding_aes_key": "short"},
    });
    let answer = app.post(&key, "/v1/accounts", &wrong).await;
    assert!(!answer.text.contains("hush"), "{}", answer.text);
    let problem = answer.problem(422, "validation_failed");
    let places: Vec<_> = problem["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|violation| violation["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "/name",
            "/appid",
            "/secret",
            "/original_id",
            "/callback/token",
            "/callback/encoding_aes_key",
            "/rate_per_second",
            "/max_in_flight"
        ]
    );
    let kind = app
        .patch(
            &key,
            "/v1/accounts/demo-oa",
            &json!({"kind": "mini_program"}),
        )
        .await;
    assert_eq!(
        kind.problem(422, "validation_failed")["violations"][0]["pointer"],
        "/kind"
    );
    let bad = app
        .patch(
            &key,
            "/v1/accounts/demo-oa",
            &json!({"max_in_flight": 0, "secret": ""}),
        )
        .await;
    bad.problem(422, "validation_failed");
    assert_eq!(
        app.engine
            .account("demo-oa")
            .unwrap()
            .settings
            .max_in_flight,
        8
    );
}

#[tokio::test]
async fn names_and_appids_are_taken_once() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    let first = app
        .post_once(&key, "/v1/accounts", "k", &shop())
        .await
        .is(201);
    assert_eq!(
        app.post_once(&key, "/v1/accounts", "k", &shop())
            .await
            .is(201),
        first
    );
    app.post(&key, "/v1/accounts", &shop())
        .await
        .problem(409, "taken");
    let mut twin = shop();
    twin["name"] = json!("twin");
    app.post(&key, "/v1/accounts", &twin)
        .await
        .problem(409, "taken");
}

#[tokio::test]
async fn an_account_with_open_messages_stays() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    app.post(&key, "/v1/messages", &good()).await.is(202);
    app.delete(&key, "/v1/accounts/demo-oa")
        .await
        .problem(409, "in_use");
    app.get(&key, "/v1/accounts/demo-oa").await.is(200);
}

#[tokio::test]
async fn restricted_keys_see_their_accounts_alone() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &["demo-mp"]).await;
    let list = app.get(&key, "/v1/accounts").await.is(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    app.get(&key, "/v1/accounts/demo-mp").await.is(200);
    app.get(&key, "/v1/accounts/demo-oa")
        .await
        .problem(404, "unknown_account");
    app.delete(&key, "/v1/accounts/demo-oa")
        .await
        .problem(404, "unknown_account");
    app.post(&key, "/v1/accounts", &shop())
        .await
        .problem(403, "account_not_allowed");
    assert!(app.engine.account("shop").is_none());
}

#[tokio::test]
async fn templates_are_listed_with_their_rules() {
    let app = App::new().await;
    let key = app.key(Scope::Read, &[]).await;
    let list = app
        .get(&key, "/v1/accounts/demo-oa/templates")
        .await
        .is(200);
    let template = &list["items"][0];
    assert_eq!(template["template_id"], TEMPLATE);
    assert_eq!(template["fields"][0]["type"], "thing");
    assert!(
        template["fields"][0]["rule"]
            .as_str()
            .unwrap()
            .contains("20")
    );
    let none = app
        .get(&key, "/v1/accounts/demo-mp/templates")
        .await
        .is(200);
    assert_eq!(none, json!({"items": [], "next_cursor": null}));
}

#[tokio::test]
async fn what_needs_wechat_says_that_it_cannot_be_reached() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    for (method, path) in [
        ("GET", "/v1/accounts/demo-oa/access_token"),
        ("POST", "/v1/accounts/demo-oa/templates/sync"),
    ] {
        let bearer = format!("Bearer {key}");
        let answer = app
            .raw(method, path, &[("authorization", &bearer)], "")
            .await;
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
        assert!(!answer.text.contains("seeded-secret"), "{answer:?}");
        answer.problem(503, "wechat_unreachable");
    }
    let report = app
        .post(&key, "/v1/accounts/demo-oa/check", &json!({}))
        .await
        .is(200);
    assert_eq!(report["ok"], false);
    assert!(
        report["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step["state"] == "failed")
    );
}
