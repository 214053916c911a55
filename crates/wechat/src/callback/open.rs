//! From a request to what WeChat said, and from a reply to what WeChat takes.

use serde::Serialize;

use super::{
    CallbackError, CallbackQuery, EncodingAesKey, Fields, reply::cdata, signature,
    signature_matches,
};
use crate::{AppId, AppSecret};

/// The tokens and keys of one account's pushes.
#[derive(Debug, Clone)]
pub struct Keyring {
    /// The account; an encrypted push must name it inside.
    pub appid: AppId,
    /// The current pair first, then those that a rotation has not yet ended.
    pub pairs: Vec<KeyPair>,
    /// Whether a plaintext push is believed although a key is configured. Its content is not covered by
    /// any signature: whoever has seen one URL can send another body.
    pub allow_plaintext: bool,
}

/// What the console's page of an account holds.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The token, 3 to 32 letters and digits. An empty one fits nothing.
    pub token: AppSecret,
    /// The EncodingAESKey; `None` for an account in plaintext mode, such as every test account.
    pub aes_key: Option<EncodingAesKey>,
}

/// The data format of a push, and so of its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// XML, the only one of official accounts.
    Xml,
    /// JSON, a choice of mini programs.
    Json,
}

/// How a push was protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// 明文: the body as it is.
    Plain,
    /// 兼容: the body as it is with an encrypted copy beside it, and only the copy is believed.
    Compatible,
    /// 安全: encrypted.
    Safe,
}

/// A push whose signature is right, out of its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The format of the envelope, and of the reply.
    pub format: Format,
    /// How it was protected, and so how the reply must be.
    pub mode: Mode,
    /// What WeChat said, for [`Inbound::parse`](super::Inbound::parse).
    pub plain: Vec<u8>,
    /// Which of [`Keyring::pairs`] decrypted it; the same as `token` for a plaintext push.
    pub pair: usize,
    /// Which of [`Keyring::pairs`] signed it. Token and key can change at different times.
    pub token: usize,
}

impl Keyring {
    /// Checks the request by which WeChat tests a URL, and answers the echo to send back as it is.
    ///
    /// # Errors
    /// [`CallbackError::MissingParameter`] and [`CallbackError::Signature`].
    pub fn verify_url(&self, query: &CallbackQuery) -> Result<String, CallbackError> {
        let signature = required(&query.signature, "signature")?;
        let echo = required(&query.echostr, "echostr")?;
        self.signer(&stamp(query)?, signature)?;
        Ok(echo.to_owned())
    }

    /// Checks a push and takes it out of its envelope.
    ///
    /// A body with `Encrypt` is believed on `msg_signature` only, whatever the query says of its type. The
    /// `signature` of the query, where there is one, must be right too: that is known before the body is
    /// read.
    ///
    /// The time is not checked: retries repeat it, and the limit is the caller's
    /// ([`CallbackQuery::timestamp_secs`]).
    ///
    /// # Errors
    /// Any [`CallbackError`] but [`CallbackError::AesKey`] and [`CallbackError::UnknownPair`].
    pub fn open(&self, query: &CallbackQuery, body: &[u8]) -> Result<Opened, CallbackError> {
        let stamp = stamp(query)?;
        let url_signer = match &query.signature {
            Some(given) => Some(self.signer(&stamp, given)?),
            None => None,
        };
        if url_signer.is_none() && query.msg_signature.is_none() {
            return Err(CallbackError::MissingParameter("signature"));
        }
        let (format, fields) = Fields::parse(body)?;

        if fields.get("Encrypt").is_none() {
            let is_typed = |kind: &str| !kind.is_empty() && !kind.eq_ignore_ascii_case("raw");
            if query.encrypt_type.as_deref().is_some_and(is_typed) {
                return Err(CallbackError::Field("Encrypt"));
            }
            let token = url_signer.ok_or(CallbackError::MissingParameter("signature"))?;
            if !self.allow_plaintext && self.pairs.iter().any(|pair| pair.aes_key.is_some()) {
                return Err(CallbackError::PlaintextRefused);
            }
            return Ok(Opened {
                format,
                mode: Mode::Plain,
                plain: body.to_vec(),
                pair: token,
                token,
            });
        }

        let encrypt = fields
            .text("Encrypt")
            .ok_or(CallbackError::Field("Encrypt"))?;
        let given = required(&query.msg_signature, "msg_signature")?;
        let token = self.signer(&[stamp[0], stamp[1], encrypt], given)?;
        let (pair, plain) = self.decrypt(encrypt)?;
        let mode = if fields.get("MsgType").is_some() {
            Mode::Compatible
        } else {
            Mode::Safe
        };
        Ok(Opened {
            format,
            mode,
            plain,
            pair,
            token,
        })
    }

