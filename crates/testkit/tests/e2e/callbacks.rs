//! What WeChat sends is believed, stored, answered, and found again.

use std::io::{Read, Write};
use std::net::TcpStream;

use hongyan_api::{CallbackFilter, CallbackKeys, CallbackMode, CallbackSettings, ChangeAccount};
use hongyan_api::{PageQuery, Secret, rule::RuleSet};
use hongyan_sandbox::{AccountPatch, Action, CallbackFormat, Shown};
use hongyan_testkit::scrape::Scrape;
use hongyan_testkit::{Browser, CALLBACK_KEY, CALLBACK_TOKEN, Callbacks, Push, TestApp};
use hongyan_wechat::callback::signature;
use serde_json::{Value, json};

const OTHER_TOKEN: &str = "theothertoken";
const OTHER_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// Sets an account's reply rules.
async fn answer_with(app: &TestApp, account: &str, rules: Value) {
    let rules: RuleSet = serde_json::from_value(rules).unwrap();
    let set = app.client.replace_reply_rules(account, &rules).await;
    assert_eq!(set.unwrap(), rules);
}

async fn all(app: &TestApp, account: &str) -> Vec<hongyan_api::Callback> {
    let (filter, page) = (CallbackFilter::default(), PageQuery::default());
    let found = app.client.callbacks(account, &filter, &page).await;
    found.unwrap().items
}

