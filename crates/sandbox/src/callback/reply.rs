//! What an account answered to a push, and whether WeChat would accept it
//! (pages "被动回复用户消息", "消息加解密说明").

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::crypto::{Cipher, CipherError, signature};
use super::xml::{Element, XmlError};
use crate::model::{AccountKind, CallbackFormat, CallbackMode};

/// Longest text of a reply, in bytes of UTF-8.
pub(crate) const TEXT_LIMIT: usize = 2048;
/// Articles shown where the person sent a message, and otherwise.
const NEWS_AFTER_MESSAGE: usize = 1;
const NEWS_OTHERWISE: usize = 8;

/// What a reply must fit.
pub(crate) struct Expected<'a> {
    pub(crate) kind: AccountKind,
    pub(crate) mode: CallbackMode,
    pub(crate) format: CallbackFormat,
    pub(crate) token: &'a str,
    pub(crate) cipher: Option<&'a Cipher>,
    pub(crate) appid: &'a str,
    pub(crate) original_id: &'a str,
    pub(crate) openid: &'a str,
    /// The push was a message and no event.
    pub(crate) to_message: bool,
}

/// A reply that was read.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    /// The text, decrypted where it was encrypted.
    pub(crate) raw: String,
    /// Its elements under their own names; `None` for nothing or `success`.
    pub(crate) message: Option<Value>,
    pub(crate) meaning: Meaning,
}

/// What becomes of a reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meaning {
    /// The person sees nothing.
    Nothing,
    /// The person sees this, in the notation of `custom/send`.
    Show(Value),
    /// An agent takes over.
    Transfer,
}