    /// Puts a reply into the envelope that the push asks for: as it is in plaintext mode, encrypted and
    /// signed with the pair that opened the push otherwise.
    ///
    /// `random16` must be fresh, `timestamp` is the current time in seconds, and `nonce` may repeat that of
    /// the push. An empty answer and `success` are never sealed: send them as they are.
    ///
    /// # Errors
    /// [`CallbackError::UnknownPair`] when the push was opened with another keyring.
    pub fn seal(
        &self,
        opened: &Opened,
        plain_reply: &str,
        random16: [u8; 16],
        timestamp: i64,
        nonce: &str,
    ) -> Result<String, CallbackError> {
        if opened.mode == Mode::Plain {
            return Ok(plain_reply.to_owned());
        }
        let token = self.pairs.get(opened.token).map(|pair| &pair.token);
        let key = self
            .pairs
            .get(opened.pair)
            .and_then(|pair| pair.aes_key.as_ref());
        let (Some(token), Some(key)) = (token, key) else {
            return Err(CallbackError::UnknownPair);
        };
        let encrypt = key.encrypt(random16, plain_reply.as_bytes(), &self.appid);
        let signature = signature(token.expose(), &[&timestamp.to_string(), nonce, &encrypt]);
        Ok(match opened.format {
            Format::Xml => format!(
                "<xml>\n<Encrypt>{}</Encrypt>\n<MsgSignature>{}</MsgSignature>\n\
                 <TimeStamp>{timestamp}</TimeStamp>\n<Nonce>{}</Nonce>\n</xml>",
                cdata(&encrypt),
                cdata(&signature),
                cdata(nonce),
            ),
            Format::Json => serde_json::to_string(&Envelope {
                encrypt: &encrypt,
                msg_signature: &signature,
                timestamp,
                nonce,
            })
            .expect("texts and a number are always JSON"),
        })
    }

    /// Which pair's token made a signature.
    fn signer(&self, parts: &[&str], given: &str) -> Result<usize, CallbackError> {
        self.pairs
            .iter()
            .position(|pair| {
                let token = pair.token.expose();
                !token.is_empty() && signature_matches(token, parts, given)
            })
            .ok_or(CallbackError::Signature)
    }

    /// Tries every key; of several failures, the one that came furthest.
    fn decrypt(&self, encrypt: &str) -> Result<(usize, Vec<u8>), CallbackError> {
        let mut failure = CallbackError::NoAesKey;
        for (at, pair) in self.pairs.iter().enumerate() {
            let Some(key) = &pair.aes_key else { continue };
            match key.decrypt(encrypt, &self.appid) {
                Ok(plain) => return Ok((at, plain)),
                // Another appid means that this was the key.
                Err(error) if failure != CallbackError::AppId => failure = error,
                Err(_) => {}
            }
        }
        Err(failure)
    }
}

/// A reply's envelope in JSON, its names and their order as WeChat documents them.
#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(rename = "Encrypt")]
    encrypt: &'a str,
    #[serde(rename = "MsgSignature")]
    msg_signature: &'a str,
    #[serde(rename = "TimeStamp")]
    timestamp: i64,
    #[serde(rename = "Nonce")]
    nonce: &'a str,
}

/// What every signature covers, as it stands in the query.
fn stamp(query: &CallbackQuery) -> Result<[&str; 2], CallbackError> {
    Ok([
        required(&query.timestamp, "timestamp")?,
        required(&query.nonce, "nonce")?,
    ])
}

