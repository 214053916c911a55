//! What serde says about JSON of the wrong shape, as violations in both
//! languages. serde gives its findings as English text only; what is not
//! recognised here is passed on as it is.

pub(crate) use hongyan_domain::pointer::child;
use hongyan_domain::spelling::nearest;
use hongyan_domain::template::Violation;
use serde_path_to_error::{Path, Segment};

use crate::extract::invalid;

/// The rule of a kind of message that WeChat has withdrawn.
pub(crate) const RETIRED: &str = "retired_kind";

/// The body is JSON, but no object.
pub(crate) fn not_an_object() -> Violation {
    invalid(
        "",
        "type",
        "the body must be a JSON object",
        "请求体应为 JSON 对象",
    )
}

/// The shape is wrong and the place was not found.
pub(crate) fn somewhere(error: &serde_json::Error) -> Violation {
    invalid(
        "",
        "form",
        error.to_string(),
        format!("格式不正确：{error}"),
    )
}

/// The violation for what serde found at `path`.
pub(crate) fn violation(path: &Path, error: &serde_json::Error) -> Violation {
    let text = without_position(error);
    let place = pointer(path);
    if let Some(rest) = text.strip_prefix("missing field ") {
        let name = first_quoted(rest).unwrap_or(rest);
        return invalid(
            child(&place, name),
            "missing",
            format!("{name} is missing"),
            format!("缺少 {name}"),
        );
    }
    if let Some(rest) = text.strip_prefix("unknown field ") {
        return unknown_field(&place, rest);
    }
    if let Some(rest) = text.strip_prefix("unknown variant ") {
        return unknown_variant(place, rest);
    }
    if let Some(rest) = text.strip_prefix("duplicate field ") {
        let name = first_quoted(rest).unwrap_or(rest);
        return invalid(
            child(&place, name),
            "duplicate",
            format!("{name} is given twice"),
            format!("{name} 重复出现"),
        );
    }
    let mismatch = text
        .strip_prefix("invalid type: ")
        .or(text.strip_prefix("invalid value: "));
    if let Some((found, wanted)) = mismatch.and_then(|rest| rest.split_once(", expected ")) {
        return wrong_type(place, found, wanted);
    }
    if matches!(
        text.as_str(),
        "unexpected end of hex escape" | "lone leading surrogate in hex escape"
    ) {
        return invalid(
            place,
            "form",
            "contains half of a character: a lone surrogate such as \\ud800",
            "含有不完整的字符：单独的代理项，如 \\ud800",
        );
    }
    // serde_json's words for a value that can be no variant of an enum.
    if text == "expected value" {
        return invalid(
            place,
            "type",
            "must be one of the words allowed here, in quotes",
            "应为规定的取值之一，并加引号",
        );
    }
    if place.ends_with("_at") {
        return invalid(
            place,
            "form",
            "must be a time with its offset (RFC 3339), such as 2026-11-20T10:00:00Z or 2026-11-20T18:00:00+08:00",
            "应为带时区的时间（RFC 3339），如 2026-11-20T10:00:00Z 或 2026-11-20T18:00:00+08:00",
        );
    }
    invalid(place, "form", text.clone(), format!("格式不正确：{text}"))
}

fn unknown_field(parent: &str, rest: &str) -> Violation {
    let mut names = quoted(rest);
    let name = names.next().unwrap_or("?");
    let known: Vec<&str> = names.collect();
    let list = known.join(", ");
    let (hint, hint_zh) = match nearest(name, known.iter().copied()) {
        Some(meant) => (
            format!("did you mean {meant:?}?"),
            format!("是不是“{meant}”？"),
        ),
        None => (
            format!("the fields here are {list}"),
            format!("可用字段：{list}"),
        ),
    };
    let shown: String = name.chars().take(64).collect();
    invalid(
        // serde_path_to_error already steps into the field in some places.
        if parent.ends_with(&child("", name)) {
            parent.to_owned()
        } else {
            child(parent, name)
        },
        "unknown_field",
        format!("{shown:?} is not a field here; {hint}"),
        format!("没有字段“{shown}”；{hint_zh}"),
    )
}

