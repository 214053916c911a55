//! Reply rules: what to answer in WeChat to what a person does.
//!
//! Rules are tried in order, the first that fits answers; none of them sees a
//! database, so that an answer takes no time. Official accounts may answer with
//! anything; in a mini program WeChat allows only the transfer to agents (被动回复,
//! 小程序客服消息).

use hongyan_wechat::OpenId;
use hongyan_wechat::callback::{
    Article, Inbound, InboundBody, InboundEvent, InboundMessage, Reply,
};
use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use regex::{Captures, Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::account::AccountKind;
use crate::template::Violation;

/// Rules of one account at most.
pub const RULES_AT_MOST: usize = 500;

/// The longest text of a passive reply, in bytes of UTF-8 (field reports: 2048 is
/// refused).
pub const LONGEST_TEXT: usize = 2047;

/// An account's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// Tried in this order.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// For messages (not events) that no rule fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Answer>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, unique in the set; 1 to 64 characters.
    pub name: String,
    /// When it fits: everything given must fit, nothing given fits everything.
    #[serde(default)]
    pub when: When,
    /// What to answer.
    pub reply: Answer,
}

/// When a rule fits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// WeChat's `MsgType`, such as `text`, `image`, `event`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg_type: Option<String>,
    /// The text of a text message (or a voice message that WeChat recognised).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextMatch>,
    /// WeChat's `Event`, in any case, such as `subscribe`, `CLICK`, `SCAN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// WeChat's `EventKey`, exactly; for `subscribe` by a code the scene.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only at these times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<Hours>,
}

/// How a text is compared. Spaces around it do not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TextMatch {
    /// The whole text is one of these, whatever its case.
    Exact(OneOrMany),
    /// One of these stands in the text, whatever its case.
    Contains(OneOrMany),
    /// The regular expression matches somewhere. Its groups are the variables
    /// `{{1}}`, `{{2}}` … and their names.
    Regex(String),
}

/// One text or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// Whether there is none, or one that says nothing.
    fn is_empty(&self) -> bool {
        self.iter().next().is_none() || self.iter().any(|text| text.trim().is_empty())
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let all = match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        };
        all.iter().map(String::as_str)
    }
}

/// Times of a day in a time zone. `until` before `from` runs over midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// `HH:MM`, included.
    pub from: String,
    /// `HH:MM`, not included.
    pub until: String,
    /// `mon` … `sun`; none = every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<String>,
    /// IANA name; `Asia/Shanghai` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

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

/// What a rule set says to a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The rule's name; `None` = the default.
    pub rule: Option<String>,
    /// What to answer; `None` = nothing.
    pub reply: Option<Reply>,
}

const VARIABLES: [&str; 6] = ["openid", "text", "key", "scene", "date", "time"];
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl RuleSet {
    /// Checks the rules for an account of this kind: everything that is wrong.
    #[must_use]
    pub fn violations(&self, kind: AccountKind) -> Vec<Violation> {
        let mut wrong = Vec::new();
        if self.rules.len() > RULES_AT_MOST {
            wrong.push(violation(
                "/rules",
                "too_many",
                format!("at most {RULES_AT_MOST} rules, not {}", self.rules.len()),
                format!("最多 {RULES_AT_MOST} 条规则，现为 {} 条", self.rules.len()),
            ));
        }
        let mut names = std::collections::HashSet::new();
        for (n, rule) in self.rules.iter().enumerate() {
            let at = format!("/rules/{n}");
            let length = rule.name.chars().count();
            if !(1..=64).contains(&length) {
                wrong.push(violation(
                    format!("{at}/name"),
                    "length",
                    "a rule's name has 1 to 64 characters".to_owned(),
                    "规则名称为 1 到 64 个字符".to_owned(),
                ));
            }
            if !names.insert(rule.name.as_str()) {
                wrong.push(violation(
                    format!("{at}/name"),
                    "taken",
                    format!("another rule is called {:?} already", rule.name),
                    format!("已有名为 {:?} 的规则", rule.name),
                ));
            }
            rule.when.violations(&format!("{at}/when"), &mut wrong);
            let groups = rule.when.groups();
            rule.reply
                .violations(kind, &groups, &format!("{at}/reply"), &mut wrong);
        }
        if let Some(default) = &self.default {
            default.violations(kind, &[], "/default", &mut wrong);
        }
        wrong
    }

    /// What the rules say to a callback at `now`.
    #[must_use]
    pub fn reply_to(&self, inbound: &Inbound, now: Timestamp) -> Option<Matched> {
        let facts = Facts::of(inbound);
        for rule in &self.rules {
            if let Some(groups) = rule.when.fits(&facts, now) {
                let reply = rule.reply.render(&facts, &groups, now);
                return Some(Matched {
                    rule: Some(rule.name.clone()),
                    reply,
                });
            }
        }
        let default = self.default.as_ref().filter(|_| !inbound.is_event())?;
        Some(Matched {
            rule: None,
            reply: default.render(&facts, &Groups::default(), now),
        })
    }
}

