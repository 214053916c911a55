use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How a callback was written and guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallbackMode {
    /// Readable.
    Plain,
    /// Readable and ciphered at once.
    Compatible,
    /// Ciphered.
    Safe,
}

/// Something that WeChat told us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Callback {
    /// Its id with us.
    #[schema(example = "evt_0192d3a4b5c67d8e9f00112233445566")]
    pub id: String,
    /// The account it is for.
    pub account: String,
    /// When it came.
    pub received_at: Timestamp,
    /// When WeChat made it.
    pub created_at: Timestamp,
    /// Who caused it.
    pub openid: Option<String>,
    /// WeChat's `MsgType`.
    #[schema(example = "event")]
    pub msg_type: String,
    /// WeChat's `Event`, for events.
    pub event: Option<String>,
    /// WeChat's `EventKey`, for events that have one.
    pub event_key: Option<String>,
    /// How it was written and guarded.
    pub mode: CallbackMode,
    /// Its readable text: XML or JSON.
    pub text: String,
    /// What was answered, before it was ciphered; empty = nothing (`success`),
    /// `null` = not known yet.
    pub reply: Option<String>,
    /// How often WeChat repeated it.
    pub repeats: u32,
}

/// Where a forwarding to one of the owner's programs stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Forward {
    /// Where it goes.
    pub url: String,
    /// Tries so far.
    pub attempts: u32,
    /// When it is tried next; `null` = it is over.
    pub due_at: Option<Timestamp>,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// How the bytes of a body are written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyEncoding {
    /// As they are.
    Utf8,
    /// In base64: they are no UTF-8.
    Base64,
}

/// A callback with its body and where it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallbackDetail {
    /// What is listed of it.
    #[serde(flatten)]
    pub callback: Callback,
    /// The `Content-Type` it came with.
    pub content_type: Option<String>,
    /// The body as WeChat sent it.
    pub body: String,
    /// How the body is written here.
    pub body_encoding: BodyEncoding,
    /// Where it was forwarded to.
    pub forwards: Vec<Forward>,
}

/// What to search callbacks for. Everything left out fits all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CallbackFilter {
    /// Only from this person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openid: Option<String>,
    /// Only this `MsgType`, such as `text` or `event`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msg_type: Option<String>,
    /// Only this `Event`, such as `subscribe`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Came at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_after: Option<Timestamp>,
    /// Came before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_before: Option<Timestamp>,
}

/// Where to send a callback once more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayCallback {
    /// One of the account's backends; left out = all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Where a callback is sent once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// The backends it goes to now.
    pub queued: Vec<String>,
}
