//! One-time subscriptions (通过 API 推送订阅模板消息): a heading and one slot. WeChat
//! lists their template nowhere.

use super::super::OneTimeContent;
use crate::pointer::child;
use crate::template::{Overflow, Violation, cut};

/// Longest heading, in characters; 40062 beyond.
const LONGEST_TITLE: usize = 15;

/// Longest text, in characters.
const LONGEST_TEXT: usize = 200;

/// The one slot.
const SLOT: &str = "content";

pub(super) fn check(said: &mut OneTimeContent, overflow: Overflow, wrong: &mut Vec<Violation>) {
    if overflow == Overflow::Truncate {
        said.title = cut(&said.title, LONGEST_TITLE);
        if let Some(value) = said.data.get_mut(SLOT) {
            value.value = cut(&value.value, LONGEST_TEXT);
        }
    }
    title(&said.title, wrong);
    let at = child("/data", SLOT);
    match said.data.get(SLOT) {
        None => wrong.push(Violation::new(
            at,
            "missing",
            "a one_time message has one slot, content, and it is missing",
            "one_time 消息只有一个字段 content，现缺少",
        )),
        Some(value) => text(child(&at, "value"), &value.value, wrong),
    }
    for key in said.data.keys().filter(|key| *key != SLOT) {
        wrong.push(Violation::new(
            child("/data", key),
            "unknown_key",
            "a one_time message has one slot, content",
            "one_time 消息只有一个字段 content",
        ));
    }
}

fn title(title: &str, wrong: &mut Vec<Violation>) {
    let length = title.chars().count();
    if title.trim().is_empty() {
        wrong.push(Violation::new(
            "/title",
            "empty",
            "the title is empty",
            "标题为空",
        ));
    }
    if length > LONGEST_TITLE {
        wrong.push(Violation::new(
            "/title",
            "too_long",
            format!("the title has {length} characters, allowed are {LONGEST_TITLE}; shorten it, or send overflow: truncate"),
            format!("标题有 {length} 个字，最多 {LONGEST_TITLE} 个；请缩短，或使用 overflow: truncate"),
        ));
    }
    if title.chars().any(char::is_control) {
        wrong.push(Violation::new(
            "/title",
            "control_character",
            "the title has control characters",
            "标题含有控制字符",
        ));
    }
}

fn text(at: String, text: &str, wrong: &mut Vec<Violation>) {
    let length = text.chars().count();
    if text.trim().is_empty() {
        wrong.push(Violation::new(at, "empty", "the text is empty", "文本为空"));
    } else if length > LONGEST_TEXT {
        wrong.push(Violation::new(
            at,
            "too_long",
            format!("the text has {length} characters, allowed are {LONGEST_TEXT}; shorten it, or send overflow: truncate"),
            format!("文本有 {length} 个字，最多 {LONGEST_TEXT} 个；请缩短，或使用 overflow: truncate"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Value;

    fn said(title: &str, data: &[(&str, &str)]) -> OneTimeContent {
        OneTimeContent {
            template_id: "t".parse().unwrap(),
            scene: 0,
            title: title.to_owned(),
            data: data
                .iter()
                .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
                .collect(),
            url: None,
            miniprogram: None,
        }
    }

    fn rules(said: &mut OneTimeContent, overflow: Overflow) -> Vec<(String, &'static str)> {
        let mut wrong = Vec::new();
        check(said, overflow, &mut wrong);
        wrong.into_iter().map(|v| (v.pointer, v.rule)).collect()
    }

    #[test]
    fn every_limit_is_reached_and_not_passed() {
        let (title, text) = ("题".repeat(15), "字".repeat(200));
        let mut fits = said(&title, &[("content", &text)]);
        assert_eq!(rules(&mut fits, Overflow::Reject), []);
        let (title, text) = ("题".repeat(16), "字".repeat(201));
        for (mut wrong, pointer, rule) in [
            (said(&title, &[("content", "x")]), "/title", "too_long"),
            (said(" ", &[("content", "x")]), "/title", "empty"),
            (said("t", &[]), "/data/content", "missing"),
            (
                said("t", &[("content", "")]),
                "/data/content/value",
                "empty",
            ),
            (
                said("t", &[("content", &text)]),
                "/data/content/value",
                "too_long",
            ),
            (
                said("t", &[("content", "x"), ("remark", "y")]),
                "/data/remark",
                "unknown_key",
            ),
        ] {
            assert_eq!(
                rules(&mut wrong, Overflow::Reject),
                [(pointer.to_owned(), rule)]
            );
        }
    }

    #[test]
    fn what_is_too_long_is_cut_where_that_is_asked_for() {
        let mut long = said(&"题".repeat(16), &[("content", &"字".repeat(300))]);
        assert_eq!(rules(&mut long, Overflow::Truncate), []);
        assert_eq!(long.title, format!("{}…", "题".repeat(14)));
        assert_eq!(long.data[SLOT].value.chars().count(), 200);
    }
}
