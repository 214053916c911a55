use std::fmt;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::errcode::Diagnosis;
use crate::problem::{Problem, Violation};

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Official account: template message (模板消息).
    Template,
    /// Mini program: subscribe message (订阅消息).
    Subscribe,
    /// Official account: subscription notice (订阅通知). Refused in this version.
    Notification,
    /// Official account: one-time subscription (一次性订阅). Refused in this version.
    OneTime,
    /// Customer-service message (客服消息). Refused in this version.
    CustomerService,
}

/// Which of an account's due messages goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before everything else.
    High,
    /// The usual.
    #[default]
    Normal,
    /// After everything else.
    Low,
}

/// What to do with a value that is too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// Say so.
    #[default]
    Reject,
    /// Cut it and end it with `…` (`thing` and `short_thing` only).
    Truncate,
}

/// What to do when nobody can say whether a send took effect and a repeat could
/// tell the person twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Leave the message `unknown`: rather not told than told twice.
    #[default]
    Keep,
    /// Send again: rather told twice than not told.
    Resend,
}

/// Which version of the mini program a card opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MiniProgramState {
    /// 开发版.
    Developer,
    /// 体验版.
    Trial,
    /// 正式版, WeChat's default.
    Formal,
}

/// The language of the mini program a card opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Language {
    /// Simplified Chinese, WeChat's default.
    #[serde(rename = "zh_CN")]
    ZhCn,
    /// English.
    #[serde(rename = "en_US")]
    EnUs,
    /// Traditional Chinese, Hong Kong.
    #[serde(rename = "zh_HK")]
    ZhHk,
    /// Traditional Chinese, Taiwan.
    #[serde(rename = "zh_TW")]
    ZhTw,
}

/// Who is told: exactly one of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// The person at the sending account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "oP4uB6jKx0QmTzR3yVdWc9LnEaSs")]
    pub openid: Option<String>,
    /// The person over linked accounts. Refused in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unionid: Option<String>,
    /// The caller's own id of the person. Refused in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// A fresh `wx.login` code; mini programs. Refused in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_code: Option<String>,
}

impl Recipient {
    /// The person of this openid.
    #[must_use]
    pub fn openid(openid: impl Into<String>) -> Self {
        Self {
            openid: Some(openid.into()),
            ..Self::default()
        }
    }
}

/// A value with a colour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StyledValue {
    /// The text shown.
    pub value: String,
    /// `#RRGGBB`; template messages only. WeChat's clients have shown the default
    /// colour since 2023.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "#173177")]
    pub color: Option<String>,
}

/// What a template's slot is filled with: the text alone, or `{"value", "color"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Value {
    /// The text shown.
    Text(String),
    /// The text with a colour.
    Styled(StyledValue),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `untagged`: that would forget where and why it failed.
        struct TextOrStyled;

        impl<'de> Visitor<'de> for TextOrStyled {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string in quotes or {\"value\", \"color\"}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
                Ok(Value::Text(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
                StyledValue::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(Value::Styled)
            }
        }

        deserializer.deserialize_any(TextOrStyled)
    }
}

/// Slot key to value, in the caller's order.
pub type Data = IndexMap<String, Value>;

/// A mini-program page opened on tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MiniProgramLink {
    /// A mini program linked to the account.
    pub appid: String,
    /// Page with its query; left out = the home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "pages/order?id=1")]
    pub pagepath: Option<String>,
}

/// A message to be sent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// The account that sends it, by its name.
    #[schema(example = "demo-oa")]
    pub account: String,
    /// The kind of message.
    pub kind: Kind,
    /// Who is told.
    pub to: Recipient,
    /// The template to fill. Needed for `template` and `subscribe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// The template's slots. Numbers are written in quotes, as WeChat wants them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        value_type = Option<std::collections::HashMap<String, Value>>,
        example = json!({"thing1": "Parcel", "time2": {"value": "2026-11-20 10:00", "color": "#173177"}})
    )]
    pub data: Option<Data>,
    /// `template`: web page opened on tap; http or https, at most 2,048 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `template`: mini program opened on tap; wins over `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgramLink>,
    /// `subscribe`: page opened on tap, with its query; without it the card is
    /// not clickable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// `subscribe`: which version of the mini program the card opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram_state: Option<MiniProgramState>,
    /// `subscribe`: in which language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<Language>,
    /// Not before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_at: Option<Timestamp>,
    /// Not after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Who goes first; `normal` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// What to do with values that are too long; `reject` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
    /// What to do when the outcome cannot be known; `keep` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_unknown: Option<OnUnknown>,
    /// The caller's own word for it, to search by; at most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "order-42")]
    pub reference: Option<String>,
    /// The caller's own JSON object, at most 4 KiB, returned unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
    /// Known, and refused in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub fallback: Option<serde_json::Value>,
    /// Known, and refused in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub scene: Option<serde_json::Value>,
    /// Known, and refused in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub title: Option<serde_json::Value>,
    /// Known, and refused in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub content: Option<serde_json::Value>,
}

