use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::message::Kind;

/// How long a person's consent to a subscribe template lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subscription {
    /// One message for each acceptance.
    OneTime,
    /// Any number until the person switches it off.
    LongTerm,
}

/// A template of an account, as WeChat last listed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Template {
    /// WeChat's id.
    pub template_id: String,
    /// The kind of message it is for.
    pub kind: Kind,
    /// Its title.
    pub title: String,
    /// The form, with `{{key.DATA}}` for the slots.
    pub content: String,
    /// WeChat's example of a filled form.
    pub example: String,
    /// The slots, in the order of `content`.
    pub fields: Vec<Field>,
    /// For subscribe templates: how long a consent lasts.
    pub subscription: Option<Subscription>,
    /// When it was listed.
    pub synced_at: Timestamp,
}

/// One slot of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Field {
    /// The key in a message's `data`.
    #[schema(example = "thing1")]
    pub key: String,
    /// What stands before the slot on the card.
    pub label: String,
    /// WeChat's keyword type; `text` where the key carries none.
    #[serde(rename = "type")]
    #[schema(example = "thing")]
    pub type_: String,
    /// The type's rule, in English.
    pub rule: String,
    /// The same in Chinese.
    pub rule_zh: String,
    /// For `enum` slots: the values WeChat allows, as far as known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

/// What a sync changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncReport {
    /// How many templates the account has now.
    pub total: usize,
    /// Ids that are new.
    pub added: Vec<String>,
    /// Ids whose form changed.
    pub changed: Vec<String>,
    /// Ids that are gone.
    pub removed: Vec<String>,
}
