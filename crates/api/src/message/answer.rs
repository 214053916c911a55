//! A message with what happened to it.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::request::{MiniProgramLink, Recipient, StyledValue};
use super::route::{LeftRoute, MessageRoute};
use super::words::{Kind, Language, MiniProgramState, OnUnknown, Priority, Status};
use crate::errcode::Diagnosis;
use crate::webhook::WebhookDelivery;

/// A message that is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// The message's id.
    #[schema(example = "msg_0192d3a4b5c67d8e9f00112233445566")]
    pub id: String,
    /// Where it stands.
    pub status: Status,
    /// When we took it.
    pub created_at: Timestamp,
}

/// How one call to WeChat ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// WeChat took it.
    Accepted,
    /// WeChat answered with an errcode.
    Refused,
    /// The request certainly never reached WeChat.
    NotSent,
    /// No usable answer: it may or may not have gone out.
    Uncertain,
    /// The gateway stopped before it could note the answer.
    Interrupted,
    /// WeChat was not asked: by what is known of the person it would have refused.
    Withheld,
}

/// Why the person cannot be sent this, by what is known of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WithheldReason {
    /// Every one-time consent is used up, or held by another message.
    NoConsentLeft,
    /// The person refused.
    Refused,
    /// WeChat blocks the template.
    Banned,
    /// The person does not follow the official account.
    NotFollowing,
    /// No customer-service window is open.
    WindowClosed,
    /// The window is open, its messages are used up.
    WindowUsedUp,
    /// It fell into the account's quiet hours, which drop messages.
    QuietHours,
    /// The person had as many of these messages as the account allows.
    TooOften,
    /// The same content went to the same person a short while ago.
    SameContent,
}

/// Why the person cannot be sent this, in a word and in sentences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Withheld {
    /// In one word.
    pub reason: WithheldReason,
    /// What it means and what to do, in English.
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
}

/// One call to WeChat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// WeChat's code, if it answered with one other than 0.
    pub errcode: Option<i64>,
    /// WeChat's words, or ours where there was no answer.
    pub errmsg: Option<String>,
    /// WeChat's request id.
    pub rid: Option<String>,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u32,
    /// What the code means.
    pub diagnosis: Option<Diagnosis>,
    /// Why WeChat was not asked, where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
}

/// WeChat's later word on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// WeChat's text, such as `success` or `failed:user block`.
    pub status: String,
    /// When WeChat made it.
    pub at: Timestamp,
}

/// What an open message waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    /// Its account is switched off.
    AccountDisabled,
    /// Its account gets no credential from WeChat.
    AccountUnhealthy,
    /// WeChat refuses what its account sends.
    AccountBlocked,
    /// Its account's allowance at WeChat is used up.
    AccountParked,
    /// Its account disturbs nobody at this time of the day.
    QuietHours,
    /// What is left of the day's allowance is kept for messages of high priority.
    ReservedForHigh,
}

/// Why an open message is not being sent now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// In one word.
    pub reason: WaitingFor,
    /// In a sentence.
    pub detail: String,
    /// The same in Chinese.
    #[serde(default)]
    pub detail_zh: String,
    /// When this ends by itself, if it does.
    pub until: Option<Timestamp>,
    /// WeChat's code, where it is the cause.
    pub errcode: Option<i64>,
    /// What the code means.
    pub diagnosis: Option<Diagnosis>,
    /// The address WeChat saw and refuses (40164): the one to enter in the account's
    /// IP allow-list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_ip: Option<String>,
}

/// A message with all that happened to it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// Its id.
    #[schema(example = "msg_0192d3a4b5c67d8e9f00112233445566")]
    pub id: String,
    /// The account that sends it.
    pub account: String,
    /// Its kind.
    pub kind: Kind,
    /// Who is told.
    pub to: Recipient,
    /// Where it stands.
    pub status: Status,
    /// The template; left out where the kind has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// The slots as they are sent, cut where `overflow` asked for it.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, StyledValue>)]
    pub data: IndexMap<String, StyledValue>,
    /// Web page opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Mini program opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgramLink>,
    /// Page of the mini program opened on tap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Which version of the mini program the card opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miniprogram_state: Option<MiniProgramState>,
    /// In which language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<Language>,
    /// The scene of a one-time subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<u32>,
    /// The heading of a one-time subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The body of a customer-service message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub content: Option<serde_json::Map<String, serde_json::Value>>,
    /// WeChat's number for it, in decimal digits: 64 bits do not fit a JSON
    /// number everywhere.
    #[schema(example = "3725684012345678912")]
    pub wechat_msgid: Option<String>,
    /// The caller's own word for it.
    pub reference: Option<String>,
    /// The caller's own JSON object.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Box<RawValue>>,
    /// The broadcast it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<String>,
    /// Who goes first.
    pub priority: Priority,
    /// What to do when the outcome cannot be known.
    pub on_unknown: OnUnknown,
    /// When we took it.
    pub created_at: Timestamp,
    /// Not before this.
    pub send_at: Option<Timestamp>,
    /// Not after this.
    pub expires_at: Option<Timestamp>,
    /// When it is due next; while it is open.
    pub due_at: Option<Timestamp>,
    /// When the sending was over.
    pub settled_at: Option<Timestamp>,
    /// Why it is not being sent now, if something stands in its way.
    pub waiting: Option<Waiting>,
    /// How many calls to WeChat were made.
    pub attempt_count: u32,
    /// The calls to WeChat, oldest first. Left out in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<Attempt>>,
    /// The code of the last attempt.
    pub errcode: Option<i64>,
    /// What that code means.
    pub diagnosis: Option<Diagnosis>,
    /// WeChat's later word.
    pub receipt: Option<Receipt>,
    /// The way it is on, or ended on; left out where it was given only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<MessageRoute>,
    /// The ways that did not lead to the person, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes_left: Vec<LeftRoute>,
    /// The ways still open, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<MessageRoute>,
    /// The account's quiet hours moved its first send to this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred_until: Option<Timestamp>,
    /// What webhooks were and are to be told of it, oldest first. Left out in lists and
    /// in what is posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<Vec<WebhookDelivery>>,
}