impl NewMessage {
    /// A message of a template, with everything else left out.
    #[must_use]
    pub fn new(
        account: impl Into<String>,
        kind: Kind,
        to: Recipient,
        template_id: impl Into<String>,
        data: Data,
    ) -> Self {
        Self {
            account: account.into(),
            kind,
            to,
            template_id: Some(template_id.into()),
            data: Some(data),
            url: None,
            miniprogram: None,
            page: None,
            miniprogram_state: None,
            lang: None,
            send_at: None,
            expires_at: None,
            priority: None,
            overflow: None,
            on_unknown: None,
            reference: None,
            metadata: None,
            fallback: None,
            scene: None,
            title: None,
            content: None,
        }
    }
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for its `send_at`.
    Scheduled,
    /// Waits for its turn.
    Queued,
    /// Is with WeChat at this moment.
    Sending,
    /// Failed at least once and waits for the next attempt.
    Retrying,
    /// WeChat took it; whether it arrived is not known yet.
    Accepted,
    /// WeChat said that it arrived.
    Delivered,
    /// WeChat said that it did not arrive.
    Undelivered,
    /// WeChat refused it, or we gave up.
    Failed,
    /// It may or may not have gone out, and a repeat is not safe.
    Unknown,
    /// Its time was over before it could be sent.
    Expired,
    /// Taken back before it was sent.
    Canceled,
}

impl Status {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Retrying => "retrying",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A message that is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// The message's id.
    #[schema(example = "msg_0192d3a4b5c67d8e9f00112233445566")]
    pub id: String,
    /// Where it stands.
    pub status: Status,
    /// When we took it.
    pub created_at: Timestamp,
}

/// How one call to WeChat ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// WeChat took it.
    Accepted,
    /// WeChat answered with an errcode.
    Refused,
    /// The request certainly never reached WeChat.
    NotSent,
    /// No usable answer: it may or may not have gone out.
    Uncertain,
    /// The gateway stopped before it could note the answer.
    Interrupted,
}

/// One call to WeChat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// WeChat's code, if it answered with one other than 0.
    pub errcode: Option<i64>,
    /// WeChat's words, or ours where there was no answer.
    pub errmsg: Option<String>,
    /// WeChat's request id.
    pub rid: Option<String>,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u32,
    /// What the code means.
    pub diagnosis: Option<Diagnosis>,
}

/// WeChat's later word on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// WeChat's text, such as `success` or `failed:user block`.
    pub status: String,
    /// When WeChat made it.
    pub at: Timestamp,
}

/// What an open message waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    /// Its account is switched off.
    AccountDisabled,
    /// Its account gets no credential from WeChat.
    AccountUnhealthy,
    /// Its account's allowance at WeChat is used up.
    AccountParked,
}

/// Why an open message is not being sent now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// In one word.
    pub reason: WaitingFor,
    /// In a sentence.
    pub detail: String,
    /// When this ends by itself, if it does.
    pub until: Option<Timestamp>,
    /// WeChat's code, where it is the cause.
    pub errcode: Option<i64>,
    /// What the code means.
    pub diagnosis: Option<Diagnosis>,
}

