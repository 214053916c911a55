//! The control API and the page.

use hongyan_sandbox::{AccountKind, DeliveryQuery};
use serde_json::{Value, json};

use crate::app::{App, message};

#[test]
fn accounts_are_made_changed_and_listed() {
    let app = App::new();
    let made = app.control("POST", "/accounts", &json!({
        "kind": "official_account",
        "appid": "wx0123456789abcdef",
        "open_platform": "op",
        "callback": { "url": "http://127.0.0.1:1/cb", "token": "abc", "mode": "plain", "format": "json" },
    }));
    assert_eq!(made.status, 201, "{made:?}");
    let account = made.json();
    assert_eq!(account["appid"], "wx0123456789abcdef");
    assert_eq!(account["secret"].as_str().unwrap().len(), 32);
    assert!(account["original_id"].as_str().unwrap().starts_with("gh_"));
    let again = app.control(
        "POST",
        "/accounts",
        &json!({ "kind": "mini_program", "appid": "wx0123456789abcdef" }),
    );
    assert_eq!(
        (again.status, &again.json()["code"]),
        (409, &json!("exists"))
    );
    assert_eq!(
        again.header("content-type"),
        Some("application/problem+json")
    );
    let patch = json!({ "callback": null, "ip_allowlist": ["10.0.0.0/8"] });
    let patched = app
        .control("PATCH", "/accounts/wx0123456789abcdef", &patch)
        .json();
    assert_eq!(
        (&patched["callback"], &patched["open_platform"]),
        (&Value::Null, &json!("op"))
    );
    assert_eq!(patched["ip_allowlist"], json!(["10.0.0.0/8"]));
    let list = app.control("GET", "/accounts", &json!(null)).json();
    assert_eq!(list["items"][0], patched);
    assert_eq!(
        app.control("PATCH", "/accounts/wx9", &json!({})).status,
        404
    );
}

#[test]
fn bad_input_is_a_problem_that_names_the_place() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let problem = |method: &str, path: &str, body: &Value, status: u16| {
        let answer = app.control(method, path, body);
        assert_eq!(answer.status, status, "{path} {answer:?}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        answer.json()["detail"].as_str().unwrap().to_owned()
    };
    let accounts = |body: &Value| problem("POST", "/accounts", body, 422);
    assert!(accounts(&json!({ "kind": "official_account", "colour": 1 })).contains("colour"));
    assert!(accounts(&json!({ "kind": "shop" })).contains("kind"));
    assert!(
        accounts(&json!({ "kind": "mini_program", "ip_allowlist": ["home"] })).contains("home")
    );
    assert!(accounts(&json!({ "kind": "mini_program", "appid": "a b" })).contains("appid"));
    let callback = json!({ "url": "http://a", "token": "abc", "mode": "safe" });
    let safe = json!({ "kind": "mini_program", "callback": callback });
    assert!(accounts(&safe).contains("encoding_aes_key"));
    let templates = format!("/accounts/{}/templates", account.appid);
    let template = |body: &Value| problem("POST", &templates, body, 422);
    let subscribe = json!({ "kind": "subscribe", "title": "t", "content": "{{thing1.DATA}}" });
    assert!(template(&subscribe).contains("mini programs"));
    let bare = json!({ "kind": "template", "title": "t", "content": "text" });
    assert!(template(&bare).contains("{{thing1.DATA}}"));
    problem("POST", "/people", &json!({ "nickname": "" }), 422);
    problem("GET", "/people/person_0/inbox", &json!(null), 404);
    problem("GET", "/deliveries?since=yesterday", &json!(null), 422);
    problem("GET", "/deliveries?from=1", &json!(null), 422);
    problem("GET", "/nothing", &json!(null), 404);
    problem("PUT", "/stats", &json!(null), 405);
    problem("POST", "/clock", &json!({ "advance_ms": -1 }), 422);
    problem(
        "POST",
        "/bulk/people",
        &json!({ "appid": account.appid, "count": 0 }),
        422,
    );
    let cut = app
        .call("POST", "/sandbox/v1/people", Some("{\"nickname\":"))
        .unwrap();
    assert_eq!(
        (cut.status, &cut.json()["code"]),
        (400, &json!("malformed_body"))
    );
}

