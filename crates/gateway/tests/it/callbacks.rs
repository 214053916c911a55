//! WeChat's callbacks: checked, taken in, shown; and the rules that answer them.

use hongyan_domain::key::Scope;
use hongyan_wechat::callback::{MAX_BODY, signature};
use serde_json::{Value, json};

use crate::app::{Answer, App};

const TOKEN: &str = "callbackToken";

/// A query that proves its sender, with something after it.
fn proved(more: &str) -> String {
    let (timestamp, nonce) = ("1795233600", "n1");
    let signature = signature(TOKEN, &[timestamp, nonce]);
    format!("/callback/demo-oa?signature={signature}&timestamp={timestamp}&nonce={nonce}{more}")
}

fn text(content: &str, id: u64) -> String {
    format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>oPerson</FromUserName>\
         <CreateTime>1795233600</CreateTime><MsgType>text</MsgType>\
         <Content><![CDATA[{content}]]></Content><MsgId>{id}</MsgId></xml>"
    )
}

struct Stage {
    app: App,
    key: String,
}

/// A gateway whose `demo-oa` expects callbacks in plaintext.
async fn stage() -> Stage {
    let app = App::new().await;
    let key = app.key(Scope::Admin, &[]).await;
    let change = json!({"callback": {"token": TOKEN}});
    app.patch(&key, "/v1/accounts/demo-oa", &change)
        .await
        .is(200);
    Stage { app, key }
}

impl Stage {
    async fn push(&self, body: impl Into<axum::body::Body>) -> Answer {
        let headers = [("content-type", "text/xml")];
        self.app.raw("POST", &proved(""), &headers, body).await
    }
}

