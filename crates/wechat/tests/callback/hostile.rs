//! Bodies made to do harm are refused, at once and without a panic.

use std::time::{Duration, Instant};

use hongyan_wechat::{
    AppId, AppSecret,
    callback::{
        CallbackError, CallbackQuery, Fields, Inbound, KeyPair, Keyring, MAX_BODY, signature,
    },
};

/// Bodies of up to a mebibyte, each with a way to cost time or memory.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let laughs: String = (1..10)
        .map(|level| {
            let inner = format!("&l{};", level - 1).repeat(10);
            format!("<!ENTITY l{level} \"{inner}\">")
        })
        .collect();
    let fill = |unit: &str| unit.repeat(MAX_BODY / unit.len()).into_bytes();
    let around = |head: &str, unit: &str, tail: &str| {
        let times = (MAX_BODY - head.len() - tail.len()) / unit.len();
        [head, &unit.repeat(times), tail].concat().into_bytes()
    };
    vec![
        (
            "a billion laughs",
            format!("<!DOCTYPE l [<!ENTITY l0 \"ha\">{laughs}]><xml><a>&l9;</a></xml>")
                .into_bytes(),
        ),
        (
            "an entity that reads a file",
            b"<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><xml><a>&f;</a></xml>"
                .to_vec(),
        ),
        (
            "a DOCTYPE that reads the net",
            b"<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\"><xml></xml>".to_vec(),
        ),
        ("a DOCTYPE without end", around("<!DOCTYPE x [", "<!--", "")),
        (
            "XML nested 100000 deep",
            format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000)).into_bytes(),
        ),
        (
            "JSON nested 100000 deep",
            format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes(),
        ),
        (
            "JSON objects nested 100000 deep",
            "{\"a\":".repeat(100_000).into_bytes(),
        ),
        ("XML start tags alone", fill("<a>")),
        ("JSON brackets alone", around("{\"a\":", "[", "")),
        ("many elements", around("<xml>", "<a/>", "</xml>")),
        (
            "many elements of other names",
            around("<xml>", "<a></a><b></b>", "</xml>"),
        ),
        ("many values", around("{\"a\":[1", ",1", "]}")),
        ("many names", around("{\"a\":1", ",\"a\":1", "}")),
        ("many attributes", around("<xml ", "a=\"\" ", "")),
        (
            "many references",
            around("<xml><a>", "&lt;", "<b></a></xml>"),
        ),
        (
            "many unknown references",
            around("<xml><a>", "&x;", "</a></xml>"),
        ),
        ("ampersands", around("<xml><a>", "&", "</a></xml>")),
        ("comments without end", around("<xml>", "<!--", "")),
        ("sections without end", around("<xml><a>", "<![CDATA[", "")),
        (
            "ends of sections",
            around("<xml><a><![CDATA[", "]]", "</a></xml>"),
        ),
        ("a long name", around("<xml><", "a", "/></xml>")),
        ("a long number", around("{\"a\":", "9", "")),
        ("a long exponent", around("{\"a\":1e", "9", "}")),
        ("backslashes", around("{\"a\":\"", "\\", "")),
        ("blanks", fill(" ")),
        ("NULs", vec![0; MAX_BODY]),
        ("NUL in XML", b"<xml><a>\0</a></xml>".to_vec()),
        ("NUL in JSON", b"{\"a\":\"\\u0000\"}".to_vec()),
        ("control characters", b"<xml><a>\x01</a></xml>".to_vec()),
        (
            "bytes that are not UTF-8",
            b"<xml><a>\xff\xfe</a></xml>".to_vec(),
        ),
        ("half a character", b"{\"a\":\"\xe9\xb8\"}".to_vec()),
        (
            "a surrogate in UTF-8",
            b"<xml><a>\xed\xa0\x80</a></xml>".to_vec(),
        ),
        ("UTF-16", b"\xff\xfe<\0x\0m\0l\0/\0>\0".to_vec()),
        ("a byte too many", vec![b'{'; MAX_BODY + 1]),
    ]
}

#[test]
fn no_body_costs_time_or_a_panic() {
    let token = AppSecret::new("token");
    let ring = Keyring {
        appid: AppId::parse("wx5a1d0c94e7b38f26").unwrap(),
        pairs: vec![KeyPair {
            token: token.clone(),
            aes_key: None,
        }],
        allow_plaintext: true,
    };
    let query = CallbackQuery {
        signature: Some(signature(token.expose(), &["1", "2"])),
        timestamp: Some("1".to_owned()),
        nonce: Some("2".to_owned()),
        ..CallbackQuery::default()
    };
    // Generous, for slow machines and unoptimised builds: anything worse than linear takes hours.
    let limit = Duration::from_secs(20);
    let start = Instant::now();
    for (name, body) in bodies() {
        assert!(Fields::from_xml(&body).is_err(), "{name}");
        assert!(Fields::from_json(&body).is_err(), "{name}");
        assert!(Inbound::parse(&body).is_err(), "{name}");
        let error = ring.open(&query, &body).unwrap_err();
        assert_eq!(error.code(), -40002, "{name}: {error}");
        assert!(error.to_string().len() < 100, "{name}: {error}");
    }
    assert!(start.elapsed() < limit, "{:?}", start.elapsed());
}

#[test]
fn large_but_honest_bodies_are_read() {
    let content = "鸿雁传书".repeat(80_000);
    let body = format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName><CreateTime>1</CreateTime>\
         <MsgType>text</MsgType><Content><![CDATA[{content}]]></Content></xml>"
    );
    let inbound = Inbound::parse(body.as_bytes()).unwrap();
    assert_eq!(inbound.fields.text("Content"), Some(content.as_str()));
    let json = inbound.fields.to_json().to_string();
    assert_eq!(Inbound::parse(json.as_bytes()).unwrap().body, inbound.body);
}

#[test]
fn a_mebibyte_of_cipher_text_is_refused_by_its_signature_alone() {
    let ring = Keyring {
        appid: AppId::parse("wx5a1d0c94e7b38f26").unwrap(),
        pairs: vec![KeyPair {
            token: AppSecret::new("token"),
            aes_key: Some(
                "t2T6e5TcTYoctjJPZWLbpjJKQ1APxNeWR9rXHWx78y8"
                    .parse()
                    .unwrap(),
            ),
        }],
        allow_plaintext: false,
    };
    let text = "A".repeat(MAX_BODY - 64);
    let query = CallbackQuery {
        msg_signature: Some("0".repeat(40)),
        timestamp: Some("1".to_owned()),
        nonce: Some("2".to_owned()),
        ..CallbackQuery::default()
    };
    let body = format!("<xml><Encrypt>{text}</Encrypt></xml>");
    assert_eq!(
        ring.open(&query, body.as_bytes()),
        Err(CallbackError::Signature)
    );
    // And with a right one, by what it holds.
    let query = CallbackQuery {
        msg_signature: Some(signature("token", &["1", "2", &text])),
        ..query
    };
    let error = ring.open(&query, body.as_bytes()).unwrap_err();
    assert!([-40007, -40008].contains(&error.code()), "{error}");
}
