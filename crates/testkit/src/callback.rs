//! WeChat's callbacks: set up on both sides, and made by hand where the sandbox
//! would not make them so.

use hongyan_api::{CallbackSettings, ChangeAccount, Secret};
use hongyan_sandbox::{AccountPatch, Callback, CallbackFormat, CallbackMode};
use hongyan_wechat::AppId;
use hongyan_wechat::callback::{EncodingAesKey, Fields, signature};

use crate::{TestApp, http};

/// The Token of both accounts.
pub const CALLBACK_TOKEN: &str = "hongyantesttoken";

/// The EncodingAESKey of both accounts, where the mode needs one.
pub const CALLBACK_KEY: &str = "kWxPzUX0c3HyYv1qfNbR8sTgLm5JoD7aEi2KQ9uZh4B";

/// How the sandbox calls back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Callbacks {
    /// How callbacks are guarded, at both accounts.
    pub mode: CallbackMode,
    /// How those of `mp` are written; official accounts know XML alone.
    pub format: CallbackFormat,
}

impl Default for Callbacks {
    /// Safe mode, JSON at the mini program.
    fn default() -> Self {
        Self {
            mode: CallbackMode::Safe,
            format: CallbackFormat::Json,
        }
    }
}

impl Callbacks {
    /// The gateway's side of it.
    pub(crate) fn at_gateway(self) -> CallbackSettings {
        CallbackSettings {
            token: Secret::from(CALLBACK_TOKEN),
            encoding_aes_key: self.key().map(Secret::from),
            previous: None,
        }
    }

    fn key(self) -> Option<&'static str> {
        (self.mode != CallbackMode::Plain).then_some(CALLBACK_KEY)
    }
}

/// A callback as WeChat would post it, right in every way until changed.
#[derive(Debug, Clone)]
pub struct Push {
    /// The account's name with us, at the end of the path.
    pub account: String,
    /// The appid inside the cipher text.
    pub appid: String,
    /// The Token it is signed with.
    pub token: String,
    /// The EncodingAESKey it is ciphered with.
    pub key: String,
    /// How it is guarded.
    pub mode: CallbackMode,
    /// What it says: XML, or JSON if it begins with a brace.
    pub plain: Vec<u8>,
    /// When, in seconds since 1970.
    pub timestamp: String,
    /// A number.
    pub nonce: String,
}

/// What the gateway answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The type of the body.
    pub content_type: String,
    /// The body.
    pub body: String,
}

impl Answered {
    /// The reply inside the body, deciphered with the key and appid of the push if
    /// it is ciphered; the signature over it must fit.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn reply(&self, to: &Push) -> String {
        let (_, fields) = Fields::parse(self.body.as_bytes()).expect("XML or JSON");
        let Some(sealed) = fields.text("Encrypt") else {
            return self.body.clone();
        };
        let part = |name| fields.text(name).expect("the envelope is complete");
        let made = signature(&to.token, &[part("TimeStamp"), part("Nonce"), sealed]);
        assert_eq!(part("MsgSignature"), made, "the reply is signed");
        let key: EncodingAesKey = to.key.parse().expect("a key");
        let appid = AppId::parse(&to.appid).expect("an appid");
        let plain = key.decrypt(sealed, &appid).expect("our own cipher text");
        String::from_utf8(plain).expect("UTF-8")
    }
}

impl Push {
    fn encrypt(&self) -> String {
        let key: EncodingAesKey = self.key.parse().expect("a key");
        let appid = AppId::parse(&self.appid).expect("an appid");
        key.encrypt(*b"0123456789abcdef", &self.plain, &appid)
    }

    fn is_json(&self) -> bool {
        self.plain.first() == Some(&b'{')
    }

