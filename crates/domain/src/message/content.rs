//! What a message says, by kind. The names are WeChat's own: this is also the
//! form storage keeps.

pub use hongyan_wechat::api::subscribe::{Lang as Language, MiniProgramState};
use hongyan_wechat::{AppId, TemplateId};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Kind;

/// One value of a template's slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// The text shown.
    pub value: String,
    /// `#RRGGBB`. Template messages only; WeChat's clients have shown the default
    /// colour since 2023, sending one does no harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self {
            value: value.to_owned(),
            color: None,
        }
    }
}

/// Slot key to value, in the caller's order.
pub type Data = IndexMap<String, Value>;

/// A mini-program page opened on tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MiniProgramLink {
    /// A mini program linked to the account.
    pub appid: AppId,
    /// Page with its query; absent = the home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagepath: Option<String>,
}

/// A template message (发送模板消息).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateContent {
    /// The template.
    pub template_id: TemplateId,
    /// Its slots.
    pub data: Data,
    /// Web page opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Mini program opened on tap; wins over `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgramLink>,
}

/// A mini-program subscribe message (发送订阅消息).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribeContent {
    /// The template (priTmplId).
    pub template_id: TemplateId,
    /// Its slots.
    pub data: Data,
    /// Page of the mini program, with query; without it the card is not
    /// clickable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Which version the card opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram_state: Option<MiniProgramState>,
    /// In which language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<Language>,
}

/// A subscription notice of an official account (订阅通知).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationContent {
    /// The template (priTmplId).
    pub template_id: TemplateId,
    /// Its slots.
    pub data: Data,
    /// Web page opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Mini program opened on tap; wins over `page`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgramLink>,
    /// Which version of the mini program the card opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram_state: Option<MiniProgramState>,
    /// In which language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<Language>,
}

/// A one-time subscription message (通过 API 推送订阅模板消息).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTimeContent {
    /// The account's one template of this kind.
    pub template_id: TemplateId,
    /// The scene the person consented under, 0 to 10000.
    pub scene: u16,
    /// Heading, at most 15 characters.
    pub title: String,
    /// The one slot `content`: at most 200 characters, with a colour if wished.
    pub data: Data,
    /// Web page opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Mini program opened on tap; wins over `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgramLink>,
}

/// A customer-service message (客服消息).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerServiceContent {
    /// WeChat's own body from `msgtype` on, without `touser`.
    pub body: serde_json::Map<String, serde_json::Value>,
}

impl CustomerServiceContent {
    /// WeChat's `msgtype`; empty where there is none.
    #[must_use]
    pub fn msgtype(&self) -> &str {
        self.body
            .get("msgtype")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    }
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// See [`TemplateContent`].
    Template(TemplateContent),
    /// See [`SubscribeContent`].
    Subscribe(SubscribeContent),
    /// See [`NotificationContent`].
    Notification(NotificationContent),
    /// See [`OneTimeContent`].
    OneTime(OneTimeContent),
    /// See [`CustomerServiceContent`].
    CustomerService(CustomerServiceContent),
}

impl Content {
    /// The kind of message this makes.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Template(_) => Kind::Template,
            Self::Subscribe(_) => Kind::Subscribe,
            Self::Notification(_) => Kind::Notification,
            Self::OneTime(_) => Kind::OneTime,
            Self::CustomerService(_) => Kind::CustomerService,
        }
    }

    /// The template it fills, if it fills one.
    #[must_use]
    pub fn template_id(&self) -> Option<&TemplateId> {
        match self {
            Self::Template(c) => Some(&c.template_id),
            Self::Subscribe(c) => Some(&c.template_id),
            Self::Notification(c) => Some(&c.template_id),
            Self::OneTime(c) => Some(&c.template_id),
            Self::CustomerService(_) => None,
        }
    }

    /// The slots' values, where there are slots.
    #[must_use]
    pub fn data(&self) -> Option<&Data> {
        match self {
            Self::Template(c) => Some(&c.data),
            Self::Subscribe(c) => Some(&c.data),
            Self::Notification(c) => Some(&c.data),
            Self::OneTime(c) => Some(&c.data),
            Self::CustomerService(_) => None,
        }
    }

    /// The slots' values, to be changed before the message is accepted.
    pub fn data_mut(&mut self) -> Option<&mut Data> {
        match self {
            Self::Template(c) => Some(&mut c.data),
            Self::Subscribe(c) => Some(&mut c.data),
            Self::Notification(c) => Some(&mut c.data),
            Self::OneTime(c) => Some(&mut c.data),
            Self::CustomerService(_) => None,
        }
    }

    /// The scene of a one-time subscription.
    #[must_use]
    pub fn scene(&self) -> Option<u16> {
        match self {
            Self::OneTime(c) => Some(c.scene),
            Self::Template(_)
            | Self::Subscribe(_)
            | Self::Notification(_)
            | Self::CustomerService(_) => None,
        }
    }
}
