//! Receipts follow accepted sends.

use std::collections::BTreeMap;

use hongyan_sandbox::{
    AccountKind, AccountView, Action, Choices, MessageKind, NewTemplate, TemplateView,
};
use serde_json::json;

use crate::app::{App, message};
use crate::backend::Backend;

const SEND: &str = "/cgi-bin/message/template/send";

struct Stage {
    app: App,
    backend: Backend,
    account: AccountView,
    template: TemplateView,
}

impl Stage {
    fn new() -> Self {
        let app = App::new();
        let account = app.account(AccountKind::OfficialAccount);
        let template = app.template(&account, "{{thing1.DATA}}");
        let backend = Backend::answering("success");
        Self {
            app,
            backend,
            account,
            template,
        }
    }

    fn listen(&self) {
        self.app.callback(&self.account, &self.backend.plain());
    }

    fn send(&self, openid: &str) -> String {
        let path = format!("{SEND}?access_token={}", self.app.token(&self.account));
        let body = message(openid, &self.template, "thing1", "a");
        let answer = self.app.post(&path, &body);
        assert_eq!(answer.errcode(), 0, "{answer:?}");
        answer.json()["msgid"].to_string()
    }

    /// `MsgID` and `Status` of what came, in any order.
    fn came(&self) -> BTreeMap<String, Vec<String>> {
        self.app.settle();
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for seen in self.backend.seen() {
            let body = seen.body;
            assert!(body.contains("[TEMPLATESENDJOBFINISH]"), "{body}");
            let id = body
                .split("<MsgID>")
                .nth(1)
                .unwrap()
                .split('<')
                .next()
                .unwrap();
            let status = body.split("<Status><![CDATA[").nth(1).unwrap();
            let status = status.split("]]>").next().unwrap();
            all.entry(id.to_owned())
                .or_default()
                .push(status.to_owned());
        }
        all
    }

    fn rules(&self, rules: serde_json::Value) {
        let path = format!("/accounts/{}/receipts", self.account.appid);
        assert_eq!(self.app.control("PUT", &path, &rules).status, 200);
    }
}

#[test]
fn each_template_message_is_reported_with_its_id() {
    let stage = Stage::new();
    let (person, openid) = stage.app.follower(&stage.account);
    stage.listen();
    let sent = stage.send(&openid);
    stage.app.act(&person, &stage.account, &Action::Block);
    let refused = stage.send(&openid);
    assert_eq!(
        stage.came(),
        BTreeMap::from([
            (sent, vec!["success".to_owned()]),
            (refused, vec!["failed:user block".to_owned()]),
        ])
    );
}

#[test]
fn hundreds_of_receipts_arrive_once_each() {
    let stage = Stage::new();
    stage
        .app
        .sandbox
        .add_bulk_people(&stage.account.appid, 300)
        .unwrap();
    stage.listen();
    let openids = stage.app.sandbox.bulk_openids(&stage.account.appid, 0, 300);
    let sent: Vec<String> = openids.unwrap().map(|openid| stage.send(&openid)).collect();
    let came = stage.came();
    assert_eq!(came.len(), sent.len());
    assert!(came.values().all(|statuses| statuses.len() == 1));
    assert!(sent.iter().all(|id| came.contains_key(id)));
}

#[test]
fn rules_delay_drop_double_and_falsify() {
    let stage = Stage::new();
    let (_, openid) = stage.app.follower(&stage.account);
    stage.listen();
    stage.rules(json!({ "duplicate": true, "status": "system_failed", "delay_ms": 1 }));
    let sent = stage.send(&openid);
    let failed = "failed: system failed".to_owned();
    assert_eq!(stage.came()[&sent], [failed.clone(), failed]);
    stage.rules(json!({ "drop_probability": 1.0 }));
    let lost = stage.send(&openid);
    assert!(!stage.came().contains_key(&lost));
    let path = format!("/accounts/{}/receipts", stage.account.appid);
    for wrong in [
        json!({ "drop_probability": 2.0 }),
        json!({ "delay_ms": 700_000 }),
        json!({ "status": "lost" }),
    ] {
        assert_eq!(
            stage.app.control("PUT", &path, &wrong).status,
            422,
            "{wrong}"
        );
    }
    let rules = stage.app.control("GET", &path, &json!(null)).json();
    assert_eq!(rules["drop_probability"], 1.0);
}

#[test]
fn without_a_callback_there_are_none() {
    let stage = Stage::new();
    let (_, openid) = stage.app.follower(&stage.account);
    stage.send(&openid);
    stage.listen();
    assert!(stage.came().is_empty());
}

#[test]
fn notifications_tell_their_id_in_the_receipt_alone() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let new = NewTemplate::new(MessageKind::Notification, "开课", "{{thing1.DATA}}");
    let template = app.sandbox.add_template(&account.appid, new).unwrap();
    let person = app.sandbox.add_person("小明").unwrap();
    let openid = app
        .sandbox
        .openid(&person.person_id, &account.appid)
        .unwrap();
    let path = format!(
        "/cgi-bin/message/subscribe/bizsend?access_token={}",
        app.token(&account)
    );
    let mut body = message(&openid, &template, "thing1", "a");
    body["page"] = json!("https://example.com/p");
    assert_eq!(app.post(&path, &body).errcode(), 43101);
    let accept = Choices::from([(template.template_id.clone(), "accept".to_owned())]);
    app.act(&person, &account, &Action::SubscribePopup(accept));
    let backend = Backend::answering("success");
    app.callback(&account, &backend.plain());
    let answer = app.post(&path, &body);
    assert_eq!((answer.errcode(), answer.json().get("msgid")), (0, None));
    assert_eq!(app.post(&path, &body).errcode(), 43101);
    app.settle();
    let seen = backend.seen();
    assert_eq!(seen.len(), 1);
    let delivery = app.control("GET", "/deliveries", &json!(null)).json()["items"][0].clone();
    assert_eq!(
        (&delivery["kind"], &delivery["url"]),
        (&json!("notification"), &json!("https://example.com/p"))
    );
    assert!(seen[0].body.contains("[subscribe_msg_sent_event]"));
    assert!(
        seen[0]
            .body
            .contains(&format!("<MsgID>{}</MsgID>", delivery["msgid"]))
    );
    assert_eq!(app.inbox(&person)[0]["kind"], "notification");
}