fn unknown_variant(place: String, rest: &str) -> Violation {
    let mut names = quoted(rest);
    let name = names.next().unwrap_or("?");
    let known: Vec<&str> = names.collect();
    let list = known.join(", ");
    let shown: String = name.chars().take(64).collect();
    if (place == "/kind" || place.ends_with("/kind"))
        && let Some(retired) = hongyan_api::RetiredKind::named(name)
    {
        return invalid(place, RETIRED, retired.sentence(), retired.sentence_zh());
    }
    let (hint, hint_zh) = match nearest(name, known.iter().copied()) {
        Some(meant) => (
            format!("; did you mean {meant:?}?"),
            format!("；是不是“{meant}”？"),
        ),
        None => (String::new(), String::new()),
    };
    invalid(
        place,
        "not_listed",
        format!("{shown:?} is not one of {list}{hint}"),
        format!("“{shown}”不在可选值之中：{list}{hint_zh}"),
    )
}

fn wrong_type(place: String, found: &str, wanted: &str) -> Violation {
    let (found, found_zh) = found_words(found);
    let (wanted, wanted_zh) = wanted_words(wanted);
    invalid(
        place,
        "type",
        format!("must be {wanted}, but is {found}"),
        format!("应为{wanted_zh}，实际是{found_zh}"),
    )
}

/// What serde calls what it found. A value is shown only where it is short.
fn found_words(found: &str) -> (String, String) {
    let shown = first_quoted(found).filter(|value| value.len() <= 40);
    let with = |en: &str, zh: &str| match shown {
        Some(value) => (format!("{en} {value}"), format!("{zh} {value}")),
        None => (en.to_owned(), zh.to_owned()),
    };
    match found.split(' ').next() {
        Some("integer") => with("the number", "数字"),
        Some("floating") => with("the number", "数字"),
        Some("boolean") => with("the boolean", "布尔值"),
        // The text itself may be a secret put into the wrong place.
        Some("string") => ("a string".to_owned(), "字符串".to_owned()),
        Some("null") => ("null".to_owned(), " null".to_owned()),
        Some("sequence") => ("an array".to_owned(), "数组".to_owned()),
        Some("map") => ("an object".to_owned(), "对象".to_owned()),
        _ => (found.to_owned(), format!(" {found}")),
    }
}

/// What serde calls what it wanted.
fn wanted_words(wanted: &str) -> (&str, &str) {
    match wanted {
        "a string" => ("a string", "字符串"),
        "a boolean" => ("true or false", " true 或 false"),
        "a sequence" => ("an array", "数组"),
        "a map" => ("an object", "对象"),
        "u32" | "u64" => ("a whole number from 0 on", "非负整数"),
        "i64" => ("a whole number", "整数"),
        _ if wanted.starts_with("struct ") => ("an object", "对象"),
        _ if wanted.starts_with("a string in quotes") => (
            "text in quotes, or {\"value\", \"color\"} with text in quotes",
            "带引号的文本，或 {\"value\", \"color\"} 对象（数字也要加引号）",
        ),
        other => (other, other),
    }
}

/// serde_json's text without the position, which is of no use beside a pointer.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position)
        .map_or_else(|| text.clone(), str::to_owned)
}

/// The JSON pointer (RFC 6901) of a path.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        pointer = match segment {
            Segment::Seq { index } => child(&pointer, &index.to_string()),
            Segment::Map { key } => child(&pointer, key),
            // Variants have no place of their own in our JSON.
            Segment::Enum { .. } | Segment::Unknown => pointer,
        };
    }
    pointer
}

/// The texts between back-ticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn first_quoted(text: &str) -> Option<&str> {
    quoted(text).next()
}

#[cfg(test)]
mod tests {
    use hongyan_api::{NewAccount, NewMessage};
    use serde::Deserialize;

