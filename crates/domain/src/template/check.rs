//! The check of a message's data against its template: every violation at
//! once, each with its place, its rule and a sentence in both languages.

use serde::{Deserialize, Serialize};

use super::{Field, FieldKind, Rule, Template};
use crate::message::{Data, Kind};
use crate::spelling::nearest;

/// What to do with a value that is too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// Say so.
    #[default]
    Reject,
    /// Cut it and end it with `…`, where a cut text still says the truth
    /// (`thing` and `short_thing`).
    Truncate,
}

/// A rule that a message breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where: a JSON pointer (RFC 6901) into the request.
    pub pointer: String,
    /// Which rule: a stable word.
    pub rule: &'static str,
    /// What is wrong and what to do, in English.
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
}

/// Checks `data` against `template`, cutting long values first where `overflow`
/// says so. Pointers begin with `/data`.
#[must_use]
pub fn check(template: &Template, data: &mut Data, overflow: Overflow) -> Vec<Violation> {
    if overflow == Overflow::Truncate {
        cut(data);
    }
    let mut violations = Vec::new();
    for field in &template.fields {
        match data.get(&field.key) {
            Some(value) => violations.extend(check_value(field, &value.value, template.kind)),
            None => violations.push(missing(field, template, data)),
        }
    }
    for key in data.keys().filter(|key| template.field(key).is_none()) {
        violations.push(unknown(key, template, data));
    }
    violations
}

fn cut(data: &mut Data) {
    for (key, value) in data.iter_mut() {
        let Some(most) = FieldKind::of_key(key).cut_to() else {
            continue;
        };
        if value.value.chars().count() > most {
            let mut short: String = value.value.chars().take(most - 1).collect();
            short.push('…');
            value.value = short;
        }
    }
}

fn check_value(field: &Field, value: &str, kind: Kind) -> Option<Violation> {
    let type_of = FieldKind::of_key(&field.key);
    let rule = type_of.check(value, kind, &field.allowed).err()?;
    let (sentence, sentence_zh) = type_of.sentence(kind);
    let (key, label) = (&field.key, &field.label);
    let length = value.chars().count();
    let (rule, message, message_zh) = match rule {
        Rule::Required => (
            "required",
            format!("{key} ({label}) must not be empty"),
            format!("{key}（{label}）不能为空"),
        ),
        Rule::TooLong { most } => (
            "too_long",
            format!("{key} ({label}) has {length} characters, allowed are {most}: {sentence}"),
            format!("{key}（{label}）有 {length} 个字符，最多 {most} 个：{sentence_zh}"),
        ),
        Rule::ControlCharacter => (
            "control_character",
            format!(
                "{key} ({label}) contains a line break or another control character: {sentence}"
            ),
            format!("{key}（{label}）含有换行或其他控制字符：{sentence_zh}"),
        ),
        Rule::Form => (
            "form",
            format!("{key} ({label}) is not of the form WeChat asks for: {sentence}"),
            format!("{key}（{label}）不符合微信的格式要求：{sentence_zh}"),
        ),
        Rule::NotListed => (
            "not_listed",
            format!(
                "{key} ({label}) must be one of {}",
                field.allowed.join(", ")
            ),
            format!("{key}（{label}）只能是 {} 之一", field.allowed.join("、")),
        ),
    };
    Some(Violation {
        pointer: format!("{}/value", pointer(key)),
        rule,
        message,
        message_zh,
    })
}

fn missing(field: &Field, template: &Template, data: &Data) -> Violation {
    let (key, label) = (&field.key, &field.label);
    let strangers = data
        .keys()
        .filter(|k| template.field(k).is_none())
        .map(String::as_str);
    let meant = nearest(key, strangers);
    let (hint, hint_zh) = match meant {
        Some(other) => (
            format!("; did you mean it by {other:?}?"),
            format!("；“{other}”是不是它？"),
        ),
        None => (String::new(), String::new()),
    };
    Violation {
        pointer: pointer(key),
        rule: "missing",
        message: format!(
            "{key} ({label}) is missing: the template {:?} needs it{hint}",
            template.title
        ),
        message_zh: format!(
            "缺少 {key}（{label}）：模板“{}”需要它{hint_zh}",
            template.title
        ),
    }
}

