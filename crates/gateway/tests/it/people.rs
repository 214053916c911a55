//! People: contacts, users, consents, reach, and what needs WeChat to tell.

use hongyan_domain::contact::{Follow, Sighting};
use hongyan_domain::key::Scope;
use hongyan_domain::message::Kind;
use hongyan_domain::port::{PeopleStore, TemplateStore};
use hongyan_domain::template::{Subscription, Template, fields_of};
use serde_json::{Value, json};

use crate::app::{App, good_but};

const NOTICE: &str = "tplNotice";

/// Somebody at an account.
async fn meet(app: &App, account: &str, openid: &str, unionid: Option<&str>) {
    let id = app.engine.account(account).unwrap().id;
    let at = app.engine.clock().now();
    let sighting = Sighting {
        unionid: unionid.map(|id| id.parse().unwrap()),
        follow: Some(Follow::Following),
        ..Sighting::of(openid.parse().unwrap(), at)
    };
    app.store.saw(id, &sighting, None).await.unwrap();
}

/// Gives the mini program one template, consented to one message at a time.
async fn notice(app: &App) {
    let content = "{{thing1.DATA}}";
    let template = Template {
        id: NOTICE.parse().unwrap(),
        kind: Kind::Subscribe,
        title: "取餐提醒".to_owned(),
        content: content.to_owned(),
        example: String::new(),
        fields: fields_of(content),
        subscription: Some(Subscription::OneTime),
        synced_at: app.engine.clock().now(),
    };
    let id = app.engine.account("demo-mp").unwrap().id;
    app.store
        .replace_templates(id, &[template], &[])
        .await
        .unwrap();
}

