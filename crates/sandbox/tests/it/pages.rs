//! WeChat's pages as a browser sees them, and the JS-SDK behind them.

use std::time::Duration;

use hongyan_sandbox::{
    AccountKind, AccountPatch, AccountView, MessageKind, NewTemplate, PersonView, TemplateView,
};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::app::{Answer, App};
use crate::backend::Backend;

fn authorize(app: &App, account: &AccountView, rest: &str) -> Answer {
    app.get(&format!(
        "/connect/oauth2/authorize?appid={}&redirect_uri=http%3A%2F%2Fa.example%2Fb{rest}",
        account.appid
    ))
}

#[test]
fn who_is_unknown_is_asked_and_then_remembered() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let (person, _) = app.follower(&account);
    let rest = "&response_type=code&scope=snsapi_base&state=s";
    let page = authorize(&app, &account, rest);
    assert_eq!(page.status, 200);
    let link = page.body.split("href=\"/connect").nth(1).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    let went = app.get(&format!("/connect{link}"));
    assert_eq!(went.status, 302);
    let cookie = went.header("set-cookie").unwrap();
    let pair = cookie.split(';').next().unwrap();
    assert_eq!(pair, format!("sandbox_person={}", person.person_id));
    let with_cookie = app
        .raw(&format!(
            "GET /connect/oauth2/authorize?appid={}&redirect_uri=http%3A%2F%2Fa.example%2Fb{rest} HTTP/1.1\r\n\
             Host: x\r\nCookie: {pair}\r\nConnection: close\r\n\r\n",
            account.appid
        ))
        .unwrap();
    assert_eq!(with_cookie.status, 302);
    let asked = authorize(
        &app,
        &account,
        &format!(
            "&response_type=code&scope=snsapi_userinfo&state=s&person={}",
            person.person_id
        ),
    );
    assert_eq!(asked.status, 200);
    assert!(asked.body.contains("value=\"allow\"") && asked.body.contains("name=\"snapshot\""));
}

#[test]
fn links_that_break_the_rules() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let (person, _) = app.follower(&account);
    let says = |rest: &str| {
        let rest = format!("{rest}&person={}", person.person_id);
        let page = authorize(&app, &account, &rest);
        assert_eq!(page.status, 400, "{page:?}");
        page.body
    };
    assert!(says("&response_type=code&state=s").contains("10010"));
    assert!(says("&response_type=code&scope=snsapi_login").contains("10005"));
    assert!(says("&response_type=code&state=s&scope=snsapi_base").contains("参数顺序"));
    assert!(says("&response_type=code&scope=snsapi_base&state=a-b").contains("state"));
    let patch = AccountPatch {
        web_domains: Some(vec!["b.example".into()]),
        ..AccountPatch::default()
    };
    app.sandbox.update_account(&account.appid, patch).unwrap();
    assert!(says("&response_type=code&scope=snsapi_base").contains("10003"));
}

struct Once {
    app: App,
    account: AccountView,
    template: TemplateView,
    person: PersonView,
    openid: String,
}

impl Once {
    fn new() -> Self {
        let app = App::new();
        let account = app.account(AccountKind::OfficialAccount);
        let new = NewTemplate::new(MessageKind::OneTime, "订阅", "{{content.DATA}}");
        let template = app
            .sandbox
            .add_template(&account.appid, new.clone())
            .unwrap();
        assert!(app.sandbox.add_template(&account.appid, new).is_err());
        let person = app.sandbox.add_person("小明").unwrap();
        let openid = app
            .sandbox
            .openid(&person.person_id, &account.appid)
            .unwrap();
        Self {
            app,
            account,
            template,
            person,
            openid,
        }
    }

    fn link(&self, scene: &str) -> String {
        format!(
            "/mp/subscribemsg?action=get_confirm&appid={}&scene={scene}&template_id={}\
             &redirect_url=http%3A%2F%2Fa.example%3A8600%2Fr%3Fx%3D1&reserved=abc9&person={}",
            self.account.appid, self.template.template_id, self.person.person_id
        )
    }

