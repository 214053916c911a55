//! Methods, bodies, paths: what WeChat's front says before any rule.

use hongyan_sandbox::{AccountKind, AccountPatch};
use serde_json::json;

use crate::app::{App, message};

const SEND: &str = "/cgi-bin/message/template/send";

#[test]
fn methods_and_paths() {
    let app = App::new();
    let token = app.token(&app.account(AccountKind::OfficialAccount));
    let get = |path: &str| app.get(&format!("{path}?access_token={token}"));
    assert_eq!(get(SEND).errcode(), 43002);
    assert_eq!(get("/cgi-bin/nowhere").errcode(), 40066);
    assert_eq!(get("/wxaapi/newtmpl/addtemplate").errcode(), 404);
    assert_eq!(
        get("/cgi-bin/message/wxopen/template/send").errcode(),
        43002
    );
    let posted = app.post(
        &format!("/cgi-bin/user/get?access_token={token}"),
        &json!({}),
    );
    assert_eq!(posted.errcode(), 43001);
    assert_eq!(app.post("/cgi-bin/token", &json!({})).errcode(), 43001);
    assert_eq!(app.get("/cgi-bin/stable_token").errcode(), 43002);
}

#[test]
fn retired_calls_name_their_end() {
    let app = App::new();
    let old = |path: &str| {
        app.post(
            &format!("/cgi-bin/message/wxopen/template/{path}"),
            &json!({}),
        )
    };
    assert_eq!(old("send").errcode(), 45103);
    assert_eq!(old("uniform_send").errcode(), 45109);
}

#[test]
fn errors_are_json_with_status_200_and_a_rid() {
    let app = App::new();
    let answer = app.get("/cgi-bin/user/get");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; encoding=utf-8")
    );
    let text = answer.json()["errmsg"].as_str().unwrap().to_owned();
    let (said, rid) = text.split_once(" rid: ").unwrap();
    assert_eq!(said, "access_token missing");
    let groups: Vec<_> = rid.split('-').collect();
    assert_eq!(groups.len(), 3);
    assert!(groups.iter().all(|group| group.len() == 8));
    let seconds = i64::from_str_radix(groups[0], 16).unwrap();
    assert_eq!(seconds, crate::app::START_MS / 1000);
}

#[test]
fn a_post_without_length_is_412_and_no_json() {
    let app = App::new();
    let chunked = "POST /cgi-bin/message/template/send HTTP/1.1\r\nHost: x\r\n\
                   Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let bare = "POST /cgi-bin/message/template/send HTTP/1.1\r\nHost: x\r\n\r\n";
    for request in [chunked, bare] {
        let answer = app.raw(request).unwrap();
        assert_eq!(answer.status, 412);
        assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_err());
    }
}

#[test]
fn bodies() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let path = format!("{SEND}?access_token={}", app.token(&account));
    let code = |body: &str| app.call("POST", &path, Some(body)).unwrap().errcode();
    assert_eq!(code(""), 44002);
    for body in [
        "{",
        "touser=1",
        "[]",
        r#"{"touser":5}"#,
        "{} {}",
        r#"{"data":{"a":{"value":1}}}"#,
    ] {
        assert_eq!(code(body), 47001, "{body}");
    }
    assert_eq!(code("{}"), 40003);
    let huge = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        2 * 1024 * 1024
    );
    assert_eq!(app.raw(&huge).unwrap().errcode(), 45002);
}

#[test]
fn unicode_escapes_are_refused_where_the_account_wants_it() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let template = app.template(&account, "{{thing1.DATA}}");
    let (_, openid) = app.follower(&account);
    let path = format!("{SEND}?access_token={}", app.token(&account));
    let escaped = message(&openid, &template, "thing1", "X")
        .to_string()
        .replace('X', "\\u4e2d");
    let code = || app.call("POST", &path, Some(&escaped)).unwrap().errcode();
    assert_eq!(code(), 0);
    let patch = AccountPatch {
        reject_unicode_escapes: Some(true),
        ..AccountPatch::default()
    };
    app.sandbox.update_account(&account.appid, patch).unwrap();
    assert_eq!(code(), 47002);
}

#[test]
fn many_calls_on_one_connection() {
    let app = App::new();
    let head = "GET /cgi-bin/user/get HTTP/1.1\r\nHost: x\r\n";
    let two = format!("{head}\r\n{head}Connection: close\r\n\r\n");
    let answer = app.raw(&two).unwrap();
    assert!(answer.body.contains("HTTP/1.1 200"), "{answer:?}");
}
