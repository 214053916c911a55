//! Broadcasts: one thing told to many people.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::message::{
    Data, Fallback, Kind, Language, MiniProgramLink, MiniProgramState, OnUnknown, Overflow,
    Priority, SlotValue, Validation,
};
use crate::problem::Violation;

/// One person to be told: exactly one of `openid`, `unionid` and `user_id`, with what
/// is theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BroadcastRecipient {
    /// The person at the broadcast's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// The person over linked accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unionid: Option<String>,
    /// The caller's own id of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// What the broadcast's templates may use: `{"name": "张三"}` for `{{ name }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub fields: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Who is told: exactly one of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// `true`: everybody who is known to follow the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followers: Option<bool>,
    /// Everybody with this tag at WeChat, by its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<i64>,
    /// These, at most 10,000. In answers they are not repeated: the list is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Vec<BroadcastRecipient>>,
    /// `true`: those in files sent afterwards to `/v1/broadcasts/{id}/recipients`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<bool>,
}

/// A broadcast to be made. What is said is written as in a message; every text may
/// be a template over a person's fields, such as `{{ name }}` (Jinja's language).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Autumn sale", "account": "demo-oa", "kind": "template", "template_id": "…",
    "data": {"thing1": "{{ name }}", "time2": "2026-11-21 10:00"},
    "audience": {"recipients": [{"user_id": "42", "fields": {"name": "张三"}}]}
}))]
pub struct NewBroadcast {
    /// What people call it, 1 to 128 characters.
    #[schema(example = "Autumn sale")]
    pub name: String,
    /// The account that sends it, by its name.
    #[schema(example = "demo-oa")]
    pub account: String,
    /// The kind of message.
    pub kind: Kind,
    /// The template to fill. Needed for every kind but `customer_service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// The template's slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::HashMap<String, SlotValue>>)]
    pub data: Option<Data>,
    /// Web page opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Mini program opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgramLink>,
    /// Page of the mini program (`subscribe`), web page (`notification`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Which version of the mini program the card opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram_state: Option<MiniProgramState>,
    /// The language of the mini program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<Language>,
    /// `one_time`: the scene the person consented under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<u32>,
    /// `one_time`: the heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `customer_service`: WeChat's own body from `msgtype` on, without `touser`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub content: Option<serde_json::Map<String, serde_json::Value>>,
    /// Who is told.
    pub audience: Audience,
    /// Further ways to each person, in order, at most 5; without `to`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<Fallback>,
    /// Who goes first; `low` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// What to do with values that are too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
    /// What to do when nobody can say whether a message went out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_unknown: Option<OnUnknown>,
    /// Not before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_at: Option<Timestamp>,
    /// Not after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Messages a second at most, spread evenly; the account's own limit holds too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<u32>,
    /// Whether it begins by itself once its audience is complete; yes when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<bool>,
    /// Whether people whose data breaks rules are passed over. Otherwise it does not
    /// start where a sample of 100 shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_invalid: Option<bool>,
    /// The caller's own JSON object, at most 4 KiB; each message carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
}

impl NewBroadcast {
    /// A broadcast of a template, with everything else left out.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        account: impl Into<String>,
        kind: Kind,
        template_id: impl Into<String>,
        data: Data,
        audience: Audience,
    ) -> Self {
        Self {
            name: name.into(),
            account: account.into(),
            kind,
            template_id: Some(template_id.into()),
            data: Some(data),
            url: None,
            miniprogram: None,
            page: None,
            miniprogram_state: None,
            lang: None,
            scene: None,
            title: None,
            content: None,
            audience,
            fallback: Vec::new(),
            priority: None,
            overflow: None,
            on_unknown: None,
            send_at: None,
            expires_at: None,
            rate_per_second: None,
            start: None,
            skip_invalid: None,
            metadata: None,
        }
    }
}

/// What a broadcast would say. Nothing was made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BroadcastPreview {
    /// Whether it could be made and everybody who was named would be told.
    pub valid: bool,
    /// What is wrong with it, whoever it is for.
    pub violations: Vec<Violation>,
    /// What each of the people named would get, in their order. Empty where none are
    /// named, or where what is said cannot be read.
    pub people: Vec<PersonPreview>,
}

/// What one person would get by the first way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonPreview {
    /// As they were named.
    pub who: String,
    /// Their card, and every further rule that breaks with their data.
    #[serde(flatten)]
    pub check: Validation,
}

/// Where a broadcast stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BroadcastState {
    /// Its audience is being taken in.
    Loading,
    /// It waits to be started, or for its `send_at`.
    Ready,
    /// Messages are being made of it and sent.
    Running,
    /// It rests: nothing is made, and what was made is not sent.
    Paused,
    /// Every message of it is over.
    Finished,
    /// It was stopped for good.
    Canceled,
    /// Its audience could not be taken in; nothing was sent.
    Failed,
}

impl BroadcastState {
    /// The word on the wire.
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

    /// Whether nothing will happen to it any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Canceled | Self::Failed)
    }
}

impl fmt::Display for BroadcastState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How far a broadcast has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BroadcastProgress {
    /// Messages by where they stand. Those still to be sent are `open`.
    pub by_status: BTreeMap<String, u64>,
    /// Messages that are over: accepted, failed and the like.
    pub over: u64,
    /// People of whom no message was made yet.
    pub to_expand: u64,
    /// Messages over in a second, of late; `null` = it has not been seen yet.
    pub per_second: Option<f64>,
    /// How long it still takes at that rate; `null` = not known.
    pub seconds_left: Option<u64>,
    /// When the messages were counted: large broadcasts are counted less often.
    pub counted_at: Timestamp,
}

/// A broadcast.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Broadcast {
    /// `bc_` and 32 hexadecimal digits.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The account that sends it.
    pub account: String,
    /// The kind of message.
    pub kind: Kind,
    /// The template it fills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// Where it stands.
    pub state: BroadcastState,
    /// Why it failed, rests or does not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Who is told.
    pub audience: Audience,
    /// People taken in so far.
    pub recipients: u64,
    /// Messages made so far.
    pub messages: u64,
    /// People of whom none was made: named twice, unknown, or with data that breaks
    /// rules.
    pub skipped: u64,
    /// Who goes first.
    pub priority: Priority,
    /// Not before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_at: Option<Timestamp>,
    /// Not after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Messages a second at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<u32>,
    /// Whether it begins by itself once its audience is complete.
    pub start: bool,
    /// Whether people whose data breaks rules are passed over.
    pub skip_invalid: bool,
    /// The caller's own JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its first message was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// How far it has come; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<BroadcastProgress>,
}

/// Somebody for whom no message was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkippedRecipient {
    /// As they were named.
    pub who: String,
    /// `duplicate`, `unknown_person` or `invalid`.
    pub reason: String,
    /// What exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
