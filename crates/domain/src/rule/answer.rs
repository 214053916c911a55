//! What a rule answers.

use hongyan_wechat::callback::{Article, Reply};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::facts::{Facts, Groups};
use super::{LONGEST_TEXT, violation};
use crate::account::AccountKind;
use crate::template::Violation;

const VARIABLES: [&str; 6] = ["openid", "text", "key", "scene", "date", "time"];

/// What to answer. Texts may hold variables: `{{openid}}`, `{{text}}`, `{{key}}`,
/// `{{scene}}`, `{{date}}`, `{{time}}`, and a regular expression's groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// A text; at most 2047 bytes.
    Text {
        /// With variables.
        content: String,
    },
    /// A picture.
    Image {
        /// Of WeChat's media library.
        media_id: String,
    },
    /// A voice message.
    Voice {
        /// Of WeChat's media library.
        media_id: String,
    },
    /// A video.
    Video {
        /// Of WeChat's media library.
        media_id: String,
        /// With variables.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// With variables.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// A piece of music.
    Music {
        /// With variables.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// With variables.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// Its address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        music_url: Option<String>,
        /// Its address in better quality.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hq_music_url: Option<String>,
        /// Its picture, of WeChat's media library.
        thumb_media_id: String,
    },
    /// Articles: one where a message is answered, up to 8 where an event is.
    News {
        /// The articles.
        articles: Vec<NewsArticle>,
    },
    /// The person talks to an agent from now on.
    TransferCustomerService {
        /// Which agent; none = whoever is free.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kf_account: Option<String>,
    },
    /// Nothing is shown.
    Nothing,
}

/// An article of [`Answer::News`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewsArticle {
    /// With variables.
    pub title: String,
    /// With variables.
    #[serde(default)]
    pub description: String,
    /// Address of its picture.
    #[serde(default)]
    pub pic_url: String,
    /// Where a tap leads.
    pub url: String,
}

impl Answer {
    pub(super) fn violations(
        &self,
        kind: AccountKind,
        groups: &[String],
        at: &str,
        wrong: &mut Vec<Violation>,
    ) {
        if kind == AccountKind::MiniProgram
            && !matches!(self, Self::TransferCustomerService { .. } | Self::Nothing)
        {
            wrong.push(violation(
                format!("{at}/type"),
                "mini_program",
                "in a mini program WeChat takes only transfer_customer_service (or nothing) as an immediate answer; answer with a message of the kind customer_service instead".to_owned(),
                "小程序只能被动回复 transfer_customer_service（或不回复），其他内容请改用 customer_service 消息".to_owned(),
            ));
        }
        for (name, text) in self.texts() {
            for variable in variables(text) {
                let known = VARIABLES.contains(&variable) || groups.iter().any(|g| g == variable);
                if !known {
                    wrong.push(violation(
                        format!("{at}/{name}"),
                        "variable",
                        format!("there is no variable {{{{{variable}}}}} here"),
                        format!("此处没有变量 {{{{{variable}}}}}"),
                    ));
                }
            }
        }
        let say = |wrong: &mut Vec<Violation>, name: &str, rule, en: &str, zh: &str| {
            wrong.push(violation(
                format!("{at}/{name}"),
                rule,
                en.to_owned(),
                zh.to_owned(),
            ));
        };
        match self {
            Self::Text { content } => {
                if content.trim().is_empty() {
                    say(wrong, "content", "empty", "the text is empty", "文本为空");
                }
                if content.len() > LONGEST_TEXT {
                    say(
                        wrong,
                        "content",
                        "too_long",
                        "WeChat shows at most 2047 bytes (some 680 Chinese characters)",
                        "微信最多显示 2047 字节（约 680 个汉字）",
                    );
                }
            }
            Self::Image { media_id } | Self::Voice { media_id } | Self::Video { media_id, .. } => {
                if media_id.is_empty() {
                    say(
                        wrong,
                        "media_id",
                        "empty",
                        "media_id is empty",
                        "media_id 为空",
                    );
                }
            }
            Self::Music { thumb_media_id, .. } => {
                if thumb_media_id.is_empty() {
                    say(
                        wrong,
                        "thumb_media_id",
                        "empty",
                        "thumb_media_id is empty",
                        "thumb_media_id 为空",
                    );
                }
            }
            Self::News { articles } => {
                if !(1..=8).contains(&articles.len()) {
                    say(
                        wrong,
                        "articles",
                        "count",
                        "give 1 to 8 articles (WeChat shows one in answer to a message)",
                        "图文为 1 到 8 条（回复消息时微信只显示一条）",
                    );
                }
            }
            Self::TransferCustomerService { .. } | Self::Nothing => {}
        }
    }

