//! Template and subscribe messages.

use std::time::Duration;

use hongyan_sandbox::{
    AccountKind, AccountPatch, Action, Choices, DeliveryQuery, DeliveryStatus, DuplicateAnswer,
    InboxKind, MessageKind, NewTemplate,
};
use serde_json::{Value, json};

use crate::app::{App, message};

const SEND: &str = "/cgi-bin/message/template/send";

fn deliveries(app: &App) -> u64 {
    app.sandbox
        .deliveries(&DeliveryQuery::default())
        .unwrap()
        .total
}

#[test]
fn one_message_reaches_the_phone() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let template = app.template(
        &account,
        "订单号：{{character_string1.DATA}}\n商品：{{thing2.DATA}}",
    );
    let (person, openid) = app.follower(&account);
    let path = format!("{SEND}?access_token={}", app.token(&account));
    let body = json!({
        "touser": openid,
        "template_id": template.template_id,
        "url": "https://example.com/o/1",
        "miniprogram": { "appid": "wx0123456789abcdef", "pagepath": "pages/a?b=1" },
        "topcolor": "#FF0000",
        "client_msg_id": "m-1",
        "data": {
            "character_string1": { "value": "SO-1", "color": "#173177" },
            "thing2": { "value": "蓝牙耳机" },
            "unknown": { "value": "ignored" },
        },
    });
    // Line feeds between the tokens must not break the journal's lines.
    let pretty = serde_json::to_string_pretty(&body).unwrap();
    let answer = app.call("POST", &path, Some(&pretty)).unwrap().json();
    assert_eq!(
        (&answer["errcode"], &answer["errmsg"]),
        (&json!(0), &json!("ok"))
    );
    let msgid = answer["msgid"].as_u64().unwrap();
    assert!(msgid > 1 << 53 && msgid <= i64::MAX as u64);

    let inbox = app.control(
        "GET",
        &format!("/people/{}/inbox", person.person_id),
        &json!(null),
    );
    let card = &inbox.json()["items"][0];
    assert_eq!(card["title"], "订单通知");
    assert_eq!(card["lines"], json!(["订单号：SO-1", "商品：蓝牙耳机"]));
    assert_eq!(card["kind"], "template");
    assert_eq!(card["url"], "https://example.com/o/1");
    assert_eq!(card["miniprogram"]["pagepath"], "pages/a?b=1");
    assert_eq!(card["msgid"].as_u64(), Some(msgid));
    assert_eq!(card["at"], "2026-01-05T04:00:00.000Z");

    let page = app.control(
        "GET",
        &format!("/deliveries?appid={}", account.appid),
        &json!(null),
    );
    let item = &page.json()["items"][0];
    assert_eq!(page.json()["total"], 1);
    assert_eq!(item["openid"], json!(openid));
    assert_eq!(item["client_msg_id"], "m-1");
    assert_eq!(item["data"], body["data"]);
    assert_eq!(item["msgid"].as_u64(), Some(msgid));
}

#[test]
fn refusals_of_a_template_message() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let other = app.account(AccountKind::OfficialAccount);
    let template = app.template(&account, "{{thing1.DATA}}{{const2.DATA}}");
    let (person, openid) = app.follower(&account);
    let (_, foreign) = app.follower(&other);
    let stranger = app.sandbox.add_person("路人").unwrap();
    let silent = app
        .sandbox
        .openid(&stranger.person_id, &account.appid)
        .unwrap();
    let path = format!("{SEND}?access_token={}", app.token(&account));
    let post = |body: &Value| app.post(&path, body).errcode();
    let data = json!({ "thing1": { "value": "a" }, "const2": { "value": "" } });
    let with = |openid: &str, id: &str, data: &Value| json!({ "touser": openid, "template_id": id, "data": data });
    let id = template.template_id.as_str();
    assert_eq!(post(&with(&openid, id, &data)), 0);
    assert_eq!(post(&with(&foreign, id, &data)), 40003);
    assert_eq!(post(&with("oX", id, &data)), 40003);
    assert_eq!(post(&with(&silent, id, &data)), 43004);
    assert_eq!(post(&with(&openid, "nope", &data)), 40037);
    app.act(&person, &account, &Action::Unfollow);
    assert_eq!(post(&with(&openid, id, &data)), 43004);
    app.act(&person, &account, &Action::Follow);
    let text = |data: &Value| {
        let answer = app.post(&path, &with(&openid, id, data)).json();
        assert_eq!(answer["errcode"], 47003);
        answer["errmsg"]
            .as_str()
            .unwrap()
            .split(" rid: ")
            .next()
            .unwrap()
            .to_owned()
    };
    let long = json!({ "thing1": { "value": "字".repeat(21) }, "const2": { "value": "" } });
    assert_eq!(text(&long), "argument invalid! data.thing1.value invalid");
    for missing in [
        json!({}),
        json!("{}"),
        json!({ "thing1": "a" }),
        json!({ "thing1": {} }),
    ] {
        assert_eq!(
            text(&missing),
            "argument invalid! data.thing1.value is empty"
        );
    }
    assert_eq!(
        text(&json!({ "thing1": { "value": "a" } })),
        "argument invalid! data.const2.value is empty"
    );
    assert_eq!(deliveries(&app), 1);
}

