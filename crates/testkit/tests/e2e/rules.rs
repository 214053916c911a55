//! Passive replies by rules.

use std::time::Duration;

use hongyan_api::rule::{Answer, RuleSet, TryOutcome, TryRules};
use hongyan_sandbox::{Action, CallbackOutcome, InboxKind, Shown};
use hongyan_testkit::TestApp;
use serde_json::{Value, json};

async fn put(app: &TestApp, account: &str, rules: Value) -> (u16, Value) {
    let path = format!("/v1/accounts/{account}/reply-rules");
    app.raw("PUT", &path, rules.to_string()).await
}

async fn answer_with(app: &TestApp, account: &str, rules: Value) {
    let (status, answer) = put(app, account, rules).await;
    assert_eq!(status, 200, "{answer}");
}

async fn say(app: &TestApp, content: &str) -> CallbackOutcome {
    let action = Action::SendText {
        content: content.to_owned(),
    };
    app.perform("oa", action).await.callback.unwrap()
}

/// The text of the reply to a text; nothing = nothing.
async fn reply(app: &TestApp, content: &str) -> String {
    let said = say(app, content).await.reply;
    let message = said.and_then(|reply| reply.message);
    message.map_or_else(String::new, |message| {
        message["Content"].as_str().unwrap_or_default().to_owned()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_answer_reaches_the_phone() {
    let app = TestApp::calling_back().await;
    let article = |n: u32| json!({"title": format!("第{n}条"), "description": "d", "pic_url": "https://a.example/p", "url": "https://a.example"});
    let rule = |name: &str, reply: Value| json!({"name": name, "when": {"text": {"exact": name}}, "reply": reply});
    let rules = json!({"rules": [
        rule("text", json!({"type": "text", "content": "一 <二> & ]]> 三"})),
        rule("image", json!({"type": "image", "media_id": "M1"})),
        rule("voice", json!({"type": "voice", "media_id": "M2"})),
        rule("video", json!({"type": "video", "media_id": "M3", "title": "T"})),
        rule("music", json!({"type": "music", "title": "T", "music_url": "https://a.example/m", "thumb_media_id": "M4"})),
        rule("news", json!({"type": "news", "articles": [article(1)]})),
        rule("agent", json!({"type": "transfer_customer_service"})),
        rule("nothing", json!({"type": "nothing"})),
        {"name": "eight", "when": {"event": "CLICK"}, "reply": {"type": "news", "articles": (1..=8).map(article).collect::<Vec<_>>()}},
    ]});
    answer_with(&app, "oa", rules.clone()).await;
    let kept = app.client.reply_rules("oa").await.unwrap();
    assert_eq!(kept, serde_json::from_value::<RuleSet>(rules).unwrap());

    for (name, kind) in [
        ("text", InboxKind::Text),
        ("image", InboxKind::Image),
        ("voice", InboxKind::Voice),
        ("video", InboxKind::Video),
        ("music", InboxKind::Music),
        ("news", InboxKind::News),
    ] {
        let outcome = say(&app, name).await;
        assert_eq!(outcome.shown, Shown::Message, "{name}: {outcome:?}");
        assert_eq!(outcome.attempts, 1);
        assert_eq!(app.inbox()[0].kind, kind);
    }
    let texts = app.inbox();
    let text = texts.iter().find(|card| card.kind == InboxKind::Text);
    assert_eq!(text.unwrap().lines, ["一 <二> & ]]> 三"]);
    assert_eq!(say(&app, "agent").await.shown, Shown::Transfer);
    assert_eq!(say(&app, "nothing").await.shown, Shown::Nothing);
    let tap = Action::MenuClick {
        key: "K".to_owned(),
    };
    let eight = app.perform("oa", tap).await.callback.unwrap();
    let message = eight.reply.unwrap().message.unwrap();
    assert_eq!(message["Articles"].as_array().unwrap().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rule_that_fits_answers() {
    let app = TestApp::calling_back().await;
    let text = |content: &str| json!({"type": "text", "content": content});
    answer_with(&app, "oa", json!({
        "rules": [
            {"name": "exact", "when": {"text": {"exact": ["你好", "Hello"]}}, "reply": text("exact")},
            {"name": "order", "when": {"text": {"regex": "订单\\s*(?P<no>\\d+)"}}, "reply": text("{{no}}={{1}}")},
            {"name": "help", "when": {"text": {"contains": ["帮助", "help"]}}, "reply": text("help for {{openid}}")},
            {"name": "buy", "when": {"event": "CLICK", "key": "BUY"}, "reply": text("bought {{key}}")},
            {"name": "tap", "when": {"event": "click"}, "reply": text("tapped {{key}}")},
            {"name": "poster", "when": {"event": "subscribe", "key": "poster"}, "reply": text("from {{scene}}")},
            {"name": "follow", "when": {"event": "subscribe"}, "reply": text("welcome")},
            {"name": "image", "when": {"msg_type": "image"}, "reply": text("nice")},
            {"name": "never", "when": {"text": {"exact": "你好"}}, "reply": text("never")},
        ],
        "default": text("? {{text}} {{date}}"),
    }))
    .await;
    for (said, expected) in [
        ("  hello ", "exact".to_owned()),
        ("你好", "exact".to_owned()),
        ("我的订单 42 呢", "42=42".to_owned()),
        ("need HELP now", format!("help for {}", app.openid)),
        ("{{openid}}", "? {{openid}} 2026-11-21".to_owned()),
    ] {
        assert_eq!(reply(&app, said).await, expected, "{said}");
    }
    let event = async |action: Action| {
        let outcome = app.perform("oa", action).await.callback.unwrap();
        let message = outcome.reply.and_then(|reply| reply.message);
        message.map_or_else(String::new, |message| {
            message["Content"].as_str().unwrap().to_owned()
        })
    };
    let tap = |key: &str| Action::MenuClick {
        key: key.to_owned(),
    };
    assert_eq!(event(tap("BUY")).await, "bought BUY");
    assert_eq!(event(tap("SELL")).await, "tapped SELL");
    let image = Action::SendImage {
        media_id: None,
        pic_url: None,
    };
    assert_eq!(event(image).await, "nice");
    let voice = Action::SendVoice {
        media_id: None,
        recognition: Some("帮助".to_owned()),
    };
    assert_eq!(event(voice).await, format!("help for {}", app.openid));
    // The default answers messages, not events.
    let view = Action::MenuView {
        url: "https://a.example".to_owned(),
    };
    assert_eq!(event(view).await, "");
    event(Action::Unfollow).await;
    let by_poster = Action::FollowByCode {
        scene: "poster".to_owned(),
    };
    assert_eq!(event(by_poster).await, "from poster");
    event(Action::Unfollow).await;
    assert_eq!(event(Action::Follow).await, "welcome");
}

/// It is Saturday noon in Beijing.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_may_hold_at_some_times_only() {
    let app = TestApp::calling_back().await;
    let at_times = |name: &str, between: Value| json!({"name": name, "when": {"between": between}, "reply": {"type": "text", "content": name}});
    answer_with(&app, "oa", json!({"rules": [
        at_times("london", json!({"from": "03:30", "until": "04:30", "time_zone": "Europe/London"})),
        at_times("monday", json!({"from": "00:00", "until": "23:59", "days": ["mon"]})),
        at_times("night", json!({"from": "22:00", "until": "08:00"})),
    ]}))
    .await;
    assert_eq!(reply(&app, "?").await, "london");
    app.advance(Duration::from_secs(3600));
    assert_eq!(reply(&app, "?").await, "", "one o'clock in the afternoon");
    app.advance(Duration::from_secs(9 * 3600));
    assert_eq!(reply(&app, "?").await, "night");
    app.advance(Duration::from_secs(9 * 3600));
    assert_eq!(reply(&app, "?").await, "night", "seven in the morning");
    app.advance(Duration::from_secs(3600));
    assert_eq!(reply(&app, "?").await, "", "eight in the morning");
    app.advance(Duration::from_secs(24 * 3600));
    assert_eq!(reply(&app, "?").await, "monday");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_ciphered_when_the_question_was() {
    let app = TestApp::calling_back().await;
    let secret = json!({"default": {"type": "text", "content": "hush"}});
    answer_with(&app, "oa", secret).await;
    let push = app.text_push("?", 1);
    let sealed = app.post(&push).await;
    assert!(sealed.content_type.starts_with("text/xml"), "{sealed:?}");
    assert!(!sealed.body.contains("hush") && sealed.body.contains("<Encrypt>"));
    let opened = sealed.reply(&push);
    assert!(opened.contains("hush"), "{opened}");
    assert!(
        opened.contains(&format!("<![CDATA[{}]]>", app.openid)),
        "{opened}"
    );

    app.call_back_so(hongyan_testkit::Callbacks {
        mode: hongyan_sandbox::CallbackMode::Plain,
        format: hongyan_sandbox::CallbackFormat::Json,
    })
    .await;
    let mut push = app.text_push("?", 2);
    push.mode = hongyan_sandbox::CallbackMode::Plain;
    let open = app.post(&push).await;
    assert!(open.body.contains("hush"), "{open:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mini_program_can_only_hand_over_to_agents() {
    let app = TestApp::calling_back().await;
    let talking = json!({"rules": [
        {"name": "hi", "reply": {"type": "text", "content": "hi"}},
    ], "default": {"type": "image", "media_id": "M"}});
    let (status, problem) = put(&app, "mp", talking).await;
    assert_eq!(status, 422, "{problem}");
    let violations = problem["violations"].as_array().unwrap();
    assert_eq!(violations.len(), 2, "{problem}");
    let pointer = violations[0]["pointer"].as_str().unwrap();
    assert!(pointer.starts_with("/rules/0/reply"), "{pointer}");
    let words = violations[0]["message"].as_str().unwrap();
    assert!(words.contains("transfer_customer_service"), "{words}");
    assert!(violations[0]["message_zh"].is_string());

    let transfer = json!({"default": {"type": "transfer_customer_service"}});
    answer_with(&app, "mp", transfer).await;
    let text = Action::SendText {
        content: "hi".to_owned(),
    };
    let outcome = app.perform("mp", text).await.callback.unwrap();
    assert_eq!(outcome.shown, Shown::Transfer);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_make_no_sense_are_refused_all_at_once_and_change_nothing() {
    let app = TestApp::calling_back().await;
    let good = json!({"default": {"type": "text", "content": "still here"}});
    answer_with(&app, "oa", good).await;
    let text = json!({"type": "text", "content": "x"});
    let bad = json!({"rules": [
        {"name": "a", "when": {"text": {"regex": "("}}, "reply": text},
        {"name": "a", "reply": {"type": "text", "content": "字".repeat(700)}},
        {"name": "b", "when": {"between": {"from": "25:00", "until": "08:00"}}, "reply": text},
        {"name": "c", "reply": {"type": "text", "content": "{{wahtever}}"}},
        {"name": "", "reply": {"type": "news", "articles": []}},
    ]});
    let (status, problem) = put(&app, "oa", bad).await;
    assert_eq!(status, 422, "{problem}");
    let pointers: Vec<_> = problem["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|violation| violation["pointer"].as_str().unwrap())
        .collect();
    for rule in 0..5 {
        let here = format!("/rules/{rule}");
        assert!(
            pointers.iter().any(|at| at.starts_with(&here)),
            "{rule}: {pointers:?}"
        );
    }
    for (body, place) in [
        (json!({"rulez": []}), "rulez"),
        (
            json!({"rules": [{"name": "a", "reply": {"type": "poem"}}]}),
            "poem",
        ),
    ] {
        let (status, problem) = put(&app, "oa", body).await;
        assert!(
            (400..500).contains(&status) && problem.to_string().contains(place),
            "{problem}"
        );
    }
    assert_eq!(reply(&app, "?").await, "still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_may_be_a_toml_file() {
    let app = TestApp::calling_back().await;
    let file = r#"
        [[rules]]
        name = "opening hours"
        when = { text = { contains = "几点" } }
        reply = { type = "text", content = "九点到六点" }

        [default]
        type = "text"
        content = "收到"
    "#;
    let path = "/v1/accounts/oa/reply-rules";
    let (status, answer) = app.raw_as("application/toml", "PUT", path, file).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(reply(&app, "你们几点开门").await, "九点到六点");
    assert_eq!(reply(&app, "谢谢").await, "收到");
    let broken = file.replace("[default]", "[default");
    let (status, problem) = app.raw_as("application/toml", "PUT", path, broken).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (400, Some("invalid_toml"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_tried_without_anybody_seeing_it() {
    let app = TestApp::calling_back().await;
    answer_with(
        &app,
        "oa",
        json!({"rules": [{"name": "kept", "when": {"text": {"regex": "^no (\\d+)$"}}, "reply": {"type": "text", "content": "{{1}} of {{openid}}"}}]}),
    )
    .await;
    let text = |text: &str| TryRules {
        text: Some(text.to_owned()),
        openid: Some("oSomebody".to_owned()),
        ..TryRules::default()
    };
    let kept = app
        .client
        .try_reply_rules("oa", &text("no 7"))
        .await
        .unwrap();
    assert_eq!(
        (kept.outcome, kept.rule.as_deref(), kept.index),
        (TryOutcome::Rule, Some("kept"), Some(0))
    );
    let said = Answer::Text {
        content: "7 of oSomebody".to_owned(),
    };
    assert_eq!(kept.reply, Some(said));
    let nothing = app
        .client
        .try_reply_rules("oa", &text("else"))
        .await
        .unwrap();
    assert_eq!((nothing.outcome, nothing.reply), (TryOutcome::None, None));

    // A draft is tried instead, and changes nothing.
    let draft = json!({"rules": [
        {"name": "night", "when": {"between": {"from": "22:00", "until": "08:00"}}, "reply": {"type": "nothing"}},
        {"name": "scan", "when": {"event": "SCAN"}, "reply": {"type": "text", "content": "{{scene}}"}},
    ], "default": {"type": "text", "content": "?"}});
    let draft: RuleSet = serde_json::from_value(draft).unwrap();
    let mut scan = TryRules {
        rules: Some(draft),
        event: Some("scan".to_owned()),
        key: Some("shop-12".to_owned()),
        at: Some("2026-11-20T04:00:00Z".parse().unwrap()),
        ..TryRules::default()
    };
    let tried = app.client.try_reply_rules("oa", &scan).await.unwrap();
    let said = Answer::Text {
        content: "shop-12".to_owned(),
    };
    assert_eq!((tried.index, tried.reply), (Some(1), Some(said)));
    scan.at = Some("2026-11-20T15:00:00Z".parse().unwrap());
    let at_night = app.client.try_reply_rules("oa", &scan).await.unwrap();
    assert_eq!(
        (at_night.rule.as_deref(), at_night.reply),
        (Some("night"), Some(Answer::Nothing))
    );
    assert_eq!(reply(&app, "no 8").await.split(' ').next(), Some("8"));

    let path = "/v1/accounts/oa/reply-rules/try";
    let wrong = json!({"rules": {"rules": [{"name": "", "reply": {"type": "nothing"}}]}});
    let (status, problem) = app.raw("POST", path, wrong.to_string()).await;
    assert_eq!(
        (status, &problem["violations"][0]["pointer"]),
        (422, &json!("/rules/rules/0/name"))
    );
    let (status, problem) = app
        .raw("POST", path, json!({"openid": ""}).to_string())
        .await;
    assert_eq!(
        (status, &problem["violations"][0]["pointer"]),
        (422, &json!("/openid"))
    );
}
