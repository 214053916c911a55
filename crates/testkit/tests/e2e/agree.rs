//! Our check and the sandbox's rules share no code: what the one passes the other
//! takes, what the one refuses the other refuses. Values are drawn from both sides of
//! every rule; drawing them starts from the same seed each time.

use hongyan_domain::account::AccountKind;
use hongyan_domain::message::check::check as check_content;
use hongyan_domain::message::{Content, CustomerServiceContent, Data, OneTimeContent, Value};
use hongyan_domain::template::{Overflow, Template, check};
use hongyan_sandbox::{Action, Choices, MessageKind, NewTemplate, Subscription};
use hongyan_testkit::TestApp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

/// Values for each type, at each kind.
const DRAWN: usize = 24;

/// Draws values.
struct Draw(TestRunner);

impl Draw {
    fn new() -> Self {
        Self(TestRunner::deterministic())
    }

    fn one<T: std::fmt::Debug>(&mut self, of: &impl Strategy<Value = T>) -> T {
        of.new_tree(&mut self.0).unwrap().current()
    }
}

/// Keys, and patterns whose values lie on both sides of their type's rule.
const TYPES: [(&str, &[&str]); 15] = [
    (
        "thing1",
        &[
            "[一-龥a-z0-9 ，。]{0,24}",
            "[一-龥]{19,21}",
            "[a-z]{2}\n[a-z]",
            "\\PC{0,21}",
        ],
    ),
    ("short_thing1", &["[一-龥a-z]{0,7}"]),
    (
        "number1",
        &[
            "-?[0-9]{1,34}",
            "[0-9]{1,5}\\.[0-9]{0,3}",
            "[0-9a元.]{0,6}",
            "-?[0-9]{30,32}\\.[0-9]",
        ],
    ),
    ("letter1", &["[a-zA-Z]{0,34}", "[a-zA-Z0-9é]{1,4}"]),
    ("symbol1", &["[*#@!！？]{0,7}", "[*a1字]{1,3}"]),
    (
        "character_string1",
        &[
            "[A-Za-z0-9_-]{0,34}",
            "[A-Z0-9 é]{1,8}",
            "[A-Z0-9订单]{1,6}",
        ],
    ),
    (
        "time1",
        &[
            "[0-2]?[0-9]:[0-6][0-9](:[0-6][0-9])?",
            "20[0-9]{2}-[01][0-9]-[0-3][0-9] {1,2}[0-2][0-9]:[0-5][0-9]",
            "[0-2][0-9]:[0-5][0-9] ?~ ?[0-2][0-9]:[0-5][0-9]",
            "20[0-9]{2}年[0-9]{1,2}月[0-9]{1,2}日 [0-9]{1,2}:[0-9]{2}",
            "[0-9:apm ]{0,6}",
        ],
    ),
    (
        "date1",
        &[
            "20[0-9]{2}[-/.][01][0-9][-/.][0-3][0-9]",
            "20[0-9]{2}年[0-9]{1,2}月([0-9]{1,2}日)?",
            "[01]?[0-9]月[0-3]?[0-9]日",
            "[0-9]{1,4}[-.][0-9]{1,2}",
            "20[0-9]{2}-[01][0-9]-[0-3][0-9]( [0-2][0-9]:[0-5][0-9])?~20[0-9]{2}-[01][0-9]-[0-3][0-9]",
        ],
    ),
    (
        "amount1",
        &[
            "[￥$]?[0-9]{1,13}(\\.[0-9]{1,2})?元?",
            "[￥$€a ]{0,2}[0-9.]{0,4}元{0,2}",
        ],
    ),
    ("phone_number1", &["[0-9+() #*-]{0,19}", "[0-9a-z]{1,6}"]),
    (
        "car_number1",
        &["[粤京沪][A-Z][A-Z0-9]{3,6}[挂学]?", "[粤A-Z0-9]{0,9}"],
    ),
    (
        "name1",
        &[
            "[一-龥·]{0,12}",
            "[A-Za-z .'-]{0,22}",
            "[一-龥a-z]{1,12}",
            "[一-龥0-9]{1,4}",
        ],
    ),
    ("phrase1", &["[一-龥]{0,7}", "[一-龥a1]{1,4}"]),
    ("enum1", &["客厅|厨房|阳台|", "[一-龥]{1,3}"]),
    ("const1", &["客厅|厨房|阳台|", "[一-龥]{1,3}"]),
];

struct Stage {
    app: TestApp,
    token: String,
    draw: Draw,
}