    fn decide(&self, scene: &str, decision: &str) -> String {
        let form = format!("decision={decision}");
        let answer = self
            .app
            .call("POST", &self.link(scene), Some(&form))
            .unwrap();
        assert_eq!(answer.status, 302, "{answer:?}");
        answer.header("location").unwrap().to_owned()
    }

    fn send(&self, scene: Value, title: &str, content: &str) -> i64 {
        let path = format!(
            "/cgi-bin/message/template/subscribe?access_token={}",
            self.app.token(&self.account)
        );
        let body = json!({
            "touser": self.openid,
            "template_id": self.template.template_id,
            "url": "https://a.example",
            "scene": scene,
            "title": title,
            "data": { "content": { "value": content, "color": "#173177" } },
        });
        self.app.post(&path, &body).errcode()
    }
}

#[test]
fn one_consent_is_one_message_under_its_scene() {
    let once = Once::new();
    let page = once.app.get(&once.link("1000"));
    assert_eq!(page.status, 200);
    assert!(page.body.contains("value=\"confirm\"") && page.body.contains("value=\"cancel\""));
    let id = &once.template.template_id;
    assert_eq!(
        once.decide("1000", "cancel"),
        format!(
            "http://a.example:8600/r?x=1&template_id={id}&action=cancel&scene=1000&reserved=abc9"
        )
    );
    assert_eq!(once.send(json!("1000"), "t", "c"), 43101);
    let confirmed = format!(
        "http://a.example:8600/r?x=1&openid={}&template_id={id}&action=confirm&scene=1000&reserved=abc9",
        once.openid
    );
    assert_eq!(once.decide("1000", "confirm"), confirmed);
    assert_eq!(once.decide("1000", "confirm"), confirmed);
    once.decide("7", "confirm");
    assert_eq!(once.send(json!("1000"), &"长".repeat(16), "c"), 40062);
    assert_eq!(once.send(json!("1000"), "t", ""), 47003);
    assert_eq!(once.send(json!("1000"), "t", &"长".repeat(201)), 47003);
    assert_eq!(once.send(json!("1000"), "订单", "第一行\n第二行"), 0);
    assert_eq!(once.send(json!("1000"), "t", "c"), 43101);
    assert_eq!(once.send(json!(8), "t", "c"), 43101);
    assert_eq!(once.send(json!(7), "t", "c"), 0);
    let cards = once.app.inbox(&once.person);
    assert_eq!(
        (&cards[1]["kind"], &cards[1]["title"], &cards[1]["lines"]),
        (
            &json!("one_time"),
            &json!("订单"),
            &json!(["第一行\n第二行"])
        )
    );
    assert_eq!(cards[1]["color"], "#173177");
    let deliveries = once.app.control("GET", "/deliveries", &json!(null)).json();
    assert_eq!(
        (
            &deliveries["items"][0]["scene"],
            &deliveries["items"][0]["title"]
        ),
        (&json!(1000), &json!("订单"))
    );
}

#[test]
fn subscription_links_that_break_the_rules() {
    let once = Once::new();
    let says = |link: String| {
        let page = once.app.get(&link);
        assert_eq!(page.status, 400, "{page:?}");
        page.body
    };
    assert!(says(once.link("10001")).contains("scene"));
    assert!(says(once.link("x")).contains("scene"));
    assert!(says(once.link("1").replace("abc9", "a-b")).contains("reserved"));
    assert!(says(once.link("1").replace("get_confirm", "confirm")).contains("get_confirm"));
    let id = &once.template.template_id;
    assert!(says(once.link("1").replace(id, "other")).contains("40037"));
    assert!(says(once.link("1").replace("http%3A", "ftp%3A")).contains("10003"));
}

