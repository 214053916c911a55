//! A message as the phone shows it.

use hongyan_wechat::AppId;
use serde_json::{Map, Value};

use super::{Content, CustomerServiceContent, MiniProgramLink};
use crate::template::{Line, Template, preview};

/// What a phone shows of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Card {
    /// The heading, where the kind has one.
    pub title: Option<String>,
    /// The lines below, in order.
    pub lines: Vec<Line>,
    /// What a tap opens; `None` = nothing.
    pub opens: Option<Opens>,
}

/// What a tap on a card opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opens {
    /// A web page.
    Web(String),
    /// A mini program.
    MiniProgram {
        /// Which; `None` = the one that sends.
        appid: Option<AppId>,
        /// The page; `None` = its first.
        page: Option<String>,
    },
}

/// The card that `content` makes; `template` for the kinds that fill one WeChat
/// lists, without which their lines are not known.
#[must_use]
pub fn card(content: &Content, template: Option<&Template>) -> Card {
    let lines = || match (template, content.data()) {
        (Some(template), Some(data)) => preview(template, data),
        _ => Vec::new(),
    };
    let heading = template.map(|template| template.title.clone());
    match content {
        Content::Template(said) => Card {
            title: heading,
            lines: lines(),
            opens: official(said.url.as_ref(), said.miniprogram.as_ref()),
        },
        Content::Notification(said) => Card {
            title: heading,
            lines: lines(),
            opens: official(said.page.as_ref(), said.miniprogram.as_ref()),
        },
        Content::Subscribe(said) => Card {
            title: heading,
            lines: lines(),
            opens: said.page.clone().map(|page| Opens::MiniProgram {
                appid: None,
                page: Some(page),
            }),
        },
        Content::OneTime(said) => Card {
            title: Some(said.title.clone()),
            lines: said
                .data
                .values()
                .flat_map(|value| value.value.lines())
                .map(line)
                .collect(),
            opens: official(said.url.as_ref(), said.miniprogram.as_ref()),
        },
        Content::CustomerService(said) => customer_service(said),
    }
}

/// The mini program wins over the web page.
fn official(url: Option<&String>, miniprogram: Option<&MiniProgramLink>) -> Option<Opens> {
    match miniprogram {
        Some(link) => Some(Opens::MiniProgram {
            appid: Some(link.appid.clone()),
            page: link.pagepath.clone(),
        }),
        None => url.cloned().map(Opens::Web),
    }
}

/// By `msgtype`; media stand as WeChat's list of chats names them.
fn customer_service(said: &CustomerServiceContent) -> Card {
    let empty = Map::new();
    let object = said
        .body
        .get(said.msgtype())
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    match said.msgtype() {
        "text" => Card {
            lines: text(object, "content")
                .lines()
                .map(|l| line(&without_tags(l)))
                .collect(),
            ..Card::default()
        },
        "image" => media("[图片]"),
        "voice" => media("[语音]"),
        "video" => titled("[视频]", object, None),
        "music" => titled("[音乐]", object, web(object, "musicurl")),
        "news" => {
            let article = object
                .get("articles")
                .and_then(|articles| articles.get(0))
                .and_then(Value::as_object)
                .unwrap_or(&empty);
            titled("", article, web(article, "url"))
        }
        "mpnews" | "mpnewsarticle" => media("[图文]"),
        "wxcard" => media("[卡券]"),
        "link" => titled("", object, web(object, "url")),
        "miniprogrampage" => titled(
            "[小程序]",
            object,
            Some(Opens::MiniProgram {
                appid: text(object, "appid").parse().ok(),
                page: Some(text(object, "pagepath").to_owned()).filter(|page| !page.is_empty()),
            }),
        ),
        "msgmenu" => menu(object),
        _ => Card::default(),
    }
}

fn menu(object: &Map<String, Value>) -> Card {
    let choices = object.get("list").and_then(Value::as_array);
    let choices = choices.into_iter().flatten().filter_map(|item| {
        let choice = item.get("content")?.as_str()?;
        Some(Line {
            label: "•".to_owned(),
            value: choice.to_owned(),
        })
    });
    Card {
        lines: text(object, "head_content")
            .lines()
            .map(line)
            .chain(choices)
            .chain(text(object, "tail_content").lines().map(line))
            .collect(),
        ..Card::default()
    }
}