fn unknown(key: &str, template: &Template, data: &Data) -> Violation {
    // A key that is not filled yet is the likelier one to have been meant.
    let open = template
        .fields
        .iter()
        .filter(|f| !data.contains_key(&f.key));
    let meant = nearest(key, open.map(|f| f.key.as_str()))
        .or_else(|| nearest(key, template.fields.iter().map(|f| f.key.as_str())));
    let all = template
        .fields
        .iter()
        .map(|f| f.key.as_str())
        .collect::<Vec<_>>();
    let (hint, hint_zh) = match meant {
        Some(other) => (
            format!("did you mean {other:?}?"),
            format!("是不是“{other}”？"),
        ),
        None => (
            format!("it has {}", all.join(", ")),
            format!("它的字段是 {}", all.join("、")),
        ),
    };
    Violation {
        pointer: pointer(key),
        rule: "unknown_key",
        message: format!(
            "{key:?} is not a key of the template {:?}; {hint}",
            template.title
        ),
        message_zh: format!("模板“{}”没有字段“{key}”；{hint_zh}", template.title),
    }
}

/// `/data/<key>` with the key escaped (RFC 6901, section 3).
fn pointer(key: &str) -> String {
    format!("/data/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::Value;
    use crate::template::fields_of;

    fn template(content: &str) -> Template {
        Template {
            id: "tpl".parse().unwrap(),
            kind: Kind::Template,
            title: "订单发货通知".to_owned(),
            content: content.to_owned(),
            example: String::new(),
            fields: fields_of(content),
            subscription: None,
            synced_at: "2026-11-21T00:00:00Z".parse().unwrap(),
        }
    }

    fn shipped() -> Template {
        template(
            "订单号：{{character_string1.DATA}}\n商品：{{thing2.DATA}}\n时间：{{time3.DATA}}\n",
        )
    }

    fn data(pairs: &[(&str, &str)]) -> Data {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Value::from(*v)))
            .collect()
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let mut data = data(&[
            ("character_string1", "订单42"),
            ("thnig2", "x"),
            ("extra", "y"),
        ]);
        let found = check(&shipped(), &mut data, Overflow::Reject);
        let seen: Vec<_> = found.iter().map(|v| (v.pointer.as_str(), v.rule)).collect();
        assert_eq!(
            seen,
            [
                ("/data/character_string1/value", "form"),
                ("/data/thing2", "missing"),
                ("/data/time3", "missing"),
                ("/data/thnig2", "unknown_key"),
                ("/data/extra", "unknown_key"),
            ]
        );
        assert!(found[1].message.contains("thnig2"), "{}", found[1].message);
        assert!(
            found[3].message.contains("did you mean \"thing2\""),
            "{}",
            found[3].message
        );
        assert!(
            found[3].message_zh.contains("thing2"),
            "{}",
            found[3].message_zh
        );
        assert!(
            found[4]
                .message
                .contains("character_string1, thing2, time3"),
            "{}",
            found[4].message
        );
    }

    #[test]
    fn long_things_are_cut_and_numbers_are_not() {
        let template = template("{{thing1.DATA}}{{character_string2.DATA}}");
        let long = "一二三四五六七八九十一二三四五六七八九十一二三四五";
        let mut data = data(&[("thing1", long), ("character_string2", &"9".repeat(40))]);
        let found = check(&template, &mut data, Overflow::Truncate);
        assert_eq!(data["thing1"].value.chars().count(), 20);
        assert!(data["thing1"].value.ends_with('…'));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pointer, "/data/character_string2/value");
    }

    #[test]
    fn a_filled_form_is_shown_as_the_phone_does() {
        let data = data(&[
            ("character_string1", "SO-1"),
            ("thing2", "耳机"),
            ("time3", "15:01"),
        ]);
        let lines = crate::template::preview(&shipped(), &data);
        let seen: Vec<_> = lines
            .iter()
            .map(|l| (l.label.as_str(), l.value.as_str()))
            .collect();
        assert_eq!(
            seen,
            [("订单号", "SO-1"), ("商品", "耳机"), ("时间", "15:01")]
        );
    }

    #[test]
    fn pointers_are_escaped() {
        assert_eq!(pointer("a/b~c"), "/data/a~1b~0c");
    }

    proptest! {
        /// Whatever people put in, the check answers, and what it passes after
        /// cutting it passes again.
        #[test]
        fn any_data_is_answered(values in proptest::collection::vec(("[a-z_]{1,12}[0-9]{0,2}", ".{0,60}"), 0..6)) {
            let mut data: Data = values
                .into_iter()
                .map(|(key, value)| (key, Value { value, color: None }))
                .collect();
            let content: String = data.keys().map(|key| format!("x：{{{{{key}.DATA}}}}\n")).collect();
            let template = template(&content);
            let found = check(&template, &mut data, Overflow::Truncate);
            let again = check(&template, &mut data, Overflow::Reject);
            prop_assert_eq!(&found, &again);
            for violation in &found {
                prop_assert!(violation.pointer.starts_with("/data/"));
            }
        }
    }
}
