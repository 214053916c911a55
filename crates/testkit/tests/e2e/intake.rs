//! What is refused before it is queued, and how.

use hongyan_api::{Kind, MessageFilter, Overflow, Recipient};
use hongyan_testkit::{TestApp, data};
use serde_json::{Value, json};

fn rules(problem: &Value) -> Vec<(String, String)> {
    problem["violations"]
        .as_array()
        .unwrap_or(&Vec::new())
        .iter()
        .map(|v| {
            (
                v["pointer"].as_str().unwrap().to_owned(),
                v["rule"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

fn body(app: &TestApp) -> Value {
    serde_json::to_value(app.message()).unwrap()
}

async fn refused(app: &TestApp, body: &Value) -> (u16, Value) {
    let (status, problem) = app.raw("POST", "/v1/messages", body.to_string()).await;
    assert!((400..500).contains(&status), "{status} {problem}");
    assert!(
        problem["code"].is_string() && problem["detail"].is_string(),
        "{problem}"
    );
    (status, problem)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_the_data_is_said_at_once() {
    let app = TestApp::start().await;
    let mut wrong = body(&app);
    wrong["data"] = json!({"thign1": "x", "time2": "3pm", "extra": "y"});
    let (status, problem) = refused(&app, &wrong).await;
    assert_eq!(status, 422);
    assert_eq!(problem["code"], "validation_failed");
    let found = rules(&problem);
    for expected in [
        ("/data/thing1", "missing"),
        ("/data/time2/value", "form"),
        ("/data/thign1", "unknown_key"),
        ("/data/extra", "unknown_key"),
    ] {
        let expected = (expected.0.to_owned(), expected.1.to_owned());
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
    let text = problem.to_string();
    assert!(text.contains("did you mean"), "{text}");
    assert_eq!(app.pump().await, 0, "something was queued all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_values_are_cut_where_that_is_asked_for() {
    let app = TestApp::start().await;
    let mut message = app.message();
    message.data = Some(data(&[("thing1", &"字".repeat(25)), ("time2", "10:00")]));
    let error = app
        .client
        .send(&message, &Default::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("25"), "{error}");
    message.overflow = Some(Overflow::Truncate);
    let sent = app.send_and_pump(&message).await;
    assert_eq!(sent.data["thing1"].value, format!("{}…", "字".repeat(19)));
    assert_eq!(app.delivered(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_kinds_and_templates_must_fit() {
    let app = TestApp::start().await;
    let with = |key: &str, value: Value| {
        let mut body = body(&app);
        body[key] = value;
        body
    };
    for (body, code) in [
        (with("account", json!("nobody")), "unknown_account"),
        (with("account", json!("mp")), "wrong_kind"),
        (with("template_id", json!("nope")), "unknown_template"),
    ] {
        let (_, problem) = refused(&app, &body).await;
        assert_eq!(problem["code"], code, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            code != "unknown_template" || detail.contains("(通知)"),
            "{detail}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_made_meanwhile_is_found_without_a_sync_by_hand() {
    let app = TestApp::start().await;
    app.advance(std::time::Duration::from_secs(120));
    let new = hongyan_sandbox::NewTemplate::new(
        hongyan_sandbox::MessageKind::Template,
        "新模板",
        "内容：{{thing5.DATA}}\n",
    );
    let id = app.sandbox.add_template(&app.oa, new).unwrap().template_id;
    let mut message = app.message();
    message.template_id = Some(id);
    message.data = Some(data(&[("thing5", "好")]));
    assert_eq!(app.send_and_pump(&message).await.errcode, None);
    assert_eq!(app.delivered(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_requests_are_problems_that_name_the_place() {
    let app = TestApp::start().await;
    let with = |key: &str, value: Value| {
        let mut body = body(&app);
        body[key] = value;
        body
    };
    for (body, place) in [
        (with("templat_id", json!("x")), "templat_id"),
        (with("priority", json!("urgent")), "/priority"),
        (with("send_at", json!("tomorrow")), "/send_at"),
        (with("send_at", json!("2029-01-01T00:00:00Z")), "/send_at"),
        (
            with("expires_at", json!("2020-01-01T00:00:00Z")),
            "/expires_at",
        ),
        (with("to", json!({})), "/to"),
        (with("to", json!({"openid": "a", "unionid": "b"})), "/to"),
        (with("to", json!({"openid": "with space"})), "/to/openid"),
        (with("to", json!({"openid": "nul\u{0}"})), "/to/openid"),
        (
            with("data", json!({"thing1": 5, "time2": "10:00"})),
            "/data/thing1",
        ),
        (with("url", json!("javascript:alert(1)")), "/url"),
        (with("reference", json!("x".repeat(129))), "/reference"),
        (with("kind", json!("poem")), "/kind"),
        (with("kind", json!("customer_service")), "/content"),
        (with("metadata", json!([1])), "/metadata"),
    ] {
        let (_, problem) = refused(&app, &body).await;
        assert!(problem.to_string().contains(place), "{place}: {problem}");
    }
    assert_eq!(app.pump().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_none_are_refused_and_never_a_500() {
    let app = TestApp::start().await;
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let long = format!("{{\"reference\":\"{}\"}}", "x".repeat(1_100_000));
    for (body, status) in [
        (b"".to_vec(), 400),
        (b"{".to_vec(), 400),
        (b"\xff\xfe{}".to_vec(), 400),
        (b"[]".to_vec(), 400),
        (deep.into_bytes(), 400),
        (long.into_bytes(), 413),
    ] {
        let begin = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        let (seen, problem) = app.raw("POST", "/v1/messages", body).await;
        assert!(
            seen == status || (status == 400 && seen == 422),
            "{begin}: {seen} {problem}"
        );
        assert!(problem["code"].is_string(), "{begin}: {problem}");
    }
    let (status, problem) = app.raw("GET", "/v1/nowhere", "").await;
    assert_eq!((status, problem["status"].as_u64()), (404, Some(404)));
    let (status, problem) = app.raw("DELETE", "/v1/messages", "").await;
    assert_eq!((status, problem["status"].as_u64()), (405, Some(405)));
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_shows_the_card_and_sends_nothing() {
    let app = TestApp::start().await;
    let found = app.client.validate(&app.message()).await.unwrap();
    assert!(found.valid);
    assert_eq!(found.preview[0].label, "商品名称");
    assert_eq!(found.preview[0].value, "耳机");
    let mut wrong = app.message();
    wrong.data = Some(data(&[("thing1", "a\nb"), ("time2", "10:00")]));
    let found = app.client.validate(&wrong).await.unwrap();
    assert!(!found.valid);
    assert_eq!(found.violations[0].rule, "control_character");
    assert_eq!(app.pump().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_a_batch_is_judged_on_its_own() {
    let app = TestApp::start().await;
    let mut wrong = body(&app);
    wrong["to"] = json!({"openid": ""});
    let mut unknown = body(&app);
    unknown["colour"] = json!("red");
    let batch = json!({"messages": [body(&app), wrong, body(&app), unknown]});
    let (status, answer) = app
        .raw("POST", "/v1/messages/batch", batch.to_string())
        .await;
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    for (at, good) in [(0, true), (1, false), (2, true), (3, false)] {
        assert_eq!(results[at]["id"].is_string(), good, "{answer}");
        assert_eq!(results[at]["problem"].is_object(), !good, "{answer}");
    }
    assert_eq!(app.pump().await, 2);
    let many: Vec<_> = (0..1001).map(|_| body(&app)).collect();
    let (status, _) = app
        .raw(
            "POST",
            "/v1/messages/batch",
            json!({"messages": many}).to_string(),
        )
        .await;
    assert!((400..500).contains(&status), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_found_again() {
    let app = TestApp::start().await;
    let mut named = app.message();
    named.reference = Some("order-42".to_owned());
    let id = app.send(&named).await;
    for _ in 0..5 {
        app.send(&app.message()).await;
    }
    app.send(&app.subscribe_message()).await;
    app.pump().await;
    let find = |filter: MessageFilter| {
        let client = app.client.clone();
        async move {
            client
                .messages(&filter, &Default::default())
                .await
                .unwrap()
                .items
        }
    };
    let by_reference = find(MessageFilter {
        reference: Some("order-42".to_owned()),
        ..Default::default()
    })
    .await;
    assert_eq!(
        by_reference.iter().map(|m| &m.id).collect::<Vec<_>>(),
        [&id]
    );
    let refused = find(MessageFilter {
        errcode: Some(43101),
        ..Default::default()
    })
    .await;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].kind, Kind::Subscribe);
    let of_oa = find(MessageFilter {
        account: Some("oa".to_owned()),
        ..Default::default()
    })
    .await;
    assert_eq!(of_oa.len(), 6);
    let nobody = find(MessageFilter {
        openid: Some("oNobody".to_owned()),
        ..Default::default()
    })
    .await;
    assert!(nobody.is_empty());
    // In pages of two, every message once.
    let mut seen = Vec::new();
    let mut page = hongyan_api::PageQuery {
        limit: Some(2),
        cursor: None,
    };
    loop {
        let part = app
            .client
            .messages(&Default::default(), &page)
            .await
            .unwrap();
        seen.extend(part.items.into_iter().map(|m| m.id));
        page.cursor = part.next_cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (7, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openid_of_nobody_is_wechats_to_refuse() {
    let app = TestApp::start().await;
    let mut message = app.message();
    message.to = Recipient::openid("oNobodyHereKnowsThisOne00000");
    assert_eq!(app.send_and_pump(&message).await.errcode, Some(40003));
}

const LIST: &str = "/cgi-bin/template/get_all_private_template";

#[tokio::test(flavor = "multi_thread")]
async fn those_who_come_while_the_list_is_asked_for_wait_for_it() {
    let app = TestApp::start().await;
    app.advance(std::time::Duration::from_secs(120));
    let new = hongyan_sandbox::NewTemplate::new(
        hongyan_sandbox::MessageKind::Template,
        "新模板",
        "内容：{{thing5.DATA}}\n",
    );
    let id = app.sandbox.add_template(&app.oa, new).unwrap().template_id;
    app.fault(json!({"path": LIST, "times": 1, "effect": {"delay_ms": 200}}));
    let mut message = app.message();
    message.template_id = Some(id);
    message.data = Some(data(&[("thing5", "好")]));
    let before = app.calls(LIST);
    let mut sends = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (client, message) = (app.client.clone(), message.clone());
        sends.spawn(async move { client.send(&message, &Default::default()).await });
    }
    for sent in sends.join_all().await {
        sent.unwrap();
    }
    assert_eq!(app.calls(LIST), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_had_is_no_fault_of_the_request() {
    let app = TestApp::start().await;
    app.advance(std::time::Duration::from_secs(120));
    app.fault(json!({"path": LIST, "times": 1, "effect": {"http_status": 502}}));
    let mut message = app.message();
    message.template_id = Some("unheard-of".to_owned());
    for _ in 0..2 {
        let error = app
            .client
            .send(&message, &Default::default())
            .await
            .unwrap_err();
        assert_eq!(error.status, Some(503), "{error}");
    }
    app.advance(std::time::Duration::from_secs(10));
    let error = app
        .client
        .send(&message, &Default::default())
        .await
        .unwrap_err();
    assert_eq!(error.status, Some(422), "{error}");
}
