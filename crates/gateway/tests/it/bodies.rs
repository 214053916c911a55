//! Bad input: each is a problem that names the place, and stores nothing.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use hongyan_domain::key::Scope;
use hongyan_gateway::GatewaySettings;
use serde_json::{Value, json};

use crate::app::{App, good, good_but};

#[tokio::test]
async fn what_is_no_json_is_refused_with_the_reason() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    let bearer = format!("Bearer {key}");
    let nested = format!(
        "{{\"content\":{{\"a\":{}{}}}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let cases: Vec<(&[u8], &str)> = vec![
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "line 1"),
        (b"hello", "line 1"),
        (b"{} x", "trailing"),
        (b"{\"account\":\"\xff\xfe\"}", "UTF-8"),
        (b"{\"account\":\"a\0\"}", "control character"),
    ];
    for path in [
        "/v1/messages",
        "/v1/messages/batch",
        "/v1/messages/validate",
    ] {
        for (body, said) in &cases {
            let answer = app
                .raw("POST", path, &[("authorization", &bearer)], body.to_vec())
                .await;
            let problem = answer.problem(400, "invalid_json");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(said), "{path} {detail}");
        }
    }
    let answer = app
        .raw(
            "POST",
            "/v1/messages",
            &[("authorization", &bearer)],
            nested,
        )
        .await;
    let problem = answer.problem(400, "invalid_json");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("nested too deep"),
        "{problem}"
    );
    assert_eq!(app.count().await, 0);
}

