//! What happened, counted by the minute: for the curves people look at.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::AccountId;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// Messages were taken in.
    TakenIn,
    /// WeChat accepted messages.
    Accepted,
    /// WeChat said that they arrived.
    Delivered,
    /// WeChat said that they did not arrive.
    Undelivered,
    /// Messages failed.
    Failed,
    /// Messages ended as unknown, expired or canceled.
    Dropped,
    /// WeChat answered attempts with a code; the code says which.
    Refused,
    /// Callbacks came.
    CalledBack,
    /// Tokens were had from WeChat.
    TokenRenewed,
    /// Tokens were made useless by somebody else.
    TokenDisturbed,
}

impl Happening {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::TakenIn,
        Self::Accepted,
        Self::Delivered,
        Self::Undelivered,
        Self::Failed,
        Self::Dropped,
        Self::Refused,
        Self::CalledBack,
        Self::TokenRenewed,
        Self::TokenDisturbed,
    ];

    /// The name in our API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TakenIn => "taken_in",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::Refused => "refused",
            Self::CalledBack => "called_back",
            Self::TokenRenewed => "token_renewed",
            Self::TokenDisturbed => "token_disturbed",
        }
    }

    /// The number storage keeps. Numbers are never used again for something else.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The value of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }
}

/// A count of one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The account.
    pub account: AccountId,
    /// The beginning of its minute (or hour, where minutes were added up).
    pub at: Timestamp,
    /// What.
    pub what: Happening,
    /// For [`Happening::Refused`]: WeChat's code; else 0.
    pub errcode: i64,
    /// How often.
    pub times: u64,
}
