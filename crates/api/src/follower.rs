use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a sync of followers is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncPhase {
    /// The openids are being listed.
    Listing,
    /// Details of those who have none are being asked for.
    Describing,
    /// It is over.
    Over,
}

/// How far a sync of an account's followers has come. It survives a restart of the
/// gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FollowerSync {
    /// Which sync of the account it is, from 1 on.
    pub run: i64,
    /// What it is at.
    pub phase: SyncPhase,
    /// How many followers WeChat counts.
    #[schema(example = 1_000_000)]
    pub total: u64,
    /// How many of them were listed.
    #[schema(example = 420_000)]
    pub listed: u64,
    /// How many were found not to follow any more.
    pub gone: u64,
    /// Of how many the details were had.
    pub detailed: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// Why it rests or ended early.
    pub problem: Option<String>,
}

/// What is to be changed of a person at an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeContact {
    /// The account's own note about them, kept by WeChat; at most 29 bytes. Empty =
    /// none.
    #[schema(example = "老客户")]
    pub remark: String,
}
