//! Reply rules, as the API and TOML files write them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An account's reply rules, at most 500.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// Tried in this order; the first that fits answers.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// For messages (not events) that no rule fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Answer>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, unique in the set; 1 to 64 characters.
    #[schema(example = "welcome")]
    pub name: String,
    /// When it fits: everything given must fit; nothing given fits everything.
    #[serde(default)]
    #[schema(example = json!({"event": "subscribe"}))]
    pub when: When,
    /// What to answer.
    pub reply: Answer,
}

/// When a rule fits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// WeChat's `MsgType`, such as `text`, `image`, `event`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg_type: Option<String>,
    /// The text of a text message, or of a voice message that WeChat recognised.
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

/// How a text is compared. Blanks around it do not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextMatch {
    /// The whole text is one of these, in any case.
    Exact(OneOrMany),
    /// One of these stands in the text, in any case.
    Contains(OneOrMany),
    /// The regular expression matches somewhere. Its groups are the variables
    /// `{{1}}`, `{{2}}` … and their names.
    Regex(String),
}

/// One text or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// Times of a day. `until` before `from` runs over midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// `HH:MM`, included.
    #[schema(example = "22:00")]
    pub from: String,
    /// `HH:MM`, not included.
    #[schema(example = "08:00")]
    pub until: String,
    /// `mon` … `sun`; left out = every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<String>,
    /// IANA name; `Asia/Shanghai` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// What to answer. Texts may hold the variables `{{openid}}`, `{{text}}`,
/// `{{key}}`, `{{scene}}`, `{{date}}`, `{{time}}` and a regular expression's
/// groups. Mini programs can only answer `transfer_customer_service` or
/// `nothing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// A text; at most 2047 bytes.
    Text {
        /// The text.
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
        /// Its title.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// What it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// A piece of music.
    Music {
        /// Its title.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// What it is about.
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
    /// Articles: one in answer to a message, up to 8 in answer to an event.
    News {
        /// The articles.
        articles: Vec<NewsArticle>,
    },
    /// The person talks to an agent from now on.
    TransferCustomerService {
        /// Which agent; left out = whoever is free.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kf_account: Option<String>,
    },
    /// Nothing is shown.
    Nothing,
}

/// An article of a `news` answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewsArticle {
    /// Its title.
    pub title: String,
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// Address of its picture.
    #[serde(default)]
    pub pic_url: String,
    /// Where a tap leads.
    pub url: String,
}

/// Something a person may do, to see what the rules would answer. Nothing is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TryRules {
    /// Rules that are not in force yet; left out = the account's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<RuleSet>,
    /// WeChat's `MsgType`; left out = `event` where `event` is given, `text` else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg_type: Option<String>,
    /// The text of a text message, or of a voice message that WeChat recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "help")]
    pub text: Option<String>,
    /// WeChat's `Event`, such as `subscribe`, `CLICK`, `SCAN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// WeChat's `EventKey`; for `subscribe` by a code its scene.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Who does it; left out = `openid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// When; left out = now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// What rules would answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriedRules {
    /// Who answers.
    pub outcome: TryOutcome,
    /// The rule's name; `null` = no rule fits.
    pub rule: Option<String>,
    /// The rule's place among the rules, from 0 on; `null` = no rule fits.
    pub index: Option<u32>,
    /// The answer, with its variables filled in; `null` = none.
    pub reply: Option<Answer>,
}

/// Who answers something a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TryOutcome {
    /// A rule.
    Rule,
    /// The default, unless a program of the owner's is asked first.
    Default,
    /// No rule fits, and the default is not for this.
    None,
}
