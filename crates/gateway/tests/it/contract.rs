//! The description, the table of problems, and who may do what.

use std::path::PathBuf;

use hongyan_domain::key::Scope;
use serde_json::Value;

use crate::app::App;

fn docs(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(file)
}

/// Compares a generated file with the one checked in, or writes it when the
/// environment asks for that.
fn is_checked_in(file: &str, generated: &str, update: &str) {
    let path = docs(file);
    if std::env::var_os(update).is_some() {
        std::fs::write(&path, generated).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == generated,
        "docs/{file} is out of date; run the tests with {update}=1"
    );
}

#[test]
fn the_description_is_the_one_checked_in() {
    is_checked_in(
        "openapi.json",
        &hongyan_gateway::openapi_json(),
        "UPDATE_OPENAPI",
    );
}

#[test]
fn the_page_of_errors_is_the_one_checked_in() {
    is_checked_in(
        "errors.md",
        &hongyan_gateway::problems_markdown(),
        "UPDATE_ERRORS",
    );
}

fn description() -> Value {
    serde_json::from_str(&hongyan_gateway::openapi_json()).unwrap()
}

/// Every operation: method, path with examples filled in, scope needed.
fn operations() -> Vec<(String, String, Scope)> {
    let description = description();
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // The console's sign-in is for those who have no key.
            if operation["security"].is_null() && path.starts_with("/v1/console") {
                continue;
            }
            let scope = operation["security"][0]["api_key"][0]
                .as_str()
                .unwrap_or_else(|| panic!("{method} {path} names no scope"));
            let path = path
                .replace("{id}", "msg_0192d3a4b5c67d8e9f00112233445566")
                .replace("{account}", "demo-oa")
                .replace("{openid}", "oNobody")
                .replace("{code}", "47003")
                // Scenes, versions and the like.
                .replace(['{', '}'], "");
            operations.push((method.to_uppercase(), path, scope.parse().unwrap()));
        }
    }
    operations
}

#[test]
fn the_description_is_whole() {
    let description = description();
    assert_eq!(description["openapi"], "3.1.0");
    let text = description.to_string();
    for (_, rest) in text
        .match_indices("\"$ref\":\"")
        .map(|(at, _)| text.split_at(at + 8))
    {
        let pointer = rest.split('"').next().unwrap().trim_start_matches('#');
        assert!(
            description.pointer(pointer).is_some(),
            "{pointer} leads nowhere"
        );
    }
    let seen: Vec<_> = operations()
        .into_iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    for wanted in [
        "POST /v1/messages",
        "DELETE /v1/accounts/demo-oa",
        "GET /v1/errcodes/47003",
    ] {
        assert!(seen.iter().any(|operation| operation == wanted), "{wanted}");
    }
    assert_eq!(seen.len(), 112);
}

#[tokio::test]
async fn every_operation_asks_for_a_key_with_its_scope() {
    let app = App::new().await;
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        keys.push((scope, app.key(scope, &[]).await));
    }
    for (method, path, needed) in operations() {
        let nobody = app.raw(&method, &path, &[], "").await;
        nobody.problem(401, "missing_key");
        assert_eq!(
            nobody.headers["www-authenticate"],
            "Bearer realm=\"hongyan\""
        );
        for bad in [
            "Bearer hy_unknown",
            "Basic aHk6aHk=",
            "Bearer",
            "Bearer \u{a0}",
        ] {
            let stranger = app.raw(&method, &path, &[("authorization", bad)], "").await;
            assert_eq!(stranger.status, 401, "{method} {path} {bad}");
        }
        for (scope, key) in &keys {
            // A stream does not end, and this test waits for ends.
            if path == "/v1/events" && scope.includes(needed) {
                continue;
            }
            let bearer = format!("Bearer {key}");
            let answer = app
                .raw(&method, &path, &[("authorization", &bearer)], "")
                .await;
            if scope.includes(needed) {
                assert!(
                    ![401, 403].contains(&answer.status.as_u16()),
                    "{method} {path}: {answer:?}"
                );
            } else {
                let problem = answer.problem(403, "insufficient_scope");
                assert!(
                    problem["detail"]
                        .as_str()
                        .unwrap()
                        .contains(needed.as_str())
                );
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_has_ended_or_was_removed_opens_nothing() {
    let app = App::new().await;
    let end = "2026-11-21T05:00:00Z".parse().unwrap();
    let (key, text) = app
        .engine
        .new_key("brief".to_owned(), vec![Scope::Read], vec![], Some(end));
    app.engine.add_key(&key, None).await.unwrap();
    app.get(text.expose(), "/v1/accounts").await.is(200);
    app.clock.set(end);
    app.get(text.expose(), "/v1/accounts")
        .await
        .problem(401, "invalid_key");
}

#[tokio::test]
async fn strange_paths_and_methods_are_problems_too() {
    let app = App::new().await;
    app.raw("GET", "/v1/nothing", &[], "")
        .await
        .problem(404, "not_found");
    app.raw("GET", "/v1/messages/", &[], "")
        .await
        .problem(404, "not_found");
    let answer = app.raw("PUT", "/v1/messages", &[], "").await;
    answer.problem(405, "method_not_allowed");
    let allow = answer.headers["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[tokio::test]
async fn what_needs_no_key_is_open() {
    let app = App::new().await;
    assert_eq!(
        app.raw("GET", "/healthz", &[], "").await.is(200)["status"],
        "ok"
    );
    assert_eq!(
        app.raw("GET", "/readyz", &[], "").await.is(200)["status"],
        "ready"
    );
    assert_eq!(
        app.raw("GET", "/openapi.json", &[], "").await.is(200),
        description()
    );
    let home = app.raw("GET", "/", &[], "").await;
    assert_eq!(home.status, 200);
    assert!(home.text.contains("Hongyan"), "{}", home.text);
    let page = app.raw("GET", "/docs/errors", &[], "").await;
    assert!(
        page.text.contains("id=\"validation_failed\""),
        "{}",
        page.text
    );
    let docs = app.raw("GET", "/docs/", &[], "").await;
    assert_eq!(docs.status, 200);
    for outside in ["src=\"http", "href=\"http", "src=\"//", "href=\"//"] {
        assert!(!docs.text.contains(outside), "{}", docs.text);
    }
}

#[tokio::test]
async fn errcodes_are_explained_and_searched() {
    let app = App::new().await;
    let key = app.key(Scope::Read, &[]).await;
    let code = app.get(&key, "/v1/errcodes/47003").await.is(200);
    assert_eq!(
        (&code["code"], &code["retry"]),
        (&47003.into(), &"fix_input".into())
    );
    assert!(!code["meaning_zh"].as_str().unwrap().is_ascii());
    app.get(&key, "/v1/errcodes/-1").await.is(200);
    for unknown in ["987654321", "x", "99999999999999999999"] {
        app.get(&key, &format!("/v1/errcodes/{unknown}"))
            .await
            .problem(404, "unknown_errcode");
    }
    let found = app.get(&key, "/v1/errcodes?q=4700&limit=2").await.is(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 2);
    let next = format!(
        "/v1/errcodes?q=4700&limit=2&cursor={}",
        found["next_cursor"].as_str().unwrap()
    );
    let next = app.get(&key, &next).await.is(200);
    assert!(next["items"][0]["code"].as_i64() > found["items"][1]["code"].as_i64());
}