impl Stage {
    /// Everybody may be told everything any number of times.
    async fn of(account: &str) -> Self {
        let app = TestApp::start().await;
        let token = app.client.access_token(account).await.unwrap().access_token;
        Self {
            app,
            token: token.expose().to_owned(),
            draw: Draw::new(),
        }
    }

    async fn template(&self, account: &str, kind: MessageKind, key: &str) -> Template {
        let mut new = NewTemplate::new(kind, "通知", &format!("内容：{{{{{key}.DATA}}}}\n"));
        new.subscription = (kind != MessageKind::Template).then_some(Subscription::LongTerm);
        // The list of template messages tells no values.
        if kind != MessageKind::Template {
            let listed = ["客厅", "厨房"].map(str::to_owned).to_vec();
            new.enum_values.insert("enum1".to_owned(), listed);
        }
        let appid = self.app.appid(account);
        let id = self
            .app
            .sandbox
            .add_template(&appid, new)
            .unwrap()
            .template_id;
        if kind != MessageKind::Template {
            let choices: Choices = [(id.clone(), "accept".to_owned())].into_iter().collect();
            self.app
                .sandbox
                .act(&self.app.person, &appid, &Action::SubscribePopup(choices))
                .unwrap();
        }
        self.app.client.sync_templates(account).await.unwrap();
        let account = self.app.engine.account(account).unwrap().id;
        let all = self.app.engine.templates(account).await.unwrap();
        all.into_iter().find(|one| one.id.as_str() == id).unwrap()
    }

    async fn errcode(&self, path: &str, body: &serde_json::Value) -> i64 {
        let answer = self.app.call_sandbox(path, &self.token, body).await;
        answer["errcode"].as_i64().unwrap_or(0)
    }
}