/// A message with all that happened to it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Its id.
    #[schema(example = "msg_0192d3a4b5c67d8e9f00112233445566")]
    pub id: String,
    /// The account that sends it.
    pub account: String,
    /// Its kind.
    pub kind: Kind,
    /// Who is told.
    pub to: Recipient,
    /// Where it stands.
    pub status: Status,
    /// The template.
    pub template_id: String,
    /// The slots as they are sent, cut where `overflow` asked for it.
    #[schema(value_type = std::collections::HashMap<String, StyledValue>)]
    pub data: IndexMap<String, StyledValue>,
    /// Web page opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Mini program opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgramLink>,
    /// Page of the mini program opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Which version of the mini program the card opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram_state: Option<MiniProgramState>,
    /// In which language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<Language>,
    /// WeChat's number for it, in decimal digits: 64 bits do not fit a JSON
    /// number everywhere.
    #[schema(example = "3725684012345678912")]
    pub wechat_msgid: Option<String>,
    /// The caller's own word for it.
    pub reference: Option<String>,
    /// The caller's own JSON object.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
    /// Who goes first.
    pub priority: Priority,
    /// What to do when the outcome cannot be known.
    pub on_unknown: OnUnknown,
    /// When we took it.
    pub created_at: Timestamp,
    /// Not before this.
    pub send_at: Option<Timestamp>,
    /// Not after this.
    pub expires_at: Option<Timestamp>,
    /// When it is due next; while it is open.
    pub due_at: Option<Timestamp>,
    /// When the sending was over.
    pub settled_at: Option<Timestamp>,
    /// Why it is not being sent now, if something stands in its way.
    pub waiting: Option<Waiting>,
    /// How many calls to WeChat were made.
    pub attempt_count: u32,
    /// The calls to WeChat, oldest first. Left out in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<Attempt>>,
    /// The code of the last attempt.
    pub errcode: Option<i64>,
    /// What that code means.
    pub diagnosis: Option<Diagnosis>,
    /// WeChat's later word.
    pub receipt: Option<Receipt>,
}

/// Up to 1,000 messages in one request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageBatch {
    /// The messages; each is judged on its own.
    #[schema(min_items = 1, max_items = 1000)]
    pub messages: Vec<NewMessage>,
}

/// What became of one message of a batch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum BatchResult {
    /// It is on disk.
    Accepted(Accepted),
    /// It was refused.
    Refused {
        /// Why.
        problem: Box<Problem>,
    },
}

/// What became of the messages of a batch, in the order they were given.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BatchResults {
    /// One for each message.
    pub results: Vec<BatchResult>,
}

/// One line of the card that a phone would show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewLine {
    /// What stands before the value.
    pub label: String,
    /// The value.
    pub value: String,
}

/// What a check of a message found. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Validation {
    /// Whether the message would be accepted.
    pub valid: bool,
    /// Every rule it breaks.
    pub violations: Vec<Violation>,
    /// The card as the phone would show it; empty when the template is not known.
    pub preview: Vec<PreviewLine>,
}

/// What to search for among the messages. Everything left out fits all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessageFilter {
    /// Only this account, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Only this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub kind: Option<Kind>,
    /// Only where they stand so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub status: Option<Status>,
    /// Only this recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// Only this reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Only messages whose last attempt ended in this code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i64>,
    /// Made at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_after: Option<Timestamp>,
    /// Made before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_before: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_s_example_is_understood() {
        let message: NewMessage = serde_json::from_str(
            r##"{ "account": "demo-oa", "kind": "template", "to": {"openid": "o1"},
              "template_id": "t", "data": {"thing1": "Parcel", "time2": {"value": "10:00", "color": "#173177"}},
              "url": "https://a.example", "miniprogram": {"appid": "wx1", "pagepath": "pages/order?id=1"},
              "send_at": null, "expires_at": null, "priority": "normal", "overflow": "reject",
              "reference": "order-42", "metadata": {} }"##,
        )
        .unwrap();
        let data = message.data.unwrap();
        assert_eq!(data["thing1"], Value::from("Parcel"));
        assert!(
            matches!(&data["time2"], Value::Styled(v) if v.color.as_deref() == Some("#173177"))
        );
        assert_eq!(message.metadata.unwrap().get(), "{}");
    }

    #[test]
    fn metadata_keeps_every_digit() {
        let text = r#"{"account":"a","kind":"template","to":{"openid":"o"},"metadata":{"n": 1.00000000000000000000001}}"#;
        let message: NewMessage = serde_json::from_str(text).unwrap();
        assert_eq!(
            message.metadata.unwrap().get(),
            r#"{"n": 1.00000000000000000000001}"#
        );
    }

    #[test]
    fn values_that_are_not_text_are_refused() {
        for bad in [
            "5",
            "true",
            "null",
            "[]",
            r#"{"value":"x","colour":"y"}"#,
            r#"{"value":5}"#,
        ] {
            assert!(serde_json::from_str::<Value>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn batch_results_tell_apart() {
        let result: BatchResult = serde_json::from_str(
            r#"{"problem":{"type":"t","title":"t","status":422,"detail":"d","code":"c"}}"#,
        )
        .unwrap();
        assert!(matches!(result, BatchResult::Refused { .. }));
    }
}