#[test]
fn people_and_their_actions() {
    let app = App::new();
    let official = app.account(AccountKind::OfficialAccount);
    let program = app.account(AccountKind::MiniProgram);
    let template = app.template(&program, "{{thing1.DATA}}");
    let made = app.control("POST", "/people", &json!({ "nickname": "小明" }));
    assert_eq!(made.status, 201);
    let person = made.json()["person_id"].as_str().unwrap().to_owned();
    assert_eq!(made.json()["unionid"].as_str().unwrap().len(), 28);
    let openid = |appid: &str| {
        let body = json!({ "appid": appid });
        app.control("POST", &format!("/people/{person}/openid"), &body)
            .json()["openid"]
            .clone()
    };
    assert_eq!(openid(&official.appid), openid(&official.appid));
    assert_ne!(openid(&official.appid), openid(&program.appid));
    let act = |body: &Value| app.control("POST", &format!("/people/{person}/actions"), body);
    let done = act(&json!({ "appid": official.appid, "action": "follow" }));
    assert_eq!(
        done.json(),
        json!({ "openid": openid(&official.appid), "callback": null })
    );
    let results = json!({ template.template_id.as_str(): "accept" });
    let popup = json!({ "appid": program.appid, "action": "subscribe_popup", "results": results });
    assert_eq!(act(&popup).status, 200);
    let seen = &app.control("GET", "/people", &json!(null)).json()["items"][0];
    assert_eq!(seen["accounts"][0]["following"], true);
    assert_eq!(seen["accounts"][1]["grants"][0]["count"], 1);
    assert_eq!(seen["openids"][&official.appid], openid(&official.appid));

    for wrong in [
        json!({ "appid": official.appid, "action": "dance" }),
        json!({ "appid": program.appid, "action": "follow" }),
        json!({ "appid": official.appid, "action": "login" }),
        json!({ "appid": official.appid, "action": "send_text", "content": "" }),
        json!({ "appid": official.appid, "action": "scan", "scene": "x", "key": "y" }),
        json!({ "appid": official.appid, "action": "subscribe_once", "template_id": "t", "scene": 10_001 }),
        json!({ "appid": program.appid, "action": "subscribe_popup", "results": {} }),
        json!({ "appid": program.appid, "action": "subscribe_popup", "results": { template.template_id.as_str(): "maybe" } }),
    ] {
        assert_eq!(act(&wrong).status, 422, "{wrong}");
    }
    let mixed = app.long_term(&program);
    let results =
        json!({ template.template_id.as_str(): "accept", mixed.template_id.as_str(): "accept" });
    let popup = json!({ "appid": program.appid, "action": "subscribe_popup", "results": results });
    assert!(
        act(&popup).json()["detail"]
            .as_str()
            .unwrap()
            .contains("20002")
    );
}

#[test]
fn people_in_bulk_are_followers_like_others() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let template = app.template(&account, "{{thing1.DATA}}");
    let body = json!({ "appid": account.appid, "count": 100_000 });
    let made = app.control("POST", "/bulk/people", &body);
    assert_eq!(made.status, 201);
    let url = made.json()["openids_url"].as_str().unwrap().to_owned();
    let path = url
        .strip_prefix(&format!("http://{}", app.address))
        .unwrap();
    let openids = app.get(path).body;
    assert_eq!(openids.lines().count(), 100_000);
    let last = openids.lines().last().unwrap();
    let token = app.token(&account);
    let send = format!("/cgi-bin/message/template/send?access_token={token}");
    assert_eq!(
        app.post(&send, &message(last, &template, "thing1", "a"))
            .errcode(),
        0
    );
    assert_eq!(app.sandbox.inbox(last, 5).unwrap().items.len(), 1);
    app.sandbox
        .act(last, &account.appid, &hongyan_sandbox::Action::Unfollow)
        .unwrap();
    assert_eq!(
        app.post(&send, &message(last, &template, "thing1", "a"))
            .errcode(),
        43004
    );
    assert_eq!(app.sandbox.accounts()[0].followers, 99_999);
    assert_eq!(app.sandbox.inbox(last, 5).unwrap().items.len(), 1);
}

