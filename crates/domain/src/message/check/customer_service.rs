//! The body of a customer-service message: WeChat's own, checked for what WeChat
//! would refuse (客服消息, 发送客服消息).

use serde_json::{Map, Value};

use crate::account::AccountKind;
use crate::pointer::{child, depth};
use crate::spelling::nearest;
use crate::template::{Overflow, Violation, without_joiner};

/// Longest text, in bytes of UTF-8 (field reports; 45002 beyond).
const LONGEST_TEXT: usize = 2048;

/// Largest body, in bytes of JSON: WeChat's have some hundred.
const LARGEST: usize = 16 * 1024;

/// Deepest nesting; WeChat's bodies have four levels.
const DEEPEST: usize = 16;

/// What WeChat wants of one `msgtype`.
struct Shape {
    msgtype: &'static str,
    official: bool,
    mini: bool,
    /// Texts that must be there and not empty.
    texts: &'static [&'static str],
    /// A list that must be there and not empty.
    list: Option<&'static str>,
}

const SHAPES: [Shape; 12] = [
    shape("text", true, true, &["content"]),
    shape("image", true, true, &["media_id"]),
    shape("voice", true, false, &["media_id"]),
    shape("video", true, false, &["media_id", "thumb_media_id"]),
    shape(
        "music",
        true,
        false,
        &["title", "description", "musicurl", "thumb_media_id"],
    ),
    Shape {
        list: Some("articles"),
        ..shape("news", true, false, &[])
    },
    shape("mpnews", true, false, &["media_id"]),
    shape("mpnewsarticle", true, false, &["article_id"]),
    Shape {
        list: Some("list"),
        ..shape("msgmenu", true, false, &[])
    },
    shape("wxcard", true, false, &["card_id"]),
    shape(
        "miniprogrampage",
        true,
        true,
        &["title", "pagepath", "thumb_media_id"],
    ),
    shape(
        "link",
        false,
        true,
        &["title", "description", "url", "thumb_url"],
    ),
];

const fn shape(
    msgtype: &'static str,
    official: bool,
    mini: bool,
    texts: &'static [&'static str],
) -> Shape {
    Shape {
        msgtype,
        official,
        mini,
        texts,
        list: None,
    }
}

/// Checks a body for an account of this kind.
pub(super) fn check(
    body: &mut Map<String, Value>,
    account: AccountKind,
    overflow: Overflow,
    wrong: &mut Vec<Violation>,
) {
    if overflow == Overflow::Truncate {
        cut(body);
    }
    let text = Value::Object(body.clone()).to_string();
    if text.len() > LARGEST || depth(&text) > DEEPEST {
        wrong.push(Violation::new(
            "/content",
            "too_long",
            format!("content may have {LARGEST} bytes of JSON and be nested {DEEPEST} levels deep"),
            format!("content 最多 {LARGEST} 字节、嵌套 {DEEPEST} 层"),
        ));
    }
    if body.contains_key("touser") {
        wrong.push(Violation::new(
            "/content/touser",
            "not_for_kind",
            "leave touser out of content; the recipient is named by to",
            "content 中不要写 touser，接收人由 to 指定",
        ));
    }
    if let Some(shape) = shape_of(body, account, wrong) {
        by_shape(body, shape, account, wrong);
    }
    if let Some(service) = body.get("customservice")
        && service
            .get("kf_account")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
    {
        wrong.push(Violation::new(
            "/content/customservice",
            "form",
            "customservice is {\"kf_account\": \"name@account\"}",
            "customservice 应为 {\"kf_account\": \"名称@微信号\"}",
        ));
    }
}

/// Cuts a text that is too long, before a link rather than within it.
fn cut(body: &mut Map<String, Value>) {
    if body.get("msgtype").and_then(Value::as_str) != Some("text") {
        return;
    }
    let Some(Value::String(text)) = body.get_mut("text").and_then(|t| t.get_mut("content")) else {
        return;
    };
    if text.len() <= LONGEST_TEXT {
        return;
    }
    let mut end = LONGEST_TEXT - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kept = &text[..end];
    let kept = match (kept.rfind("<a"), kept.rfind("</a>")) {
        (Some(opened), closed) if closed.is_none_or(|closed| closed < opened) => &kept[..opened],
        _ => kept,
    };
    *text = format!("{}…", without_joiner(kept));
}

