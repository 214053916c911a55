//! A push as one HTTP request: address, query, body.

use http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::body::Push;
use super::crypto::{Cipher, signature};
use crate::ids::Ids;
use crate::model::{Callback, CallbackMode};

/// A request that may be sent several times: retries repeat query and body.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) uri: Uri,
    pub(crate) body: String,
    /// What the body has sealed in it, if anything.
    pub(crate) plain: Option<String>,
}

/// What does not fit together in the settings of a callback.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    #[error("callback.url is no address: {0}")]
    Address(#[from] http::uri::InvalidUri),
    #[error("callback.encoding_aes_key is no key")]
    Key,
}

/// The key of the callback where its mode needs one.
pub(crate) fn cipher(callback: &Callback) -> Result<Option<Cipher>, ComposeError> {
    match (callback.mode, &callback.encoding_aes_key) {
        (CallbackMode::Plain, _) => Ok(None),
        (CallbackMode::Compatible | CallbackMode::Safe, key) => {
            let key = key.as_deref().and_then(Cipher::new);
            key.map(Some).ok_or(ComposeError::Key)
        }
    }
}

/// Writes a push for the callback of an account.
pub(crate) fn letter(
    callback: &Callback,
    cipher: Option<&Cipher>,
    original_id: &str,
    appid: &str,
    push: &Push,
    ids: &Ids,
) -> Result<Letter, ComposeError> {
    let timestamp = push.created.to_string();
    let nonce = ids.nonce();
    let mut query = vec![
        (
            "signature",
            signature([&callback.token, &timestamp, &nonce]),
        ),
        ("timestamp", timestamp.clone()),
        ("nonce", nonce.clone()),
        ("openid", push.openid.clone()),
    ];
    let plain = push.plain(original_id, callback.format);
    let (body, plain) = match cipher {
        None => (plain, None),
        Some(cipher) => {
            let encrypt = cipher.encrypt(&ids.random16(), &plain, appid);
            let signed = signature([&callback.token, &timestamp, &nonce, &encrypt]);
            query.push(("encrypt_type", "aes".to_owned()));
            query.push(("msg_signature", signed));
            let sealed = push.sealed(original_id, callback.format, callback.mode, &encrypt);
            (sealed, Some(plain))
        }
    };
    Ok(Letter {
        uri: address(&callback.url, &query)?,
        body,
        plain,
    })
}

/// The check of an address before it is kept, with the text it must answer.
pub(crate) fn check(
    callback: &Callback,
    now_s: i64,
    ids: &Ids,
) -> Result<(Uri, String), ComposeError> {
    let timestamp = now_s.to_string();
    let nonce = ids.nonce();
    let echo = ids.echo();
    let query = [
        (
            "signature",
            signature([&callback.token, &timestamp, &nonce]),
        ),
        ("echostr", echo.clone()),
        ("timestamp", timestamp),
        ("nonce", nonce),
    ];
    Ok((address(&callback.url, &query)?, echo))
}

/// WeChat adds its parameters behind those the address has.
fn address(url: &str, query: &[(&str, String)]) -> Result<Uri, ComposeError> {
    let url = url.split('#').next().unwrap_or_default();
    let added: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    let joint = if url.contains('?') { '&' } else { '?' };
    Ok(format!("{url}{joint}{}", added.join("&")).parse()?)
}

/// Percent-encodes a value of a query.
pub(crate) fn encode(value: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    utf8_percent_encode(value, KEPT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::query_pairs;
    use crate::model::CallbackFormat;

    fn callback(mode: CallbackMode) -> Callback {
        Callback {
            url: "http://127.0.0.1:1/cb?tenant=a#x".into(),
            token: "Hz4Gateway2026".into(),
            encoding_aes_key: Some("t2T6e5TcTYoctjJPZWLbpjJKQ1APxNeWR9rXHWx78y8".into()),
            mode,
            format: CallbackFormat::Xml,
        }
    }

    fn write(mode: CallbackMode) -> (Letter, Vec<(String, String)>) {
        let callback = callback(mode);
        let push = Push::event("o1", 1_767_225_662, "CLICK", Vec::new());
        let cipher = cipher(&callback).unwrap();
        let ids = Ids::new(Some(5));
        let letter = letter(&callback, cipher.as_ref(), "gh_1", "wx1", &push, &ids).unwrap();
        let query = query_pairs(letter.uri.query().unwrap());
        (letter, query)
    }

    #[test]
    fn a_plain_push_has_four_parameters() {
        let (letter, query) = write(CallbackMode::Plain);
        let names: Vec<_> = query.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["tenant", "signature", "timestamp", "nonce", "openid"]
        );
        let expected = signature(["Hz4Gateway2026", "1767225662", &query[3].1]);
        assert_eq!(query[1].1, expected);
        assert!(letter.body.starts_with("<xml><ToUserName>"));
    }

    #[test]
    fn a_safe_push_can_be_opened_and_its_signature_covers_it() {
        let (letter, query) = write(CallbackMode::Safe);
        assert_eq!(query[5], ("encrypt_type".into(), "aes".into()));
        let encrypt = letter.body.split("CDATA[").nth(2).unwrap();
        let encrypt = encrypt.split("]]>").next().unwrap();
        let signed = signature(["Hz4Gateway2026", "1767225662", &query[3].1, encrypt]);
        assert_eq!(query[6], ("msg_signature".into(), signed));
        let cipher = cipher(&callback(CallbackMode::Safe)).unwrap().unwrap();
        let inside = cipher.decrypt(encrypt, "wx1").unwrap();
        assert!(inside.contains("<Event><![CDATA[CLICK]]></Event>"));
    }

    #[test]
    fn the_check_asks_for_its_own_text() {
        let (uri, echo) = check(&callback(CallbackMode::Safe), 7, &Ids::new(Some(1))).unwrap();
        let query = query_pairs(uri.query().unwrap());
        assert_eq!(query[2], ("echostr".into(), echo.clone()));
        assert!(echo.len() == 19 && echo.bytes().all(|b| b.is_ascii_digit()));
        assert!(query.iter().all(|(name, _)| name != "msg_signature"));
    }
}