#[tokio::test]
async fn the_address_is_checked_and_nothing_else_is_said() {
    let stage = stage().await;
    let good = stage
        .app
        .raw("GET", &proved("&echostr=hello"), &[], "")
        .await;
    assert_eq!((good.status.as_u16(), good.text.as_str()), (200, "hello"));
    assert!(
        good.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    for (path, status) in [
        (proved("&echostr=x").replace("n1", "n2"), 403),
        ("/callback/demo-oa".to_owned(), 403),
        (proved("&echostr=x").replace("demo-oa", "nobody"), 404),
        // Known, and expects none.
        (proved("&echostr=x").replace("demo-oa", "demo-mp"), 404),
        (proved("&echostr=x").replace("demo-oa", "%ff"), 404),
    ] {
        for method in ["GET", "POST"] {
            let answer = stage.app.raw(method, &path, &[], text("x", 1)).await;
            assert_eq!(answer.status.as_u16(), status, "{method} {path}");
            assert_eq!(answer.text, "", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_message_is_stored_answered_and_found() {
    let stage = stage().await;
    let (app, key) = (&stage.app, &stage.key);
    let rules = json!({
        "rules": [{"name": "price", "when": {"text": {"exact": "price"}}, "reply": {"type": "text", "content": "9.9"}}],
    });
    let path = "/v1/accounts/demo-oa/reply-rules";
    let kept = app.put(key, path, &rules).await.is(200);
    assert_eq!(kept, app.get(key, path).await.is(200));
    let answer = stage.push(text("price", 7)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("<![CDATA[9.9]]>"), "{}", answer.text);
    // A repeat is the same callback, and gets the same answer.
    assert_eq!(stage.push(text("price", 7)).await.text, answer.text);
    assert_eq!(stage.push(text("hello", 8)).await.text, "success");

    let list = "/v1/accounts/demo-oa/callbacks";
    let all = app.get(key, &format!("{list}?limit=1")).await.is(200);
    assert_eq!(all["items"][0]["msg_type"], "text");
    let cursor = all["next_cursor"].as_str().unwrap();
    let rest = app
        .get(key, &format!("{list}?cursor={cursor}"))
        .await
        .is(200);
    let first = &rest["items"][0];
    assert_eq!(
        (&first["repeats"], &first["openid"], &first["mode"]),
        (&json!(1), &json!("oPerson"), &json!("plain"))
    );
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);

    let id = first["id"].as_str().unwrap();
    let shown = app.get(key, &format!("{list}/{id}")).await;
    // With it others could make callbacks of their own.
    assert!(!shown.text.contains("signature"), "{}", shown.text);
    let shown = shown.is(200);
    assert_eq!(shown["body"], text("price", 7));
    assert_eq!(shown["body_encoding"], "utf8");
    assert_eq!(shown["content_type"], "text/xml");
    assert_eq!(shown["forwards"], json!([]));
    assert!(shown["reply"].as_str().unwrap().contains("9.9"));

    for (query, count) in [
        ("openid=oPerson", 2),
        ("openid=oOther", 0),
        ("msg_type=text", 2),
        ("msg_type=event", 0),
        ("event=subscribe", 0),
        ("received_after=2026-11-21T04:00:00Z", 2),
        ("received_before=2026-11-21T04:00:00Z", 0),
    ] {
        let found = app.get(key, &format!("{list}?{query}")).await.is(200);
        assert_eq!(found["items"].as_array().unwrap().len(), count, "{query}");
    }
    for bad in ["x", "evt_0192d3a4b5c67d8e9f00112233445566"] {
        app.get(key, &format!("{list}/{bad}"))
            .await
            .problem(404, "unknown_callback");
        app.post(key, &format!("{list}/{bad}/replay"), &json!({}))
            .await
            .problem(404, "unknown_callback");
    }
    // Another account's callback is none of this one's.
    app.get(key, &format!("/v1/accounts/demo-mp/callbacks/{id}"))
        .await
        .problem(404, "unknown_callback");
}

#[tokio::test]
async fn a_callback_is_repeated_to_backends_alone() {
    let stage = stage().await;
    let (app, key) = (&stage.app, &stage.key);
    stage.push(text("hello", 1)).await;
    let list = app.get(key, "/v1/accounts/demo-oa/callbacks").await.is(200);
    let id = list["items"][0]["id"].as_str().unwrap();
    let path = format!("/v1/accounts/demo-oa/callbacks/{id}/replay");
    app.post(key, &path, &json!({}))
        .await
        .problem(409, "no_backend");
    let backend = "http://127.0.0.1:1/wechat";
    let change = json!({"backends": [{"url": backend}]});
    app.patch(key, "/v1/accounts/demo-oa", &change)
        .await
        .is(200);
    app.post(key, &path, &json!({"url": "http://127.0.0.1:1/other"}))
        .await
        .problem(422, "validation_failed");
    let bearer = format!("Bearer {key}");
    // Without a body: to all of them.
    let replayed = app
        .raw("POST", &path, &[("authorization", &bearer)], "")
        .await
        .is(200);
    assert_eq!(replayed, json!({"queued": [backend]}));
    let shown = app
        .get(key, &format!("/v1/accounts/demo-oa/callbacks/{id}"))
        .await
        .is(200);
    assert_eq!(shown["forwards"][0]["url"], backend);
}

#[tokio::test]
async fn bad_callbacks_cost_little_and_are_never_our_fault() {
    let stage = stage().await;
    let deep = "<a>".repeat(10_000);
    let entity = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><xml>&a;</xml>";
    for body in [
        Vec::new(),
        b"hello".to_vec(),
        b"<xml>\xff\xfe</xml>".to_vec(),
        b"<xml><MsgType>text\0</MsgType></xml>".to_vec(),
        deep.into_bytes(),
        entity.as_bytes().to_vec(),
        b"{\"MsgType\":".to_vec(),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = stage.push(body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (403, ""),
            "{shown}"
        );
    }
    let answer = stage.push(vec![b' '; MAX_BODY + 1]).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (413, ""));
    let list = stage
        .app
        .get(&stage.key, "/v1/accounts/demo-oa/callbacks")
        .await
        .is(200);
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn rules_are_checked_in_either_form() {
    let stage = stage().await;
    let (app, key) = (&stage.app, &stage.key);
    let path = "/v1/accounts/demo-oa/reply-rules";
    let empty = app.get(key, path).await.is(200);
    assert_eq!(empty, json!({"rules": []}));
    let bearer = format!("Bearer {key}");
    let toml = async |body: &str| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "Application/TOML; charset=utf-8"),
        ];
        app.raw("PUT", path, &headers, body.to_owned()).await
    };
    let good = "[[rules]]\nname = \"welcome\"\nwhen = { event = \"subscribe\" }\nreply = { type = \"text\", content = \"hi\" }\n";
    let kept = toml(good).await.is(200);
    assert_eq!(kept["rules"][0]["reply"]["content"], "hi");
    let problem = toml("[[rules]]\nname = 5\n")
        .await
        .problem(400, "invalid_toml");
    assert!(
        problem["detail"].as_str().unwrap().contains("line 2"),
        "{problem}"
    );
    let wrong = |rule: Value| json!({"rules": [rule]});
    for (rule, pointer) in [
        (
            json!({"name": "a", "reply": {"type": "text", "content": "{{nobody}}"}}),
            "/rules/0/reply/content",
        ),
        (
            json!({"name": "a", "when": {"text": {"regex": "("}}, "reply": {"type": "nothing"}}),
            "/rules/0/when/text/regex",
        ),
        (
            json!({"name": "a", "wen": {}, "reply": {"type": "nothing"}}),
            "/rules/0/wen",
        ),
    ] {
        let problem = app.put(key, path, &wrong(rule)).await;
        let problem = problem.problem(422, "validation_failed");
        assert_eq!(problem["violations"][0]["pointer"], pointer, "{problem}");
    }
    let mini = json!({"rules": [{"name": "a", "reply": {"type": "text", "content": "x"}}]});
    let problem = app
        .put(key, "/v1/accounts/demo-mp/reply-rules", &mini)
        .await
        .problem(422, "validation_failed");
    assert_eq!(problem["violations"][0]["rule"], "mini_program");
    // What was refused changed nothing.
    assert_eq!(app.get(key, path).await.is(200), kept);
}