/// The shape that `msgtype` names.
fn shape_of(
    body: &Map<String, Value>,
    account: AccountKind,
    wrong: &mut Vec<Violation>,
) -> Option<&'static Shape> {
    let pointer = "/content/msgtype";
    let allows = |shape: &&Shape| match account {
        AccountKind::OfficialAccount => shape.official,
        AccountKind::MiniProgram => shape.mini,
    };
    let Some(name) = body.get("msgtype").and_then(Value::as_str) else {
        wrong.push(Violation::new(
            pointer,
            "missing",
            "content needs a msgtype, such as text, in quotes",
            "content 需要 msgtype，如 text（加引号）",
        ));
        return None;
    };
    let allowed: Vec<_> = SHAPES.iter().filter(allows).map(|s| s.msgtype).collect();
    let list = allowed.join(", ");
    let found = SHAPES.iter().find(|shape| shape.msgtype == name);
    let (rule, message, message_zh) = match found {
        Some(shape) if allows(&shape) => return Some(shape),
        Some(_) => (
            "not_for_account",
            format!("accounts of the kind {account} cannot send {name:?}; they send {list}"),
            format!("{account} 不能发送“{name}”，可用：{list}"),
        ),
        None => {
            let shown: String = name.chars().take(64).collect();
            let hint = nearest(&shown, allowed.iter().copied());
            (
                "not_listed",
                match hint {
                    Some(meant) => {
                        format!("{shown:?} is not one of {list}; did you mean {meant:?}?")
                    }
                    None => format!("{shown:?} is not one of {list}"),
                },
                match hint {
                    Some(meant) => format!("“{shown}”不在可选值之中：{list}；是不是“{meant}”？"),
                    None => format!("“{shown}”不在可选值之中：{list}"),
                },
            )
        }
    };
    wrong.push(Violation::new(pointer, rule, message, message_zh));
    None
}

/// What stands under the name of the `msgtype`.
fn by_shape(
    body: &Map<String, Value>,
    shape: &Shape,
    account: AccountKind,
    wrong: &mut Vec<Violation>,
) {
    let at = child("/content", shape.msgtype);
    let name = shape.msgtype;
    let Some(object) = body.get(name) else {
        wrong.push(missing(&at, name));
        return;
    };
    let Some(object) = object.as_object() else {
        wrong.push(Violation::new(
            at,
            "type",
            format!("{name} must be an object"),
            format!("{name} 应为对象"),
        ));
        return;
    };
    let linked: &[&str] = match (name, account) {
        // A mini program can only open itself; an official account must say which.
        ("miniprogrampage", AccountKind::OfficialAccount) => &["appid"],
        _ => &[],
    };
    for key in shape.texts.iter().chain(linked) {
        text(object, key, &at, wrong);
    }
    if name == "text"
        && let Some(content) = object.get("content").and_then(Value::as_str)
        && content.len() > LONGEST_TEXT
    {
        let length = content.len();
        wrong.push(Violation::new(
            child(&at, "content"),
            "too_long",
            format!("the text has {length} bytes, WeChat takes {LONGEST_TEXT} (some 680 Chinese characters); shorten it, or send overflow: truncate"),
            format!("文本有 {length} 字节，微信最多接受 {LONGEST_TEXT} 字节（约 680 个汉字）；请缩短，或使用 overflow: truncate"),
        ));
    }
    if let Some(key) = shape.list {
        list(object, key, &at, wrong);
    }
}

fn list(object: &Map<String, Value>, key: &str, at: &str, wrong: &mut Vec<Violation>) {
    let at = child(at, key);
    let items = match object.get(key) {
        Some(Value::Array(items)) => items.as_slice(),
        Some(_) => {
            wrong.push(Violation::new(
                at,
                "type",
                format!("{key} must be an array"),
                format!("{key} 应为数组"),
            ));
            return;
        }
        None => {
            wrong.push(missing(&at, key));
            return;
        }
    };
    let (fits, needed): (bool, &[&str]) = match key {
        "articles" => (items.len() == 1, &["title", "url"]),
        _ => (!items.is_empty(), &["content"]),
    };
    if !fits {
        let count = items.len();
        wrong.push(if key == "articles" {
            Violation::new(
                at,
                "count",
                format!("WeChat takes exactly one article (45008), not {count}"),
                format!("微信只接受一条图文（45008），现为 {count} 条"),
            )
        } else {
            Violation::new(
                at,
                "count",
                format!("{key} is empty"),
                format!("{key} 为空"),
            )
        });
        return;
    }
    for (index, item) in items.iter().enumerate() {
        let at = child(&at, &index.to_string());
        match item.as_object() {
            Some(item) => needed.iter().for_each(|key| text(item, key, &at, wrong)),
            None => wrong.push(Violation::new(at, "type", "must be an object", "应为对象")),
        }
    }
}

fn text(object: &Map<String, Value>, key: &str, at: &str, wrong: &mut Vec<Violation>) {
    let at = child(at, key);
    wrong.push(match object.get(key) {
        None => missing(&at, key),
        Some(Value::String(text)) if text.trim().is_empty() => Violation::new(
            at,
            "empty",
            format!("{key} is empty"),
            format!("{key} 为空"),
        ),
        Some(Value::String(_)) => return,
        Some(_) => Violation::new(
            at,
            "type",
            format!("{key} must be text in quotes"),
            format!("{key} 应为带引号的文本"),
        ),
    });
}

