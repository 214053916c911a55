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

#[test]
fn media_must_be_there_of_the_right_kind_and_fresh() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let (person, openid) = app.follower(&account);
    app.act(&person, &account, &say("hi"));
    let token = app.token(&account);
    let upload = |kind: &str, bytes: &[u8], key: &str| {
        let path = format!("/cgi-bin/media/upload?access_token={token}&type={kind}");
        app.upload(&path, "a", bytes, &[])[key]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let picture = upload("image", b"GIF89a", "media_id");
    let cover = upload("thumb", b"\xff\xd8\xff", "thumb_media_id");
    let video = upload("video", b"\0\0\0\x18ftypmp42", "media_id");
    let send = |msgtype: &str, body: Value| {
        let desk = Desk::new(&app, &account);
        let body = json!({ "touser": openid, "msgtype": msgtype, msgtype: body });
        desk.call("send", &body).errcode()
    };
    assert_eq!(send("image", json!({ "media_id": "unknown" })), 40007);
    assert_eq!(send("image", json!({ "media_id": cover })), 40007);
    assert_eq!(send("image", json!({ "media_id": picture })), 0);
    let film =
        json!({ "media_id": video, "thumb_media_id": cover, "title": "片", "description": "述" });
    assert_eq!(send("video", film), 0);
    let page = json!({ "title": "页", "appid": "wx1", "pagepath": "p", "thumb_media_id": picture });
    assert_eq!(send("miniprogrampage", page), 0);
    let inbox = app.inbox(&person);
    assert_eq!(
        inbox[0]["miniprogram"],
        json!({ "appid": "wx1", "pagepath": "p" })
    );
    assert_eq!(
        (&inbox[1]["title"], &inbox[1]["lines"]),
        (&json!("片"), &json!(["[video]", "述"]))
    );
    assert_eq!(inbox[2]["content"]["image"]["media_id"], json!(picture));
    app.sandbox
        .advance(Duration::from_secs(3 * 24 * 3600))
        .unwrap();
    app.act(&person, &account, &say("again"));
    assert_eq!(send("image", json!({ "media_id": picture })), 40007);
}

#[test]
fn a_menu_in_a_message_is_answered() {
    let backend = crate::backend::Backend::answering("success");
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    app.callback(&account, &backend.plain());
    let (person, openid) = app.follower(&account);
    app.settle();
    let desk = Desk::new(&app, &account);
    let list = json!([{ "id": "101", "content": "满意" }, { "id": "102", "content": "不满意" }]);
    let menu = json!({ "head_content": "满意吗？", "list": list, "tail_content": "谢谢" });
    let body = json!({ "touser": openid, "msgtype": "msgmenu", "msgmenu": menu });
    assert_eq!(desk.call("send", &body).errcode(), 0);
    let lines = app.inbox(&person)[0]["lines"].clone();
    assert_eq!(lines, json!(["满意吗？", "满意", "不满意", "谢谢"]));
    app.sandbox.advance(Duration::from_secs(120)).unwrap();
    let tap = json!({ "action": "message_menu", "id": 101, "content": "满意" });
    app.perform(&person, &account, tap);
    let push = backend.seen().pop().unwrap().body;
    assert!(push.contains("<bizmsgmenuid>101</bizmsgmenuid>"), "{push}");
    assert!(
        push.contains("<Content><![CDATA[满意]]></Content>"),
        "{push}"
    );
    // A tap on it opens the window of a menu: three messages.
    let codes: Vec<i64> = (0..4).map(|_| desk.text(&openid, "a")).collect();
    assert_eq!(codes, [0, 0, 0, 45047]);
}

#[test]
fn a_picture_of_a_person_can_be_fetched() {
    let backend = crate::backend::Backend::answering("success");
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    app.callback(&account, &backend.plain());
    let (person, _) = app.follower(&account);
    app.settle();
    app.perform(&person, &account, json!({ "action": "send_image" }));
    let push = backend.seen().pop().unwrap().body;
    let (_, rest) = push.split_once("<MediaId><![CDATA[").unwrap();
    let (id, _) = rest.split_once("]]>").unwrap();
    let path = format!(
        "/cgi-bin/media/get?access_token={}&media_id={id}",
        app.token(&account)
    );
    let (_, bytes) = app.fetch("GET", &path, "");
    assert!(bytes.starts_with(b"GIF89a"));
}