async fn keywords_agree(account: &str, kind: MessageKind, path: &str) {
    let mut stage = Stage::of(account).await;
    let openid = match account {
        "oa" => stage.app.openid.clone(),
        _ => stage.app.mp_openid.clone(),
    };
    let (mut taken, mut refused) = (0, 0);
    for (key, patterns) in TYPES {
        let template = stage.template(account, kind, key).await;
        for pattern in patterns {
            let values = proptest::string::string_regex(pattern).unwrap();
            for _ in 0..DRAWN / patterns.len() {
                let value = stage.draw.one(&values);
                let mut data: Data = [(key.to_owned(), Value::from(value.as_str()))]
                    .into_iter()
                    .collect();
                let found = check((&template).into(), &mut data, Overflow::Reject);
                let body = json!({
                    "touser": openid, "template_id": template.id,
                    "data": {(key): {"value": value}},
                });
                let expected = if found.is_empty() { 0 } else { 47003 };
                let seen = stage.errcode(path, &body).await;
                assert_eq!(seen, expected, "{kind:?} {key} {value:?}: {found:?}");
                if seen == 0 { taken += 1 } else { refused += 1 }
            }
        }
    }
    // Neither side says always the same.
    assert!(
        taken > 50 && refused > 50,
        "{taken} taken, {refused} refused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn template_messages_are_judged_alike() {
    keywords_agree(
        "oa",
        MessageKind::Template,
        "/cgi-bin/message/template/send",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribe_messages_are_judged_alike() {
    keywords_agree(
        "mp",
        MessageKind::Subscribe,
        "/cgi-bin/message/subscribe/send",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscription_notices_are_judged_alike() {
    keywords_agree(
        "oa",
        MessageKind::Notification,
        "/cgi-bin/message/subscribe/bizsend",
    )
    .await;
}

/// What is cut where that is asked for is taken, whatever was drawn.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_is_taken() {
    let mut stage = Stage::of("oa").await;
    let template = stage.template("oa", MessageKind::Template, "thing1").await;
    let values = proptest::string::string_regex("[一-龥a-z0-9👍 ，]{1,60}").unwrap();
    for _ in 0..DRAWN {
        let value = stage.draw.one(&values);
        let mut data: Data = [("thing1".to_owned(), Value::from(value.as_str()))]
            .into_iter()
            .collect();
        assert_eq!(check((&template).into(), &mut data, Overflow::Truncate), []);
        let body = json!({
            "touser": stage.app.openid, "template_id": template.id,
            "data": {"thing1": {"value": data["thing1"].value}},
        });
        let seen = stage.errcode("/cgi-bin/message/template/send", &body).await;
        assert_eq!(seen, 0, "{value:?} cut to {:?}", data["thing1"].value);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_time_subscriptions_are_judged_alike() {
    let mut stage = Stage::of("oa").await;
    let new = NewTemplate::new(MessageKind::OneTime, "订阅模板消息", "{{content.DATA}}");
    let oa = stage.app.oa.clone();
    let id = stage
        .app
        .sandbox
        .add_template(&oa, new)
        .unwrap()
        .template_id;
    let titles = proptest::string::string_regex("[一-龥a-z]{0,18}").unwrap();
    let texts = proptest::string::string_regex("[一-龥a-z\n]{0,4}|[一-龥]{195,205}").unwrap();
    let (mut taken, mut refused) = (0, 0);
    for scene in 0..60_u16 {
        let (title, text) = (stage.draw.one(&titles), stage.draw.one(&texts));
        // The sandbox trims nothing; that a text of blanks alone says nothing is ours.
        if !text.is_empty() && text.trim().is_empty() {
            continue;
        }
        let mut content = Content::OneTime(OneTimeContent {
            template_id: id.parse().unwrap(),
            scene,
            title: title.clone(),
            data: [("content".to_owned(), Value::from(text.as_str()))]
                .into_iter()
                .collect(),
            url: None,
            miniprogram: None,
        });
        let found = check_content(
            &mut content,
            AccountKind::OfficialAccount,
            None,
            Overflow::Reject,
        );
        consent_to(&stage, &id, scene);
        let body = json!({
            "touser": stage.app.openid, "template_id": id, "scene": scene.to_string(),
            "title": title, "data": {"content": {"value": text}},
        });
        let seen = stage
            .errcode("/cgi-bin/message/template/subscribe", &body)
            .await;
        assert_eq!(
            seen == 0,
            found.is_empty(),
            "{seen}: {title:?} {text:?}: {found:?}"
        );
        assert!(matches!(seen, 0 | 40062 | 47003), "{seen}");
        if seen == 0 { taken += 1 } else { refused += 1 }
    }
    assert!(taken > 5 && refused > 5, "{taken} taken, {refused} refused");
}

/// The person consents on WeChat's page, once for each scene.
fn consent_to(stage: &Stage, template: &str, scene: u16) {
    let once = Action::SubscribeOnce {
        template_id: template.to_owned(),
        scene: u32::from(scene),
    };
    let (person, oa) = (&stage.app.person, &stage.app.oa);
    stage.app.sandbox.act(person, oa, &once).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn customer_service_messages_are_judged_alike() {
    let long = "字".repeat(700);
    let article =
        json!({"title": "t", "description": "d", "url": "https://a.example", "picurl": ""});
    for account in ["oa", "mp"] {
        let stage = Stage::of(account).await;
        let (openid, kind) = match account {
            "oa" => (stage.app.openid.clone(), AccountKind::OfficialAccount),
            _ => (stage.app.mp_openid.clone(), AccountKind::MiniProgram),
        };
        for (msgtype, object) in [
            ("text", json!({"content": "hi"})),
            ("text", json!({"content": ""})),
            ("text", json!({"content": long})),
            ("text", json!({})),
            (
                "link",
                json!({"title": "t", "description": "d", "url": "https://a.example", "thumb_url": "https://a.example/x.png"}),
            ),
            ("news", json!({"articles": [article]})),
            ("news", json!({"articles": [article, article]})),
            ("news", json!({"articles": []})),
            (
                "msgmenu",
                json!({"head_content": "?", "list": [{"id": "1", "content": "a"}], "tail_content": "!"}),
            ),
            ("msgmenu", json!({"list": []})),
            ("wxcard", json!({"card_id": "c"})),
            ("wxcard", json!({})),
            ("mpnewsarticle", json!({"article_id": "a"})),
            ("image", json!({})),
            ("video", json!({})),
            ("miniprogrampage", json!({"title": "t"})),
            ("dance", json!({})),
        ] {
            // A window lasts for few messages.
            let appid = stage.app.appid(account);
            let said = Action::SendText {
                content: "hi".to_owned(),
            };
            stage
                .app
                .sandbox
                .act(&stage.app.person, &appid, &said)
                .unwrap();
            let mut body = json!({"msgtype": msgtype, (msgtype): object});
            let map = body.as_object().unwrap().clone();
            let mut content = Content::CustomerService(CustomerServiceContent { body: map });
            let found = check_content(&mut content, kind, None, Overflow::Reject);
            body["touser"] = json!(openid);
            let seen = stage.errcode("/cgi-bin/message/custom/send", &body).await;
            assert_eq!(
                seen == 0,
                found.is_empty(),
                "{account} {msgtype} {object}: {seen} {found:?}"
            );
        }
    }
}
