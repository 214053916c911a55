//! Traps in a template: what WeChat takes and the phone then shows otherwise than
//! its maker meant.

use super::preview::{is_emoji, is_hidden, is_keyword};
use super::{FieldNames, Template, slots};
use crate::message::Kind;
use crate::spelling::nearest;

/// Constant text on a line, in characters, beyond which little room is left for the
/// value beside it: phones show some 20 characters on a line.
const LONG_CONSTANT: usize = 20;

/// Something about a template that will surprise somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// A stable word for it.
    pub rule: &'static str,
    /// The slot it is about, by WeChat's key; `None` = the form.
    pub key: Option<String>,
    /// What happens and what to do, in English.
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
}

impl Warning {
    fn new(
        rule: &'static str,
        key: Option<&str>,
        message: impl Into<String>,
        message_zh: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            key: key.map(str::to_owned),
            message: message.into(),
            message_zh: message_zh.into(),
        }
    }
}

/// What is to be said about a template and the names its fields have at the account.
///
/// Sources: the display rules of template messages since 2023-05-04, and reports of
/// cards that stayed empty because a line was nothing but its variable.
#[must_use]
pub fn lint(template: &Template, names: Option<&FieldNames>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let official = template.kind == Kind::Template;
    for line in template.content.lines() {
        let found = slots(line);
        let constant = constant_of(line, &found);
        if official && let [(_, key)] = found[..] {
            of_official_slot(key, constant.trim().is_empty(), &mut warnings);
        }
        of_constant(&constant, found.first().map(|(_, key)| *key), &mut warnings);
    }
    if template.fields.is_empty() {
        warnings.push(Warning::new(
            "no_slots",
            None,
            "the form has no slot: every message of it says the same",
            "模板没有任何字段，每条消息内容相同",
        ));
    }
    if template.content.trim().contains("\n\n") {
        warnings.push(Warning::new(
            "line_feed",
            None,
            "the form has empty lines; phones leave them out or show a gap",
            "模板含有空行；手机上会被忽略或显示为空白",
        ));
    }
    for (name, key) in names.into_iter().flatten() {
        if template.field(key).is_none() {
            let keys = template.fields.iter().map(|field| field.key.as_str());
            let (hint, hint_zh) = match nearest(key, keys) {
                Some(meant) => (
                    format!("; is it {meant} now?"),
                    format!("；现在是不是 {meant}？"),
                ),
                None => (String::new(), String::new()),
            };
            warnings.push(Warning::new(
                "name_without_key",
                Some(key),
                format!("the name {name:?} stands for {key:?}, which the template has not (any more){hint}"),
                format!("名称“{name}”对应的字段“{key}”不在模板中{hint_zh}"),
            ));
        }
    }
    warnings
}

/// The slot that a line of a template message has alone.
fn of_official_slot(key: &str, lone: bool, warnings: &mut Vec<Warning>) {
    if is_hidden(key) {
        warnings.push(Warning::new(
            "hidden",
            Some(key),
            format!(
                "phones have not shown {key} since May 2023: put what matters into another slot"
            ),
            format!("自 2023 年 5 月起手机不再显示 {key}，重要内容请放到其他字段"),
        ));
        return;
    }
    if lone {
        warnings.push(Warning::new(
            "lone_variable",
            Some(key),
            format!("a line that is only {key} may stay empty on the phone: put a label before it"),
            format!("只有变量 {key} 的一行在手机上可能不显示，请在前面加上文字"),
        ));
    }
    if is_keyword(key) {
        warnings.push(Warning::new(
            "shown_short",
            Some(key),
            format!("phones show some 20 characters of {key} and then an ellipsis"),
            format!("手机只显示 {key} 的前 20 个字左右，其后为省略号"),
        ));
    }
}

fn of_constant(constant: &str, key: Option<&str>, warnings: &mut Vec<Warning>) {
    if constant.chars().any(is_emoji) {
        warnings.push(Warning::new(
            "emoji",
            key,
            "the text of the form has emoji, which phones show as □",
            "模板文字含有 emoji，手机上显示为 □",
        ));
    }
    if constant.contains("\\n") || constant.contains('\r') {
        warnings.push(Warning::new(
            "line_feed",
            key,
            "the text of the form has a written-out line feed, which phones show as it is or leave out",
            "模板文字含有换行转义符，手机上会原样显示或被忽略",
        ));
    }
    let length = constant.trim().chars().count();
    if length > LONG_CONSTANT {
        warnings.push(Warning::new(
            "long_constant",
            key,
            format!("{length} characters of fixed text stand on one line; beyond {LONG_CONSTANT} phones cut or wrap it and the value is hard to find"),
            format!("一行有 {length} 个固定文字，超过 {LONG_CONSTANT} 个时手机会截断或换行，变量不易辨认"),
        ));
    }
}

/// What of a line stays the same in every message.
fn constant_of(line: &str, found: &[(&str, &str)]) -> String {
    found.iter().fold(line.to_owned(), |text, (_, key)| {
        text.replacen(&format!("{{{{{key}.DATA}}}}"), "", 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::fields_of;

    fn rules(kind: Kind, content: &str, names: Option<&FieldNames>) -> Vec<(&'static str, String)> {
        let template = Template {
            id: "tpl".parse().unwrap(),
            kind,
            title: "t".to_owned(),
            content: content.to_owned(),
            example: String::new(),
            fields: fields_of(content),
            subscription: None,
            synced_at: "2026-11-21T00:00:00Z".parse().unwrap(),
        };
        lint(&template, names)
            .into_iter()
            .map(|warning| (warning.rule, warning.key.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn each_trap_is_told_with_its_slot() {
        for (content, rule, key) in [
            ("{{first.DATA}}\n", "hidden", "first"),
            ("{{content.DATA}}\n", "lone_variable", "content"),
            ("单号：{{keyword1.DATA}}", "shown_short", "keyword1"),
            ("🎉单号：{{thing1.DATA}}", "emoji", "thing1"),
            ("单号\\n：{{thing1.DATA}}", "line_feed", "thing1"),
            (
                "单号：{{thing1.DATA}}\n\n状态：{{thing2.DATA}}",
                "line_feed",
                "",
            ),
            ("hello", "no_slots", ""),
        ] {
            assert_eq!(
                rules(Kind::Template, content, None),
                [(rule, key.to_owned())],
                "{content}"
            );
        }
        let long = format!("{}：{{{{thing1.DATA}}}}", "字".repeat(20));
        assert_eq!(
            rules(Kind::Subscribe, &long, None),
            [("long_constant", "thing1".to_owned())]
        );
        assert_eq!(rules(Kind::Template, "单号：{{thing1.DATA}}\n", None), []);
    }

    #[test]
    fn names_of_keys_that_are_gone_are_told() {
        let names = [("order".to_owned(), "thing2".to_owned())].into();
        assert_eq!(
            rules(Kind::Template, "单号：{{thing1.DATA}}", Some(&names)),
            [("name_without_key", "thing2".to_owned())]
        );
    }
}