#[test]
fn the_wrong_kind_of_account() {
    let app = App::new();
    let official = app.account(AccountKind::OfficialAccount);
    let program = app.account(AccountKind::MiniProgram);
    let post = |path: &str, token: &str| {
        app.post(&format!("{path}?access_token={token}"), &json!({}))
            .errcode()
    };
    assert_eq!(post(SEND, &app.token(&program)), 45109);
    assert_eq!(
        post("/cgi-bin/message/subscribe/send", &app.token(&official)),
        48001
    );
}

#[test]
fn a_person_who_refuses_messages_is_accepted_and_not_shown() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let template = app.template(&account, "{{thing1.DATA}}");
    let (person, openid) = app.follower(&account);
    let path = format!("{SEND}?access_token={}", app.token(&account));
    app.act(&person, &account, &Action::Block);
    assert_eq!(
        app.post(&path, &message(&openid, &template, "thing1", "a"))
            .errcode(),
        0
    );
    assert!(
        app.sandbox
            .inbox(&person.person_id, 9)
            .unwrap()
            .items
            .is_empty()
    );
    let page = app.sandbox.deliveries(&DeliveryQuery::default()).unwrap();
    assert_eq!(page.items[0].status, DeliveryStatus::UserBlock);
    app.act(&person, &account, &Action::Unblock);
    app.post(&path, &message(&openid, &template, "thing1", "b"));
    assert_eq!(
        app.sandbox.inbox(&person.person_id, 9).unwrap().items.len(),
        1
    );
}

#[test]
fn a_repeated_client_msg_id_is_delivered_once_in_ten_minutes() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let template = app.template(&account, "{{thing1.DATA}}");
    let (_, openid) = app.follower(&account);
    let path = format!("{SEND}?access_token={}", app.token(&account));
    let mut body = message(&openid, &template, "thing1", "a");
    body["client_msg_id"] = json!("same");
    let first = app.post(&path, &body).json();
    app.sandbox.advance(Duration::from_secs(599)).unwrap();
    assert_eq!(app.post(&path, &body).json(), first);
    let refuse = AccountPatch {
        duplicate_answer: Some(DuplicateAnswer::Refuse),
        ..AccountPatch::default()
    };
    app.sandbox.update_account(&account.appid, refuse).unwrap();
    assert_eq!(app.post(&path, &body).errcode(), 40241);
    assert_eq!(deliveries(&app), 1);
    app.sandbox.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(app.post(&path, &body).errcode(), 0);
    assert_eq!(deliveries(&app), 2);
    assert_eq!(app.sandbox.stats().duplicates, 2);
}

#[test]
fn quotas_end_with_the_beijing_day_or_a_clearing() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let template = app.template(&account, "{{thing1.DATA}}");
    let (_, openid) = app.follower(&account);
    let token = app.token(&account);
    let path = format!("{SEND}?access_token={token}");
    let send = || {
        app.post(&path, &message(&openid, &template, "thing1", "a"))
            .errcode()
    };
    let set = app.control(
        "PUT",
        &format!("/accounts/{}/quota", account.appid),
        &json!({ "path": SEND, "limit": 2 }),
    );
    let expected = json!({ "path": SEND, "limit": 2, "used": 0, "per_minute": null });
    assert_eq!(set.json(), expected);
    assert_eq!([send(), send(), send()], [0, 0, 45009]);
    let quota = || {
        let body = json!({ "cgi_path": SEND });
        app.post(
            &format!("/cgi-bin/openapi/quota/get?access_token={token}"),
            &body,
        )
        .json()
    };
    assert_eq!(
        quota()["quota"],
        json!({ "daily_limit": 2, "used": 2, "remain": 0 })
    );
    let clear = || {
        let body = json!({ "appid": account.appid });
        app.post(&format!("/cgi-bin/clear_quota?access_token={token}"), &body)
            .errcode()
    };
    assert_eq!(clear(), 0);
    assert_eq!(quota()["quota"]["used"], 0);
    assert_eq!(send(), 0);
    let v2 = format!(
        "/cgi-bin/clear_quota/v2?appid={}&appsecret={}",
        account.appid, account.secret
    );
    assert_eq!(app.call("POST", &v2, Some("")).unwrap().errcode(), 0);
    let body = json!({ "appid": account.appid, "appsecret": account.secret });
    assert_eq!(app.post("/cgi-bin/clear_quota/v2", &body).errcode(), 0);
    assert_eq!((0..7).map(|_| clear()).sum::<i64>(), 0);
    assert_eq!(clear(), 48006);
    app.sandbox.set_quota(&account.appid, SEND, 0).unwrap();
    assert_eq!(send(), 45009);
    app.sandbox.set_quota(&account.appid, SEND, 1).unwrap();
    assert_eq!([send(), send()], [0, 45009]);
    // Twelve hours later it is midnight there, and the token has ended too.
    app.sandbox.advance(Duration::from_secs(12 * 3600)).unwrap();
    let path = format!("{SEND}?access_token={}", app.token(&account));
    assert_eq!(
        app.post(&path, &message(&openid, &template, "thing1", "a"))
            .errcode(),
        0
    );
}

