//! The ways a message was given, and what came of each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::Withheld;
use super::request::Recipient;
use super::words::Kind;
use crate::errcode::Diagnosis;

/// A way of a message: the one it is on, or one that is still open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageRoute {
    /// Its place among the ways: 0 = the message itself, from 1 on its `fallback`.
    pub position: u32,
    /// The account that sends; `null` where the caller may not see it.
    pub account: Option<String>,
    /// The kind of message.
    pub kind: Kind,
}

/// Why a way was left, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyLeft {
    /// WeChat said that the person cannot be reached by it: `errcode`.
    Refused,
    /// By what is known of the person WeChat would have refused: `withheld`.
    Withheld,
    /// The person is not known at that account.
    UnknownPerson,
}

/// A way that did not lead to the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftRoute {
    /// See [`MessageRoute::position`].
    pub position: u32,
    /// The account; `null` where the caller may not see it.
    pub account: Option<String>,
    /// The kind of message it would have been.
    pub kind: Kind,
    /// The template, of the kinds that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// The person at that account, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Recipient>,
    /// Why, in one word.
    pub reason: WhyLeft,
    /// WeChat's code, where it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i64>,
    /// WeChat's words, where it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errmsg: Option<String>,
    /// What the code means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
    /// By what knowledge it was withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
    /// Why, in English.
    pub message: String,
    /// Why, in Chinese.
    pub message_zh: String,
    /// When it was left.
    pub at: Timestamp,
}