impl RuleSet {
    /// The default, said to this callback even if it is an event.
    #[must_use]
    pub fn answer_with_default(&self, inbound: &Inbound, now: Timestamp) -> Option<Reply> {
        let facts = Facts::of(inbound);
        self.default
            .as_ref()?
            .render(&facts, &Groups::default(), now)
    }
}

/// What rules compare.
struct Facts<'a> {
    openid: &'a OpenId,
    msg_type: &'a str,
    event: Option<&'a str>,
    key: Option<String>,
    scene: Option<&'a str>,
    text: Option<&'a str>,
}

impl<'a> Facts<'a> {
    fn of(inbound: &'a Inbound) -> Self {
        let (mut scene, mut text) = (None, None);
        let mut key = inbound.event_key().map(str::to_owned);
        match &inbound.body {
            InboundBody::Message(InboundMessage::Text { content, .. }) => {
                text = Some(content.trim());
            }
            InboundBody::Message(InboundMessage::Voice { recognition, .. }) => {
                text = recognition.as_deref().map(str::trim);
            }
            InboundBody::Event(InboundEvent::Subscribe { scene: by, .. }) => {
                scene = by.as_deref();
                key = by.clone().or(key);
            }
            InboundBody::Event(InboundEvent::Scan { scene: by, .. }) => scene = Some(by),
            _ => {}
        }
        Self {
            openid: &inbound.from,
            msg_type: inbound.msg_type(),
            event: inbound.event(),
            key,
            scene,
            text,
        }
    }
}

/// The groups of a regular expression that matched.
#[derive(Default)]
struct Groups(Vec<(String, String)>);

impl Groups {
    fn of(pattern: &Regex, captures: &Captures<'_>) -> Self {
        let mut groups = Vec::new();
        for (n, name) in pattern.capture_names().enumerate() {
            let text = captures
                .get(n)
                .map_or("", |found| found.as_str())
                .to_owned();
            if let Some(name) = name {
                groups.push((name.to_owned(), text.clone()));
            }
            groups.push((n.to_string(), text));
        }
        Self(groups)
    }
}

impl When {
    fn violations(&self, at: &str, wrong: &mut Vec<Violation>) {
        match &self.text {
            Some(TextMatch::Regex(pattern)) => {
                if let Err(error) = compile(pattern) {
                    wrong.push(violation(
                        format!("{at}/text/regex"),
                        "regex",
                        format!("not a regular expression: {error}"),
                        format!("不是合法的正则表达式：{error}"),
                    ));
                }
            }
            Some(TextMatch::Exact(texts) | TextMatch::Contains(texts)) if texts.is_empty() => {
                wrong.push(violation(
                    format!("{at}/text"),
                    "empty",
                    "give at least one text, none of them empty".to_owned(),
                    "至少给出一个文本，且不能为空".to_owned(),
                ));
            }
            Some(TextMatch::Exact(_) | TextMatch::Contains(_)) | None => {}
        }
        if let Some(hours) = &self.between {
            hours.violations(&format!("{at}/between"), wrong);
        }
    }