fn text(content: &str) -> Action {
    Action::SendText {
        content: content.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_checked_before_wechat_keeps_it() {
    let app = TestApp::calling_back().await;
    for account in ["oa", "mp"] {
        let good = app.callback_of(account, &app.url, Callbacks::default());
        app.sandbox.check_callback(&good).await.unwrap();
        let mut bad = good.clone();
        bad.token = OTHER_TOKEN.to_owned();
        app.sandbox.check_callback(&bad).await.unwrap_err();
    }
    // The echo comes back as it was, as text, whatever stands in it.
    let signed = signature(CALLBACK_TOKEN, &["1", "2"]);
    let query = format!("signature={signed}&timestamp=1&nonce=2&echostr=%3Cb%3E17%2B4");
    let mut browser = Browser::default();
    let echo = browser
        .get(&format!("{}/callback/oa?{query}", app.url))
        .await;
    assert_eq!((echo.status, echo.body.as_str()), (200, "<b>17+4"));
    let content_type = echo.headers["content-type"].to_str().unwrap();
    assert!(content_type.starts_with("text/plain"), "{content_type}");
    let stranger = browser
        .get(&format!("{}/callback/nobody?{query}", app.url))
        .await;
    assert_eq!((stranger.status, stranger.body.as_str()), (404, ""));

    let silent = TestApp::start().await;
    let none = browser
        .get(&format!("{}/callback/oa?{query}", silent.url))
        .await;
    assert_eq!(none.status, 404, "the account expects no callbacks");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_and_format_is_read_and_answered_in_kind() {
    let app = TestApp::calling_back().await;
    answer_with(
        &app,
        "oa",
        json!({"default": {"type": "text", "content": "好的：{{text}}"}}),
    )
    .await;
    answer_with(
        &app,
        "mp",
        json!({"default": {"type": "transfer_customer_service"}}),
    )
    .await;
    use hongyan_sandbox::CallbackMode::{Compatible, Plain, Safe};
    for (mode, seen_as) in [
        (Plain, CallbackMode::Plain),
        (Compatible, CallbackMode::Compatible),
        (Safe, CallbackMode::Safe),
    ] {
        for format in [CallbackFormat::Xml, CallbackFormat::Json] {
            app.call_back_so(Callbacks { mode, format }).await;
            let official = app
                .perform("oa", text("在吗 & <b>"))
                .await
                .callback
                .unwrap();
            assert_eq!(official.shown, Shown::Message, "{mode:?} {official:?}");
            let reply = official.reply.unwrap().message.unwrap();
            assert_eq!(reply["Content"], "好的：在吗 & <b>");
            let mini = app.perform("mp", text("在吗")).await.callback.unwrap();
            assert_eq!(mini.shown, Shown::Transfer, "{mode:?} {format:?} {mini:?}");
            assert_eq!((mini.attempts, mini.status), (1, Some(200)));

            let newest = all(&app, "oa").await.remove(0);
            assert_eq!(newest.mode, seen_as);
            assert!(newest.text.contains("在吗 & <b>"), "{}", newest.text);
            let newest = all(&app, "mp").await.remove(0);
            assert_eq!(newest.mode, seen_as);
            let is_json = newest.text.starts_with('{');
            assert_eq!(is_json, format == CallbackFormat::Json, "{}", newest.text);
        }
    }
    assert_eq!(all(&app, "oa").await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pairs_of_keys_are_taken_while_they_change() {
    let app = TestApp::calling_back().await;
    answer_with(
        &app,
        "oa",
        json!({"default": {"type": "text", "content": "hi"}}),
    )
    .await;
    let settings = |previous| ChangeAccount {
        callback: Some(Some(CallbackSettings {
            token: Secret::from(OTHER_TOKEN),
            encoding_aes_key: Some(Secret::from(OTHER_KEY)),
            previous,
        })),
        ..ChangeAccount::default()
    };
    let former = CallbackKeys {
        token: Secret::from(CALLBACK_TOKEN),
        encoding_aes_key: Some(Secret::from(CALLBACK_KEY)),
    };
    let account = app
        .client
        .change_account("oa", &settings(Some(former)))
        .await;
    assert!(account.unwrap().callback.unwrap().has_previous);
    let shown = async |app: &TestApp| app.perform("oa", text("?")).await.callback.unwrap().shown;
    assert_eq!(shown(&app).await, Shown::Message, "WeChat has the old pair");

    let mut callback = app.callback_of("oa", &app.url, Callbacks::default());
    callback.token = OTHER_TOKEN.to_owned();
    callback.encoding_aes_key = Some(OTHER_KEY.to_owned());
    let patch = AccountPatch {
        callback: Some(Some(callback)),
        ..AccountPatch::default()
    };
    app.sandbox.update_account(&app.oa, patch).unwrap();
    assert_eq!(shown(&app).await, Shown::Message, "WeChat has the new pair");

    let account = app.client.change_account("oa", &settings(None)).await;
    assert!(!account.unwrap().callback.unwrap().has_previous);
    assert_eq!(shown(&app).await, Shown::Message);
    let old = app.text_push("?", 1);
    assert_eq!(app.post(&old).await.status, 403, "the old pair is over");
}

/// Whoever has seen one compatible callback could change its readable part.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_compatible_callback_only_the_ciphered_part_is_believed() {
    let app = TestApp::calling_back().await;
    let mut push = app.text_push("true", 1);
    push.mode = hongyan_sandbox::CallbackMode::Compatible;
    let (query, body) = push.request();
    let forged = String::from_utf8(body)
        .unwrap()
        .replacen("true", "false", 1);
    assert_eq!(app.post_raw("oa", &query, forged).await.status, 200);
    let stored = all(&app, "oa").await.remove(0);
    assert!(stored.text.contains("[true]"), "{}", stored.text);
    assert_eq!(stored.mode, CallbackMode::Compatible);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_alike_and_stored_once() {
    let app = TestApp::calling_back().await;
    let rules = json!({"rules": [
        {"name": "follow", "when": {"event": "subscribe"}, "reply": {"type": "nothing"}},
        {"name": "time", "when": {"msg_type": "text"}, "reply": {"type": "text", "content": "{{time}}"}},
    ]});
    answer_with(&app, "oa", rules).await;
    let push = app.text_push("time?", 7);
    let began = app.seconds();
    let first = app.post(&push).await;
    let said = first.reply(&push);
    assert!(said.contains("12:00"), "{said}");
    for _ in 0..2 {
        app.advance(std::time::Duration::from_secs(61));
        let again = app.post(&push).await;
        assert_eq!((again.status, again.reply(&push)), (200, said.clone()));
    }
    let stored = all(&app, "oa").await;
    assert_eq!((stored.len(), stored[0].repeats), (1, 2));
    assert_eq!(stored[0].reply.as_deref(), Some(said.as_str()));
    let card = app.client.contact("oa", &app.openid).await.unwrap();
    assert_eq!(card.windows.len(), 1);
    assert_eq!(card.windows[0].opened_at.as_second(), began);

    // The same words once more are another message, and so is the same event of
    // another second.
    app.post(&app.text_push("time?", 8)).await;
    assert_eq!(all(&app, "oa").await.len(), 2);
    let follow = |at: i64| -> Push {
        app.push("oa", format!(
            "<xml><ToUserName>gh_1</ToUserName><FromUserName>{}</FromUserName><CreateTime>{at}</CreateTime>\
             <MsgType>event</MsgType><Event>subscribe</Event></xml>", app.openid))
    };
    for at in [5, 5, 6] {
        let answer = app.post(&follow(at)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "success"));
    }
    assert_eq!(all(&app, "oa").await.len(), 4);
    let scrape = Scrape::of(&app.url).await;
    let count = |result| {
        let labels = [("account", "oa"), ("result", result)];
        scrape.value("hongyan_callbacks_total", &labels)
    };
    assert_eq!(count("message"), Some(2.0));
    assert_eq!(count("event"), Some(2.0));
    assert_eq!(count("repeated"), Some(3.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_on_disk() {
    let app = TestApp::calling_back().await;
    answer_with(
        &app,
        "oa",
        json!({"default": {"type": "text", "content": "{{time}}"}}),
    )
    .await;
    let push = app.text_push("keep me", 7);
    let said = app.post(&push).await.reply(&push);
    app.perform("mp", text("me too")).await;
    let app = app.crash_and_restart().await;
    assert!(all(&app, "oa").await[0].text.contains("keep me"));
    assert!(all(&app, "mp").await[0].text.contains("me too"));
    app.advance(std::time::Duration::from_secs(120));
    let again = app.post(&push).await;
    assert_eq!(again.reply(&push), said, "the new process knows the answer");
    assert_eq!(all(&app, "oa").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_are_searched_and_shown_as_they_came() {
    let app = TestApp::calling_back().await;
    for n in 0..3 {
        app.perform("oa", text(&format!("no. {n}"))).await;
    }
    let menu = Action::MenuClick {
        key: "V1_BUY".to_owned(),
    };
    app.perform("oa", menu).await;
    let other = app.sandbox.add_person("阿明").unwrap().person_id;
    let followed = app.sandbox.perform(&other, &app.oa, &Action::Follow).await;
    let other = followed.unwrap().openid;

    let find = async |filter: CallbackFilter| {
        let page = PageQuery::default();
        app.client
            .callbacks("oa", &filter, &page)
            .await
            .unwrap()
            .items
    };
    let texts = CallbackFilter {
        msg_type: Some("text".to_owned()),
        ..CallbackFilter::default()
    };
    assert_eq!(find(texts.clone()).await.len(), 3);
    let taps = CallbackFilter {
        event: Some("CLICK".to_owned()),
        ..CallbackFilter::default()
    };
    let taps = find(taps).await;
    assert_eq!(taps.len(), 1);
    assert_eq!(taps[0].event_key.as_deref(), Some("V1_BUY"));
    let of_other = CallbackFilter {
        openid: Some(other),
        ..CallbackFilter::default()
    };
    let of_other = find(of_other).await;
    assert_eq!(of_other.len(), 1);
    assert_eq!(of_other[0].event.as_deref(), Some("subscribe"));
    let later = CallbackFilter {
        received_after: Some(taps[0].received_at),
        ..CallbackFilter::default()
    };
    assert_eq!(find(later).await.len(), 2);

    // Page by page, the newest first.
    let mut page = PageQuery {
        limit: Some(2),
        ..PageQuery::default()
    };
    let first = app.client.callbacks("oa", &texts, &page).await.unwrap();
    assert!(first.items[0].text.contains("no. 2"));
    page.cursor = first.next_cursor;
    let second = app.client.callbacks("oa", &texts, &page).await.unwrap();
    assert_eq!((second.items.len(), second.next_cursor), (1, None));

    // One of them, byte for byte.
    app.advance(std::time::Duration::from_secs(1));
    let push = app.text_push("as it came", 99);
    let (query, body) = push.request();
    app.post_raw("oa", &query, body.clone()).await;
    let id = all(&app, "oa").await.remove(0).id;
    assert!(id.starts_with("evt_"), "{id}");
    let shown = app.client.callback("oa", &id).await.unwrap();
    assert_eq!(shown.body.as_bytes(), body);
    assert_eq!(shown.content_type.as_deref(), Some("text/xml"));
    assert!(shown.callback.text.contains("as it came"));
    let wrong_account = app.client.callback("mp", &id).await.unwrap_err();
    assert_eq!(wrong_account.code(), Some("unknown_callback"));
    let made_up = format!("evt_{}", "0".repeat(32));
    let missing = app.client.callback("oa", &made_up).await.unwrap_err();
    assert_eq!(missing.status, Some(404));
}

/// WeChat calls with HTTP/1.0 (field reports).
#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_is_answered() {
    let app = TestApp::calling_back().await;
    answer_with(
        &app,
        "oa",
        json!({"default": {"type": "text", "content": "hi"}}),
    )
    .await;
    let push = app.text_push("old", 1);
    let (query, body) = push.request();
    let address = app.url.strip_prefix("http://").unwrap().to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let mut connection = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /callback/oa?{query} HTTP/1.0\r\nContent-Length: {}\r\nContent-Type: text/xml\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).unwrap();
        connection.write_all(&body).unwrap();
        let mut answer = String::new();
        // To the end: the connection is closed, as 1.0 wants it.
        connection.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = asked.await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    assert!(body.contains("<Encrypt>"), "{body}");
}