fn ticket(app: &App, token: &str) -> Value {
    app.get(&format!(
        "/cgi-bin/ticket/getticket?access_token={token}&type=jsapi"
    ))
    .json()
}

#[test]
fn a_page_is_signed_with_the_ticket() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let token = app.token(&account);
    let first = ticket(&app, &token);
    assert_eq!(first["expires_in"], 7200);
    app.sandbox.advance(Duration::from_secs(10)).unwrap();
    let second = ticket(&app, &token);
    assert_eq!(
        (&second["ticket"], &second["expires_in"]),
        (&first["ticket"], &json!(7190))
    );
    let url = "http://a.example/p?x=1";
    let text = format!(
        "jsapi_ticket={}&noncestr=n1&timestamp=5&url={url}",
        first["ticket"].as_str().unwrap()
    );
    let signature = hex::encode(Sha1::digest(text));
    let verify = |url: &str, timestamp: Value| {
        let body = json!({
            "appId": account.appid, "timestamp": timestamp, "nonceStr": "n1",
            "signature": signature, "url": url,
        });
        app.control("POST", "/jssdk/verify", &body).json()
    };
    assert_eq!(verify(url, json!(5))["ok"], true);
    assert_eq!(verify(&format!("{url}#part"), json!("5"))["ok"], true);
    assert_eq!(verify(url, json!(6))["errMsg"], "config:invalid signature");
    assert_eq!(verify("http://a.example/q", json!(5))["ok"], false);
    app.sandbox.advance(Duration::from_secs(7190)).unwrap();
    assert_eq!(verify(url, json!(5))["ok"], false);
    assert_ne!(
        ticket(&app, &app.token(&account))["ticket"],
        first["ticket"]
    );
}

#[test]
fn the_open_tag_asks_and_its_answer_is_a_consent() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let new = NewTemplate::new(MessageKind::Notification, "开课", "{{thing1.DATA}}");
    let template = app.sandbox.add_template(&account.appid, new).unwrap();
    let id = template.template_id.as_str();
    let person = app.sandbox.add_person("小明").unwrap();
    let backend = Backend::answering("success");
    app.callback(&account, &backend.plain());
    let offer = |templates: Value| {
        let body = json!({ "appid": account.appid, "templates": templates });
        app.control("POST", "/jssdk/templates", &body).json()
    };
    assert_eq!(offer(json!([]))["errCode"], 10001);
    assert_eq!(offer(json!(["x"]))["errCode"], 20001);
    assert_eq!(offer(json!([id, id, id, id, id, id]))["errCode"], 20003);
    assert_eq!(
        offer(json!([id]))["items"],
        json!([{ "template_id": id, "title": "开课" }])
    );
    let body =
        json!({ "appid": account.appid, "person": person.person_id, "results": { id: "accept" } });
    let done = app.control("POST", "/jssdk/subscribe", &body).json();
    assert_eq!(done["errCode"], 0);
    app.settle();
    let event = &backend.seen()[0].body;
    assert!(event.contains("<PopupScene>1</PopupScene>"), "{event}");
    let view = app.sandbox.person(&person.person_id).unwrap();
    assert_eq!(view.accounts[0].grants[0].count, 1);
}

#[test]
fn the_script_is_served_where_pages_expect_it() {
    let app = App::new();
    let script = app.get("/open/js/jweixin-1.6.0.js");
    assert_eq!(script.status, 200);
    assert!(
        script
            .header("content-type")
            .unwrap()
            .starts_with("text/javascript")
    );
    assert!(script.body.contains("wx-open-subscribe") && !script.body.contains("https://"));
    let crossing = app
        .raw(
            "POST /sandbox/v1/jssdk/templates HTTP/1.1\r\nHost: x\r\nOrigin: http://a.example\r\n\
             Content-Length: 2\r\nConnection: close\r\n\r\n{}",
        )
        .unwrap();
    assert_eq!(
        crossing.header("access-control-allow-origin"),
        Some("http://a.example")
    );
}
