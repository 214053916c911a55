//! Customer-service messages and the windows they need.

use std::time::Duration;

use hongyan_sandbox::{AccountKind, AccountView, Action};
use serde_json::{Value, json};

use crate::app::{Answer, App};

struct Desk<'a> {
    app: &'a App,
    account: &'a AccountView,
    token: String,
}

impl<'a> Desk<'a> {
    fn new(app: &'a App, account: &'a AccountView) -> Self {
        let token = app.token(account);
        Self {
            app,
            account,
            token,
        }
    }

    fn call(&self, path: &str, body: &Value) -> Answer {
        let path = format!("/cgi-bin/message/custom/{path}?access_token={}", self.token);
        self.app.post(&path, body)
    }

    fn text(&self, openid: &str, content: &str) -> i64 {
        let body = json!({ "touser": openid, "msgtype": "text", "text": { "content": content } });
        self.call("send", &body).errcode()
    }
}

fn say(content: &str) -> Action {
    Action::SendText {
        content: content.to_owned(),
    }
}

#[test]
fn windows_of_an_official_account() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let desk = Desk::new(&app, &account);
    let (person, openid) = app.follower(&account);
    assert_eq!(desk.text("oX", "a"), 40003);
    // Three after following, for a minute.
    for _ in 0..3 {
        assert_eq!(desk.text(&openid, "a"), 0);
    }
    assert_eq!(desk.text(&openid, "a"), 45047);
    app.sandbox.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(desk.text(&openid, "a"), 45015);
    // Five after a message, for two days.
    app.act(&person, &account, &say("hi"));
    app.sandbox
        .advance(Duration::from_secs(48 * 3600 - 1))
        .unwrap();
    let desk = Desk::new(&app, &account);
    for _ in 0..5 {
        assert_eq!(desk.text(&openid, "a"), 0);
    }
    assert_eq!(desk.text(&openid, "a"), 45047);
    let tap = Action::MenuClick { key: "k".into() };
    app.act(&person, &account, &tap);
    assert_eq!(desk.text(&openid, "a"), 0);
    app.act(&person, &account, &Action::Block);
    assert_eq!(desk.text(&openid, "a"), 48002);
    app.act(&person, &account, &Action::Unblock);
    app.act(&person, &account, &Action::Unfollow);
    assert_eq!(desk.text(&openid, "a"), 45015);
}

#[test]
fn windows_of_a_mini_program() {
    let app = App::new();
    let program = app.account(AccountKind::MiniProgram);
    let desk = Desk::new(&app, &program);
    let person = app.sandbox.add_person("小红").unwrap();
    let openid = app
        .sandbox
        .openid(&person.person_id, &program.appid)
        .unwrap();
    assert_eq!(desk.text(&openid, "a"), 45015);
    let enter = Action::EnterSession {
        session_from: "order".into(),
    };
    app.act(&person, &program, &enter);
    assert_eq!(desk.text(&openid, "a"), 0);
    assert_eq!(desk.text(&openid, "a"), 0);
    assert_eq!(desk.text(&openid, "a"), 45047);
    app.act(&person, &program, &say("hi"));
    assert_eq!(desk.text(&openid, "a"), 0);
    let voice = json!({ "touser": openid, "msgtype": "voice", "voice": { "media_id": "m" } });
    assert_eq!(desk.call("send", &voice).errcode(), 40008);
}

#[test]
fn bodies_are_delivered_as_they_came() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let desk = Desk::new(&app, &account);
    let (person, openid) = app.follower(&account);
    let article = json!({ "title": "标题", "description": "d", "url": "https://a", "picurl": "" });
    let content = json!({
        "msgtype": "news",
        "news": { "articles": [article] },
        "customservice": { "kf_account": "test1@kftest" },
    });
    let mut body = content.clone();
    body["touser"] = json!(openid);
    let answer = desk.call("send", &body);
    assert_eq!(answer.json(), json!({ "errcode": 0, "errmsg": "ok" }));
    let delivery = app.control("GET", "/deliveries", &json!(null)).json()["items"][0].clone();
    assert_eq!(
        (&delivery["kind"], &delivery["data"]),
        (&json!("customer_service"), &content)
    );
    let card = &app.inbox(&person)[0];
    assert_eq!(
        (&card["kind"], &card["title"], &card["url"]),
        (
            &json!("customer_service"),
            &json!("标题"),
            &json!("https://a")
        )
    );
    assert_eq!(card["content"], content);
    body["news"]["articles"] = json!([{}, {}]);
    assert_eq!(desk.call("send", &body).errcode(), 45008);
}

#[test]
fn typing_is_shown_in_a_lively_talk_only() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let desk = Desk::new(&app, &account);
    let (_, openid) = app.follower(&account);
    let typing = |command: &str| {
        let body = json!({ "touser": openid, "command": command });
        desk.call("typing", &body).errcode()
    };
    assert_eq!(typing("Dance"), 45072);
    assert_eq!(typing("Typing"), 0);
    assert_eq!(typing("Typing"), 45081);
    assert_eq!(typing("CancelTyping"), 0);
    app.sandbox.advance(Duration::from_secs(30)).unwrap();
    assert_eq!(typing("Typing"), 45080);
    let other = desk.call(
        "business/typing",
        &json!({ "touser": openid, "command": "Typing" }),
    );
    assert_eq!(other.errcode(), 40200);
    assert_eq!(desk.account.kind, AccountKind::OfficialAccount);
}
