//! What accounts may still do today, and how they fare.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::account::{AccountKind, Health, TokenRefreshes};
use crate::message::Priority;

/// How long an allowance lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Forecast {
    /// When it is used up if it goes on as in the last minute; `null` = not today, or
    /// not known.
    pub exhausted_at: Option<Timestamp>,
    /// Whether what is left is enough for all open messages of the account; `null` of
    /// APIs that send no messages, and where it is not known.
    pub enough_for_queue: Option<bool>,
}

/// One of WeChat's APIs today: each has an allowance of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quota {
    /// The API.
    #[schema(example = "/cgi-bin/message/template/send")]
    pub path: String,
    /// Calls a day; `null` until WeChat was asked.
    #[schema(example = 100_000)]
    pub limit: Option<u64>,
    /// Calls made today, by everybody who holds the account's token: what WeChat said
    /// last, and ours since.
    #[schema(example = 2042)]
    pub used: u64,
    /// Calls left today; `null` until WeChat was asked.
    #[schema(example = 97_958)]
    pub left: Option<u64>,
    /// Our own calls today, of all nodes.
    #[schema(example = 1970)]
    pub ours: u64,
    /// When WeChat was last asked.
    pub synced_at: Option<Timestamp>,
    /// Calls of this node in the last minute.
    #[schema(example = 120)]
    pub per_minute: u64,
    /// How long it lasts.
    pub forecast: Forecast,
}

/// How often the allowances were cleared this month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Clearings {
    /// By us. The button in WeChat's console counts at WeChat, too.
    pub used_this_month: u32,
    /// How often WeChat does it in a month.
    #[schema(example = 10)]
    pub allowance: u32,
}

/// What an account may still do today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountQuota {
    /// The account.
    pub account: String,
    /// When the day turns: midnight in Beijing.
    pub resets_at: Timestamp,
    /// The APIs used or asked about today, by path.
    pub quotas: Vec<Quota>,
    /// How often they were cleared.
    pub clearings: Clearings,
}

/// A wish to have today's counts of all APIs set to zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearQuota {
    /// Must be `true`: it takes one of the month's ten clearings.
    pub confirm: bool,
}

/// The open messages of one priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueDepth {
    /// The priority.
    pub priority: Priority,
    /// How many, scheduled ones and those being sent included.
    pub open: u64,
    /// When the oldest of them became due, or becomes.
    pub oldest_due_at: Option<Timestamp>,
}

/// How one account fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccountStats {
    /// The account.
    pub account: String,
    /// What it is at WeChat.
    pub kind: AccountKind,
    /// How it fares, and why.
    pub health: Health,
    /// Its open messages; priorities without any are left out.
    pub queue: Vec<QueueDepth>,
    /// Sends under way on this node.
    pub in_flight: u64,
    /// The part of its speed it goes at on this node: 1, and down to 1/64 while WeChat
    /// finds it too fast or is in trouble.
    #[schema(example = 1.0)]
    pub pace: f64,
    /// Sends of this node in the last minute.
    pub sends_per_minute: u64,
    /// What it may still do today.
    pub quotas: Vec<Quota>,
    /// How often its allowances were cleared.
    pub clearings: Clearings,
    /// How often its token was asked for today (Beijing).
    pub token_refreshes: TokenRefreshes,
}

/// How the accounts fare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// Now.
    pub at: Timestamp,
    /// When the queue was looked at: ten seconds ago at most, with a very full queue
    /// longer.
    pub queue_at: Timestamp,
    /// When the allowances start again: midnight in Beijing.
    pub resets_at: Timestamp,
    /// The accounts the caller may see, by name.
    pub accounts: Vec<AccountStats>,
}