    use super::*;
    use crate::extract::decode;

    fn found<T: for<'de> Deserialize<'de>>(body: &str) -> Violation {
        let problem = decode::<T>(body.as_bytes()).err().unwrap();
        problem.into_violations().remove(0)
    }

    fn in_message(changed: &str) -> Violation {
        found::<NewMessage>(&format!(
            r#"{{"account":"a","kind":"template","to":{{"openid":"o"}},{changed}}}"#
        ))
    }

    #[test]
    fn every_place_is_named() {
        let cases = [
            (r#""refrence":"x""#, "/refrence", "unknown_field"),
            (r#""to2":1"#, "/to2", "unknown_field"),
            (r#""priority":"urgent""#, "/priority", "not_listed"),
            (r#""priority":5"#, "/priority", "type"),
            (r#""reference":5"#, "/reference", "type"),
            (r#""data":{"thing1":5}"#, "/data/thing1", "type"),
            (r#""data":{"a/b~":null}"#, "/data/a~1b~0", "type"),
            (
                r#""data":{"thing1":{"value":5}}"#,
                "/data/thing1/value",
                "type",
            ),
            (
                r#""data":{"thing1":{"valeu":"x"}}"#,
                "/data/thing1/valeu",
                "unknown_field",
            ),
            (
                r#""data":{"thing1":{"color":"x"}}"#,
                "/data/thing1/value",
                "missing",
            ),
            (r#""data":[]"#, "/data", "type"),
            (
                r#""miniprogram":{"appid":"wx","path":"x"}"#,
                "/miniprogram/path",
                "unknown_field",
            ),
            (r#""send_at":"tomorrow""#, "/send_at", "form"),
            (r#""reference":"\ud800""#, "/reference", "form"),
            (r#""send_at":5"#, "/send_at", "type"),
            (r#""account":"b""#, "/account", "duplicate"),
        ];
        for (changed, pointer, rule) in cases {
            let violation = in_message(changed);
            assert_eq!(
                (violation.pointer.as_str(), violation.rule),
                (pointer, rule),
                "{changed}: {violation:?}"
            );
            assert!(!violation.message_zh.is_ascii(), "{violation:?}");
        }
    }

    #[test]
    fn misspellings_are_recognised() {
        assert!(
            in_message(r#""refrence":"x""#)
                .message
                .contains("did you mean \"reference\"")
        );
        assert!(
            in_message(r#""templateId":"x""#)
                .message
                .contains("did you mean \"template_id\"")
        );
        assert!(
            in_message(r#""colour":"x""#)
                .message
                .contains("the fields here are account, kind")
        );
        assert!(
            in_message(r#""data":{"thing1":5}"#)
                .message_zh
                .contains("加引号")
        );
    }

    #[test]
    fn what_is_missing_and_what_is_retired_is_said() {
        let violation = found::<NewMessage>(r#"{"account":"a","kind":"template"}"#);
        assert_eq!(
            (violation.pointer.as_str(), violation.rule),
            ("/to", "missing")
        );
        for retired in [
            "uniform_message",
            "uniform_send",
            "mini_program_template",
            "wxopen_template",
        ] {
            let violation = found::<NewMessage>(&format!(
                r#"{{"account":"a","kind":"{retired}","to":{{}}}}"#
            ));
            assert_eq!(
                (violation.pointer.as_str(), violation.rule),
                ("/kind", RETIRED)
            );
            assert!(violation.message.contains("subscribe"), "{violation:?}");
        }
        assert_eq!(found::<NewMessage>("[1]").rule, "type");
    }

    #[test]
    fn secrets_in_the_wrong_place_are_not_repeated() {
        let body = r#"{"name":"a","kind":"mini_program","appid":"wx","secret":"s","max_in_flight":"hush"}"#;
        let violation = found::<NewAccount>(body);
        assert_eq!(violation.pointer, "/max_in_flight");
        assert!(!violation.message.contains("hush"), "{violation:?}");
    }
}
