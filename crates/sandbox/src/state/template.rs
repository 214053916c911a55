//! Templates: their text, their parameters, and how a phone shows them.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::model::{MessageKind, Subscription, TemplateView};
use crate::rules::{Family, KeywordType, Verdict, refusal_text};

/// A template as it is kept in the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TemplateSource {
    pub(crate) template_id: String,
    pub(crate) kind: MessageKind,
    pub(crate) title: String,
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) example: String,
    #[serde(default)]
    pub(crate) subscription: Option<Subscription>,
    #[serde(default)]
    pub(crate) enum_values: IndexMap<String, Vec<String>>,
    /// The industries that were set when an industry template was added: it
    /// goes when they go.
    #[serde(default)]
    pub(crate) industries: Option<(u8, u8)>,
    #[serde(default)]
    pub(crate) deleted: bool,
}

/// One parameter.
#[derive(Debug)]
pub(crate) struct Keyword {
    pub(crate) key: String,
    /// `None` for free keys.
    pub(crate) keyword: Option<KeywordType>,
}

/// A template ready for checking.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) source: TemplateSource,
    pub(crate) keywords: Vec<Keyword>,
}

/// What was sent for one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent<'a> {
    /// No such key, or no object with a `value` under it.
    Nothing,
    Text(&'a str),
}

impl Template {
    pub(crate) fn new(source: TemplateSource) -> Self {
        let mut keywords: Vec<Keyword> = Vec::new();
        for key in keys(&source.content) {
            if keywords.iter().all(|known| known.key != key) {
                let keyword = KeywordType::of(key);
                keywords.push(Keyword {
                    key: key.to_owned(),
                    keyword,
                });
            }
        }
        Self { source, keywords }
    }

    pub(crate) fn family(&self) -> Family {
        match self.source.kind {
            // Customer-service messages have no templates.
            MessageKind::Template | MessageKind::OneTime | MessageKind::CustomerService => {
                Family::Template
            }
            MessageKind::Subscribe | MessageKind::Notification => Family::Subscription,
        }
    }

    /// Subscription of a consent-bound template.
    pub(crate) fn subscription(&self) -> Subscription {
        self.source.subscription.unwrap_or_default()
    }

    /// An industry template (or one of a test account): free keys only.
    pub(crate) fn is_free(&self) -> bool {
        self.keywords
            .iter()
            .all(|keyword| keyword.keyword.is_none())
    }

    /// Checks every typed parameter in order; the text of the first refusal.
    pub(crate) fn check<'a>(&self, sent: impl Fn(&str) -> Sent<'a>) -> Result<(), String> {
        let family = self.family();
        for Keyword { key, keyword } in &self.keywords {
            let Some(keyword) = keyword else { continue };
            let allowed = self
                .source
                .enum_values
                .get(key)
                .map_or(&[][..], Vec::as_slice);
            let verdict = match sent(key) {
                Sent::Nothing => Verdict::Empty,
                Sent::Text(value) => keyword.judge(value, family, allowed),
            };
            if verdict != Verdict::Fine {
                return Err(refusal_text(key, verdict, family));
            }
        }
        Ok(())
    }

    pub(crate) fn view(&self) -> TemplateView {
        TemplateView {
            template_id: self.source.template_id.clone(),
            kind: self.source.kind,
            title: self.source.title.clone(),
            content: self.source.content.clone(),
            subscription: self.source.subscription,
            keys: self
                .keywords
                .iter()
                .map(|keyword| keyword.key.clone())
                .collect(),
        }
    }

    /// The lines as the phone shows them. Of industry templates the client
    /// hides `first` and `remark` and cuts each keyword (announced 2023, in
    /// force since 4 May 2023).
    pub(crate) fn lines<'a>(&self, sent: impl Fn(&str) -> Option<&'a str>) -> Vec<String> {
        let free = self.source.kind == MessageKind::Template && self.is_free();
        let mut lines = Vec::new();
        for line in self.source.content.lines() {
            if free && keys(line).any(|key| matches!(key, "first" | "remark")) {
                continue;
            }
            let mut text = String::new();
            let mut rest = line;
            while let Some((before, key, after)) = next_key(rest) {
                text.push_str(before);
                let value = sent(key).unwrap_or_default();
                if free {
                    text.push_str(&cut(value));
                } else {
                    text.push_str(value);
                }
                rest = after;
            }
            text.push_str(rest);
            if !text.trim().is_empty() {
                lines.push(text);
            }
        }
        lines
    }
}