fn media(word: &str) -> Card {
    Card {
        lines: vec![line(word)],
        ..Card::default()
    }
}

/// A card with a title and a description.
fn titled(word: &str, object: &Map<String, Value>, opens: Option<Opens>) -> Card {
    let title = text(object, "title");
    Card {
        title: (!title.is_empty()).then(|| title.to_owned()),
        lines: std::iter::once(word)
            .filter(|word| !word.is_empty())
            .chain(text(object, "description").lines())
            .map(line)
            .collect(),
        opens,
    }
}

fn web(object: &Map<String, Value>, key: &str) -> Option<Opens> {
    let url = text(object, key);
    (!url.is_empty()).then(|| Opens::Web(url.to_owned()))
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn line(value: &str) -> Line {
    Line {
        label: String::new(),
        value: value.to_owned(),
    }
}

/// A line with links as their words alone.
fn without_tags(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(start) = rest.find("<a ").into_iter().chain(rest.find("</a>")).min() {
        shown.push_str(&rest[..start]);
        match rest[start..].find('>') {
            Some(end) => rest = &rest[start + end + 1..],
            None => {
                rest = &rest[start..];
                break;
            }
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(body: Value) -> (Option<String>, Vec<String>, Option<Opens>) {
        let Value::Object(body) = body else {
            panic!("no object");
        };
        let content = Content::CustomerService(CustomerServiceContent { body });
        let card = card(&content, None);
        let lines = card
            .lines
            .into_iter()
            .map(|l| format!("{}{}", l.label, l.value));
        (card.title, lines.collect(), card.opens)
    }

    #[test]
    fn customer_service_messages_are_shown_by_their_type() {
        let web = |url: &str| Some(Opens::Web(url.to_owned()));
        let title = |text: &str| Some(text.to_owned());
        for (body, heading, lines, opens) in [
            (
                json!({"msgtype": "text", "text": {"content": "看<a href=\"https://a\">这里</a>\n好"}}),
                None,
                vec!["看这里", "好"],
                None,
            ),
            (
                json!({"msgtype": "image", "image": {"media_id": "m"}}),
                None,
                vec!["[图片]"],
                None,
            ),
            (
                json!({"msgtype": "news", "news": {"articles": [{"title": "t", "description": "d", "url": "https://a"}]}}),
                title("t"),
                vec!["d"],
                web("https://a"),
            ),
            (
                json!({"msgtype": "msgmenu", "msgmenu": {"head_content": "满意吗？", "list": [{"id": 1, "content": "是"}, {"id": 2, "content": "否"}], "tail_content": "谢谢"}}),
                None,
                vec!["满意吗？", "•是", "•否", "谢谢"],
                None,
            ),
            (
                json!({"msgtype": "link", "link": {"title": "t", "description": "d", "url": "https://b", "thumb_url": "x"}}),
                title("t"),
                vec!["d"],
                web("https://b"),
            ),
            (
                json!({"msgtype": "miniprogrampage", "miniprogrampage": {"title": "t", "appid": "wx1", "pagepath": "pages/a", "thumb_media_id": "m"}}),
                title("t"),
                vec!["[小程序]"],
                Some(Opens::MiniProgram {
                    appid: Some("wx1".parse().unwrap()),
                    page: title("pages/a"),
                }),
            ),
        ] {
            let (seen_title, seen_lines, seen_opens) = shown(body.clone());
            assert_eq!(seen_title, heading, "{body}");
            assert_eq!(seen_lines, lines, "{body}");
            assert_eq!(seen_opens, opens, "{body}");
        }
    }

    #[test]
    fn half_a_link_is_shown_as_it_is() {
        assert_eq!(without_tags("a <a href=\"x"), "a <a href=\"x");
        assert_eq!(without_tags("1 < 2 & <b>"), "1 < 2 & <b>");
    }
}