#[test]
fn deliveries_are_paged_by_number_time_and_account() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let other = app.account(AccountKind::OfficialAccount);
    for (round, account) in [&account, &other, &account, &account]
        .into_iter()
        .enumerate()
    {
        let template = app.template(account, "{{thing1.DATA}}");
        let (_, openid) = app.follower(account);
        let path = format!(
            "/cgi-bin/message/template/send?access_token={}",
            app.token(account)
        );
        app.post(
            &path,
            &message(&openid, &template, "thing1", &format!("{round}")),
        );
        app.sandbox
            .advance(std::time::Duration::from_secs(60))
            .unwrap();
    }
    let page = |query: &str| {
        let json = app
            .control("GET", &format!("/deliveries?{query}"), &json!(null))
            .json();
        let seqs: Vec<_> = json["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["seq"].as_u64().unwrap())
            .collect();
        (
            seqs,
            json["total"].as_u64().unwrap(),
            json["next_since"].as_u64().unwrap(),
        )
    };
    assert_eq!(page(""), (vec![1, 2, 3, 4], 4, 4));
    assert_eq!(page("limit=2"), (vec![1, 2], 4, 2));
    assert_eq!(page("limit=2&since=2"), (vec![3, 4], 4, 4));
    assert_eq!(page("since=4"), (vec![], 4, 4));
    assert_eq!(page("since=99999999"), (vec![], 4, 99_999_999));
    let appid = &account.appid;
    assert_eq!(
        page(&format!("appid={appid}&limit=1&since=1")),
        (vec![3], 3, 3)
    );
    assert_eq!(page("since=2026-01-05T04:02:00Z"), (vec![3, 4], 4, 4));
    let query = DeliveryQuery {
        appid: Some("wx9".into()),
        ..DeliveryQuery::default()
    };
    assert!(app.sandbox.deliveries(&query).is_err());
}

#[test]
fn the_log_masks_secrets_and_the_counters_count() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let token = app.token(&account);
    app.get(&format!("/cgi-bin/user/get?access_token={token}"));
    app.get("/cgi-bin/nowhere");
    let log = app.control("GET", "/requests?path=/cgi-bin/token&limit=5", &json!(null));
    assert!(!log.body.contains(&account.secret));
    let entry = &log.json()["items"][0];
    assert_eq!(
        (&entry["method"], &entry["status"]),
        (&json!("GET"), &json!(200))
    );
    let all = app.control("GET", "/requests", &json!(null));
    assert!(!all.body.contains(&token));
    assert_eq!(all.json()["items"][0]["errcode"], 40066);
    let stats = app.control("GET", "/stats", &json!(null)).json();
    assert_eq!(stats["requests"], 3);
    assert_eq!(stats["requests_by_path"]["/cgi-bin/token"], 1);
    assert_eq!(stats["errors"], json!({ "40066": 1 }));
}

#[test]
fn the_clock_moves_on_request() {
    let app = App::new();
    let before = app.control("GET", "/clock", &json!(null)).json();
    assert_eq!(before["now"], "2026-01-05T04:00:00.000Z");
    let after = app
        .control("POST", "/clock", &json!({ "advance_ms": 1500 }))
        .json();
    assert_eq!(
        (&after["now"], &after["offset_ms"]),
        (&json!("2026-01-05T04:00:01.500Z"), &json!(1500))
    );
}
