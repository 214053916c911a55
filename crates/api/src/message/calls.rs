//! What batches, checks and searches say beyond single messages.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::Accepted;
use super::request::NewMessage;
use super::words::{Kind, Status};
use crate::problem::{Problem, Violation};

/// Up to 1,000 messages in one request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageBatch {
    /// The messages; each is judged on its own.
    #[schema(min_items = 1, max_items = 1000)]
    pub messages: Vec<NewMessage>,
}

/// What became of one message of a batch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum BatchResult {
    /// It is on disk.
    Accepted(Accepted),
    /// It was refused.
    Refused {
        /// Why.
        problem: Box<Problem>,
    },
}

/// What became of the messages of a batch, in the order they were given.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BatchResults {
    /// One for each message.
    pub results: Vec<BatchResult>,
}

/// One line of the card that a phone would show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewLine {
    /// What stands before the value.
    pub label: String,
    /// The value.
    pub value: String,
}

/// What a tap on a card opens: a web page, or a mini program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewTarget {
    /// The web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The mini program; left out where it is the one that sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appid: Option<String>,
    /// The mini program's page; left out = its first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// What a check of a message found. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Validation {
    /// Whether the message would be accepted.
    pub valid: bool,
    /// Every rule it breaks.
    pub violations: Vec<Violation>,
    /// The card's heading, of the kinds that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The card's lines as the phone would show them; empty when the template is not
    /// known.
    pub preview: Vec<PreviewLine>,
    /// What a tap opens; left out = nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<PreviewTarget>,
}

/// What to search for among the messages. Everything left out fits all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessageFilter {
    /// Only this account, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Only this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub kind: Option<Kind>,
    /// Only where they stand so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub status: Option<Status>,
    /// Only this recipient. Give at most one of `openid`, `unionid` and `user_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// Only this recipient, at every account that knows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unionid: Option<String>,
    /// Only this recipient, by the caller's own id, at every account that knows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Only this reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Only messages whose last attempt ended in this code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i64>,
    /// Only messages that WeChat accepted so many minutes ago or earlier and said
    /// nothing about since, of the kinds that have a receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_receipt_after_minutes: Option<u32>,
    /// Made at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_after: Option<Timestamp>,
    /// Made before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_before: Option<Timestamp>,
    /// Only messages of this broadcast, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_results_tell_apart() {
        let result: BatchResult = serde_json::from_str(
            r#"{"problem":{"type":"t","title":"t","status":422,"detail":"d","code":"c"}}"#,
        )
        .unwrap();
        assert!(matches!(result, BatchResult::Refused { .. }));
    }
}