fn openids(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["openid"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn contacts_are_listed_shown_and_forgotten() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    for (openid, unionid) in [("oA", Some("uA")), ("oB", None), ("oC", None)] {
        meet(&app, "demo-oa", openid, unionid).await;
    }
    let path = "/v1/accounts/demo-oa/contacts";
    let first = app.get(&key, &format!("{path}?limit=2")).await.is(200);
    assert_eq!(openids(&first), ["oA", "oB"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = app
        .get(&key, &format!("{path}?cursor={cursor}"))
        .await
        .is(200);
    assert_eq!(
        (openids(&rest), &rest["next_cursor"]),
        (vec!["oC"], &Value::Null)
    );
    let found = app.get(&key, &format!("{path}?unionid=uA")).await.is(200);
    assert_eq!(openids(&found), ["oA"]);
    let none = app
        .get(&key, &format!("{path}?follow=unfollowed"))
        .await
        .is(200);
    assert_eq!(openids(&none), [""; 0]);
    app.get(&key, &format!("{path}?follow=yes"))
        .await
        .problem(400, "invalid_query");

    let card = app.get(&key, &format!("{path}/oA")).await.is(200);
    assert_eq!(
        (&card["follow"], &card["unionid"], &card["grants"]),
        (&json!("following"), &json!("uA"), &json!([]))
    );
    // Reading is not forgetting.
    let reader = app.key(Scope::Send, &[]).await;
    app.delete(&reader, &format!("{path}/oA"))
        .await
        .problem(403, "insufficient_scope");
    assert_eq!(app.delete(&key, &format!("{path}/oA")).await.status, 204);
    for openid in ["oA", "a%20b", "%ff"] {
        let gone = app.get(&key, &format!("{path}/{openid}")).await;
        assert_eq!(gone.status, 404, "{openid}");
    }
    app.delete(&key, &format!("{path}/oA"))
        .await
        .problem(404, "unknown_contact");
}

#[tokio::test]
async fn a_user_is_bound_and_messages_reach_them() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    meet(&app, "demo-oa", "oA", Some("uA")).await;
    let user = app
        .put(&key, "/v1/users/42", &json!({"openids": {"demo-oa": "oA"}}))
        .await
        .is(200);
    assert_eq!(
        (&user["id"], &user["openids"]),
        (&json!("42"), &json!({"demo-oa": "oA"}))
    );
    assert_eq!(app.get(&key, "/v1/users/42").await.is(200), user);
    assert_eq!(
        app.get(&key, "/v1/users").await.is(200)["items"],
        json!([user])
    );

    for to in [json!({"user_id": "42"}), json!({"unionid": "uA"})] {
        let sent = app
            .post(&key, "/v1/messages", &good_but(json!({"to": to})))
            .await
            .is(202);
        let path = format!("/v1/messages/{}", sent["id"].as_str().unwrap());
        let shown = app.get(&key, &path).await.is(200);
        assert_eq!(shown["to"], json!({"openid": "oA"}));
    }

    let twin = json!({"openids": {"demo-oa": "oA"}});
    let taken = app.put(&key, "/v1/users/43", &twin).await;
    let taken = taken.problem(409, "taken");
    assert_eq!(taken["violations"][0]["pointer"], "/openids/demo-oa");
    assert!(taken["detail"].as_str().unwrap().contains("42"), "{taken}");
    let over = json!({"openids": {"demo-oa": "oA"}, "take_over": true});
    app.put(&key, "/v1/users/43", &over).await.is(200);

    app.put(
        &key,
        "/v1/users/44",
        &json!({"openids": {"demo-oa": "a b"}}),
    )
    .await
    .problem(422, "validation_failed");
    app.put(&key, "/v1/users/44", &json!({"openids": {"nobody": "o"}}))
        .await
        .problem(404, "unknown_account");
    app.put(&key, "/v1/users/44", &json!({"union_id": "u"}))
        .await
        .problem(422, "validation_failed");
    assert_eq!(app.delete(&key, "/v1/users/43").await.status, 204);
    app.delete(&key, "/v1/users/43")
        .await
        .problem(404, "unknown_user");
}

#[tokio::test]
async fn a_restricted_key_sees_and_touches_its_own_part() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    let narrow = app.key(Scope::Send, &["demo-mp"]).await;
    let both = json!({"unionid": "u", "openids": {"demo-oa": "oA", "demo-mp": "mA"}});
    app.put(&key, "/v1/users/both", &both).await.is(200);
    let other = json!({"openids": {"demo-oa": "oB"}});
    app.put(&key, "/v1/users/other", &other).await.is(200);

    let seen = app.get(&narrow, "/v1/users").await.is(200);
    assert_eq!(seen["items"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen["items"][0]["openids"], json!({"demo-mp": "mA"}));
    app.get(&narrow, "/v1/users/other")
        .await
        .problem(404, "unknown_user");
    app.delete(&narrow, "/v1/users/both")
        .await
        .problem(403, "account_not_allowed");
    app.put(&narrow, "/v1/users/x", &json!({"unionid": "u"}))
        .await
        .problem(403, "account_not_allowed");
    app.put(&narrow, "/v1/users/x", &other)
        .await
        .problem(404, "unknown_account");
    let reach = app.get(&narrow, "/v1/reach?user_id=both").await.is(200);
    assert_eq!(reach["items"].as_array().unwrap().len(), 1);
    app.get(&narrow, "/v1/reach?account=demo-oa&openid=oA")
        .await
        .problem(404, "unknown_account");
}

#[tokio::test]
async fn consents_are_reported_once_and_say_who_can_be_reached() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    notice(&app).await;
    meet(&app, "demo-mp", "mA", None).await;
    let path = "/v1/accounts/demo-mp/grants";
    let accept =
        json!({"openid": "mA", "results": {NOTICE: "acceptWithAudio", "tplOther": "filter"}});
    let report = app.post_once(&key, path, "tap-1", &accept).await.is(200);
    assert_eq!(report["counted"], json!({NOTICE: true, "tplOther": false}));
    assert_eq!(report["grants"][0]["left"], 1);
    let again = app.post_once(&key, path, "tap-1", &accept).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.is(200), report);
    let grants = app.get(&key, &format!("{path}?openid=mA")).await.is(200);
    assert_eq!(
        (&grants["items"][0]["left"], &grants["items"][0]["can_send"]),
        (&json!(1), &json!(true))
    );

    let who = "/v1/reach?account=demo-mp&openid=mA";
    let route = |reach: Value| {
        let routes = reach["items"][0]["routes"].as_array().unwrap().clone();
        let mut ours = routes
            .into_iter()
            .filter(|route| route["template_id"] == NOTICE);
        ours.next().unwrap()
    };
    let reached = route(app.get(&key, who).await.is(200));
    assert_eq!(
        (&reached["can"], &reached["left"], &reached["title"]),
        (&json!("yes"), &json!(1), &json!("取餐提醒"))
    );
    let reject = json!({"openid": "mA", "results": {NOTICE: "reject"}});
    app.clock.set("2026-11-21T05:00:00Z".parse().unwrap());
    app.post(&key, path, &reject).await.is(200);
    let other = json!({"openid": "mB", "results": {NOTICE: "reject"}});
    app.post(&key, path, &other).await.is(200);
    let refused = route(
        app.get(&key, "/v1/reach?account=demo-mp&openid=mB")
            .await
            .is(200),
    );
    assert_eq!(refused["can"], "no");
    assert_eq!(refused["reason"]["reason"], "refused");
    assert!(!refused["reason"]["message_zh"].as_str().unwrap().is_ascii());

    for (body, pointer) in [
        (json!({"openid": "mA", "results": {}}), "/results"),
        (
            json!({"openid": "mA", "results": {NOTICE: "yes"}}),
            "/results/tplNotice",
        ),
        (
            json!({"openid": "m A", "results": {NOTICE: "accept"}}),
            "/openid",
        ),
        (json!({"openid": "mA", "result": {}}), "/result"),
    ] {
        let problem = app.post(&key, path, &body).await;
        let problem = problem.problem(422, "validation_failed");
        assert_eq!(problem["violations"][0]["pointer"], pointer, "{problem}");
    }
}