fn missing(at: &str, name: &str) -> Violation {
    Violation::new(
        at,
        "missing",
        format!("{name} is missing"),
        format!("缺少 {name}"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(account: AccountKind, body: Value) -> Vec<(String, &'static str)> {
        let mut wrong = Vec::new();
        let Value::Object(mut body) = body else {
            panic!("no object");
        };
        check(&mut body, account, Overflow::Reject, &mut wrong);
        wrong.into_iter().map(|v| (v.pointer, v.rule)).collect()
    }

    fn one(pointer: &str, rule: &'static str) -> Vec<(String, &'static str)> {
        vec![(pointer.to_owned(), rule)]
    }

    #[test]
    fn good_bodies_pass() {
        use AccountKind::{MiniProgram, OfficialAccount};
        let article = json!({"title": "t", "description": "", "url": "https://a", "picurl": ""});
        for (account, body) in [
            (
                OfficialAccount,
                json!({"msgtype": "text", "text": {"content": "x".repeat(2048)}}),
            ),
            (
                OfficialAccount,
                json!({"msgtype": "news", "news": {"articles": [article]}}),
            ),
            (
                OfficialAccount,
                json!({"msgtype": "msgmenu", "msgmenu": {"list": [{"id": 1, "content": "yes"}]}}),
            ),
            (
                OfficialAccount,
                json!({"msgtype": "image", "image": {"media_id": "m"}, "customservice": {"kf_account": "a@b"}}),
            ),
            (
                MiniProgram,
                json!({"msgtype": "miniprogrampage", "miniprogrampage": {"title": "t", "pagepath": "p", "thumb_media_id": "m"}}),
            ),
            (
                MiniProgram,
                json!({"msgtype": "link", "link": {"title": "t", "description": "d", "url": "u", "thumb_url": "x"}}),
            ),
        ] {
            assert_eq!(rules(account, body.clone()), [], "{body}");
        }
    }

    #[test]
    fn what_wechat_would_refuse_is_said_before() {
        use AccountKind::{MiniProgram, OfficialAccount};
        let article = json!({"title": "t", "url": "https://a"});
        for (account, body, pointer, rule) in [
            (OfficialAccount, json!({}), "/content/msgtype", "missing"),
            (
                OfficialAccount,
                json!({"msgtype": "txt"}),
                "/content/msgtype",
                "not_listed",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "link"}),
                "/content/msgtype",
                "not_for_account",
            ),
            (
                MiniProgram,
                json!({"msgtype": "news"}),
                "/content/msgtype",
                "not_for_account",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "text"}),
                "/content/text",
                "missing",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "text", "text": "hi"}),
                "/content/text",
                "type",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "text", "text": {"content": " "}}),
                "/content/text/content",
                "empty",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "text", "text": {"content": "x".repeat(2049)}}),
                "/content/text/content",
                "too_long",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "image", "image": {"media_id": 5}}),
                "/content/image/media_id",
                "type",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "news", "news": {"articles": [article, article]}}),
                "/content/news/articles",
                "count",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "news", "news": {"articles": [{"title": "t"}]}}),
                "/content/news/articles/0/url",
                "missing",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "miniprogrampage", "miniprogrampage": {"title": "t", "pagepath": "p", "thumb_media_id": "m"}}),
                "/content/miniprogrampage/appid",
                "missing",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "text", "text": {"content": "x"}, "touser": "o"}),
                "/content/touser",
                "not_for_kind",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "text", "text": {"content": "x"}, "customservice": {}}),
                "/content/customservice",
                "form",
            ),
            (
                OfficialAccount,
                json!({"msgtype": "text", "text": {"content": "x"}, "more": "x".repeat(LARGEST)}),
                "/content",
                "too_long",
            ),
        ] {
            assert_eq!(rules(account, body.clone()), one(pointer, rule), "{body}");
        }
    }

    #[test]
    fn long_texts_are_cut_and_links_are_not_cut_through() {
        let said = |content: &str| {
            let mut body = json!({"msgtype": "text", "text": {"content": content}});
            let mut wrong = Vec::new();
            let map = body.as_object_mut().unwrap();
            check(
                map,
                AccountKind::OfficialAccount,
                Overflow::Truncate,
                &mut wrong,
            );
            assert_eq!(wrong, []);
            body["text"]["content"].as_str().unwrap().to_owned()
        };
        let plain = said(&"字".repeat(700));
        assert!(plain.len() <= LONGEST_TEXT && plain.len() > LONGEST_TEXT - 6);
        assert!(plain.ends_with('…'));
        let linked = said(&format!(
            "{}<a href=\"https://a.example/{}\">x</a>",
            "字".repeat(670),
            "x".repeat(100)
        ));
        assert_eq!(linked, format!("{}…", "字".repeat(670)));
        assert_eq!(said("short"), "short");
    }
}