    fn groups(&self) -> Vec<String> {
        let Some(TextMatch::Regex(pattern)) = &self.text else {
            return Vec::new();
        };
        compile(pattern).map_or_else(
            |_| Vec::new(),
            |pattern| {
                pattern
                    .capture_names()
                    .enumerate()
                    .flat_map(|(n, name)| {
                        std::iter::once(n.to_string()).chain(name.map(str::to_owned))
                    })
                    .collect()
            },
        )
    }

    fn fits(&self, facts: &Facts<'_>, now: Timestamp) -> Option<Groups> {
        let same = |wanted: &Option<String>, is: Option<&str>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| is.is_some_and(|is| is.eq_ignore_ascii_case(wanted)))
        };
        let fits = same(&self.msg_type, Some(facts.msg_type))
            && same(&self.event, facts.event)
            && self
                .key
                .as_deref()
                .is_none_or(|key| facts.key.as_deref() == Some(key))
            && self.between.as_ref().is_none_or(|hours| hours.hold(now));
        if !fits {
            return None;
        }
        match &self.text {
            None => Some(Groups::default()),
            Some(wanted) => wanted.fits(facts.text?),
        }
    }
}

impl TextMatch {
    fn fits(&self, text: &str) -> Option<Groups> {
        let lower = || text.to_lowercase();
        let plain = |fits: bool| fits.then(Groups::default);
        match self {
            Self::Exact(all) => {
                let text = lower();
                plain(all.iter().any(|one| one.trim().to_lowercase() == text))
            }
            Self::Contains(all) => {
                let text = lower();
                plain(
                    all.iter()
                        .any(|one| text.contains(&one.trim().to_lowercase())),
                )
            }
            Self::Regex(pattern) => {
                let pattern = compile(pattern).ok()?;
                let captures = pattern.captures(text)?;
                Some(Groups::of(&pattern, &captures))
            }
        }
    }
}

/// Small enough for a rule of people, and bounded for those of others.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(256 * 1024).build()
}

impl Hours {
    fn violations(&self, at: &str, wrong: &mut Vec<Violation>) {
        for (name, text) in [("from", &self.from), ("until", &self.until)] {
            if clock(text).is_none() {
                wrong.push(violation(
                    format!("{at}/{name}"),
                    "time",
                    format!("{text:?} is not a time of the form HH:MM"),
                    format!("{text:?} 不是 HH:MM 形式的时间"),
                ));
            }
        }
        if let Some(day) = self.days.iter().find(|day| weekday(day).is_none()) {
            wrong.push(violation(
                format!("{at}/days"),
                "day",
                format!("{day:?} is not one of mon, tue, wed, thu, fri, sat, sun"),
                format!("{day:?} 不是 mon、tue、wed、thu、fri、sat、sun 之一"),
            ));
        }
        if self.zone().is_none() {
            wrong.push(violation(
                format!("{at}/time_zone"),
                "time_zone",
                "not a time zone; use a name such as Asia/Shanghai".to_owned(),
                "不是时区名称，请使用 Asia/Shanghai 之类的名称".to_owned(),
            ));
        }
    }

    fn zone(&self) -> Option<TimeZone> {
        TimeZone::get(self.time_zone.as_deref().unwrap_or("Asia/Shanghai")).ok()
    }

    /// Whether it is such a time now.
    #[must_use]
    pub fn hold(&self, now: Timestamp) -> bool {
        let (Some(from), Some(until), Some(zone)) =
            (clock(&self.from), clock(&self.until), self.zone())
        else {
            return false;
        };
        let now = now.to_zoned(zone);
        let time = now.time();
        let on = |day: Weekday| {
            self.days.is_empty() || self.days.iter().any(|name| weekday(name) == Some(day))
        };
        if from <= until {
            on(now.weekday()) && from <= time && time < until
        } else {
            (on(now.weekday()) && from <= time) || (on(now.weekday().previous()) && time < until)
        }
    }
}

fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn weekday(name: &str) -> Option<Weekday> {
    DAYS.iter()
        .find(|(day, _)| *day == name)
        .map(|(_, day)| *day)
}

