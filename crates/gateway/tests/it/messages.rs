//! Messages: taken in, repeated harmlessly, shown, searched, taken back.

use std::time::Duration;

use hongyan_domain::key::Scope;
use hongyan_gateway::GatewaySettings;
use serde_json::{Value, json};

use crate::app::{App, TEMPLATE, good, good_but};

#[tokio::test]
async fn a_message_is_taken_in_and_shown() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    let message = good_but(json!({
        "reference": "order-42", "metadata": {"b": 1, "a": 1.50}, "priority": "high",
        "url": "https://a.example/x", "send_at": "2026-11-21T06:00:00+01:00",
    }));
    let accepted = app.post(&key, "/v1/messages", &message).await.is(202);
    assert_eq!(accepted["status"], "scheduled");
    assert_eq!(accepted["created_at"], "2026-11-21T04:00:00Z");
    let id = accepted["id"].as_str().unwrap();
    let shown = app.get(&key, &format!("/v1/messages/{id}")).await;
    // Metadata comes back as it was written.
    assert!(
        shown.text.contains(r#""metadata":{"b":1,"a":1.5}"#),
        "{}",
        shown.text
    );
    let shown = shown.is(200);
    for (field, value) in [
        ("id", json!(id)),
        ("account", json!("demo-oa")),
        ("kind", json!("template")),
        ("to", json!({"openid": "oPerson"})),
        ("status", json!("scheduled")),
        ("template_id", json!(TEMPLATE)),
        (
            "data",
            json!({"thing1": {"value": "Parcel"}, "time2": {"value": "2026-11-20 10:00", "color": "#173177"}}),
        ),
        ("url", json!("https://a.example/x")),
        ("reference", json!("order-42")),
        ("priority", json!("high")),
        ("send_at", json!("2026-11-21T05:00:00Z")),
        ("due_at", json!("2026-11-21T05:00:00Z")),
        ("attempts", json!([])),
        ("receipt", Value::Null),
        ("wechat_msgid", Value::Null),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert_eq!(
        app.post(&key, "/v1/messages", &good()).await.is(202)["status"],
        "queued"
    );
}

#[tokio::test]
async fn long_values_are_cut_where_that_is_asked_for() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    let message = good_but(json!({
        "overflow": "truncate", "data": {"thing1": "一".repeat(30), "time2": "10:00"},
    }));
    let id = app.post(&key, "/v1/messages", &message).await.is(202)["id"].clone();
    let shown = app
        .get(&key, &format!("/v1/messages/{}", id.as_str().unwrap()))
        .await
        .is(200);
    assert_eq!(
        shown["data"]["thing1"]["value"],
        format!("{}…", "一".repeat(19))
    );
}

#[tokio::test]
async fn a_repeat_with_the_same_key_is_answered_alike() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    let first = app
        .post_once(&key, "/v1/messages", "order-42", &good())
        .await;
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let first = first.is(202);
    let again = app
        .post_once(&key, "/v1/messages", "order-42", &good())
        .await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.is(202), first);
    assert_eq!(app.count().await, 1);

    let other = good_but(json!({"reference": "x"}));
    let reused = app
        .post_once(&key, "/v1/messages", "order-42", &other)
        .await;
    reused.problem(422, "idempotency_key_reused");
    let reused = app
        .post_once(&key, "/v1/messages/batch", "order-42", &good())
        .await;
    reused.problem(422, "idempotency_key_reused");

    // Another caller's key of the same text is another key.
    let stranger = app.key(Scope::Send, &[]).await;
    let theirs = app
        .post_once(&stranger, "/v1/messages", "order-42", &good())
        .await
        .is(202);
    assert_ne!(theirs["id"], first["id"]);
    assert_eq!(app.count().await, 2);
}

#[tokio::test]
async fn a_replay_stands_where_the_rules_have_changed_since() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    let first = app
        .post_once(&key, "/v1/messages", "k", &good())
        .await
        .is(202);
    app.patch(&key, "/v1/accounts/demo-oa", &json!({"disabled": true}))
        .await
        .is(200);
    assert_eq!(
        app.post_once(&key, "/v1/messages", "k", &good())
            .await
            .is(202),
        first
    );
}

#[tokio::test]
async fn a_refusal_does_not_use_the_key_up() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    let wrong = good_but(json!({"data": {}}));
    app.post_once(&key, "/v1/messages", "k", &wrong)
        .await
        .problem(422, "validation_failed");
    app.post_once(&key, "/v1/messages", "k", &good())
        .await
        .is(202);
    let bad = app.post_once(&key, "/v1/messages", "a b", &good()).await;
    bad.problem(400, "invalid_idempotency_key");
}