/// Why a reply counts as broken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReplyError {
    #[error("the body is not UTF-8")]
    Encoding,
    #[error(transparent)]
    Xml(#[from] XmlError),
    #[error("the root element must be xml")]
    Root,
    #[error("the body is neither empty, nor success, nor {0}")]
    Format(&'static str),
    #[error("in safe mode a reply with content must be encrypted")]
    NotEncrypted,
    #[error("the envelope lacks {0}")]
    Envelope(&'static str),
    #[error("MsgSignature is wrong")]
    Signature,
    #[error(transparent)]
    Cipher(#[from] CipherError),
    #[error("{0} is missing or empty")]
    Missing(&'static str),
    #[error("{0} must be {1}")]
    Wrong(&'static str, String),
    #[error("MsgType {0} is not allowed here")]
    MsgType(String),
    #[error("Content has more than {TEXT_LIMIT} bytes")]
    TooLong,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    encrypt: String,
    msg_signature: String,
    /// Documented as a number; a string is taken as well.
    time_stamp: Value,
    nonce: String,
}

impl Expected<'_> {
    /// Reads the body of an answer with status 200.
    pub(crate) fn read(&self, body: &[u8]) -> Result<Reply, ReplyError> {
        let text = std::str::from_utf8(body).map_err(|_| ReplyError::Encoding)?;
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed == "success" {
            return Ok(nothing(text));
        }
        let outer = self.outer(trimmed)?;
        let envelope = match &outer {
            Outer::Xml(root) => root.child("Encrypt").map(|_| envelope(root)),
            Outer::Json(object) => object
                .get("Encrypt")
                .map(|_| serde_json::from_value(Value::Object(object.clone())))
                .map(|envelope| envelope.map_err(|_| ReplyError::Envelope("one of its fields"))),
        };
        match (self.cipher, self.mode, envelope) {
            // Such replies vanish without a word to anybody.
            (_, CallbackMode::Plain, Some(_)) | (None, _, Some(_)) => Ok(nothing(text)),
            (_, CallbackMode::Safe, None) => Err(ReplyError::NotEncrypted),
            (_, CallbackMode::Plain | CallbackMode::Compatible, None) => self.judge(text, outer),
            (Some(cipher), _, Some(envelope)) => {
                let message = self.open(cipher, &envelope?)?;
                let inner = message.trim();
                if inner.is_empty() || inner == "success" {
                    return Ok(nothing(&message));
                }
                let outer = self.outer(inner)?;
                self.judge(&message, outer)
            }
        }
    }

    fn outer(&self, text: &str) -> Result<Outer, ReplyError> {
        if text.starts_with('<') {
            let root = Element::parse(text)?;
            return if root.name == "xml" {
                Ok(Outer::Xml(root))
            } else {
                Err(ReplyError::Root)
            };
        }
        match self.format {
            CallbackFormat::Json => serde_json::from_str(text)
                .map(Outer::Json)
                .map_err(|_| ReplyError::Format("JSON or XML")),
            CallbackFormat::Xml => Err(ReplyError::Format("XML")),
        }
    }

    fn open(&self, cipher: &Cipher, envelope: &Envelope) -> Result<String, ReplyError> {
        let time = match &envelope.time_stamp {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let expected = signature([self.token, &time, &envelope.nonce, &envelope.encrypt]);
        if envelope.msg_signature != expected {
            return Err(ReplyError::Signature);
        }
        Ok(cipher.decrypt(&envelope.encrypt, self.appid)?)
    }

    /// Checks the rules of a reply with content.
    fn judge(&self, raw: &str, outer: Outer) -> Result<Reply, ReplyError> {
        let message = match outer {
            Outer::Xml(root) => Value::Object(children(&root)),
            Outer::Json(object) => Value::Object(object),
        };
        let meaning = self.meaning(&message)?;
        Ok(Reply {
            raw: raw.to_owned(),
            message: Some(message),
            meaning,
        })
    }

    fn meaning(&self, message: &Value) -> Result<Meaning, ReplyError> {
        for (name, wanted) in [
            ("ToUserName", self.openid),
            ("FromUserName", self.original_id),
        ] {
            if text(message, name) != wanted {
                return Err(ReplyError::Wrong(name, wanted.to_owned()));
            }
        }
        let created = match &message["CreateTime"] {
            Value::Number(number) => number.is_i64(),
            other => other
                .as_str()
                .is_some_and(|text| text.trim().parse::<i64>().is_ok()),
        };
        if !created {
            return Err(ReplyError::Wrong("CreateTime", "an integer".to_owned()));
        }
        let msg_type = text(message, "MsgType");
        if msg_type == "transfer_customer_service" {
            return Ok(Meaning::Transfer);
        }
        if self.kind == AccountKind::MiniProgram {
            return Err(ReplyError::MsgType(msg_type.to_owned()));
        }
        let content = match msg_type {
            "text" => {
                let content = required(message, "Content")?;
                if content.len() > TEXT_LIMIT {
                    return Err(ReplyError::TooLong);
                }
                json!({ "content": content })
            }
            "image" => json!({ "media_id": required(&message["Image"], "MediaId")? }),
            "voice" => json!({ "media_id": required(&message["Voice"], "MediaId")? }),
            "video" => {
                let video = &message["Video"];
                json!({
                    "media_id": required(video, "MediaId")?,
                    "title": text(video, "Title"),
                    "description": text(video, "Description"),
                })
            }
            "music" => {
                let music = &message["Music"];
                json!({
                    "title": text(music, "Title"),
                    "description": text(music, "Description"),
                    "musicurl": text(music, "MusicUrl"),
                    "hqmusicurl": text(music, "HQMusicUrl"),
                    "thumb_media_id": required(music, "ThumbMediaId")?,
                })
            }
            "news" => json!({ "articles": self.articles(message)? }),
            other => return Err(ReplyError::MsgType(other.to_owned())),
        };
        let mut shown = Map::new();
        shown.insert("msgtype".to_owned(), msg_type.into());
        shown.insert(msg_type.to_owned(), content);
        Ok(Meaning::Show(Value::Object(shown)))
    }

    /// One article where a message is answered, up to eight otherwise; more
    /// are cut.
    fn articles(&self, message: &Value) -> Result<Vec<Value>, ReplyError> {
        let articles = message["Articles"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let counted = match &message["ArticleCount"] {
            Value::Number(number) => number.as_u64(),
            other => other.as_str().and_then(|text| text.trim().parse().ok()),
        };
        if articles.is_empty() || counted != Some(articles.len() as u64) {
            return Err(ReplyError::Wrong(
                "ArticleCount",
                "the number of articles".to_owned(),
            ));
        }
        let limit = if self.to_message {
            NEWS_AFTER_MESSAGE
        } else {
            NEWS_OTHERWISE
        };
        let shown = articles.iter().take(limit).map(|article| {
            json!({
                "title": text(article, "Title"),
                "description": text(article, "Description"),
                "url": text(article, "Url"),
                "picurl": text(article, "PicUrl"),
            })
        });
        Ok(shown.collect())
    }
}

enum Outer {
    Xml(Element),
    Json(Map<String, Value>),
}

fn nothing(raw: &str) -> Reply {
    Reply {
        raw: raw.to_owned(),
        message: None,
        meaning: Meaning::Nothing,
    }
}

fn envelope(root: &Element) -> Result<Envelope, ReplyError> {
    let field = |name| {
        root.get(name)
            .map(str::to_owned)
            .ok_or(ReplyError::Envelope(name))
    };
    Ok(Envelope {
        encrypt: field("Encrypt")?,
        msg_signature: field("MsgSignature")?,
        time_stamp: Value::String(field("TimeStamp")?),
        nonce: field("Nonce")?,
    })
}

/// The children of an element under their names; the items of `Articles` as a list.
fn children(element: &Element) -> Map<String, Value> {
    let value = |child: &Element| -> Value {
        if child.name == "Articles" {
            child
                .children
                .iter()
                .map(|item| Value::Object(children(item)))
                .collect()
        } else if child.children.is_empty() {
            child.text.as_str().into()
        } else {
            Value::Object(children(child))
        }
    };
    element
        .children
        .iter()
        .map(|child| (child.name.clone(), value(child)))
        .collect()
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}

fn required<'a>(object: &'a Value, name: &'static str) -> Result<&'a str, ReplyError> {
    Some(text(object, name))
        .filter(|text| !text.is_empty())
        .ok_or(ReplyError::Missing(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn read(mode: CallbackMode, body: &str) -> Result<Reply, ReplyError> {
        let cipher = Cipher::new(KEY).unwrap();
        Expected {
            kind: AccountKind::OfficialAccount,
            mode,
            format: CallbackFormat::Xml,
            token: "AAAAA",
            cipher: Some(&cipher),
            appid: "wx1",
            original_id: "gh_1",
            openid: "o1",
            to_message: true,
        }
        .read(body.as_bytes())
    }

    fn xml(inner: &str) -> String {
        format!(
            "<xml><ToUserName>o1</ToUserName><FromUserName>gh_1</FromUserName>\
             <CreateTime>12</CreateTime>{inner}</xml>"
        )
    }

    fn sealed(appid: &str, message: &str) -> String {
        let encrypt = Cipher::new(KEY)
            .unwrap()
            .encrypt(b"0123456789abcdef", message, appid);
        let sign = signature(["AAAAA", "7", "n", &encrypt]);
        format!(
            "<xml><Encrypt>{encrypt}</Encrypt><MsgSignature>{sign}</MsgSignature>\
             <TimeStamp>7</TimeStamp><Nonce>n</Nonce></xml>"
        )
    }

    fn text_reply() -> String {
        xml("<MsgType>text</MsgType><Content><![CDATA[你好\n]]></Content>")
    }

    #[test]
    fn nothing_and_success_show_nothing_in_every_mode() {
        for mode in [
            CallbackMode::Plain,
            CallbackMode::Compatible,
            CallbackMode::Safe,
        ] {
            for body in ["", "success"] {
                assert_eq!(read(mode, body).unwrap().meaning, Meaning::Nothing);
            }
        }
    }

    #[test]
    fn a_text_plain_and_encrypted() {
        let shown = Meaning::Show(json!({ "msgtype": "text", "text": { "content": "你好\n" } }));
        let plain = read(CallbackMode::Plain, &text_reply()).unwrap();
        assert_eq!(plain.meaning, shown);
        assert_eq!(plain.message.unwrap()["Content"], "你好\n");
        for mode in [CallbackMode::Safe, CallbackMode::Compatible] {
            let reply = read(mode, &sealed("wx1", &text_reply())).unwrap();
            assert_eq!((reply.meaning, reply.raw), (shown.clone(), text_reply()));
        }
        assert_eq!(
            read(CallbackMode::Compatible, &text_reply())
                .unwrap()
                .meaning,
            shown
        );
    }

    #[test]
    fn an_encrypted_reply_in_plain_mode_vanishes() {
        let reply = read(CallbackMode::Plain, &sealed("wx1", &text_reply())).unwrap();
        assert_eq!(reply.meaning, Meaning::Nothing);
    }

    #[test]
    fn broken_envelopes() {
        let safe = |body: &str| read(CallbackMode::Safe, body).unwrap_err();
        assert_eq!(safe(&text_reply()), ReplyError::NotEncrypted);
        assert_eq!(
            safe(&sealed("wx2", &text_reply())),
            ReplyError::Cipher(CipherError::Appid)
        );
        let unsigned = sealed("wx1", &text_reply()).replace("<TimeStamp>7", "<TimeStamp>8");
        assert_eq!(safe(&unsigned), ReplyError::Signature);
        assert_eq!(
            safe("<xml><Encrypt>a</Encrypt></xml>"),
            ReplyError::Envelope("MsgSignature")
        );
    }

    #[test]
    fn broken_contents() {
        let plain = |body: &str| read(CallbackMode::Plain, body).unwrap_err();
        assert_eq!(plain("{}"), ReplyError::Format("XML"));
        assert_eq!(plain("\"success\""), ReplyError::Format("XML"));
        assert_eq!(plain("<String>success</String>"), ReplyError::Root);
        assert_eq!(
            plain(&xml("<MsgType>text</MsgType><Content></Content>")),
            ReplyError::Missing("Content")
        );
        assert_eq!(
            plain(&xml("<MsgType>dance</MsgType>")),
            ReplyError::MsgType("dance".into())
        );
        let swapped = text_reply().replace("o1", "gh_2");
        assert!(matches!(
            plain(&swapped),
            ReplyError::Wrong("ToUserName", _)
        ));
        let dated = text_reply().replace(">12<", ">12.5<");
        assert!(matches!(plain(&dated), ReplyError::Wrong("CreateTime", _)));
        let long = xml(&format!(
            "<MsgType>text</MsgType><Content>{}</Content>",
            "字".repeat(683)
        ));
        assert_eq!(plain(&long), ReplyError::TooLong);
    }

    #[test]
    fn news_are_cut_to_one_behind_a_message() {
        let item = "<item><Title>t</Title><Url>https://a?b=1&amp;c=2</Url></item>";
        let news = xml(&format!(
            "<MsgType>news</MsgType><ArticleCount>2</ArticleCount><Articles>{item}{item}</Articles>"
        ));
        let reply = read(CallbackMode::Plain, &news).unwrap();
        let Meaning::Show(shown) = reply.meaning else {
            panic!("not shown");
        };
        assert_eq!(shown["news"]["articles"].as_array().unwrap().len(), 1);
        assert_eq!(shown["news"]["articles"][0]["url"], "https://a?b=1&c=2");
        assert_eq!(
            reply.message.unwrap()["Articles"].as_array().unwrap().len(),
            2
        );
        let miscounted = news.replace("<ArticleCount>2", "<ArticleCount>3");
        assert!(read(CallbackMode::Plain, &miscounted).is_err());
    }

    #[test]
    fn a_mini_program_may_only_transfer() {
        let expected = |format| Expected {
            kind: AccountKind::MiniProgram,
            mode: CallbackMode::Plain,
            format,
            token: "AAAAA",
            cipher: None,
            appid: "wx1",
            original_id: "gh_1",
            openid: "o1",
            to_message: true,
        };
        let xml_reply = xml("<MsgType>transfer_customer_service</MsgType>");
        let json_reply = json!({
            "ToUserName": "o1", "FromUserName": "gh_1", "CreateTime": 5,
            "MsgType": "transfer_customer_service",
        });
        for body in [xml_reply, json_reply.to_string()] {
            let reply = expected(CallbackFormat::Json)
                .read(body.as_bytes())
                .unwrap();
            assert_eq!(reply.meaning, Meaning::Transfer);
        }
        let refused = expected(CallbackFormat::Json).read(text_reply().as_bytes());
        assert_eq!(refused.unwrap_err(), ReplyError::MsgType("text".into()));
    }
}