    /// The query and the body.
    #[must_use]
    pub fn request(&self) -> (String, Vec<u8>) {
        let (timestamp, nonce) = (self.timestamp.as_str(), self.nonce.as_str());
        let signed = signature(&self.token, &[timestamp, nonce]);
        let query = format!("signature={signed}&timestamp={timestamp}&nonce={nonce}");
        if self.mode == CallbackMode::Plain {
            return (query, self.plain.clone());
        }
        let sealed = self.encrypt();
        let signed = signature(&self.token, &[timestamp, nonce, &sealed]);
        let query = format!("{query}&encrypt_type=aes&msg_signature={signed}");
        let body = match (self.mode, self.is_json()) {
            (CallbackMode::Compatible, json) => {
                let (end, added) = if json {
                    ("}", format!(",\"Encrypt\":\"{sealed}\"}}"))
                } else {
                    ("</xml>", format!("<Encrypt>{sealed}</Encrypt></xml>"))
                };
                let plain = std::str::from_utf8(&self.plain).expect("UTF-8").trim_end();
                format!("{}{added}", plain.strip_suffix(end).expect("it ends"))
            }
            (_, true) => format!("{{\"ToUserName\":\"gh_1\",\"Encrypt\":\"{sealed}\"}}"),
            (_, false) => format!(
                "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
            ),
        };
        (query, body.into_bytes())
    }
}

impl TestApp {
    /// A callback to `oa` or `mp` in safe mode that says this.
    #[must_use]
    pub fn push(&self, account: &str, plain: impl Into<Vec<u8>>) -> Push {
        Push {
            account: account.to_owned(),
            appid: self.appid(account),
            token: CALLBACK_TOKEN.to_owned(),
            key: CALLBACK_KEY.to_owned(),
            mode: CallbackMode::Safe,
            plain: plain.into(),
            timestamp: self.seconds().to_string(),
            nonce: "1203984417".to_owned(),
        }
    }

    /// A text message of the person to `oa`, in XML.
    #[must_use]
    pub fn text_push(&self, content: &str, msg_id: u64) -> Push {
        let plain = format!(
            "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{}]]></FromUserName>\
             <CreateTime>{}</CreateTime><MsgType><![CDATA[text]]></MsgType>\
             <Content><![CDATA[{content}]]></Content><MsgId>{msg_id}</MsgId></xml>",
            self.openid,
            self.seconds(),
        );
        self.push("oa", plain)
    }

    /// The time of the clocks, in seconds since 1970.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        hongyan_domain::clock::Clock::now(&*self.clock).as_second()
    }

    /// Posts a callback.
    pub async fn post(&self, push: &Push) -> Answered {
        let (query, body) = push.request();
        self.post_raw(&push.account, &query, body).await
    }

    /// Posts anything to a callback address.
    pub async fn post_raw(&self, account: &str, query: &str, body: impl Into<Vec<u8>>) -> Answered {
        let response = http()
            .post(format!("{}/callback/{account}?{query}", self.url))
            .header("content-type", "text/xml")
            .body(body.into())
            .send()
            .await
            .expect("an answer");
        let content_type = response.headers().get("content-type");
        Answered {
            status: response.status().as_u16(),
            content_type: content_type
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            body: response.text().await.expect("text"),
        }
    }

    /// Changes how the sandbox calls back, on both sides.
    pub async fn call_back_so(&self, callbacks: Callbacks) {
        let change = ChangeAccount {
            callback: Some(Some(callbacks.at_gateway())),
            ..ChangeAccount::default()
        };
        for account in ["oa", "mp"] {
            self.client
                .change_account(account, &change)
                .await
                .expect("the account is changed");
        }
        self.point_callbacks(&self.url, callbacks);
    }

    /// Lets the sandbox call this gateway back from now on.
    pub fn point_callbacks(&self, gateway: &str, callbacks: Callbacks) {
        for account in ["oa", "mp"] {
            let callback = self.callback_of(account, gateway, callbacks);
            self.sandbox
                .update_account(
                    &self.appid(account),
                    AccountPatch {
                        callback: Some(Some(callback)),
                        ..AccountPatch::default()
                    },
                )
                .expect("the sandbox takes the address");
        }
    }

    /// The sandbox's side of an account's callbacks.
    #[must_use]
    pub fn callback_of(&self, account: &str, gateway: &str, callbacks: Callbacks) -> Callback {
        Callback {
            url: format!("{gateway}/callback/{account}"),
            token: CALLBACK_TOKEN.to_owned(),
            encoding_aes_key: callbacks.key().map(str::to_owned),
            mode: callbacks.mode,
            format: match account {
                "mp" => callbacks.format,
                _ => CallbackFormat::Xml,
            },
        }
    }
}
