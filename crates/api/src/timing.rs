//! When and how often an account may disturb people.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happens to a message that would go out in quiet hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuietAction {
    /// It waits for their end.
    #[default]
    Defer,
    /// It is not sent at all: `failed`, withheld for `quiet_hours`.
    Drop,
}

/// Hours of the day in which an account disturbs nobody. Messages of high priority
/// go out all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// When they begin, by the clock on the wall.
    #[schema(example = "22:00")]
    pub from: String,
    /// When they end; before `from` = on the day after.
    #[schema(example = "08:00")]
    pub to: String,
    /// Which wall: an IANA name.
    #[schema(example = "Asia/Shanghai")]
    pub time_zone: String,
    /// What happens to messages in them; `defer` when left out.
    #[serde(default)]
    pub action: QuietAction,
}

/// How often one person may get messages of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FrequencyCap {
    /// Only messages of this template are counted; left out = each template by
    /// itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// So many at most, from 1 on.
    #[schema(example = 3)]
    pub at_most: u32,
    /// In so many seconds back, from 1 to 2,678,400 (31 days).
    #[schema(example = 86400)]
    pub within_seconds: u32,
}
