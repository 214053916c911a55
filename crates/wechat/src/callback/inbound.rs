//! What a push says: a message of a person, or an event ("接收普通消息", "接收事件推送").

mod event;
mod message;
mod report;

use sha1::{Digest, Sha1};

pub use self::{
    event::{InboundEvent, ScanCode},
    message::InboundMessage,
    report::{PopupChoice, SubscribeChange, SubscribeSent, SubscribeStatus, TemplateSendStatus},
};
use super::{CallbackError, Fields};
use crate::{MsgId, OpenId, OriginalId};

/// A push, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The account that it went to.
    pub to: OriginalId,
    /// Who caused it. For events about the platform's own doings this is a user of the platform.
    pub from: OpenId,
    /// When, in seconds since 1970.
    pub create_time: i64,
    /// What it says.
    pub body: InboundBody,
    /// Everything that came, for what has no field of its own.
    pub fields: Fields,
}

/// What a push says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboundBody {
    /// A person wrote to the account.
    Message(InboundMessage),
    /// Something happened.
    Event(InboundEvent),
}

impl Inbound {
    /// Reads a decrypted push, XML or JSON by its first byte.
    ///
    /// Unknown kinds and unknown fields are no errors.
    ///
    /// # Errors
    /// Those of [`Fields::parse`], and [`CallbackError::Field`] when the receiver, the sender, the time, or
    /// the kind of message or event is absent or unreadable.
    pub fn parse(plain: &[u8]) -> Result<Self, CallbackError> {
        let (_, fields) = Fields::parse(plain)?;
        Self::from_fields(fields)
    }

    fn from_fields(fields: Fields) -> Result<Self, CallbackError> {
        let required = |name: &'static str| {
            fields
                .text(name)
                .filter(|text| !text.is_empty())
                .ok_or(CallbackError::Field(name))
        };
        let to = OriginalId::parse(required("ToUserName")?)
            .map_err(|_| CallbackError::Field("ToUserName"))?;
        let from = OpenId::parse(required("FromUserName")?)
            .map_err(|_| CallbackError::Field("FromUserName"))?;
        let create_time =
            number(&fields, "CreateTime").ok_or(CallbackError::Field("CreateTime"))?;
        let kind = required("MsgType")?;
        let body = if kind.eq_ignore_ascii_case("event") {
            InboundBody::Event(InboundEvent::read(required("Event")?, &fields))
        } else {
            InboundBody::Message(InboundMessage::read(kind, &fields))
        };
        Ok(Self {
            to,
            from,
            create_time,
            body,
            fields,
        })
    }

    /// The `MsgType` as it came, such as `text` or `event`.
    #[must_use]
    pub fn msg_type(&self) -> &str {
        self.fields.text("MsgType").unwrap_or_default()
    }

    /// Whether it is an event.
    #[must_use]
    pub fn is_event(&self) -> bool {
        matches!(self.body, InboundBody::Event(_))
    }

    /// The name of the event as it came; its case varies over the years.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        self.is_event().then(|| self.fields.text("Event"))?
    }

    /// The `EventKey`, unless it is empty.
    #[must_use]
    pub fn event_key(&self) -> Option<&str> {
        self.is_event().then(|| {
            self.fields
                .text("EventKey")
                .filter(|event_key| !event_key.is_empty())
        })?
    }

    /// The id of a message; events have none, and cloud functions write ids that are no numbers.
    #[must_use]
    pub fn msg_id(&self) -> Option<MsgId> {
        match &self.body {
            InboundBody::Message(message) => message.msg_id(),
            InboundBody::Event(_) => None,
        }
    }

    /// A text that is the same for every retry of this push, and for no other push of the account.
    ///
    /// Retries repeat query and body, so signatures and nonces say nothing. For messages it is made of the
    /// sender and `MsgId`; for events of the sender, the time and the event, with its key, its message ids,
    /// its templates and the person whom it is about. At most 200 bytes.
    #[must_use]
    pub fn dedupe_key(&self) -> String {
        // An openid has no white space, so the parts cannot run into each other.
        let from = &self.from;
        match &self.body {
            InboundBody::Message(message) => match (message.msg_id(), self.fields.text("MsgId")) {
                (Some(id), _) => format!("m {from} {id}"),
                (None, Some(id)) if !id.is_empty() => format!("m {from} {}", hash([id])),
                (None, _) => format!("m {from} {} {}", self.create_time, self.hash_of_all()),
            },
            InboundBody::Event(event) => {
                let hash = match event {
                    InboundEvent::Other(_) => self.hash_of_all(),
                    known => self.hash_of_event(known),
                };
                format!("e {from} {} {hash}", self.create_time)
            }
        }
    }

    fn hash_of_event(&self, event: &InboundEvent) -> String {
        let text = |name| self.fields.text(name).unwrap_or_default().to_owned();
        let mut parts = vec![
            text("Event").to_ascii_lowercase(),
            text("EventKey"),
            text("MsgID"),
        ];
        match event {
            InboundEvent::SubscribeMsgPopup(choices) => {
                parts.extend(choices.iter().map(|choice| choice.template_id.to_string()));
            }
            InboundEvent::SubscribeMsgChange(changes) => {
                parts.extend(changes.iter().map(|change| change.template_id.to_string()));
            }
            InboundEvent::SubscribeMsgSent(sent) => {
                for sent in sent {
                    parts.extend([sent.template_id.to_string(), sent.msgid.to_string()]);
                }
            }
            // Their sender is the platform, the same for everybody.
            InboundEvent::UserInfoModified { openid, .. }
            | InboundEvent::UserAuthorizationRevoke { openid, .. }
            | InboundEvent::UserAuthorizationCancellation { openid, .. } => {
                parts.push(openid.to_string());
            }
            InboundEvent::Subscribe { .. }
            | InboundEvent::Unsubscribe
            | InboundEvent::Scan { .. }
            | InboundEvent::Location { .. }
            | InboundEvent::Click { .. }
            | InboundEvent::View { .. }
            | InboundEvent::ViewMiniProgram { .. }
            | InboundEvent::ScanCodePush(_)
            | InboundEvent::ScanCodeWaitMsg(_)
            | InboundEvent::PicSysPhoto { .. }
            | InboundEvent::PicPhotoOrAlbum { .. }
            | InboundEvent::PicWeixin { .. }
            | InboundEvent::LocationSelect { .. }
            | InboundEvent::TemplateSendJobFinish { .. }
            | InboundEvent::MassSendJobFinish { .. }
            | InboundEvent::UserEnterTempSession { .. }
            | InboundEvent::DebugDemo { .. }
            | InboundEvent::KfCreateSession { .. }
            | InboundEvent::KfCloseSession { .. }
            | InboundEvent::KfSwitchSession { .. }
            | InboundEvent::Other(_) => {}
        }
        hash(parts)
    }

    /// For what is not known well enough to say which fields matter. The encrypted copy of the compatible
    /// mode is left out: it never repeats.
    fn hash_of_all(&self) -> String {
        hash(
            self.fields
                .iter()
                .filter(|(name, _)| *name != "Encrypt")
                .map(|(name, node)| serde_json::json!([name, node]).to_string()),
        )
    }
}