#[test]
fn one_acceptance_is_one_subscribe_message() {
    let app = App::new();
    let account = app.account(AccountKind::MiniProgram);
    let template = app.template(&account, "编号:{{character_string1.DATA}}\n");
    let person = app.sandbox.add_person("小红").unwrap();
    let openid = app
        .sandbox
        .openid(&person.person_id, &account.appid)
        .unwrap();
    let path = format!(
        "/cgi-bin/message/subscribe/send?access_token={}",
        app.token(&account)
    );
    let body = |value: &str| {
        json!({
            "touser": openid,
            "template_id": template.template_id,
            "page": "pages/o?id=1",
            "data": { "character_string1": { "value": value } },
        })
    };
    let answer = |choice: &str| {
        let results = Choices::from([(template.template_id.clone(), choice.to_owned())]);
        app.act(&person, &account, &Action::SubscribePopup(results));
    };
    assert_eq!(app.post(&path, &body("A")).errcode(), 43101);
    answer("accept");
    answer("acceptWithAudio");
    answer("reject");
    let broken = app.post(&path, &body("订单")).json();
    assert_eq!(broken["errcode"], 47003);
    let text = broken["errmsg"].as_str().unwrap();
    assert!(
        text.starts_with("argument invalid! data.character_string1.value i rid: "),
        "{text}"
    );
    let sent: Vec<_> = (0..3)
        .map(|_| app.post(&path, &body("A")).errcode())
        .collect();
    assert_eq!(sent, [0, 0, 43101]);
    answer("accept");
    let results = Choices::from([(template.template_id.clone(), "reject".to_owned())]);
    app.act(&person, &account, &Action::SubscribeSetting(results));
    assert_eq!(app.post(&path, &body("A")).errcode(), 43101);
    let card = &app.sandbox.inbox(&openid, 1).unwrap().items[0];
    assert_eq!(
        (card.kind, card.url.as_deref()),
        (InboxKind::Subscribe, Some("pages/o?id=1"))
    );
    assert_eq!(card.lines, ["编号:A"]);
    assert_eq!(
        app.post(&path, &json!({ "touser": openid, "template_id": "x" }))
            .errcode(),
        40037
    );
    assert_eq!(app.post(&path, &json!({ "touser": "x" })).errcode(), 40003);
}

#[test]
fn a_long_term_consent_stays_until_refused() {
    let app = App::new();
    let account = app.account(AccountKind::MiniProgram);
    let template = app.long_term(&account);
    let person = app.sandbox.add_person("小红").unwrap();
    let openid = app
        .sandbox
        .openid(&person.person_id, &account.appid)
        .unwrap();
    let path = format!(
        "/cgi-bin/message/subscribe/send?access_token={}",
        app.token(&account)
    );
    let send = || {
        app.post(&path, &message(&openid, &template, "thing1", "305路"))
            .errcode()
    };
    let answer = |choice: &str| {
        let results = Choices::from([(template.template_id.clone(), choice.to_owned())]);
        app.act(&person, &account, &Action::SubscribePopup(results));
    };
    answer("accept");
    assert_eq!([send(), send(), send()], [0, 0, 0]);
    answer("reject");
    assert_eq!(send(), 43101);
}

#[test]
fn other_kinds_of_template_cannot_be_sent_here() {
    let app = App::new();
    let account = app.account(AccountKind::OfficialAccount);
    let notice = NewTemplate::new(MessageKind::Notification, "通知", "{{thing1.DATA}}");
    let notice = app.sandbox.add_template(&account.appid, notice).unwrap();
    let (_, openid) = app.follower(&account);
    let path = format!("{SEND}?access_token={}", app.token(&account));
    assert_eq!(
        app.post(&path, &message(&openid, &notice, "thing1", "a"))
            .errcode(),
        40037
    );
}
