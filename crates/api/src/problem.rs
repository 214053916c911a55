use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::errcode::Diagnosis;

/// Why a request was not done, as `application/problem+json` (RFC 9457).
/// Programs decide by `code`, which is stable; texts may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Where the code is explained, relative to the gateway.
    #[serde(rename = "type")]
    #[schema(example = "/docs/errors#validation_failed")]
    pub type_: String,
    /// The code in a few words.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What is wrong with this request and what to do.
    pub detail: String,
    /// The same in Chinese; where only the English names what this request is about,
    /// what the code means.
    #[serde(default)]
    pub detail_zh: String,
    /// The stable name of the problem.
    #[schema(example = "validation_failed")]
    pub code: String,
    /// Every rule the request breaks, each with its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// WeChat's code, where WeChat is the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i64>,
    /// WeChat's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errmsg: Option<String>,
    /// WeChat's request id, by which its support finds the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// What the errcode means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
}

/// A rule that a request breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Violation {
    /// The place: a JSON pointer (RFC 6901) into the body, or `?name` for a
    /// query parameter.
    #[schema(example = "/data/thing1/value")]
    pub pointer: String,
    /// The rule: a stable word.
    #[schema(example = "too_long")]
    pub rule: String,
    /// What is wrong and what to do, in English.
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
}