/// What stands before the next `{{key.DATA}}`, the key, and the rest.
fn next_key(text: &str) -> Option<(&str, &str, &str)> {
    let mut searched = 0;
    while let Some(found) = text[searched..].find("{{") {
        let start = searched + found;
        let (name, after) = text[start + 2..].split_once("}}")?;
        if let Some(key) = name.trim().strip_suffix(".DATA") {
            return Some((&text[..start], key, after));
        }
        searched = start + 2;
    }
    None
}

fn keys(content: &str) -> impl Iterator<Item = &str> {
    let mut rest = content;
    std::iter::from_fn(move || {
        let (_, key, after) = next_key(rest)?;
        rest = after;
        Some(key)
    })
}

/// Cuts at 20 characters, where a run of letters or digits counts as one.
fn cut(value: &str) -> String {
    let mut shown = String::new();
    let mut count = 0;
    let mut in_run = false;
    for c in value.chars() {
        let runs_on = in_run && c.is_ascii_alphanumeric();
        if !runs_on {
            if count == 20 {
                shown.push('…');
                return shown;
            }
            count += 1;
        }
        in_run = c.is_ascii_alphanumeric();
        shown.push(c);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(kind: MessageKind, content: &str) -> Template {
        Template::new(TemplateSource {
            template_id: "t".into(),
            kind,
            title: "标题".into(),
            content: content.into(),
            example: String::new(),
            subscription: None,
            enum_values: IndexMap::from([("enum_string3".into(), vec!["客厅".into()])]),
            industries: None,
            deleted: false,
        })
    }

    fn sent<'a>(data: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Sent<'a> {
        |key| match data.iter().find(|(name, _)| *name == key) {
            Some((_, value)) => Sent::Text(value),
            None => Sent::Nothing,
        }
    }

    #[test]
    fn keys_come_from_the_content() {
        let found = template(
            MessageKind::Template,
            "a:{{thing1.DATA}} {{x}} {{thing1.DATA}}\n{{b.DATA}}",
        );
        let keys: Vec<_> = found.keywords.iter().map(|k| k.key.as_str()).collect();
        assert_eq!(keys, ["thing1", "b"]);
        assert!(!found.is_free());
    }

    #[test]
    fn the_first_broken_key_is_named() {
        let found = template(
            MessageKind::Subscribe,
            "{{thing1.DATA}}\n{{character_string2.DATA}}\n{{enum_string3.DATA}}",
        );
        let fine = [
            ("thing1", "a"),
            ("character_string2", "b"),
            ("enum_string3", "客厅"),
            ("x", ""),
        ];
        assert_eq!(found.check(sent(&fine)), Ok(()));
        assert_eq!(
            found.check(sent(&[("thing1", "a")])).unwrap_err(),
            "argument invalid! data.character_string2.value i"
        );
        assert_eq!(
            found.check(sent(&[("thing1", "a\n")])).unwrap_err(),
            "argument invalid! data.thing1.value invalid"
        );
        let mut wrong = fine;
        wrong[2].1 = "车库";
        assert!(
            found
                .check(sent(&wrong))
                .unwrap_err()
                .contains("enum_string3")
        );
    }

    #[test]
    fn industry_templates_have_no_rules_but_lose_lines() {
        let found = template(
            MessageKind::Template,
            "{{first.DATA}}\n订单号：{{keyword1.DATA}}\n{{remark.DATA}}",
        );
        assert_eq!(found.check(|_| Sent::Nothing), Ok(()));
        let long = "字".repeat(21);
        let lines = found.lines(|key| {
            if key == "keyword1" {
                Some(&long)
            } else {
                Some("x")
            }
        });
        assert_eq!(lines, [format!("订单号：{}…", "字".repeat(20))]);
    }

    #[test]
    fn letters_and_digits_in_a_row_count_once() {
        assert_eq!(
            cut("ABCDEFGHIJKLMNOPQRSTUVWXYZ 1"),
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ 1"
        );
        assert_eq!(cut(&"字".repeat(20)), "字".repeat(20));
    }

    #[test]
    fn typed_lines_show_label_and_value() {
        let found = template(MessageKind::Subscribe, "编号:{{character_string1.DATA}}\n");
        assert_eq!(found.lines(|_| Some("SO1")), ["编号:SO1"]);
    }
}
