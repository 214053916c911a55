//! What can be asked of a message's handling: further ways to the person, and
//! times at which the account does not disturb anybody.

use hongyan_wechat::{OpenId, TemplateId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Content, Kind};
use crate::grant::Withheld;
use crate::ids::AccountId;

/// A way to tell the person: by this account, in these words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Its place among the ways as they were asked for; 0 = the message itself,
    /// from 1 on its `fallback`.
    pub position: u32,
    /// The account that would send.
    pub account: AccountId,
    /// The person at that account.
    pub to: OpenId,
    /// What would be said.
    pub content: Content,
}

/// Why a way was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum WhyLeft {
    /// WeChat said that the person cannot be reached by it.
    Refused {
        /// The code.
        errcode: i64,
        /// WeChat's words.
        errmsg: String,
    },
    /// By what we know WeChat would have refused; it was not asked.
    Withheld {
        /// By what.
        reason: Withheld,
    },
    /// The person is not known at that account.
    UnknownPerson,
}

/// A way that did not lead to the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftRoute {
    /// See [`Route::position`].
    pub position: u32,
    /// The account.
    pub account: AccountId,
    /// The kind of message it would have been.
    pub kind: Kind,
    /// The template, of the kinds that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<TemplateId>,
    /// The person at that account, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<OpenId>,
    /// When it was left.
    pub at: Timestamp,
    /// Why.
    #[serde(flatten)]
    pub why: WhyLeft,
}

/// What was asked of a message's handling beyond the usual, and what came of it.
/// Storage keeps it as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Handling {
    /// The place of the way the message is on; see [`Route::position`].
    pub position: u32,
    /// The ways still open, in order: tried when the one before definitely cannot
    /// reach the person, never after a send nobody knows the outcome of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<Route>,
    /// The ways that were left, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftRoute>,
    /// The account's quiet hours moved the first send to this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deferred_until: Option<Timestamp>,
}
