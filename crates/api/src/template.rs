use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
    /// What will surprise somebody about it; empty = nothing known.
    #[serde(default)]
    pub warnings: Vec<TemplateWarning>,
    /// When it was listed.
    pub synced_at: Timestamp,
}

/// Something about a template that will surprise somebody: WeChat takes it, and the
/// phone shows it otherwise than its maker meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateWarning {
    /// A stable word: `hidden`, `lone_variable`, `shown_short`, `emoji`, `line_feed`,
    /// `long_constant`, `no_slots`, `name_without_key`.
    #[schema(example = "lone_variable")]
    pub rule: String,
    /// The slot it is about, by WeChat's key; left out = the form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What happens and what to do, in English.
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
}

/// One slot of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Field {
    /// The key in a message's `data`.
    #[schema(example = "thing1")]
    pub key: String,
    /// The account's own name for it, which `data` may use in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "goods")]
    pub name: Option<String>,
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
    /// The most characters of a value; left out where the type counts otherwise (times,
    /// amounts, listed values, slots without a type).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 20)]
    pub max_length: Option<u32>,
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

/// What became of a template between two looks at WeChat's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its title, form or allowed values are other than before.
    Changed,
    /// It is gone: messages of it are refused.
    Removed,
}

/// A change of a template, as a sync found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateChange {
    /// The template.
    pub template_id: String,
    /// When it was found.
    pub at: Timestamp,
    /// What became of it.
    pub change: ChangeKind,
    /// As it was.
    pub before: Option<TemplateForm>,
    /// As it is.
    pub after: Option<TemplateForm>,
    /// Keys that messages must have now and had not before.
    pub new_keys: Vec<String>,
    /// Keys that messages may have no longer.
    pub gone_keys: Vec<String>,
    /// Who used the template in the 30 days before: whom the change concerns.
    pub senders: Vec<TemplateSender>,
}

/// What of a template matters to those who fill it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateForm {
    /// Its title.
    pub title: String,
    /// The form.
    pub content: String,
}

/// Who used a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateSender {
    /// The API key; left out = without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The key's name, where it still exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// Messages taken in, all in all.
    pub messages: u64,
    /// When the last one was taken in.
    pub last_at: Timestamp,
}

/// The account's own names for a template's keys: a keyword that WeChat renames is
/// changed here and not in every caller.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldNames {
    /// Own name to WeChat's key.
    #[schema(example = json!({"order_no": "character_string1", "goods": "thing2"}))]
    pub names: BTreeMap<String, String>,
}

/// A service category of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateCategory {
    /// WeChat's number.
    pub id: u32,
    /// Its name.
    pub name: String,
}

/// What to look for in WeChat's library.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LibraryQuery {
    /// Part of a title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword: Option<String>,
    /// Only this service category of the account; all of them when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<u32>,
}

/// A title of WeChat's library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LibraryTitle {
    /// Its number, to take it by.
    #[schema(example = "99")]
    pub tid: String,
    /// The title.
    pub title: String,
    /// How long a consent lasts.
    pub subscription: Option<Subscription>,
    /// The category it belongs to.
    pub category_id: u32,
}

/// Titles of WeChat's library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LibraryTitles {
    /// Those found.
    pub items: Vec<LibraryTitle>,
    /// Whether there may be more: the first 600 of a category are looked through.
    pub more: bool,
}

/// A keyword that a title of the library offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LibraryKeyword {
    /// Its number, to choose it by.
    pub id: u32,
    /// Its label on the card.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "thing")]
    pub type_: String,
    /// A value that fits.
    pub example: String,
}

/// A template to be taken from WeChat's library: `tid` with `keyword_ids` for
/// subscribe templates and subscription notices, `short_id` with `keyword_names` for
/// template messages of official accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTemplate {
    /// The library's number of the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "99")]
    pub tid: Option<String>,
    /// Two to five keywords, in the order shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!([1, 3]))]
    pub keyword_ids: Vec<u32>,
    /// What it is for, at most 15 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<String>,
    /// The library's number of a template of template messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_id: Option<String>,
    /// Its keywords by their words, in the order shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keyword_names: Vec<String>,
}

/// A template that was taken from the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedTemplate {
    /// Its id at the account.
    pub template_id: String,
    /// The template; left out where WeChat does not list it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
}
