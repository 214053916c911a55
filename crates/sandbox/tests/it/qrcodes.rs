//! QR codes with a scene, and scans of them.

use std::time::Duration;

use hongyan_sandbox::AccountKind;
use serde_json::{Value, json};

use crate::app::{App, Caller};
use crate::backend::Backend;

fn create(caller: &Caller<'_>, name: &str, scene: Value, seconds: Option<i64>) -> Value {
    let mut body = json!({ "action_name": name, "action_info": { "scene": scene } });
    if let Some(seconds) = seconds {
        body["expire_seconds"] = seconds.into();
    }
    caller.post("/cgi-bin/qrcode/create", &body)
}

fn picture(ticket: &str) -> String {
    let encoded = ticket
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    format!("/cgi-bin/showqrcode?ticket={encoded}")
}

#[test]
fn codes_are_made_by_the_rules() {
    let dir = tempfile::tempdir().unwrap();
    let app = App::on(dir.path());
    let account = app.account(AccountKind::OfficialAccount);
    let caller = Caller::new(&app, &account);
    let code = |name: &str, scene: Value, seconds| {
        create(&caller, name, scene, seconds)["errcode"].clone()
    };
    assert_eq!(code("QR_DANCE", json!({ "scene_id": 1 }), None), 40052);
    for (name, scene) in [
        ("QR_SCENE", json!({ "scene_id": 0 })),
        ("QR_SCENE", json!({ "scene_id": 4_294_967_296_u64 })),
        ("QR_SCENE", json!({ "scene_str": "a" })),
        ("QR_STR_SCENE", json!({ "scene_str": "" })),
        ("QR_STR_SCENE", json!({ "scene_str": "字".repeat(65) })),
        ("QR_LIMIT_SCENE", json!({ "scene_id": 100_001 })),
        ("QR_LIMIT_STR_SCENE", json!({})),
    ] {
        assert_eq!(code(name, scene.clone(), None), 40053, "{name} {scene}");
    }
    assert_eq!(
        code("QR_SCENE", json!({ "scene_id": 1 }), Some(2_592_001)),
        40053
    );
    let short = create(&caller, "QR_SCENE", json!({ "scene_id": 1 }), None);
    assert_eq!(short["expire_seconds"], 60);
    assert!(
        short["url"]
            .as_str()
            .unwrap()
            .starts_with("http://weixin.qq.com/q/")
    );
    let permanent = create(
        &caller,
        "QR_LIMIT_STR_SCENE",
        json!({ "scene_str": "店" }),
        None,
    );
    assert!(permanent.get("expire_seconds").is_none());
    let again = create(
        &caller,
        "QR_LIMIT_STR_SCENE",
        json!({ "scene_str": "店" }),
        None,
    );
    assert_eq!(again, permanent);

    let ticket = permanent["ticket"].as_str().unwrap();
    let drawn = app.get(&picture(ticket));
    assert_eq!(drawn.header("content-type"), Some("image/svg+xml"));
    assert!(drawn.body.contains("<svg"));
    assert_eq!(app.get(&picture("gQnothing==")).status, 404);
    let short = picture(short["ticket"].as_str().unwrap());
    assert_eq!(app.get(&short).status, 200);
    let (_copy, later) = App::on_copy(dir.path(), true);
    assert_eq!(later.get(&picture(ticket)).status, 200);
    app.sandbox.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(app.get(&short).status, 404);
}

#[test]
fn a_scan_carries_scene_and_ticket() {
    let backend = Backend::answering("success");
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    app.callback(&account, &backend.plain());
    let caller = Caller::new(&app, &account);
    let code = create(
        &caller,
        "QR_STR_SCENE",
        json!({ "scene_str": "desk" }),
        Some(300),
    );
    let ticket = code["ticket"].as_str().unwrap();
    let person = app.sandbox.add_person("新客").unwrap();
    let by_ticket = json!({ "action": "scan", "ticket": ticket });
    let done = app.perform(&person, &account, by_ticket.clone());
    let body = backend.seen().pop().unwrap().body;
    assert!(body.contains("<![CDATA[subscribe]]>"), "{body}");
    assert!(
        body.contains("<![CDATA[qrscene_desk]]>") && body.contains(ticket),
        "{body}"
    );
    let info = caller.get(&format!(
        "/cgi-bin/user/info?openid={}",
        done["openid"].as_str().unwrap()
    ));
    assert_eq!(info["subscribe_scene"], "ADD_SCENE_QR_CODE");
    assert_eq!(
        (&info["qr_scene"], &info["qr_scene_str"]),
        (&json!(0), &json!("desk"))
    );

    app.perform(
        &person,
        &account,
        json!({ "action": "scan", "scene": "desk" }),
    );
    let body = backend.seen().pop().unwrap().body;
    assert!(
        body.contains("<![CDATA[SCAN]]>") && body.contains("<![CDATA[desk]]>"),
        "{body}"
    );
    assert!(body.contains(ticket), "{body}");
    app.sandbox.advance(Duration::from_secs(300)).unwrap();
    let act = |mut body: Value| {
        body["appid"] = account.appid.as_str().into();
        let path = format!("/people/{}/actions", person.person_id);
        app.control("POST", &path, &body)
    };
    let expired = act(by_ticket);
    assert_eq!(expired.status, 422);
    assert!(
        expired.json()["detail"]
            .as_str()
            .unwrap()
            .contains("expired")
    );
    assert_eq!(
        act(json!({ "action": "scan", "scene": "desk" })).status,
        422
    );
    assert_eq!(act(json!({ "action": "scan", "ticket": "gQ" })).status, 404);
    assert_eq!(act(json!({ "action": "scan" })).status, 422);
    // A code of somebody else's making: any scene.
    assert_eq!(act(json!({ "action": "scan", "scene": 7 })).status, 200);
}