    fn texts(&self) -> Vec<(String, &str)> {
        let mut texts = Vec::new();
        match self {
            Self::Text { content } => texts.push(("content".to_owned(), content.as_str())),
            Self::Video {
                title, description, ..
            }
            | Self::Music {
                title, description, ..
            } => {
                for (name, text) in [("title", title), ("description", description)] {
                    texts.extend(text.as_deref().map(|text| (name.to_owned(), text)));
                }
            }
            Self::News { articles } => {
                for (n, article) in articles.iter().enumerate() {
                    for (name, text) in [
                        ("title", &article.title),
                        ("description", &article.description),
                        ("url", &article.url),
                    ] {
                        texts.push((format!("articles/{n}/{name}"), text.as_str()));
                    }
                }
            }
            Self::Image { .. }
            | Self::Voice { .. }
            | Self::TransferCustomerService { .. }
            | Self::Nothing => {}
        }
        texts
    }

    /// With its variables filled in, and no more than WeChat shows.
    pub(super) fn filled(&self, facts: &Facts<'_>, groups: &Groups, now: Timestamp) -> Self {
        let filled = |text: &str| fill(text, facts, groups, now);
        let mut answer = self.clone();
        match &mut answer {
            Self::Text { content } => *content = cut(filled(content)),
            Self::Video {
                title, description, ..
            }
            | Self::Music {
                title, description, ..
            } => {
                for text in [title, description].into_iter().flatten() {
                    *text = filled(text);
                }
            }
            Self::News { articles } => {
                // What WeChat would cut off anyway.
                articles.truncate(if facts.event.is_some() { 8 } else { 1 });
                for article in articles {
                    article.title = filled(&article.title);
                    article.description = filled(&article.description);
                    article.url = filled(&article.url);
                }
            }
            Self::Image { .. }
            | Self::Voice { .. }
            | Self::TransferCustomerService { .. }
            | Self::Nothing => {}
        }
        answer
    }

    /// As WeChat takes it; `None` = nothing is said.
    pub(super) fn into_reply(self) -> Option<Reply> {
        Some(match self {
            Self::Text { content } => Reply::Text { content },
            Self::Image { media_id } => Reply::Image { media_id },
            Self::Voice { media_id } => Reply::Voice { media_id },
            Self::Video {
                media_id,
                title,
                description,
            } => Reply::Video {
                media_id,
                title,
                description,
            },
            Self::Music {
                title,
                description,
                music_url,
                hq_music_url,
                thumb_media_id,
            } => Reply::Music {
                title,
                description,
                music_url,
                hq_music_url,
                thumb_media_id,
            },
            Self::News { articles } => Reply::News(
                articles
                    .into_iter()
                    .map(|article| Article {
                        title: article.title,
                        description: article.description,
                        pic_url: article.pic_url,
                        url: article.url,
                    })
                    .collect(),
            ),
            Self::TransferCustomerService { kf_account } => {
                Reply::TransferCustomerService { kf_account }
            }
            Self::Nothing => return None,
        })
    }
}

/// The names between double braces.
fn variables(text: &str) -> Vec<&str> {
    let (mut names, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find("{{") {
        let inner = &rest[start + 2..];
        let Some(end) = inner.find("}}") else { break };
        names.push(inner[..end].trim());
        rest = &inner[end + 2..];
    }
    names
}

fn fill(text: &str, facts: &Facts<'_>, groups: &Groups, now: Timestamp) -> String {
    let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find("{{") {
        let inner = &rest[start + 2..];
        let Some(end) = inner.find("}}") else { break };
        filled.push_str(&rest[..start]);
        filled.push_str(&value(inner[..end].trim(), facts, groups, now));
        rest = &inner[end + 2..];
    }
    filled.push_str(rest);
    filled
}

fn value(name: &str, facts: &Facts<'_>, groups: &Groups, now: Timestamp) -> String {
    let local = || now.to_zoned(TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC));
    match name {
        "openid" => facts.openid.as_str().to_owned(),
        "text" => facts.text.unwrap_or_default().to_owned(),
        "key" => facts.key.clone().unwrap_or_default(),
        "scene" => facts.scene.unwrap_or_default().to_owned(),
        "date" => local().strftime("%Y-%m-%d").to_string(),
        "time" => local().strftime("%H:%M").to_string(),
        group => groups
            .0
            .iter()
            .find(|(name, _)| name == group)
            .map(|(_, text)| text.clone())
            .unwrap_or_default(),
    }
}

/// What a variable made too long ends at WeChat's limit instead of not being
/// shown at all.
fn cut(mut text: String) -> String {
    if text.len() > LONGEST_TEXT {
        let mut end = LONGEST_TEXT - '…'.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}
