//! A message to be sent.

use std::fmt;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::words::{Kind, Language, MiniProgramState, OnUnknown, Overflow, Priority};

/// Who is told: exactly one of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// The person at the sending account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "oP4uB6jKx0QmTzR3yVdWc9LnEaSs")]
    pub openid: Option<String>,
    /// The person over linked accounts: reached where the sending account knows
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unionid: Option<String>,
    /// The caller's own id of the person, bound with `PUT /v1/users/{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// A fresh `wx.login` code of the sending mini program; it is used up.
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
pub enum SlotValue {
    /// The text shown.
    Text(String),
    /// The text with a colour.
    Styled(StyledValue),
}

impl From<&str> for SlotValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for SlotValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `untagged`: that would forget where and why it failed.
        struct TextOrStyled;

        impl<'de> Visitor<'de> for TextOrStyled {
            type Value = SlotValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string in quotes or {\"value\", \"color\"}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SlotValue, E> {
                Ok(SlotValue::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<SlotValue, E> {
                Ok(SlotValue::Text(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SlotValue, A::Error> {
                StyledValue::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(SlotValue::Styled)
            }
        }

        deserializer.deserialize_any(TextOrStyled)
    }
}

/// Slot key to value, in the caller's order.
pub type Data = IndexMap<String, SlotValue>;

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
    /// The template to fill. Needed for every kind but `customer_service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// The template's slots; `one_time` has the one slot `content` (at most 200
    /// characters). Numbers are written in quotes, as WeChat wants them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        value_type = Option<std::collections::HashMap<String, SlotValue>>,
        example = json!({"thing1": "Parcel", "time2": {"value": "2026-11-20 10:00", "color": "#173177"}})
    )]
    pub data: Option<Data>,
    /// `template`, `one_time`: web page opened on tap; http or https, at most 2,048
    /// bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `template`, `notification`, `one_time`: mini program opened on tap; wins over
    /// a web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgramLink>,
    /// `subscribe`: page of the mini program opened on tap, with its query; without
    /// it the card is not clickable. `notification`: web page opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// `subscribe`, `notification`: which version of the mini program the card opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram_state: Option<MiniProgramState>,
    /// `subscribe`, `notification`: in which language.
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
    /// `one_time`: the scene the person consented under, 0 to 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 1000)]
    pub scene: Option<u32>,
    /// `one_time`: the heading, at most 15 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `customer_service`: WeChat's own body from `msgtype` on, without `touser`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        value_type = Option<Object>,
        example = json!({"msgtype": "text", "text": {"content": "On its way"}})
    )]
    pub content: Option<serde_json::Map<String, serde_json::Value>>,
    /// Further ways to the person, at most 5, tried in order: the next one only when
    /// WeChat says, or what is known of them says, that they cannot be reached by the
    /// one before; never after a send whose outcome is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!([{"account": "demo-oa", "kind": "template", "template_id": "…",
        "data": {"thing1": "Parcel", "time2": "2026-11-20 10:00"}}]))]
    pub fallback: Option<Vec<Fallback>>,
}

/// A further way to the person of a message: the fields that a message of its kind
/// has. Everything else (priority, times, `overflow` …) is the message's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// The account that would send it, by its name.
    #[schema(example = "demo-oa")]
    pub account: String,
    /// The kind of message.
    pub kind: Kind,
    /// The person at that account. Left out: the message's own person, found there by
    /// their unionid or user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Recipient>,
    /// See the message's field of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// See the message's field of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::HashMap<String, SlotValue>>)]
    pub data: Option<Data>,
    /// See the message's field of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// See the message's field of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgramLink>,
    /// See the message's field of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// See the message's field of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram_state: Option<MiniProgramState>,
    /// See the message's field of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<Language>,
    /// See the message's field of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<u32>,
    /// See the message's field of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// See the message's field of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub content: Option<serde_json::Map<String, serde_json::Value>>,
}

impl From<NewMessage> for Fallback {
    /// The way that a message of its own would go.
    fn from(message: NewMessage) -> Self {
        Self {
            account: message.account,
            kind: message.kind,
            to: Some(message.to),
            template_id: message.template_id,
            data: message.data,
            url: message.url,
            miniprogram: message.miniprogram,
            page: message.page,
            miniprogram_state: message.miniprogram_state,
            lang: message.lang,
            scene: message.scene,
            title: message.title,
            content: message.content,
        }
    }
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
            scene: None,
            title: None,
            content: None,
            fallback: None,
        }
    }

    /// A customer-service message: `content` is WeChat's own body from `msgtype`
    /// on.
    #[must_use]
    pub fn customer_service(
        account: impl Into<String>,
        to: Recipient,
        content: serde_json::Map<String, serde_json::Value>,
    ) -> Self {
        Self {
            template_id: None,
            data: None,
            content: Some(content),
            ..Self::new(account, Kind::CustomerService, to, "", Data::new())
        }
    }
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
        assert_eq!(data["thing1"], SlotValue::from("Parcel"));
        assert!(
            matches!(&data["time2"], SlotValue::Styled(v) if v.color.as_deref() == Some("#173177"))
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
            assert!(serde_json::from_str::<SlotValue>(bad).is_err(), "{bad}");
        }
    }
}