fn hash<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
        // No field contains it.
        hash.update([0]);
    }
    hex::encode(hash.finalize())
}

/// The text of a field, empty if it is absent.
fn text(fields: &Fields, name: &str) -> String {
    fields.text(name).unwrap_or_default().to_owned()
}

/// The text of a field that may be absent or empty, which means the same.
fn optional(fields: &Fields, name: &str) -> Option<String> {
    fields
        .text(name)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// A whole number; documents indent elements, and some numbers stand in blanks.
fn number<T: std::str::FromStr>(fields: &Fields, name: &str) -> Option<T> {
    let text = fields.text(name)?.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

fn msg_id(fields: &Fields, name: &str) -> Option<MsgId> {
    number(fields, name).map(MsgId)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(fields: &str) -> Inbound {
        let head = r#""ToUserName":"gh_1","FromUserName":"o1","CreateTime":7,"MsgType":"event""#;
        Inbound::parse(format!("{{{head},{fields}}}").as_bytes()).unwrap()
    }

    fn message(fields: &str) -> Inbound {
        let head = r#""ToUserName":"gh_1","FromUserName":"o1","CreateTime":7,"MsgType":"text""#;
        Inbound::parse(format!("{{{head},{fields}}}").as_bytes()).unwrap()
    }

    #[test]
    fn what_every_push_has_must_be_there() {
        let good = |name: &str, value: &str| {
            let value_of = |field: &str, text: &str| {
                if field == name {
                    value.to_owned()
                } else {
                    text.to_owned()
                }
            };
            format!(
                "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName>\
                 <CreateTime>{}</CreateTime><MsgType>{}</MsgType><Event>{}</Event></xml>",
                value_of("ToUserName", "gh_1"),
                value_of("FromUserName", "o1"),
                value_of("CreateTime", " 7\n"),
                value_of("MsgType", "event"),
                value_of("Event", "x"),
            )
        };
        let read = Inbound::parse(good("", "").as_bytes()).unwrap();
        assert_eq!(read.create_time, 7);
        for (name, bad) in [
            ("ToUserName", ""),
            ("ToUserName", "a b"),
            ("ToUserName", "<a>b</a>"),
            ("FromUserName", ""),
            ("FromUserName", "o\n"),
            ("CreateTime", ""),
            ("CreateTime", "now"),
            ("CreateTime", "+7"),
            ("CreateTime", "99999999999999999999"),
            ("MsgType", ""),
            ("Event", ""),
        ] {
            let error = Inbound::parse(good(name, bad).as_bytes()).unwrap_err();
            assert_eq!(error, CallbackError::Field(name), "{bad:?}");
        }
        assert_eq!(
            Inbound::parse(b"{}"),
            Err(CallbackError::Field("ToUserName"))
        );
    }

    #[test]
    fn the_raw_names_stay_readable() {
        let click = event(r#""Event":"CLICK","EventKey":"MENU""#);
        assert_eq!((click.msg_type(), click.is_event()), ("event", true));
        assert_eq!(
            (click.event(), click.event_key()),
            (Some("CLICK"), Some("MENU"))
        );
        assert_eq!(
            event(r#""Event":"subscribe","EventKey":"""#).event_key(),
            None
        );

        let text = message(r#""Content":"hi","Event":"x","EventKey":"y","MsgId":3"#);
        assert_eq!((text.msg_type(), text.is_event()), ("text", false));
        assert_eq!((text.event(), text.event_key()), (None, None));
        assert_eq!(text.msg_id(), Some(MsgId(3)));
    }

    #[test]
    fn a_retry_has_the_same_key_and_nothing_else_has() {
        let pushes = [
            message(r#""MsgId":24983716520483917,"Content":"a""#),
            message(r#""MsgId":24983716520483918,"Content":"a""#),
            message(r#""MsgId":"49d72d67_1555684067""#),
            message(r#""MsgId":"49d72d67_1555684068""#),
            message(r#""Content":"a""#),
            message(r#""Content":"b""#),
            event(r#""Event":"VIEW","EventKey":"https://a/1""#),
            event(r#""Event":"VIEW","EventKey":"https://a/2""#),
            event(r#""Event":"CLICK","EventKey":"https://a/1""#),
            event(r#""Event":"TEMPLATESENDJOBFINISH","MsgID":1,"Status":"success""#),
            event(r#""Event":"TEMPLATESENDJOBFINISH","MsgID":2,"Status":"success""#),
            event(
                r#""Event":"subscribe_msg_popup_event","List":{"TemplateId":"a","SubscribeStatusString":"accept"}"#,
            ),
            event(
                r#""Event":"subscribe_msg_popup_event","List":{"TemplateId":"b","SubscribeStatusString":"accept"}"#,
            ),
            event(
                r#""Event":"subscribe_msg_change_event","List":{"TemplateId":"a","SubscribeStatusString":"reject"}"#,
            ),
            event(r#""Event":"subscribe_msg_sent_event","List":{"TemplateId":"a","MsgID":"1"}"#),
            event(r#""Event":"subscribe_msg_sent_event","List":{"TemplateId":"a","MsgID":"2"}"#),
            event(r#""Event":"user_authorization_revoke","OpenID":"o8","RevokeInfo":"8""#),
            event(r#""Event":"user_authorization_revoke","OpenID":"o9","RevokeInfo":"8""#),
            event(r#""Event":"wxa_media_check","trace_id":"1""#),
            event(r#""Event":"wxa_media_check","trace_id":"2""#),
        ];
        let keys: Vec<_> = pushes.iter().map(Inbound::dedupe_key).collect();
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(*key, pushes[at].clone().dedupe_key());
            assert!(!keys[..at].contains(key), "{:?}", pushes[at]);
        }
        assert_eq!(keys[0], "m o1 24983716520483917");
    }

    #[test]
    fn what_changes_between_retries_or_spellings_does_not_change_the_key() {
        let plain = event(r#""Event":"CLICK","EventKey":"A""#);
        let again = event(r#""EventKey":"A","Event":"click","Encrypt":"x""#);
        assert_eq!(plain.dedupe_key(), again.dedupe_key());
        let plain = event(r#""Event":"later","a":1"#);
        let again = event(r#""Event":"later","a":1,"Encrypt":"x""#);
        assert_eq!(plain.dedupe_key(), again.dedupe_key());
    }

    #[test]
    fn a_key_is_never_long() {
        let long = "x".repeat(5000);
        let sender = "o".repeat(128);
        for rest in [
            format!(r#""MsgType":"event","Event":"VIEW","EventKey":"{long}""#),
            format!(r#""MsgType":"event","Event":"{long}""#),
            format!(r#""MsgType":"text","MsgId":"{long}""#),
            format!(r#""MsgType":"text","Content":"{long}""#),
            r#""MsgType":"text","MsgId":18446744073709551615"#.to_owned(),
        ] {
            let body = format!(
                r#"{{"ToUserName":"gh_1","FromUserName":"{sender}","CreateTime":-9223372036854775808,{rest}}}"#
            );
            let key = Inbound::parse(body.as_bytes()).unwrap().dedupe_key();
            assert!(key.len() <= 200, "{}: {key}", key.len());
        }
    }
}
