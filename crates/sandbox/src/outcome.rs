//! What actions lead to: the words of callbacks and receipts.

use serde::{Deserialize, Serialize};

/// What a person's action led to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionOutcome {
    /// The person's id at the account.
    pub openid: String,
    /// The code of a login, good for five minutes and one exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the account's server said; `None` where the account has no
    /// callback or the action pushes nothing.
    pub callback: Option<CallbackOutcome>,
}

/// How a push went.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CallbackOutcome {
    /// Requests made, 1 to 3.
    pub attempts: u32,
    /// HTTP status of the last answer; `None` where none came.
    pub status: Option<u16>,
    /// Real time over all requests, milliseconds.
    pub elapsed_ms: f64,
    /// What the person saw of it.
    pub shown: Shown,
    /// Why the last request failed.
    pub error: Option<String>,
    /// The last answer.
    pub reply: Option<CallbackReply>,
}

/// What an account's server answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallbackReply {
    /// Its text, decrypted where it was encrypted.
    pub raw: String,
    /// Its elements by their own names, such as `MsgType` and `Content`;
    /// `Articles` is a list. `None` for an empty answer, `success`, and what
    /// could not be read.
    pub message: Option<serde_json::Value>,
}

/// What a person sees of the answer to what they did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Nothing.
    #[default]
    Nothing,
    /// The reply.
    Message,
    /// The client's words for a server that fails.
    Failure,
    /// An agent takes the conversation over.
    Transfer,
}

/// How receipts of an account go out. The default sends each at once and
/// truthfully.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRules {
    /// Wait so long (real time, at most ten minutes). Later pushes of the
    /// queue may wait behind it.
    #[serde(default)]
    pub delay_ms: u64,
    /// Chance that a receipt never goes out, 0 to 1.
    #[serde(default)]
    pub drop_probability: f64,
    /// Every receipt goes out twice.
    #[serde(default)]
    pub duplicate: bool,
    /// Report this instead of the truth.
    #[serde(default)]
    pub status: Option<ReceiptStatus>,
}

/// A failure that a receipt reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// The person refuses messages: `failed:user block`.
    UserBlock,
    /// The platform failed: `failed: system failed`.
    SystemFailed,
}