#[tokio::test]
async fn reach_wants_exactly_one_name() {
    let app = App::new().await;
    let key = app.key(Scope::Read, &[]).await;
    for (query, pointer) in [
        ("", "?openid"),
        ("?openid=o", "?account"),
        ("?account=demo-oa", "?openid"),
        ("?account=demo-oa&openid=o&unionid=u", "?openid"),
        ("?unionid=a%20b", "?unionid"),
        ("?user_id=u&acount=x", "?acount"),
    ] {
        let problem = app
            .get(&key, &format!("/v1/reach{query}"))
            .await
            .problem(400, "invalid_query");
        assert_eq!(problem["violations"][0]["pointer"], pointer, "{problem}");
    }
    app.get(&key, "/v1/accounts/demo-mp/grants")
        .await
        .problem(400, "invalid_query");
    let nobody = app.get(&key, "/v1/reach?user_id=u").await.is(200);
    assert_eq!(nobody["items"].as_array().unwrap().len(), 2);
    assert_eq!(nobody["items"][0]["openid"], Value::Null);
}

#[tokio::test]
async fn logins_tickets_and_signatures_say_what_stands_in_their_way() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    let login = async |account: &str, code: &str| {
        let path = format!("/v1/accounts/{account}/login");
        app.post(&key, &path, &json!({"code": code})).await
    };
    login("demo-oa", "c").await.problem(422, "wrong_kind");
    login("demo-mp", "").await.problem(422, "validation_failed");
    let unreachable = login("demo-mp", "hush-code").await;
    assert!(!unreachable.text.contains("hush"), "{unreachable:?}");
    assert!(unreachable.headers.contains_key("retry-after"));
    unreachable.problem(503, "wechat_unreachable");
    // The same for a message that names its recipient so.
    let message = good_but(json!({"to": {"login_code": "c"}}));
    app.post(&key, "/v1/messages", &message)
        .await
        .problem(422, "wrong_kind");

    let ticket = json!({"ticket": "t"});
    app.post(&key, "/v1/accounts/demo-oa/oauth-ticket", &ticket)
        .await
        .problem(404, "unknown_ticket");

    let sign = async |account: &str, url: &str| {
        let path = format!("/v1/accounts/{account}/jssdk-signature");
        app.post(&key, &path, &json!({"url": url})).await
    };
    let problem = sign("demo-oa", "https://a.example/x")
        .await
        .problem(422, "origin_not_allowed");
    assert_eq!(problem["violations"][0]["pointer"], "/url");
    sign("demo-oa", "nonsense")
        .await
        .problem(422, "validation_failed");
    let change = json!({"js_origins": ["https://a.example"]});
    app.patch(&key, "/v1/accounts/demo-oa", &change)
        .await
        .is(200);
    sign("demo-oa", "https://a.example/x")
        .await
        .problem(503, "wechat_unreachable");
}

#[tokio::test]
async fn the_other_kinds_are_taken_and_shown_as_they_were_given() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    let body = json!({"msgtype": "text", "text": {"content": "On its way"}});
    for (fields, shown) in [
        (
            json!({"kind": "customer_service", "content": body}),
            json!({"content": body, "data": {}}),
        ),
        (
            json!({"kind": "one_time", "template_id": "tplOnce", "scene": 7, "title": "Shipped",
                "data": {"content": "On its way"}, "url": "https://a.example"}),
            json!({"scene": 7, "title": "Shipped", "template_id": "tplOnce",
                "data": {"content": {"value": "On its way"}}, "url": "https://a.example"}),
        ),
    ] {
        let mut message = json!({"account": "demo-oa", "to": {"openid": "oA"}});
        for (name, value) in fields.as_object().unwrap() {
            message[name] = value.clone();
        }
        let checked = app.post(&key, "/v1/messages/validate", &message).await;
        assert_eq!(checked.is(200)["valid"], true);
        let sent = app.post(&key, "/v1/messages", &message).await.is(202);
        let path = format!("/v1/messages/{}", sent["id"].as_str().unwrap());
        let found = app.get(&key, &path).await.is(200);
        for (name, value) in shown.as_object().unwrap() {
            assert_eq!(found[name], *value, "{name}");
        }
    }
    let one = app
        .get(&key, "/v1/messages?kind=customer_service")
        .await
        .is(200);
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    assert!(one["items"][0].get("template_id").is_none());
    let waiting = app
        .get(&key, "/v1/messages?no_receipt_after_minutes=10")
        .await
        .is(200);
    assert_eq!(waiting["items"], json!([]));
}
