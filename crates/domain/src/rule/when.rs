//! When a rule fits.

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::facts::{Facts, Groups};
use super::violation;
use crate::template::Violation;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

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

impl When {
    pub(super) fn violations(&self, at: &str, wrong: &mut Vec<Violation>) {
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

    pub(super) fn groups(&self) -> Vec<String> {
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

    pub(super) fn fits(&self, facts: &Facts<'_>, now: Timestamp) -> Option<Groups> {
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
