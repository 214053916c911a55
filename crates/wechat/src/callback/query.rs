//! The query that WeChat adds to the callback URL.

use percent_encoding::percent_decode_str;

use super::CallbackError;

/// Longest query read, in bytes. WeChat's own part stays below 300.
const MAX_QUERY: usize = 8 << 10;

/// What WeChat adds to the callback URL. All of it is text, as it goes into the signature as it stands.
///
/// Parameters of the account's own URL are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallbackQuery {
    /// Signs timestamp and nonce with the token, and nothing else.
    pub signature: Option<String>,
    /// When WeChat sent it, in seconds; a retry repeats it.
    pub timestamp: Option<String>,
    /// A number of up to ten digits; a retry repeats it.
    pub nonce: Option<String>,
    /// The sender, beside the body. Not covered by any signature: believe the body.
    pub openid: Option<String>,
    /// `aes` with an encrypted body; absent or `raw` otherwise.
    pub encrypt_type: Option<String>,
    /// Signs timestamp, nonce and the encrypted text with the token.
    pub msg_signature: Option<String>,
    /// What the check of a new URL wants back, 19 digits in the field.
    pub echostr: Option<String>,
}

impl CallbackQuery {
    /// Reads a raw query string, without the question mark.
    ///
    /// The first of several parameters of a name counts. A plus sign is a plus sign: none of these values
    /// can contain a blank, and the echo must come back as it was.
    ///
    /// # Errors
    /// [`CallbackError::Query`] when it is longer than 8 KiB, or when one of the parameters is not UTF-8,
    /// has a broken percent escape, or contains a control character.
    pub fn parse(raw_query: &str) -> Result<Self, CallbackError> {
        if raw_query.len() > MAX_QUERY {
            return Err(CallbackError::Query("it is longer than 8 KiB"));
        }
        let mut query = Self::default();
        for pair in raw_query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match name {
                "signature" => &mut query.signature,
                "timestamp" => &mut query.timestamp,
                "nonce" => &mut query.nonce,
                "openid" => &mut query.openid,
                "encrypt_type" => &mut query.encrypt_type,
                "msg_signature" => &mut query.msg_signature,
                "echostr" => &mut query.echostr,
                _ => continue,
            };
            if slot.is_none() {
                *slot = Some(decode(value)?);
            }
        }
        Ok(query)
    }

    /// When WeChat sent it, in seconds since 1970; `None` unless it is a whole number.
    #[must_use]
    pub fn timestamp_secs(&self) -> Option<i64> {
        let text = self.timestamp.as_deref()?;
        // `i64::from_str` would also take a leading plus sign.
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok())?
    }
}

/// Decodes percent escapes, strictly: the library lets broken ones stand.
fn decode(value: &str) -> Result<String, CallbackError> {
    let is_whole = |escape: &str| {
        let mut digits = escape.bytes().take(2);
        (0..2).all(|_| digits.next().is_some_and(|digit| digit.is_ascii_hexdigit()))
    };
    if !value.split('%').skip(1).all(is_whole) {
        return Err(CallbackError::Query("a percent escape is broken"));
    }
    let text = percent_decode_str(value)
        .decode_utf8()
        .map_err(|_| CallbackError::Query("a value is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(CallbackError::Query("a value has control characters"));
    }
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn echo(raw: &str) -> Option<String> {
        CallbackQuery::parse(raw).unwrap().echostr
    }

    #[test]
    fn reads_what_wechat_sends_in_any_order() {
        let query = CallbackQuery::parse(
            "team=7&signature=ab&timestamp=1767225661&nonce=1203984417&openid=oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg\
             &encrypt_type=aes&msg_signature=cd&x=%zz",
        )
        .unwrap();
        assert_eq!(
            query,
            CallbackQuery {
                signature: Some("ab".to_owned()),
                timestamp: Some("1767225661".to_owned()),
                nonce: Some("1203984417".to_owned()),
                openid: Some("oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg".to_owned()),
                encrypt_type: Some("aes".to_owned()),
                msg_signature: Some("cd".to_owned()),
                echostr: None,
            }
        );
        assert_eq!(query.timestamp_secs(), Some(1_767_225_661));
        assert_eq!(CallbackQuery::parse("").unwrap(), CallbackQuery::default());
    }

    #[test]
    fn the_echo_comes_back_as_it_was() {
        for (raw, shown) in [
            ("echostr=4375120948345356249", "4375120948345356249"),
            ("echostr=a+b%2Bc%2fd%3d==", "a+b+c/d==="),
            ("echostr=%E9%B8%BF", "鸿"),
            ("echostr=1&echostr=2", "1"),
            ("echostr=&echostr=2", ""),
            ("echostr", ""),
        ] {
            assert_eq!(echo(raw).as_deref(), Some(shown), "{raw}");
        }
        assert_eq!(echo("Echostr=1&echostr2=2"), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in [
            "nonce=%",
            "nonce=%2",
            "nonce=%g0",
            "nonce=1%+2",
            "nonce=%鸿",
            "nonce=%ff",
            "nonce=%00",
            "nonce=%0a",
            &format!("nonce={}", "1".repeat(8 << 10)),
        ] {
            let error = CallbackQuery::parse(bad).unwrap_err();
            assert!(matches!(error, CallbackError::Query(_)), "{bad}");
        }
    }

    #[test]
    fn a_time_is_a_whole_number() {
        for (raw, secs) in [
            ("timestamp=0", Some(0)),
            ("timestamp=", None),
            ("timestamp=%2B1", None),
            ("timestamp=+1", None),
            ("timestamp=-1", None),
            ("timestamp=99999999999999999999", None),
            ("nonce=1", None),
        ] {
            let query = CallbackQuery::parse(raw).unwrap();
            assert_eq!(query.timestamp_secs(), secs, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(raw in "((nonce|echostr)=)?(\\PC|%[0-9a-fg]{0,2}|&){0,40}") {
            let _ = CallbackQuery::parse(&raw);
        }

        #[test]
        fn every_escaped_text_is_read(text in "\\PC{0,40}") {
            let raw = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
            prop_assert_eq!(echo(&format!("echostr={raw}")), Some(text));
        }
    }
}