impl Answer {
    fn violations(
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

    fn render(&self, facts: &Facts<'_>, groups: &Groups, now: Timestamp) -> Option<Reply> {
        let fill = |text: &String| fill(text, facts, groups, now);
        Some(match self {
            Self::Text { content } => Reply::Text {
                content: cut(fill(content)),
            },
            Self::Image { media_id } => Reply::Image {
                media_id: media_id.clone(),
            },
            Self::Voice { media_id } => Reply::Voice {
                media_id: media_id.clone(),
            },
            Self::Video {
                media_id,
                title,
                description,
            } => Reply::Video {
                media_id: media_id.clone(),
                title: title.as_ref().map(fill),
                description: description.as_ref().map(fill),
            },
            Self::Music {
                title,
                description,
                music_url,
                hq_music_url,
                thumb_media_id,
            } => Reply::Music {
                title: title.as_ref().map(fill),
                description: description.as_ref().map(fill),
                music_url: music_url.clone(),
                hq_music_url: hq_music_url.clone(),
                thumb_media_id: thumb_media_id.clone(),
            },
            Self::News { articles } => {
                // What WeChat would cut off anyway.
                let most = if facts.event.is_some() { 8 } else { 1 };
                Reply::News(
                    articles
                        .iter()
                        .take(most)
                        .map(|article| Article {
                            title: fill(&article.title),
                            description: fill(&article.description),
                            pic_url: article.pic_url.clone(),
                            url: fill(&article.url),
                        })
                        .collect(),
                )
            }
            Self::TransferCustomerService { kf_account } => Reply::TransferCustomerService {
                kf_account: kf_account.clone(),
            },
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

fn violation(
    pointer: impl Into<String>,
    rule: &'static str,
    message: String,
    message_zh: String,
) -> Violation {
    Violation {
        pointer: pointer.into(),
        rule,
        message,
        message_zh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-11-20T04:00:00Z".parse().unwrap() // a Friday, 12:00 in Shanghai
    }

    fn text(content: &str) -> Inbound {
        let xml = format!(
            "<xml><ToUserName>gh_3c1f0e5a77b2</ToUserName><FromUserName>oPerson</FromUserName>\
             <CreateTime>1767225660</CreateTime><MsgType>text</MsgType>\
             <Content><![CDATA[{content}]]></Content><MsgId>1</MsgId></xml>"
        );
        Inbound::parse(xml.as_bytes()).unwrap()
    }

    fn event(name: &str, key: &str) -> Inbound {
        let xml = format!(
            "<xml><ToUserName>gh_3c1f0e5a77b2</ToUserName><FromUserName>oPerson</FromUserName>\
             <CreateTime>1767225660</CreateTime><MsgType>event</MsgType>\
             <Event>{name}</Event><EventKey>{key}</EventKey></xml>"
        );
        Inbound::parse(xml.as_bytes()).unwrap()
    }

    fn set(json: serde_json::Value) -> RuleSet {
        serde_json::from_value(json).unwrap()
    }

    fn says(set: &RuleSet, inbound: &Inbound) -> Option<String> {
        match set.reply_to(inbound, noon())?.reply? {
            Reply::Text { content } => Some(content),
            other => panic!("{other:?}"),
        }
    }

    fn rules() -> RuleSet {
        set(serde_json::json!({
            "rules": [
                {"name": "price", "when": {"text": {"exact": ["Price", "价格"]}}, "reply": {"type": "text", "content": "9.9"}},
                {"name": "help", "when": {"text": {"contains": "help"}}, "reply": {"type": "text", "content": "{{openid}} asked {{text}}"}},
                {"name": "order", "when": {"text": {"regex": "^order (?<no>\\d+)$"}}, "reply": {"type": "text", "content": "no. {{no}} = {{1}}"}},
                {"name": "welcome", "when": {"event": "subscribe"}, "reply": {"type": "text", "content": "hi {{scene}}"}},
                {"name": "menu", "when": {"event": "click", "key": "V1"}, "reply": {"type": "text", "content": "menu {{key}}"}},
                {"name": "quiet", "when": {"event": "CLICK"}, "reply": {"type": "nothing"}},
            ],
            "default": {"type": "text", "content": "?"}
        }))
    }

    #[test]
    fn the_first_rule_that_fits_answers() {
        let rules = rules();
        assert!(rules.violations(AccountKind::OfficialAccount).is_empty());
        assert_eq!(says(&rules, &text(" PRICE ")).unwrap(), "9.9");
        assert_eq!(says(&rules, &text("价格")).unwrap(), "9.9");
        assert_eq!(
            says(&rules, &text("Help me")).unwrap(),
            "oPerson asked Help me"
        );
        assert_eq!(says(&rules, &text("order 42")).unwrap(), "no. 42 = 42");
        assert_eq!(
            says(&rules, &event("subscribe", "qrscene_618")).unwrap(),
            "hi 618"
        );
        assert_eq!(says(&rules, &event("CLICK", "V1")).unwrap(), "menu V1");
        assert_eq!(says(&rules, &text("else")).unwrap(), "?");
        let quiet = rules.reply_to(&event("CLICK", "V2"), noon()).unwrap();
        assert_eq!((quiet.rule.as_deref(), quiet.reply), (Some("quiet"), None));
        // The default is for messages.
        assert!(rules.reply_to(&event("VIEW", "x"), noon()).is_none());
    }

    #[test]
    fn hours_hold_over_midnight_and_by_day() {
        let hours = |from: &str, until: &str, days: &[&str]| Hours {
            from: from.into(),
            until: until.into(),
            days: days.iter().map(|day| (*day).into()).collect(),
            time_zone: None,
        };
        assert!(hours("09:00", "18:00", &[]).hold(noon()));
        assert!(!hours("18:00", "09:00", &[]).hold(noon()));
        assert!(hours("22:00", "13:00", &["thu"]).hold(noon()));
        assert!(!hours("22:00", "13:00", &["fri"]).hold(noon()));
        assert!(hours("12:00", "12:01", &["fri"]).hold(noon()));
        assert!(!hours("11:00", "12:00", &[]).hold(noon()));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let wrong = set(serde_json::json!({
            "rules": [
                {"name": "", "when": {"text": {"regex": "("}}, "reply": {"type": "text", "content": ""}},
                {"name": "a", "when": {"between": {"from": "9:00", "until": "25:00", "days": ["friday"], "time_zone": "Mars/One"}}, "reply": {"type": "text", "content": "{{nobody}}"}},
                {"name": "a", "reply": {"type": "news", "articles": []}}
            ]
        }))
        .violations(AccountKind::OfficialAccount);
        let pointers: Vec<_> = wrong.iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/rules/0/name",
                "/rules/0/when/text/regex",
                "/rules/0/reply/content",
                "/rules/1/when/between/from",
                "/rules/1/when/between/until",
                "/rules/1/when/between/days",
                "/rules/1/when/between/time_zone",
                "/rules/1/reply/content",
                "/rules/2/name",
                "/rules/2/reply/articles",
            ]
        );
    }

    #[test]
    fn mini_programs_may_only_transfer() {
        let one = |reply: serde_json::Value| {
            set(serde_json::json!({"rules": [{"name": "a", "reply": reply}]}))
                .violations(AccountKind::MiniProgram)
        };
        assert_eq!(
            one(serde_json::json!({"type": "text", "content": "hi"}))[0].rule,
            "mini_program"
        );
        assert!(one(serde_json::json!({"type": "transfer_customer_service"})).is_empty());
    }

    #[test]
    fn variables_cannot_make_a_text_too_long_to_be_shown() {
        let rules = set(serde_json::json!({
            "rules": [{"name": "echo", "reply": {"type": "text", "content": "{{text}}{{text}}"}}]
        }));
        let said = says(&rules, &text(&"汉".repeat(600))).unwrap();
        assert!(said.len() <= LONGEST_TEXT && said.ends_with('…'));
    }

    #[test]
    fn rules_read_back_from_toml_like_shapes() {
        let rules = rules();
        let json = serde_json::to_value(&rules).unwrap();
        assert_eq!(set(json), rules);
    }
}