fn required<'q>(
    parameter: &'q Option<String>,
    name: &'static str,
) -> Result<&'q str, CallbackError> {
    parameter
        .as_deref()
        .ok_or(CallbackError::MissingParameter(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD_KEY: &str = "AIxuoVOyDJClSrsxW5OJLQ7glRE8zwHZSKA1yp84w3b";
    const NEW_KEY: &str = "t2T6e5TcTYoctjJPZWLbpjJKQ1APxNeWR9rXHWx78y8";
    const PLAIN: &str = "<xml><MsgType><![CDATA[event]]></MsgType></xml>";

    fn pair(token: &str, key: Option<&str>) -> KeyPair {
        KeyPair {
            token: AppSecret::new(token),
            aes_key: key.map(|key| key.parse().unwrap()),
        }
    }

    fn ring(pairs: Vec<KeyPair>) -> Keyring {
        Keyring {
            appid: AppId::parse("wx5a1d0c94e7b38f26").unwrap(),
            pairs,
            allow_plaintext: false,
        }
    }

    /// The query of a push whose body is not encrypted.
    fn plain_query(token: &str) -> CallbackQuery {
        CallbackQuery {
            signature: Some(signature(token, &["1767225661", "98"])),
            timestamp: Some("1767225661".to_owned()),
            nonce: Some("98".to_owned()),
            ..CallbackQuery::default()
        }
    }

    /// A push in safe mode.
    fn safe(token: &str, key: &str, appid: &str) -> (CallbackQuery, String) {
        let key: EncodingAesKey = key.parse().unwrap();
        let appid = AppId::parse(appid).unwrap();
        let encrypt = key.encrypt(*b"0123456789abcdef", PLAIN.as_bytes(), &appid);
        let query = CallbackQuery {
            encrypt_type: Some("aes".to_owned()),
            msg_signature: Some(signature(token, &["1767225661", "98", &encrypt])),
            ..plain_query(token)
        };
        let body = format!("<xml>\n    <Encrypt><![CDATA[{encrypt}]]></Encrypt>\n</xml>");
        (query, body)
    }

    fn opened(keyring: &Keyring, push: &(CallbackQuery, String)) -> Result<Opened, CallbackError> {
        keyring.open(&push.0, push.1.as_bytes())
    }

    #[test]
    fn token_and_key_rotate_independently() {
        let keyring = ring(vec![pair("new", Some(NEW_KEY)), pair("old", Some(OLD_KEY))]);
        for (token, key, places) in [
            ("new", NEW_KEY, (0, 0)),
            ("old", OLD_KEY, (1, 1)),
            ("old", NEW_KEY, (1, 0)),
            ("new", OLD_KEY, (0, 1)),
        ] {
            let push = safe(token, key, "wx5a1d0c94e7b38f26");
            let opened = opened(&keyring, &push).unwrap();
            assert_eq!((opened.token, opened.pair), places);
            assert_eq!(opened.plain, PLAIN.as_bytes());

            // The reply can be read by who knows only what the push was made with.
            let reply = keyring
                .seal(&opened, "<xml>hi</xml>", *b"fedcba9876543210", 7, "n")
                .unwrap();
            let reply = Fields::from_xml(reply.as_bytes()).unwrap();
            let encrypt = reply.text("Encrypt").unwrap();
            let given = reply.text("MsgSignature").unwrap();
            assert!(signature_matches(token, &["7", "n", encrypt], given));
            let key: EncodingAesKey = key.parse().unwrap();
            assert_eq!(
                key.decrypt(encrypt, &keyring.appid).unwrap(),
                b"<xml>hi</xml>"
            );
        }
    }

    #[test]
    fn strangers_are_refused() {
        let keyring = ring(vec![pair("new", Some(NEW_KEY)), pair("", Some(OLD_KEY))]);
        let appid = "wx5a1d0c94e7b38f26";
        for (push, error) in [
            (safe("other", NEW_KEY, appid), CallbackError::Signature),
            (safe("", OLD_KEY, appid), CallbackError::Signature),
            (safe("new", NEW_KEY, "wxother"), CallbackError::AppId),
        ] {
            assert_eq!(opened(&keyring, &push), Err(error));
        }
        let unknown = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
        let push = safe("new", unknown, appid);
        assert_eq!(opened(&keyring, &push).unwrap_err().code(), -40008);
        let keyless = ring(vec![pair("new", None)]);
        let push = safe("new", NEW_KEY, appid);
        assert_eq!(opened(&keyless, &push), Err(CallbackError::NoAesKey));
        assert_eq!(
            opened(&ring(Vec::new()), &push),
            Err(CallbackError::Signature)
        );
    }

    #[test]
    fn the_signature_of_the_url_does_not_open_an_encrypted_body() {
        let keyring = Keyring {
            allow_plaintext: true,
            ..ring(vec![pair("new", Some(NEW_KEY))])
        };
        let (query, body) = safe("new", NEW_KEY, "wx5a1d0c94e7b38f26");
        let signature_only = CallbackQuery {
            msg_signature: None,
            encrypt_type: None,
            ..query.clone()
        };
        assert_eq!(
            keyring.open(&signature_only, body.as_bytes()),
            Err(CallbackError::MissingParameter("msg_signature"))
        );
        let moved = CallbackQuery {
            msg_signature: query.signature.clone(),
            ..query.clone()
        };
        assert_eq!(
            keyring.open(&moved, body.as_bytes()),
            Err(CallbackError::Signature)
        );
        // Nor does a right msg_signature help a wrong signature.
        let forged = CallbackQuery {
            signature: query.msg_signature.clone(),
            ..query.clone()
        };
        assert_eq!(
            keyring.open(&forged, body.as_bytes()),
            Err(CallbackError::Signature)
        );
        // But it stands alone.
        let alone = CallbackQuery {
            signature: None,
            encrypt_type: None,
            ..query
        };
        assert_eq!(
            keyring.open(&alone, body.as_bytes()).unwrap().mode,
            Mode::Safe
        );
    }

    #[test]
    fn plaintext_is_believed_where_it_is_allowed() {
        let query = plain_query("new");
        let open = |keyring: &Keyring, query: &CallbackQuery| keyring.open(query, PLAIN.as_bytes());
        let keyless = ring(vec![pair("old", None), pair("new", None)]);
        let opened = open(&keyless, &query).unwrap();
        assert_eq!((opened.mode, opened.format), (Mode::Plain, Format::Xml));
        assert_eq!((opened.pair, opened.token), (1, 1));
        assert_eq!(opened.plain, PLAIN.as_bytes());
        // As it is, also where encryption would be possible.
        let sealed = keyless.seal(&opened, "reply", [0; 16], 7, "n");
        assert_eq!(sealed.as_deref(), Ok("reply"));

        let mut keyed = ring(vec![pair("new", Some(NEW_KEY))]);
        assert_eq!(open(&keyed, &query), Err(CallbackError::PlaintextRefused));
        keyed.allow_plaintext = true;
        assert!(open(&keyed, &query).is_ok());

        for kind in ["raw", "RAW", ""] {
            let query = CallbackQuery {
                encrypt_type: Some(kind.to_owned()),
                ..query.clone()
            };
            assert!(open(&keyed, &query).is_ok(), "{kind}");
        }
        let aes = CallbackQuery {
            encrypt_type: Some("aes".to_owned()),
            ..query.clone()
        };
        assert_eq!(open(&keyed, &aes), Err(CallbackError::Field("Encrypt")));
        let unsigned = CallbackQuery {
            signature: None,
            msg_signature: Some("00".to_owned()),
            ..query.clone()
        };
        assert_eq!(
            open(&keyed, &unsigned),
            Err(CallbackError::MissingParameter("signature"))
        );
    }

    #[test]
    fn an_unsigned_body_is_not_even_read() {
        let keyring = ring(vec![pair("new", None)]);
        let unreadable = b"<<<";
        let query = plain_query("new");
        for (query, error) in [
            (plain_query("other"), CallbackError::Signature),
            (
                CallbackQuery {
                    signature: None,
                    ..query.clone()
                },
                CallbackError::MissingParameter("signature"),
            ),
            (
                CallbackQuery {
                    timestamp: None,
                    ..query.clone()
                },
                CallbackError::MissingParameter("timestamp"),
            ),
            (
                CallbackQuery {
                    nonce: None,
                    ..query.clone()
                },
                CallbackError::MissingParameter("nonce"),
            ),
        ] {
            assert_eq!(keyring.open(&query, unreadable), Err(error));
        }
        assert!(matches!(
            keyring.open(&query, unreadable),
            Err(CallbackError::Xml(_))
        ));
        assert_eq!(
            keyring.open(&query, b"{\"Encrypt\":{}}"),
            Err(CallbackError::Field("Encrypt"))
        );
    }

    #[test]
    fn the_echo_needs_a_right_signature() {
        let keyring = ring(vec![pair("new", None), pair("old", None)]);
        for token in ["new", "old"] {
            let query = CallbackQuery {
                echostr: Some("4375120948345356249".to_owned()),
                ..plain_query(token)
            };
            assert_eq!(keyring.verify_url(&query).unwrap(), "4375120948345356249");
        }
        let query = CallbackQuery {
            echostr: Some("1".to_owned()),
            ..plain_query("other")
        };
        assert_eq!(keyring.verify_url(&query), Err(CallbackError::Signature));
        assert_eq!(
            keyring.verify_url(&plain_query("new")),
            Err(CallbackError::MissingParameter("echostr"))
        );
    }

    #[test]
    fn a_reply_is_sealed_only_with_the_ring_that_opened() {
        let keyring = ring(vec![pair("new", Some(NEW_KEY))]);
        let push = safe("new", NEW_KEY, "wx5a1d0c94e7b38f26");
        let opened = opened(&keyring, &push).unwrap();
        for other in [Vec::new(), vec![pair("new", None)]] {
            assert_eq!(
                ring(other).seal(&opened, "x", [0; 16], 7, "n"),
                Err(CallbackError::UnknownPair)
            );
        }
        let json = Opened {
            format: Format::Json,
            ..opened
        };
        let sealed = keyring.seal(&json, "{}", [1; 16], 7, "a\"b").unwrap();
        let fields = Fields::from_json(sealed.as_bytes()).unwrap();
        let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Encrypt", "MsgSignature", "TimeStamp", "Nonce"]);
        assert!(sealed.contains("\"TimeStamp\":7,"), "{sealed}");
        assert_eq!(fields.text("Nonce"), Some("a\"b"));
    }
}
