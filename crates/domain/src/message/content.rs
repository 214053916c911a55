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

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// See [`TemplateContent`].
    Template(TemplateContent),
    /// See [`SubscribeContent`].
    Subscribe(SubscribeContent),
}

impl Content {
    /// The kind of message this makes.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Template(_) => Kind::Template,
            Self::Subscribe(_) => Kind::Subscribe,
        }
    }

    /// The template it fills.
    #[must_use]
    pub fn template_id(&self) -> &TemplateId {
        match self {
            Self::Template(c) => &c.template_id,
            Self::Subscribe(c) => &c.template_id,
        }
    }

    /// The slots' values.
    #[must_use]
    pub fn data(&self) -> &Data {
        match self {
            Self::Template(c) => &c.data,
            Self::Subscribe(c) => &c.data,
        }
    }

    /// The slots' values, to be changed before the message is accepted.
    pub fn data_mut(&mut self) -> &mut Data {
        match self {
            Self::Template(c) => &mut c.data,
            Self::Subscribe(c) => &mut c.data,
        }
    }
}
