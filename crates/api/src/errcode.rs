use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a WeChat errcode means and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diagnosis {
    /// What it means, in English.
    pub meaning: String,
    /// What it means, in Chinese.
    pub meaning_zh: String,
    /// What to do, in English.
    pub fix: String,
    /// What to do, in Chinese.
    pub fix_zh: String,
    /// Whether sending again can help: `never`, `refresh_token`, `backoff`,
    /// `quota_reset`, `fix_input` or `fix_account`.
    #[schema(example = "fix_input")]
    pub retry: String,
}

/// One line of the catalogue of WeChat's errcodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Errcode {
    /// The code.
    #[schema(example = 47003)]
    pub code: i64,
    /// WeChat's words for it; empty where none are published.
    pub errmsg: String,
    /// What it means and what to do.
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
}
