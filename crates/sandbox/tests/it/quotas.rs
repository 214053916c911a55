//! Allowances a day, a minute, a month.

use std::time::Duration;

use hongyan_sandbox::AccountKind;
use serde_json::{Value, json};

use crate::app::{App, Caller};

const TAGS: &str = "/cgi-bin/tags/get";
const HOUR: Duration = Duration::from_secs(3600);

fn quota(caller: &Caller<'_>, path: &str) -> Value {
    caller.post("/cgi-bin/openapi/quota/get", &json!({ "cgi_path": path }))
}

#[test]
fn limits_are_set_counted_and_end_at_midnight_in_beijing() {
    let dir = tempfile::tempdir().unwrap();
    let app = App::on(dir.path());
    let account = app.account(AccountKind::OfficialAccount);
    let path = format!("/accounts/{}/quota", account.appid);
    let set = |body: Value| app.control("PUT", &path, &body);
    assert_eq!(set(json!({ "path": TAGS })).status, 422);
    assert_eq!(
        set(json!({ "path": "/cgi-bin/clear_quota", "limit": 1 })).status,
        404
    );
    assert_eq!(
        set(json!({ "path": "/nothing", "per_minute": 1 })).status,
        404
    );
    let view = set(json!({ "path": TAGS, "limit": 3, "per_minute": 2 })).json();
    assert_eq!(
        view,
        json!({ "path": TAGS, "limit": 3, "used": 0, "per_minute": 2 })
    );
    let caller = Caller::new(&app, &account);
    let code = |caller: &Caller<'_>| caller.get(TAGS)["errcode"].clone();
    assert_eq!([code(&caller), code(&caller)], [Value::Null, Value::Null]);
    assert_eq!(code(&caller), 45011);
    let seen = quota(&caller, TAGS);
    assert_eq!(
        seen["quota"],
        json!({ "daily_limit": 3, "used": 2, "remain": 1 })
    );
    assert_eq!(
        seen["rate_limit"],
        json!({ "call_count": 2, "refresh_second": 60 })
    );
    app.sandbox.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(code(&caller), Value::Null);
    assert_eq!(code(&caller), 45009);
    let listed = app.control("GET", &path, &json!(null)).json();
    let one = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["path"] == TAGS);
    assert_eq!(one.unwrap()["used"], 3);
    let (_copy, later) = App::on_copy(dir.path(), true);
    later.sandbox.advance(Duration::from_secs(60)).unwrap();
    let again = Caller::new(&later, &account);
    assert_eq!(code(&again), 45009);
    assert_eq!(quota(&again, TAGS)["rate_limit"]["call_count"], 2);

    // The clock began at noon in Beijing.
    app.sandbox.advance(11 * HOUR).unwrap();
    assert_eq!(code(&Caller::new(&app, &account)), 45009);
    app.sandbox.advance(HOUR).unwrap();
    let caller = Caller::new(&app, &account);
    assert_eq!(code(&caller), Value::Null);
    assert_eq!(
        set(json!({ "path": TAGS, "per_minute": null })).json()["per_minute"],
        Value::Null
    );
    assert!(quota(&caller, TAGS).get("rate_limit").is_none());
}

#[test]
fn ten_clearings_a_month_by_either_call() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    app.sandbox.set_quota(&account.appid, TAGS, 1).unwrap();
    let caller = Caller::new(&app, &account);
    let clear = |caller: &Caller<'_>, round: u32| {
        if round.is_multiple_of(2) {
            let body = json!({ "appid": account.appid });
            return caller.post("/cgi-bin/clear_quota", &body)["errcode"].clone();
        }
        let body = json!({ "appid": account.appid, "appsecret": account.secret });
        app.post("/cgi-bin/clear_quota/v2", &body).json()["errcode"].clone()
    };
    for round in 0..10 {
        assert_eq!(caller.get(TAGS)["errcode"], Value::Null);
        assert_eq!(caller.get(TAGS)["errcode"], 45009);
        assert_eq!(clear(&caller, round), 0);
    }
    assert_eq!([clear(&caller, 0), clear(&caller, 1)], [48006, 48006]);
    // From the fifth of January into February.
    app.sandbox.advance(27 * 24 * HOUR).unwrap();
    assert_eq!(clear(&Caller::new(&app, &account), 0), 0);
}

#[test]
fn every_path_has_its_quota_or_a_reason_for_none() {
    let app = App::new();
    let official = app.account(AccountKind::OfficialAccount);
    let program = app.account(AccountKind::MiniProgram);
    let official = Caller::new(&app, &official);
    let program = Caller::new(&app, &program);
    for (path, limit) in [
        ("/cgi-bin/menu/create", 1000),
        ("/cgi-bin/menu/trymatch", 20_000),
        ("/cgi-bin/media/upload", 100_000),
        ("/cgi-bin/media/get", 200_000),
        ("/cgi-bin/qrcode/create", 100_000),
        ("/cgi-bin/user/get", 500),
        ("/cgi-bin/user/info/updateremark", 10_000),
        ("/cgi-bin/message/custom/send", 500_000),
    ] {
        assert_eq!(
            quota(&official, path)["quota"]["daily_limit"],
            limit,
            "{path}"
        );
    }
    assert_eq!(quota(&program, "/cgi-bin/menu/create")["errcode"], 76022);
    assert_eq!(
        quota(&program, "/cgi-bin/media/upload")["quota"]["daily_limit"],
        100_000
    );
    assert_eq!(quota(&official, "/cgi-bin/menu/dance")["errcode"], 76021);
}