#[tokio::test]
async fn waiting_ends_with_what_is_known() {
    let longest_wait = Duration::from_millis(1);
    let app = App::with(GatewaySettings {
        longest_wait,
        ..GatewaySettings::default()
    })
    .await;
    let key = app.key(Scope::Send, &[]).await;
    // Nothing is sent in these tests: the time runs out.
    let open = app
        .post_once(&key, "/v1/messages?wait=5", "k", &good())
        .await
        .is(202);
    assert_eq!(open["status"], "queued");
    let id = open["id"].as_str().unwrap();
    app.post(&key, &format!("/v1/messages/{id}/cancel"), &json!({}))
        .await
        .is(200);
    // The repeat waits for the same message, which is over by now.
    let over = app
        .post_once(&key, "/v1/messages?wait=7", "k", &good())
        .await;
    assert_eq!(over.headers["idempotency-replayed"], "true");
    let over = over.is(200);
    assert_eq!(
        (&over["id"], &over["status"]),
        (&open["id"], &json!("canceled"))
    );
    assert_eq!(app.count().await, 1);
}

#[tokio::test]
async fn a_batch_is_judged_one_by_one() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &["demo-oa"]).await;
    let batch = json!({"messages": [
        good(),
        good_but(json!({"data": {"thing1": "x"}})),
        good_but(json!({"refrence": "x"})),
        good_but(json!({"account": "demo-mp"})),
        5,
        good_but(json!({"reference": "last"})),
    ]});
    let answer = app
        .post_once(&key, "/v1/messages/batch", "b", &batch)
        .await
        .is(200);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 6);
    assert_eq!(results[0]["status"], "queued");
    assert_eq!(
        results[1]["problem"]["violations"][0]["pointer"],
        "/data/time2"
    );
    assert_eq!(
        results[2]["problem"]["violations"][0]["pointer"],
        "/refrence"
    );
    assert_eq!(results[3]["problem"]["code"], "unknown_account");
    assert_eq!(results[4]["problem"]["violations"][0]["rule"], "type");
    let last = results[5]["id"].as_str().unwrap();
    assert_eq!(
        app.get(&key, &format!("/v1/messages/{last}")).await.is(200)["reference"],
        "last"
    );
    assert_eq!(app.count().await, 2);
    assert_eq!(
        app.post_once(&key, "/v1/messages/batch", "b", &batch)
            .await
            .is(200),
        answer
    );
    assert_eq!(app.count().await, 2);

    let batch = |count: usize| json!({"messages": vec![json!({}); count]});
    assert_eq!(
        app.post(&key, "/v1/messages/batch", &batch(1000))
            .await
            .status,
        200
    );
    for bad in [batch(0), batch(1001)] {
        let problem = app
            .post(&key, "/v1/messages/batch", &bad)
            .await
            .problem(422, "validation_failed");
        assert_eq!(problem["violations"][0]["pointer"], "/messages");
    }
}

