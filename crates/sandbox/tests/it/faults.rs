//! Programmed failures over HTTP.

use std::time::{Duration, Instant};

use hongyan_sandbox::{AccountKind, DeliveryQuery};
use serde_json::{Value, json};

use crate::app::{App, message};

const SEND: &str = "/cgi-bin/message/template/send";

struct Scene {
    app: App,
    path: String,
    body: Value,
}

impl Scene {
    fn new() -> Self {
        let app = App::new();
        let account = app.account(AccountKind::OfficialAccount);
        let template = app.template(&account, "{{thing1.DATA}}");
        let (_, openid) = app.follower(&account);
        let path = format!("{SEND}?access_token={}", app.token(&account));
        let body = message(&openid, &template, "thing1", "a");
        Self { app, path, body }
    }

    /// Programmes a fault for one call.
    fn fault(&self, effect: Value) {
        let fault = json!({ "path": SEND, "times": 1, "effect": effect });
        let made = self.app.control("POST", "/faults", &fault);
        assert_eq!(made.status, 201, "{made:?}");
    }

    fn send(&self) -> Option<crate::app::Answer> {
        self.app
            .call("POST", &self.path, Some(&self.body.to_string()))
    }

    fn delivered(&self) -> u64 {
        self.app
            .sandbox
            .deliveries(&DeliveryQuery::default())
            .unwrap()
            .total
    }
}

#[test]
fn a_drop_before_has_no_effect_and_a_drop_after_has() {
    let scene = Scene::new();
    scene.fault(json!({ "drop": "before" }));
    assert!(scene.send().is_none());
    assert_eq!(scene.delivered(), 0);
    scene.fault(json!({ "drop": "after", "delay_ms": 1 }));
    assert!(scene.send().is_none());
    assert_eq!(scene.delivered(), 1);
    assert_eq!(scene.send().unwrap().errcode(), 0);
    assert_eq!(scene.app.sandbox.stats().dropped_connections, 2);
    assert_eq!(scene.app.sandbox.requests(Some(SEND), 3)[1].status, 0);
}

#[test]
fn errcodes_and_statuses_with_and_without_effect() {
    let scene = Scene::new();
    scene.fault(json!({ "errcode": 45011 }));
    let answer = scene.send().unwrap().json();
    assert_eq!(answer["errcode"], 45011);
    assert!(
        answer["errmsg"]
            .as_str()
            .unwrap()
            .starts_with("api minute-quota reach limit")
    );
    scene.fault(json!({ "errcode": -1, "errmsg": "busy", "took_effect": true }));
    let answer = scene.send().unwrap().json();
    assert!(answer["errmsg"].as_str().unwrap().starts_with("busy rid: "));
    assert_eq!(scene.delivered(), 1);
    scene.fault(json!({ "http_status": 502 }));
    let answer = scene.send().unwrap();
    assert_eq!(answer.status, 502);
    assert!(!answer.body.contains("errcode"));
    scene.fault(json!({ "http_status": 503, "errcode": 40001 }));
    let answer = scene.send().unwrap();
    assert_eq!((answer.status, answer.errcode()), (503, 40001));
    assert_eq!(scene.delivered(), 1);
}

#[test]
fn a_delay_holds_the_answer() {
    let scene = Scene::new();
    scene.fault(json!({ "delay_ms": 60 }));
    let started = Instant::now();
    assert_eq!(scene.send().unwrap().errcode(), 0);
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[test]
fn faults_are_listed_and_removed() {
    let scene = Scene::new();
    scene.fault(json!({ "errcode": -1 }));
    scene.fault(json!({ "errcode": 45009 }));
    let list = scene.app.control("GET", "/faults", &json!(null)).json();
    assert_eq!(list["items"][0]["fault_id"], "fault_1");
    assert_eq!(list["items"][0]["remaining"], 1);
    assert_eq!(
        scene
            .app
            .control("DELETE", "/faults/fault_1", &json!(null))
            .status,
        200
    );
    assert_eq!(
        scene
            .app
            .control("DELETE", "/faults/fault_1", &json!(null))
            .status,
        404
    );
    assert_eq!(scene.send().unwrap().errcode(), 45009);
    let removed = scene.app.control("DELETE", "/faults", &json!(null)).json();
    assert_eq!(removed, json!({ "removed": 1 }));
    let wrong = scene
        .app
        .control("POST", "/faults", &json!({ "path": SEND, "effect": {} }));
    assert_eq!(wrong.status, 422);
}
