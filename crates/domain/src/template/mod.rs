//! Templates: WeChat's forms with typed slots, and the check of a message's
//! data against them.

mod check;
mod lint;
mod preview;
mod rules;
mod violation;

pub use check::{FieldNames, Form, check};
pub use lint::{Warning, lint};
pub use preview::{Line, preview};
pub use rules::{FieldKind, Rule};
pub(crate) use violation::without_joiner;
pub use violation::{Overflow, Violation, cut};

use hongyan_wechat::TemplateId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::KeyId;
use crate::message::Kind;

/// How long a person's consent to a subscribe template lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subscription {
    /// One message for each acceptance (WeChat's type 2).
    OneTime,
    /// Any number until the person switches it off (type 3).
    LongTerm,
}

/// One slot of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The key in a message's `data`, such as `thing1`.
    pub key: String,
    /// What stands before the slot on the card, such as `订单号`.
    pub label: String,
    /// For `enum` fields: the values WeChat allows. Empty = not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

/// A template of an account, as WeChat last listed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// WeChat's id.
    pub id: TemplateId,
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

impl Template {
    /// The slot of this key.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// What became of a template between two looks at WeChat's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateChange {
    /// The template.
    pub template_id: TemplateId,
    /// When it was seen.
    pub at: Timestamp,
    /// As it was; absent = it is new.
    pub before: Option<TemplateForm>,
    /// As it is; absent = it is gone.
    pub after: Option<TemplateForm>,
    /// Who used it lately: those whose messages it may break.
    pub senders: Vec<TemplateUse>,
}

/// What of a template matters to those who fill it. Storage keeps it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateForm {
    /// Its title.
    pub title: String,
    /// The form.
    pub content: String,
    /// Its slots.
    pub fields: Vec<Field>,
}

impl From<&Template> for TemplateForm {
    fn from(template: &Template) -> Self {
        Self {
            title: template.title.clone(),
            content: template.content.clone(),
            fields: template.fields.clone(),
        }
    }
}

/// That somebody used a template. Storage keeps it as JSON within a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateUse {
    /// The API key whose messages fill it; absent = without one.
    pub key: Option<KeyId>,
    /// Messages taken in, all in all.
    pub messages: u64,
    /// When the last one was taken in.
    pub last_at: Timestamp,
}

/// The slots of a form: every `{{name.DATA}}` in order, once each, labelled with
/// the text before it on its line. Braces that do not end in `.DATA` are
/// literal text (模板消息接口: 参数需以 `{{` 开头, 以 `.DATA}}` 结尾).
#[must_use]
pub fn fields_of(content: &str) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for line in content.lines() {
        for (label, key) in slots(line) {
            if !fields.iter().any(|field| field.key == key) {
                fields.push(Field {
                    key: key.to_owned(),
                    label: label
                        .trim()
                        .trim_end_matches([':', '：'])
                        .trim_end()
                        .to_owned(),
                    allowed: Vec::new(),
                });
            }
        }
    }
    fields
}

/// The slots of one line, each with the literal text since the slot before it.
fn slots(line: &str) -> Vec<(&str, &str)> {
    let (mut found, mut rest) = (Vec::new(), line);
    while let Some(start) = rest.find("{{") {
        let inner = &rest[start + 2..];
        let Some(end) = inner.find("}}") else { break };
        match inner[..end].strip_suffix(".DATA") {
            Some(key) if !key.is_empty() => found.push((&rest[..start], key)),
            _ => {}
        }
        rest = &inner[end + 2..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_read_with_their_labels() {
        let fields = fields_of(
            "{{first.DATA}}\n订单号：{{character_string1.DATA}}\n金额: {{amount2.DATA}} 元\n{{not.data}}\n",
        );
        let seen: Vec<_> = fields
            .iter()
            .map(|f| (f.key.as_str(), f.label.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("first", ""),
                ("character_string1", "订单号"),
                ("amount2", "金额")
            ]
        );
    }

    #[test]
    fn broken_braces_do_no_harm() {
        assert!(fields_of("{{a.DATA").is_empty());
        assert!(fields_of("{{.DATA}}").is_empty());
        assert_eq!(fields_of("{{a.DATA}}{{b.DATA}}{{a.DATA}}").len(), 2);
    }
}