/// The place and rule of every violation of a message.
async fn violations(app: &App, key: &str, message: &Value) -> Vec<(String, String)> {
    let problem = app.post(key, "/v1/messages", message).await;
    let problem = if problem.json()["code"] == "validation_failed" {
        problem.problem(422, "validation_failed")
    } else {
        problem.json()
    };
    problem["violations"]
        .as_array()
        .unwrap_or_else(|| panic!("{problem}"))
        .iter()
        .map(|v| {
            assert!(!v["message_zh"].as_str().unwrap().is_ascii(), "{v}");
            (
                v["pointer"].as_str().unwrap().to_owned(),
                v["rule"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

#[tokio::test]
async fn wrong_fields_are_named_by_their_place() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    let cases = [
        (json!({"accuont": "demo-oa"}), "/accuont", "unknown_field"),
        (json!({"kind": 5}), "/kind", "type"),
        (json!({"kind": "sms"}), "/kind", "not_listed"),
        (json!({"kind": "subscribe"}), "/kind", "wrong_kind"),
        (json!({"to": {"openid": "o\u{0}"}}), "/to/openid", "form"),
        (
            json!({"to": {"user_id": "u"}}),
            "/to/user_id",
            "unknown_person",
        ),
        (
            json!({"to": {"unionid": "u"}}),
            "/to/unionid",
            "unknown_person",
        ),
        (
            json!({"to": {"login_code": "c"}}),
            "/to/login_code",
            "wrong_kind",
        ),
        (json!({"fallback": [{}]}), "/fallback/0/account", "missing"),
        (json!({"to": "oPerson"}), "/to", "type"),
        (
            json!({"data": {"thing1": 5, "time2": "10:00"}}),
            "/data/thing1",
            "type",
        ),
        (json!({"template_id": null}), "/template_id", "missing"),
        (json!({"send_at": "tomorrow"}), "/send_at", "form"),
        (
            json!({"send_at": "2036-01-01T00:00:00Z"}),
            "/send_at",
            "too_far",
        ),
        (
            json!({"expires_at": "2026-11-20T00:00:00Z"}),
            "/expires_at",
            "past",
        ),
        (json!({"metadata": 5}), "/metadata", "type"),
        (json!({"priority": true}), "/priority", "type"),
        (json!({"lang": "zh_cn"}), "/lang", "not_listed"),
        (json!({"priority": "now"}), "/priority", "not_listed"),
    ];
    for (changes, pointer, rule) in cases {
        let found = violations(&app, &key, &good_but(changes.clone())).await;
        assert_eq!(found, [(pointer.to_owned(), rule.to_owned())], "{changes}");
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn all_rules_broken_are_said_at_once() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    let message = good_but(json!({
        "url": "ftp://x", "reference": "", "expires_at": "2020-01-01T00:00:00Z",
        "data": {"thing1": "x".repeat(21), "tiem2": "10:00"},
    }));
    let found = violations(&app, &key, &message).await;
    let places: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(
        places,
        [
            "/reference",
            "/url",
            "/data/thing1/value",
            "/data/time2",
            "/data/tiem2",
            "/expires_at"
        ]
    );
}

#[tokio::test]
async fn accounts_that_cannot_send_are_named() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    let send = async |changes| app.post(&key, "/v1/messages", &good_but(changes)).await;
    send(json!({"account": "nobody"}))
        .await
        .problem(404, "unknown_account");
    send(json!({"account": "a\u{0}b"}))
        .await
        .problem(404, "unknown_account");
    send(json!({"account": "demo-mp"}))
        .await
        .problem(422, "wrong_kind");
    // Nobody can say without WeChat, which does not answer here.
    send(json!({"template_id": "tplNone"}))
        .await
        .problem(503, "wechat_unreachable");
    app.patch(&key, "/v1/accounts/demo-oa", &json!({"disabled": true}))
        .await
        .is(200);
    send(json!({})).await.problem(409, "account_disabled");
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn bodies_end_at_the_limit() {
    let app = App::with(GatewaySettings {
        body_limit: 2000,
        ..GatewaySettings::default()
    })
    .await;
    let key = app.key(Scope::Send, &[]).await;
    let bearer = format!("Bearer {key}");
    let send = async |body: Vec<Bytes>| {
        let body = Body::from_stream(stream::iter(body.into_iter().map(Ok::<_, std::io::Error>)));
        app.raw("POST", "/v1/messages", &[("authorization", &bearer)], body)
            .await
    };
    let filled = |length: usize| {
        let text = good().to_string();
        Bytes::from(format!("{text}{}", " ".repeat(length - text.len())))
    };
    send(vec![filled(2000)]).await.is(202);
    // In pieces, too.
    let whole = filled(2000);
    send(vec![
        whole.slice(..10),
        whole.slice(10..700),
        whole.slice(700..),
    ])
    .await
    .is(202);
    send(vec![filled(2001)])
        .await
        .problem(413, "body_too_large");
    send(vec![whole.clone(), whole.clone(), whole])
        .await
        .problem(413, "body_too_large");
    // More than is worth reading.
    send(vec![Bytes::from(vec![b' '; 100_000])])
        .await
        .problem(413, "body_too_large");
}

#[tokio::test]
async fn bodies_that_do_not_come_are_given_up() {
    let settings = GatewaySettings {
        body_time: Duration::from_millis(1),
        ..GatewaySettings::default()
    };
    let app = App::with(settings).await;
    let key = app.key(Scope::Send, &[]).await;
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let bearer = format!("Bearer {key}");
    let answer = app
        .raw("POST", "/v1/messages", &[("authorization", &bearer)], never)
        .await;
    answer.problem(408, "body_timeout");
}

#[tokio::test]
async fn query_parameters_are_checked_like_fields() {
    let app = App::new().await;
    let key = app.key(Scope::Send, &[]).await;
    let cases = [
        ("limit=0", "?limit"),
        ("limit=501", "?limit"),
        ("limit=-1", "?limit"),
        ("cursor=!", "?cursor"),
        ("cursor=AAAA", "?cursor"),
        ("status=lost", "?status"),
        ("kind=sms", "?kind"),
        ("errcode=x", "?errcode"),
        ("created_after=yesterday", "?created_after"),
        ("openid=a%20b", "?openid"),
        ("acount=demo-oa", "?acount"),
        ("reference=%ff", "?reference"),
        ("no_receipt_after_minutes=0", "?no_receipt_after_minutes"),
        ("no_receipt_after_minutes=10m", "?no_receipt_after_minutes"),
    ];
    for (query, pointer) in cases {
        let problem = app
            .get(&key, &format!("/v1/messages?{query}"))
            .await
            .problem(400, "invalid_query");
        assert_eq!(problem["violations"][0]["pointer"], pointer, "{problem}");
    }
    for wait in ["x", "-1", "1.5"] {
        let answer = app
            .post(&key, &format!("/v1/messages?wait={wait}"), &good())
            .await;
        assert_eq!(
            answer.problem(400, "invalid_query")["violations"][0]["pointer"],
            "?wait"
        );
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn ids_of_any_form_are_only_unknown() {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    for id in [
        "x",
        "msg_",
        "%00",
        "%ff",
        "msg_0192d3a4b5c67d8e9f00112233445566",
        "a%2Fb",
        "号",
    ] {
        let id = id.replace('号', "%E5%8F%B7");
        app.get(&key, &format!("/v1/messages/{id}"))
            .await
            .problem(404, "unknown_message");
        app.get(&key, &format!("/v1/accounts/{id}"))
            .await
            .problem(404, "unknown_account");
        app.delete(&key, &format!("/v1/keys/{id}"))
            .await
            .problem(404, "unknown_key");
        app.get(&key, &format!("/v1/errcodes/{id}"))
            .await
            .problem(404, "unknown_errcode");
    }
}
