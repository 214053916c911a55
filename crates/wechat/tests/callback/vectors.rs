//! Numbers that other programs agree on: WeChat's published ones, and own ones that other libraries and
//! command-line tools have decrypted.

use hongyan_wechat::{
    AppId, AppSecret, SessionKey,
    callback::{
        CallbackQuery, EncodingAesKey, Fields, Format, Inbound, KeyPair, Keyring, Mode, Opened,
        signature,
    },
    session,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    urls: Vec<Url>,
    pushes: Vec<Push>,
    replies: Vec<Reply>,
    ciphers: Vec<Cipher>,
    same_keys: Vec<[String; 2]>,
    refusals: Vec<Refusal>,
    sessions: Sessions,
}

#[derive(Deserialize)]
struct Url {
    name: String,
    token: String,
    timestamp: String,
    nonce: String,
    signature: String,
    echo: String,
}

#[derive(Deserialize)]
struct Push {
    name: String,
    mode: String,
    format: String,
    token: String,
    timestamp: String,
    nonce: String,
    signature: String,
    openid: Option<String>,
    body: String,
    bytes: usize,
    sealed: Option<Sealed>,
}

#[derive(Deserialize)]
struct Reply {
    name: String,
    format: String,
    token: String,
    timestamp: i64,
    nonce: String,
    body: String,
    bytes: usize,
    sealed: Sealed,
}

#[derive(Deserialize)]
struct Sealed {
    msg_signature: String,
    #[serde(flatten)]
    text: Text,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    #[serde(flatten)]
    text: Text,
}

#[derive(Deserialize)]
struct Text {
    key: String,
    appid: AppId,
    random: String,
    message: String,
    pad: usize,
    encrypt: String,
}

#[derive(Deserialize)]
struct Refusal {
    name: String,
    code: i32,
    token: String,
    key: String,
    appid: AppId,
    timestamp: String,
    nonce: String,
    msg_signature: String,
    encrypt: String,
}

#[derive(Deserialize)]
struct Sessions {
    raw_data: RawData,
    check: Check,
    data: Data,
}

#[derive(Deserialize)]
struct RawData {
    session_key: SessionKey,
    raw_data: String,
    signature: String,
}

#[derive(Deserialize)]
struct Check {
    session_key: SessionKey,
    signature: String,
}

#[derive(Deserialize)]
struct Data {
    session_key: SessionKey,
    iv: String,
    encrypted: String,
    plain: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("data/vectors.json")).unwrap()
}

fn keyring(token: &str, appid: &AppId, key: Option<&str>) -> Keyring {
    Keyring {
        appid: appid.clone(),
        pairs: vec![KeyPair {
            token: AppSecret::new(token),
            aes_key: key.map(|key| key.parse().unwrap()),
        }],
        allow_plaintext: false,
    }
}

fn nobody() -> AppId {
    AppId::parse("wx0000000000000000").unwrap()
}

fn random(text: &str) -> [u8; 16] {
    text.as_bytes().try_into().unwrap()
}

fn format(name: &str) -> Format {
    match name {
        "xml" => Format::Xml,
        "json" => Format::Json,
        other => panic!("{other}"),
    }
}

#[test]
fn urls_are_verified() {
    for url in vectors().urls {
        let raw = format!(
            "signature={}&echostr={}&timestamp={}&nonce={}",
            url.signature, url.echo, url.timestamp, url.nonce
        );
        let query = CallbackQuery::parse(&raw).unwrap();
        let ring = keyring(&url.token, &nobody(), None);
        assert_eq!(
            ring.verify_url(&query).as_ref(),
            Ok(&url.echo),
            "{}",
            url.name
        );
        let ring = keyring("another", &nobody(), None);
        assert!(ring.verify_url(&query).is_err(), "{}", url.name);
    }
}

#[test]
fn pushes_are_opened_in_every_mode_and_format() {
    for push in vectors().pushes {
        let name = &push.name;
        assert_eq!(push.body.len(), push.bytes, "{name}");
        let mut raw = format!(
            "signature={}&timestamp={}&nonce={}",
            push.signature, push.timestamp, push.nonce
        );
        if let Some(openid) = &push.openid {
            raw.push_str(&format!("&openid={openid}"));
        }
        let (ring, plain) = match &push.sealed {
            None => (keyring(&push.token, &nobody(), None), &push.body),
            Some(sealed) => {
                raw.push_str(&format!(
                    "&encrypt_type=aes&msg_signature={}",
                    sealed.msg_signature
                ));
                let text = &sealed.text;
                (
                    keyring(&push.token, &text.appid, Some(&text.key)),
                    &text.message,
                )
            }
        };
        let query = CallbackQuery::parse(&raw).unwrap();
        let opened = ring.open(&query, push.body.as_bytes()).unwrap();
        let mode = match push.mode.as_str() {
            "plain" => Mode::Plain,
            "compatible" => Mode::Compatible,
            "safe" => Mode::Safe,
            other => panic!("{other}"),
        };
        assert_eq!(
            (opened.mode, opened.format),
            (mode, format(&push.format)),
            "{name}"
        );
        assert_eq!(
            String::from_utf8_lossy(&opened.plain),
            plain.as_str(),
            "{name}"
        );

        // The short ones have no sender and only exercise the padding.
        if plain.contains("FromUserName") {
            let inbound = Inbound::parse(&opened.plain).unwrap();
            let openid = push.openid.as_deref();
            assert!(
                openid.is_none_or(|openid| openid == inbound.from.as_str()),
                "{name}"
            );
        } else {
            assert!(Fields::parse(&opened.plain).is_ok(), "{name}");
        }
    }
}

