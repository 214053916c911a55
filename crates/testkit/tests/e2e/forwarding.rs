//! The owner's own programs: callbacks passed on as they came, and answers of
//! theirs.

use std::sync::Arc;
use std::time::Duration;

use hongyan_api::{
    Backend as ApiBackend, CallbackDetail, CallbackFilter, ChangeAccount, PageQuery,
    ReplayCallback, Status,
};
use hongyan_sandbox::{Action, CallbackOutcome, InboxKind, Shown};
use hongyan_testkit::scrape::Scrape;
use hongyan_testkit::{Backend, CALLBACK_KEY, CALLBACK_TOKEN, Heard, TestApp, eventually};
use hongyan_wechat::callback::{CallbackQuery, Inbound, KeyPair, Keyring, Mode, Opened};
use hongyan_wechat::{AppId, AppSecret};
use serde_json::json;

/// Which backends an account has; the first answers if asked for.
async fn forward_to(app: &TestApp, urls: &[String], first_answers: bool) {
    let backends = urls.iter().enumerate().map(|(place, url)| ApiBackend {
        url: url.clone(),
        answers: first_answers && place == 0,
    });
    let change = ChangeAccount {
        backends: Some(Some(backends.collect())),
        ..ChangeAccount::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
}

async fn ask_for_replies(app: &TestApp, url: String) {
    let change = ChangeAccount {
        reply_url: Some(Some(url)),
        ..ChangeAccount::default()
    };
    app.client.change_account("oa", &change).await.unwrap();
}

async fn say(app: &TestApp, content: &str) -> CallbackOutcome {
    let action = Action::SendText {
        content: content.to_owned(),
    };
    app.perform("oa", action).await.callback.unwrap()
}

fn content(outcome: &CallbackOutcome) -> String {
    let reply = outcome.reply.clone().unwrap().message.unwrap();
    reply["Content"].as_str().unwrap().to_owned()
}

/// What WeChat's own library would do at the backend.
fn opened(app: &TestApp, heard: &Heard) -> (Keyring, CallbackQuery, Opened) {
    let ring = Keyring {
        appid: AppId::parse(&app.oa).unwrap(),
        pairs: vec![KeyPair {
            token: AppSecret::new(CALLBACK_TOKEN),
            aes_key: Some(CALLBACK_KEY.parse().unwrap()),
        }],
        allow_plaintext: false,
    };
    // The backend's own parameters stand before WeChat's.
    let query = CallbackQuery::parse(&heard.query).unwrap();
    let opened = ring.open(&query, &heard.body).unwrap();
    (ring, query, opened)
}

async fn newest(app: &TestApp) -> CallbackDetail {
    let (filter, page) = (CallbackFilter::default(), PageQuery::default());
    let mut found = app.client.callbacks("oa", &filter, &page).await.unwrap();
    let id = found.items.remove(0).id;
    app.client.callback("oa", &id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_are_passed_on_as_wechat_sent_them() {
    let app = TestApp::calling_back().await;
    let (one, two) = (Backend::start().await, Backend::start().await);
    let urls = [format!("{}/wx?shop=7", one.url), format!("{}/in", two.url)];
    forward_to(&app, &urls, false).await;
    let outcome = say(&app, "转发我").await;
    assert_eq!(outcome.shown, Shown::Nothing, "they only listen");
    assert_eq!(app.engine.forward_due().await, 2);
    assert_eq!(app.engine.forward_due().await, 0);
    let sent = app
        .sandbox
        .requests_in(hongyan_sandbox::Direction::Out, None, 1)
        .remove(0);
    for (backend, path, own) in [(&one, "/wx", "shop=7&"), (&two, "/in", "")] {
        let heard = backend.heard();
        assert_eq!(heard.len(), 1);
        let heard = &heard[0];
        assert_eq!(heard.path, path);
        assert!(heard.query.starts_with(own), "{}", heard.query);
        assert_eq!(heard.headers["content-type"], "text/xml");
        assert_eq!(heard.body, sent.body.as_bytes(), "byte for byte");
        // WeChat's signature still verifies.
        let (_, _, opened) = opened(&app, heard);
        assert_eq!(opened.mode, Mode::Safe);
        let inbound = Inbound::parse(&opened.plain).unwrap();
        assert_eq!(inbound.from.as_str(), app.openid);
    }
    let shown = newest(&app).await;
    assert_eq!(shown.forwards.len(), 2);
    for forward in shown.forwards {
        assert_eq!((forward.status, forward.due_at), (Some(200), None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_down_is_tried_again() {
    let app = TestApp::calling_back().await;
    let backend = Backend::start().await;
    forward_to(&app, std::slice::from_ref(&backend.url), false).await;
    backend.says(500, "broken");
    say(&app, "later").await;
    assert_eq!(app.engine.forward_due().await, 1);
    let waiting = newest(&app).await.forwards.remove(0);
    assert_eq!(waiting.attempts, 1);
    assert!(
        waiting.due_at.is_some() && waiting.error.is_some(),
        "{waiting:?}"
    );
    assert_eq!(app.engine.forward_due().await, 0, "not at once");

    let counted = async |app: &TestApp, result| {
        let labels = [("account", "oa"), ("result", result)];
        let scrape = Scrape::of(&app.url).await;
        scrape.value("hongyan_callback_forwards_total", &labels)
    };
    assert_eq!(counted(&app, "retried").await, Some(1.0));

    // Not even a crash changes that.
    let app = app.crash_and_restart().await;
    backend.says(200, "");
    app.advance(Duration::from_secs(5));
    assert_eq!(app.engine.forward_due().await, 1);
    let done = newest(&app).await.forwards.remove(0);
    assert_eq!(
        (done.attempts, done.status, done.due_at),
        (2, Some(200), None)
    );
    assert_eq!(counted(&app, "done").await, Some(1.0));
    assert_eq!(backend.heard().len(), 2);
    assert_eq!(backend.heard()[0].body, backend.heard()[1].body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_can_be_replayed_to_a_backend() {
    let app = TestApp::calling_back().await;
    say(&app, "once").await;
    let id = newest(&app).await.callback.id;
    let replay = async |url: Option<&str>| {
        let replay = ReplayCallback {
            url: url.map(str::to_owned),
        };
        app.client.replay_callback("oa", &id, &replay).await
    };
    let none = replay(None).await.unwrap_err();
    assert_eq!((none.status, none.code()), (Some(409), Some("no_backend")));
    let (one, two) = (Backend::start().await, Backend::start().await);
    forward_to(&app, &[one.url.clone(), two.url.clone()], false).await;
    // Backends named later did not hear it by themselves.
    assert_eq!(app.engine.forward_due().await, 0);
    let replayed = replay(Some(&two.url)).await.unwrap();
    assert_eq!(replayed.queued, std::slice::from_ref(&two.url));
    app.engine.forward_due().await;
    assert_eq!((one.heard().len(), two.heard().len()), (0, 1));
    assert_eq!(replay(None).await.unwrap().queued.len(), 2);
    app.engine.forward_due().await;
    assert_eq!((one.heard().len(), two.heard().len()), (1, 2));
    let stranger = replay(Some("http://127.0.0.1:1/")).await.unwrap_err();
    assert!(
        matches!(stranger.status, Some(404 | 409 | 422)),
        "{stranger:?}"
    );
}

/// Hongyan stands in front of a program that was there before it.
#[tokio::test(flavor = "multi_thread")]
async fn one_backend_answers_wechat() {
    let app = TestApp::calling_back().await;
    let (answering, listening) = (Backend::start().await, Backend::start().await);
    let urls = [answering.url.clone(), listening.url.clone()];
    forward_to(&app, &urls, true).await;
    let to_us = app.sandbox.accounts();
    let original = &to_us
        .iter()
        .find(|one| one.appid == app.oa)
        .unwrap()
        .original_id;
    let said = |content: &str| {
        format!(
            "<xml><ToUserName><![CDATA[{}]]></ToUserName><FromUserName><![CDATA[{original}]]></FromUserName>\
             <CreateTime>1</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{content}]]></Content></xml>",
            app.openid
        )
    };
    // In the clear, as many do.
    answering.says(200, said("from the old program"));
    let outcome = say(&app, "?").await;
    assert_eq!(outcome.shown, Shown::Message, "{outcome:?}");
    assert_eq!(content(&outcome), "from the old program");
    assert_eq!(answering.heard().len(), 1);
    assert_eq!(app.engine.forward_due().await, 1, "the listener");
    assert_eq!(listening.heard().len(), 1);

    // Ciphered, as WeChat wants it.
    let (ring, _, opened) = opened(&app, &answering.heard()[0]);
    let sealed = ring.seal(&opened, &said("secret"), *b"0123456789abcdef", 1, "n");
    answering.says(200, sealed.unwrap());
    assert_eq!(content(&say(&app, "?").await), "secret");

    // Nothing to say.
    answering.says(200, "success");
    assert_eq!(say(&app, "?").await.shown, Shown::Nothing);
    // Nonsense and failures show the person nothing either.
    for (status, body) in [(200, "<html>oops"), (500, "broken")] {
        answering.says(status, body);
        let outcome = say(&app, "?").await;
        assert_eq!(
            (outcome.shown, outcome.attempts),
            (Shown::Nothing, 1),
            "{body}"
        );
    }
    // Rules come first.
    let rules = json!({"rules": [{"name": "price", "when": {"text": {"exact": "price"}}, "reply": {"type": "text", "content": "42"}}]});
    let path = "/v1/accounts/oa/reply-rules";
    let (status, _) = app.raw("PUT", path, rules.to_string()).await;
    assert_eq!(status, 200);
    assert_eq!(content(&say(&app, "price").await), "42");
}

/// The failed question is not lost: it is forwarded like any other callback.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_answering_backend_missed_is_forwarded_to_it() {
    let app = TestApp::calling_back().await;
    let backend = Backend::start().await;
    forward_to(&app, std::slice::from_ref(&backend.url), true).await;
    backend.says(502, "");
    say(&app, "are you there").await;
    backend.says(200, "success");
    app.advance(Duration::from_secs(5));
    assert_eq!(app.engine.forward_due().await, 1);
    assert_eq!(backend.heard().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_at_reply_url_answers_in_our_words() {
    let app = TestApp::calling_back().await;
    let backend = Backend::start().await;
    ask_for_replies(&app, format!("{}/reply", backend.url)).await;
    backend.says(200, r#"{"type":"text","content":"您好 {{openid}}"}"#);
    let outcome = say(&app, "在吗").await;
    assert_eq!(content(&outcome), format!("您好 {}", app.openid));
    let heard = backend.heard().remove(0);
    let asked: serde_json::Value = serde_json::from_slice(&heard.body).unwrap();
    assert_eq!(heard.path, "/reply");
    assert_eq!(
        (&asked["account"], &asked["msg_type"]),
        (&json!("oa"), &json!("text"))
    );
    assert_eq!(asked["openid"], json!(app.openid));
    assert_eq!(asked["body"]["Content"], json!("在吗"));
    // Signed, so that the program knows who asks.
    assert_eq!(heard.headers["webhook-id"], asked["id"].as_str().unwrap());
    assert!(heard.headers["webhook-signature"].starts_with("v1,"));
    assert!(heard.headers.contains_key("webhook-timestamp"));

    for (status, body) in [
        (200, ""),
        (204, ""),
        (200, r#"{"type":"nothing"}"#),
        (200, r#"{"type":"poem"}"#),
        (200, "hello"),
        (500, ""),
    ] {
        backend.says(status, body);
        let outcome = say(&app, "?").await;
        assert_eq!(
            (outcome.shown, outcome.attempts),
            (Shown::Nothing, 1),
            "{body}"
        );
    }
    // Nobody waits for an answer to these.
    let asked = backend.heard().len();
    app.perform("oa", Action::Unfollow).await;
    assert_eq!(backend.heard().len(), asked);
}

/// WeChat repeats what is not answered within five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn repeats_wait_for_the_one_answer() {
    let app = Arc::new(TestApp::calling_back().await);
    let backend = Backend::start().await;
    ask_for_replies(&app, backend.url.clone()).await;
    backend.hold();
    let push = app.text_push("slow", 1);
    let posts: Vec<_> = (0..3)
        .map(|_| {
            let (app, push) = (Arc::clone(&app), push.clone());
            tokio::spawn(async move { app.post(&push).await })
        })
        .collect();
    // All three are in before there is an answer.
    eventually(async || (newest_repeats(&app).await == Some(2)).then_some(())).await;
    backend.says(200, r#"{"type":"text","content":"once"}"#);
    backend.release();
    for post in posts {
        let answer = post.await.unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.reply(&push).contains("once"), "{answer:?}");
    }
    // And one that comes when all is over.
    assert!(app.post(&push).await.reply(&push).contains("once"));
    assert_eq!(backend.heard().len(), 1);
}

async fn newest_repeats(app: &TestApp) -> Option<u32> {
    let (filter, page) = (CallbackFilter::default(), PageQuery::default());
    let found = app.client.callbacks("oa", &filter, &page).await.unwrap();
    found.items.first().map(|callback| callback.repeats)
}

/// The one test that takes its time: WeChat's five seconds are real.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_too_late_is_a_customer_service_message() {
    let app = TestApp::calling_back().await;
    let backend = Backend::start().await;
    ask_for_replies(&app, backend.url.clone()).await;
    backend.hold();
    backend.says(200, r#"{"type":"text","content":"查到了"}"#);
    let outcome = say(&app, "查一下").await;
    assert_eq!(
        (outcome.shown, outcome.attempts),
        (Shown::Nothing, 1),
        "{outcome:?}"
    );
    assert!(
        (4000.0..5000.0).contains(&outcome.elapsed_ms),
        "{outcome:?}"
    );
    backend.release();
    let id = eventually(async || {
        let (filter, page) = Default::default();
        let mut found = app.client.messages(&filter, &page).await.unwrap();
        found.items.pop().map(|message| message.id)
    })
    .await;
    app.pump().await;
    assert_eq!(app.get(&id).await.status, Status::Accepted);
    let card = app.inbox().remove(0);
    assert_eq!(card.kind, InboxKind::CustomerService);
    assert_eq!(card.lines, ["查到了"]);
    assert_eq!(backend.heard().len(), 1);
}
