//! Broadcasts: one thing told to many people.
//!
//! The audience comes first: people are taken in, in chunks, and kept. Then chunk by
//! chunk messages are made of them, each chunk in one step with the noting of how far
//! it has gone: whoever dies in between leaves nothing half done, and nobody is told
//! twice.
//!
//! ```text
//!   loading ──► ready ──► running ◄──► paused
//!      │          │          │            │
//!      ▼          └──────────┴──► canceled ◄┘
//!   failed                   └──► finished
//! ```

use std::fmt;

use hongyan_wechat::{OpenId, UnionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::contact::UserId;
use crate::ids::{AccountId, BroadcastId, KeyId};
use crate::message::{Content, OnUnknown, Priority, State};
use crate::template::Overflow;

/// How many people a chunk holds at most. All messages of a chunk enter the queue in
/// one step, and an urgent message waits for that step to end.
pub const CHUNK: usize = 250;

/// Where a broadcast stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BroadcastState {
    /// Its audience is being taken in.
    Loading,
    /// The audience is complete; it waits to be started, or for its `send_at`.
    Ready,
    /// Messages are being made of it and sent.
    Running,
    /// It rests: nothing is made, and what was made is not sent.
    Paused,
    /// Every message of it is over.
    Finished,
    /// It was stopped for good; what was not sent by then is not sent.
    Canceled,
    /// Its audience could not be taken in; nothing was sent.
    Failed,
}

impl BroadcastState {
    /// All.
    pub const ALL: [Self; 7] = [
        Self::Loading,
        Self::Ready,
        Self::Running,
        Self::Paused,
        Self::Finished,
        Self::Canceled,
        Self::Failed,
    ];

    /// The name in our API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
        }
    }

    /// The number storage keeps. Numbers are never used again for another state.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Loading => 0,
            Self::Ready => 1,
            Self::Running => 2,
            Self::Paused => 3,
            Self::Finished => 4,
            Self::Canceled => 5,
            Self::Failed => 6,
        }
    }

    /// The state of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Whether nothing will happen to it any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Canceled | Self::Failed)
    }
}

impl fmt::Display for BroadcastState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Audience {
    /// Everybody who follows the account, as far as it is synced.
    Followers,
    /// Everybody with this tag at WeChat.
    Tag {
        /// WeChat's number of the tag.
        id: i64,
    },
    /// Those named in the request.
    List,
    /// Those in the files sent afterwards.
    Upload,
}

/// What was asked for. Storage keeps it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroadcastSpec {
    /// What is said. Every text in it may be a template over a person's fields.
    pub content: Content,
    /// Further ways to each person, in order, by the accounts given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<(AccountId, Content)>,
    /// Who is told.
    pub audience: Audience,
    /// Who goes first; `low` where nothing was said.
    pub priority: Priority,
    /// What to do with values that are too long.
    #[serde(default)]
    pub overflow: Overflow,
    /// What to do when an outcome cannot be known.
    #[serde(default)]
    pub on_unknown: OnUnknown,
    /// Not before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_at: Option<Timestamp>,
    /// Not after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Messages a second at most, beside the account's own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<u32>,
    /// Whether it begins by itself once its audience is complete.
    pub starts_by_itself: bool,
    /// Whether people whose data breaks rules are passed over; otherwise the start is
    /// refused where the sample shows one.
    #[serde(default)]
    pub skips_invalid: bool,
    /// The caller's own JSON object, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

/// How a recipient is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecipientId {
    /// At the broadcast's account.
    Openid(OpenId),
    /// Over linked accounts.
    Unionid(UnionId),
    /// In the caller's own system.
    UserId(UserId),
}

impl RecipientId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Openid(id) => id.as_str(),
            Self::Unionid(id) => id.as_str(),
            Self::UserId(id) => id.as_str(),
        }
    }
}

/// One person to be told, with what is theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Who.
    #[serde(flatten)]
    pub to: RecipientId,
    /// What the broadcast's templates may use.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// A broadcast as storage holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broadcast {
    /// Its id.
    pub id: BroadcastId,
    /// The account.
    pub account: AccountId,
    /// What people call it; at most 128 characters.
    pub name: String,
    /// Where it stands.
    pub state: BroadcastState,
    /// What was asked for.
    pub spec: BroadcastSpec,
    /// People taken in so far.
    pub recipients: u64,
    /// Chunks they came in.
    pub chunks: u32,
    /// Chunks of which messages were made.
    pub expanded: u32,
    /// Messages made.
    pub messages: u64,
    /// People of whom none was made; see [`Skipped`].
    pub skipped: u64,
    /// How far the taking in has come, where it is done in the background: the
    /// engine's own text.
    pub load_cursor: Option<String>,
    /// Why it failed or does not go on, for people.
    pub problem: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The API key it came with.
    pub created_by: Option<KeyId>,
    /// When its first message was made.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

/// Why no message was made for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhySkipped {
    /// They are in the audience more than once; the first counted.
    Duplicate,
    /// The account does not know them.
    UnknownPerson,
    /// Their data breaks rules, or a template asks for a field they do not have.
    Invalid,
}

impl WhySkipped {
    /// All.
    pub const ALL: [Self; 3] = [Self::Duplicate, Self::UnknownPerson, Self::Invalid];

    /// The name in our API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::UnknownPerson => "unknown_person",
            Self::Invalid => "invalid",
        }
    }

    /// The number storage keeps.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Duplicate => 0,
            Self::UnknownPerson => 1,
            Self::Invalid => 2,
        }
    }

    /// The value of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }
}

/// Somebody for whom no message was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// As they were named.
    pub who: String,
    /// Why.
    pub why: WhySkipped,
    /// What exactly, for people; at most 500 characters.
    pub detail: Option<String>,
}

/// How many messages of a broadcast are in which state.
pub type Counts = Vec<(State, u64)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_kept_as_plain_json() {
        let text = r#"{"user_id":"42","fields":{"name":"张三"}}"#;
        let recipient: Recipient = serde_json::from_str(text).unwrap();
        assert_eq!(recipient.to.as_str(), "42");
        assert_eq!(serde_json::to_string(&recipient).unwrap(), text);
    }

    #[test]
    fn states_read_back() {
        for state in BroadcastState::ALL {
            assert_eq!(BroadcastState::from_code(state.code()), Some(state));
        }
    }
}
