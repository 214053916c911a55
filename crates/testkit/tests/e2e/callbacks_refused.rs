//! Callbacks that nobody should believe: refused cheaply, stored nowhere, and never
//! a 500.

use hongyan_api::{CallbackFilter, PageQuery};
use hongyan_sandbox::CallbackMode;
use hongyan_testkit::scrape::Scrape;
use hongyan_testkit::{CALLBACK_TOKEN, Push, TestApp};
use hongyan_wechat::callback::signature;

async fn stored(app: &TestApp) -> usize {
    let (filter, page) = (CallbackFilter::default(), PageQuery::default());
    let found = app.client.callbacks("oa", &filter, &page).await;
    found.unwrap().items.len()
}

async fn refused(app: &TestApp, query: &str, body: impl Into<Vec<u8>>, what: &str) {
    let answer = app.post_raw("oa", query, body).await;
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    assert_eq!(answer.body, "", "{what}: a stranger is told something");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_proved_is_refused() {
    let app = TestApp::calling_back().await;
    let good = app.text_push("hi", 1);
    let with = |change: &dyn Fn(&mut Push)| {
        let mut push = good.clone();
        change(&mut push);
        push.request()
    };
    let (query, body) = good.request();
    let (plain_query, plain) = with(&|push| push.mode = CallbackMode::Plain);
    let text = String::from_utf8(body.clone()).unwrap();
    let tampered = text.replace("]]></Encrypt>", "AAAA]]></Encrypt>");
    let only_url = query.split("&encrypt_type").next().unwrap().to_owned();
    for (what, (query, body)) in [
        (
            "another token",
            with(&|push| push.token = "stranger".to_owned()),
        ),
        ("another key", with(&|push| push.key = "x".repeat(43))),
        (
            "another appid inside",
            with(&|push| push.appid = "wx0000000000000000".to_owned()),
        ),
        (
            "a changed cipher text",
            (query.clone(), tampered.into_bytes()),
        ),
        ("no query", (String::new(), body.clone())),
        ("no msg_signature", (only_url, body.clone())),
        (
            "a plain body where a key is set",
            (plain_query.clone(), plain.clone()),
        ),
        ("a plain body said to be ciphered", (query.clone(), plain)),
        (
            "another time",
            (query.replace("timestamp=", "timestamp=1"), body.clone()),
        ),
        (
            "a broken escape",
            (format!("{query}&openid=%zz"), body.clone()),
        ),
        (
            "a control character",
            (format!("{query}&openid=%00"), body.clone()),
        ),
    ] {
        refused(&app, &query, body, what).await;
    }
    assert_eq!(stored(&app).await, 0);
    let oa = [("account", "oa"), ("result", "refused")];
    let scrape = Scrape::of(&app.url).await;
    assert_eq!(scrape.value("hongyan_callbacks_total", &oa), Some(11.0));
    assert_eq!(app.post(&good).await.status, 200, "the good one is taken");
    assert_eq!(stored(&app).await, 1);
}

/// All of these are signed as they should be: somebody at WeChat, or who knows the
/// Token, has gone mad.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_and_never_a_500() {
    let app = TestApp::calling_back().await;
    let deep =
        |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let message = |inner: &str| {
        format!(
            "<xml><ToUserName>gh_1</ToUserName><FromUserName>{}</FromUserName><CreateTime>1</CreateTime>\
             <MsgType>text</MsgType><Content>{inner}</Content><MsgId>1</MsgId></xml>",
            app.openid
        )
    };
    let billion = "<!DOCTYPE xml [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>";
    let outside = "<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>";
    let plain: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("no XML", b"hello".to_vec()),
        ("half", message("hi").into_bytes()[..80].to_vec()),
        (
            "entities",
            format!("{billion}{}", message("&b;")).into_bytes(),
        ),
        (
            "a file",
            format!("{outside}{}", message("&x;")).into_bytes(),
        ),
        ("deep XML", deep("<a>", "</a>").into_bytes()),
        ("deep JSON", deep("{\"a\":", "}").into_bytes()),
        (
            "deep arrays",
            format!("{{\"a\":{}}}", deep("[", "]")).into_bytes(),
        ),
        ("NUL", message("a\0b").into_bytes()),
        ("a NUL by reference", message("a&#0;b").into_bytes()),
        ("no UTF-8", [message("a").as_bytes(), b"\xff\xfe"].concat()),
        (
            "no UTF-8 inside",
            message("@")
                .bytes()
                .map(|byte| if byte == b'@' { 0xff } else { byte })
                .collect(),
        ),
        ("no sender", b"<xml><MsgType>text</MsgType></xml>".to_vec()),
        ("two roots", format!("{0}{0}", message("hi")).into_bytes()),
        ("a list", b"[1,2]".to_vec()),
    ];
    for (what, plain) in plain {
        let mut push = app.push("oa", plain.clone());
        let (query, body) = push.request();
        refused(&app, &query, body, what).await;
        // The envelope itself may be the trap, too.
        push.mode = CallbackMode::Plain;
        let (query, _) = push.request();
        refused(&app, &query, plain, what).await;
    }
    assert_eq!(stored(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_a_mebibyte_is_not_read_to_its_end() {
    let app = TestApp::calling_back().await;
    let signed = signature(CALLBACK_TOKEN, &["1", "2"]);
    let query = format!("signature={signed}&timestamp=1&nonce=2");
    refused(&app, &query, vec![b'x'; (1 << 20) + 1], "too long").await;
    // What fits is read, however long.
    let long = app.text_push(&"字".repeat(200_000), 1);
    assert_eq!(app.post(&long).await.status, 200);
    assert_eq!(stored(&app).await, 1);
    let path = format!("{query}&x={}", "y".repeat(9000));
    refused(&app, &path, "<xml></xml>", "a long query").await;
}