#[test]
fn replies_are_sealed_byte_for_byte() {
    for reply in vectors().replies {
        let (name, text) = (&reply.name, &reply.sealed.text);
        let ring = keyring(&reply.token, &text.appid, Some(&text.key));
        let opened = Opened {
            format: format(&reply.format),
            mode: Mode::Safe,
            plain: Vec::new(),
            pair: 0,
            token: 0,
        };
        let sealed = ring
            .seal(
                &opened,
                &text.message,
                random(&text.random),
                reply.timestamp,
                &reply.nonce,
            )
            .unwrap();
        assert_eq!(sealed, reply.body, "{name}");
        assert_eq!(sealed.len(), reply.bytes, "{name}");
        let timestamp = reply.timestamp.to_string();
        assert_eq!(
            signature(&reply.token, &[&timestamp, &reply.nonce, &text.encrypt]),
            reply.sealed.msg_signature,
            "{name}"
        );
    }
}

#[test]
fn texts_are_encrypted_and_decrypted() {
    let vectors = vectors();
    let pushes = vectors.pushes.into_iter().filter_map(|push| {
        let text = push.sealed?.text;
        Some((push.name, text))
    });
    let replies = vectors
        .replies
        .into_iter()
        .map(|reply| (reply.name, reply.sealed.text));
    let ciphers = vectors
        .ciphers
        .into_iter()
        .map(|cipher| (cipher.name, cipher.text));
    for (name, text) in pushes.chain(replies).chain(ciphers) {
        let key: EncodingAesKey = text.key.parse().unwrap();
        let message = text.message.as_bytes();
        let encrypted = key.encrypt(random(&text.random), message, &text.appid);
        assert_eq!(encrypted, text.encrypt, "{name}");
        let decrypted = key.decrypt(&text.encrypt, &text.appid);
        assert_eq!(decrypted.as_deref(), Ok(message), "{name}");
        let before_padding = 20 + message.len() + text.appid.as_str().len();
        assert_eq!(text.pad, 32 - before_padding % 32, "{name}");
    }
}

#[test]
fn keys_that_differ_in_unused_bits_are_the_same() {
    for [written, canonical] in vectors().same_keys {
        assert_ne!(written, canonical);
        let written: EncodingAesKey = written.parse().unwrap();
        assert_eq!(canonical.parse(), Ok(written));
    }
}

#[test]
fn refusals_have_the_number_of_wechats_library() {
    for case in vectors().refusals {
        let Ok(aes_key) = case.key.parse() else {
            let error = case.key.parse::<EncodingAesKey>().unwrap_err();
            assert_eq!(error.code(), case.code, "{}", case.name);
            continue;
        };
        let ring = Keyring {
            appid: case.appid,
            pairs: vec![KeyPair {
                token: AppSecret::new(case.token),
                aes_key: Some(aes_key),
            }],
            allow_plaintext: true,
        };
        let query = CallbackQuery {
            timestamp: Some(case.timestamp),
            nonce: Some(case.nonce),
            msg_signature: Some(case.msg_signature),
            ..CallbackQuery::default()
        };
        for body in [
            format!("<xml><Encrypt><![CDATA[{}]]></Encrypt></xml>", case.encrypt),
            serde_json::json!({ "Encrypt": case.encrypt }).to_string(),
        ] {
            let error = ring.open(&query, body.as_bytes()).unwrap_err();
            assert_eq!(error.code(), case.code, "{}: {error}", case.name);
        }
    }
}

#[test]
fn session_keys_sign_and_decrypt() {
    let Sessions {
        raw_data,
        check,
        data,
    } = vectors().sessions;
    assert_eq!(
        session::raw_data_signature(&raw_data.session_key, &raw_data.raw_data),
        raw_data.signature
    );
    assert_eq!(
        session::check_session_signature(&check.session_key),
        check.signature
    );
    let plain = session::decrypt_data(&data.session_key, &data.iv, &data.encrypted).unwrap();
    assert_eq!(String::from_utf8(plain).unwrap(), data.plain);
    let another = session::decrypt_data(&raw_data.session_key, &data.iv, &data.encrypted);
    assert!(another.is_err());
}