#[tokio::test]
async fn validation_says_everything_and_stores_nothing() {
    let app = App::new().await;
    let key = app.key(Scope::Read, &[]).await;
    let check = async |message: Value| {
        app.post(&key, "/v1/messages/validate", &message)
            .await
            .is(200)
    };
    let fine = check(good()).await;
    assert_eq!(
        (&fine["valid"], &fine["violations"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(
        fine["preview"][0],
        json!({"label": "商品", "value": "Parcel"})
    );
    let wrong = check(good_but(json!({"data": {"thing1": "x"}, "reference": ""}))).await;
    assert_eq!(wrong["valid"], false);
    assert_eq!(wrong["violations"].as_array().unwrap().len(), 2);
    assert_eq!(wrong["preview"][0]["value"], "x");
    for (changes, pointer) in [
        (json!({"account": "demo-mp"}), "/kind"),
        (json!({"nonsense": 1}), "/nonsense"),
    ] {
        let wrong = check(good_but(changes)).await;
        assert_eq!(
            (&wrong["valid"], &wrong["violations"][0]["pointer"]),
            (&json!(false), &json!(pointer))
        );
    }
    let nobody = app
        .post(
            &key,
            "/v1/messages/validate",
            &good_but(json!({"account": "x"})),
        )
        .await;
    nobody.problem(404, "unknown_account");
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_message_is_taken_back_once_and_for_all() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    let id = app.post(&key, "/v1/messages", &good()).await.is(202)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/messages/{id}");
    for _ in 0..2 {
        let canceled = app
            .post(&key, &format!("{path}/cancel"), &json!({}))
            .await
            .is(200);
        assert_eq!(canceled["status"], "canceled");
    }
    let answer = app.post(&key, &format!("{path}/retry"), &json!({})).await;
    let problem = answer.problem(409, "not_retryable");
    assert!(
        problem["detail"].as_str().unwrap().contains("canceled"),
        "{problem}"
    );
    assert!(
        problem["detail_zh"].as_str().unwrap().contains("canceled"),
        "{problem}"
    );
}

#[tokio::test]
async fn searches_find_what_fits_page_by_page() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    for number in 0..5 {
        app.clock.advance(Duration::from_secs(1));
        let message = good_but(json!({
            "reference": format!("r{}", number % 2), "to": {"openid": format!("o{number}")},
        }));
        app.post(&key, "/v1/messages", &message).await.is(202);
    }
    let search = async |query: &str| {
        app.get(&key, &format!("/v1/messages?{query}"))
            .await
            .is(200)["items"]
            .as_array()
            .unwrap()
            .clone()
    };
    assert_eq!(search("").await.len(), 5);
    assert_eq!(search("reference=r1").await.len(), 2);
    assert_eq!(search("openid=o3").await.len(), 1);
    let user = json!({"openids": {"demo-oa": "o4"}});
    app.put(&key, "/v1/users/42", &user).await.is(200);
    let of_user = search("user_id=42").await;
    assert_eq!(of_user.len(), 1);
    assert_eq!(of_user[0]["to"]["openid"], "o4");
    assert_eq!(search("user_id=43").await.len(), 0);
    assert_eq!(search("unionid=uNobody").await.len(), 0);
    app.get(&key, "/v1/messages?user_id=42&openid=o4")
        .await
        .problem(400, "invalid_query");
    assert_eq!(
        search("status=queued&kind=template&account=demo-oa")
            .await
            .len(),
        5
    );
    assert_eq!(search("status=accepted").await.len(), 0);
    assert_eq!(search("errcode=47003").await.len(), 0);
    assert_eq!(search("created_after=2026-11-21T04:00:04Z").await.len(), 2);
    assert_eq!(
        search("created_before=2026-11-21T04:00:04%2B00:00")
            .await
            .len(),
        3
    );
    app.get(&key, "/v1/messages?account=nobody")
        .await
        .problem(404, "unknown_account");

    let (mut seen, mut path) = (Vec::new(), "/v1/messages?limit=2".to_owned());
    loop {
        let page = app.get(&key, &path).await.is(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2 && items.iter().all(|item| item.get("attempts").is_none()));
        seen.extend(
            items
                .iter()
                .map(|item| item["to"]["openid"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/messages?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["o4", "o3", "o2", "o1", "o0"]);
}

#[tokio::test]
async fn other_peoples_messages_do_not_exist() {
    let app = App::new().await;
    let all = app.key(Scope::Send, &[]).await;
    let other = app.key(Scope::Send, &["demo-mp"]).await;
    let id = app.post(&all, "/v1/messages", &good()).await.is(202)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.post(&other, "/v1/messages", &good())
        .await
        .problem(404, "unknown_account");
    app.get(&other, &format!("/v1/messages/{id}"))
        .await
        .problem(404, "unknown_message");
    for verb in ["cancel", "retry"] {
        let answer = app
            .post(&other, &format!("/v1/messages/{id}/{verb}"), &json!({}))
            .await;
        answer.problem(404, "unknown_message");
    }
    assert_eq!(
        app.get(&other, "/v1/messages").await.is(200)["items"],
        json!([])
    );
    app.get(&other, "/v1/messages?account=demo-oa")
        .await
        .problem(404, "unknown_account");
    app.get(&other, "/v1/accounts/demo-oa/templates")
        .await
        .problem(404, "unknown_account");
}

#[tokio::test]
async fn an_open_message_says_what_it_waits_for() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    let id = app.post(&key, "/v1/messages", &good()).await.is(202)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/messages/{id}");
    assert_eq!(app.get(&key, &path).await.is(200)["waiting"], Value::Null);
    app.patch(&key, "/v1/accounts/demo-oa", &json!({"disabled": true}))
        .await
        .is(200);
    assert_eq!(
        app.get(&key, &path).await.is(200)["waiting"]["reason"],
        "account_disabled"
    );
}
