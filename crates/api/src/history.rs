use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which stretch of history.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only this account, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// From this time on; a day before `to` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// To before this time; now when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// How many minutes are added up, 1 to 1440; chosen for at most 100 steps when left
    /// out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_minutes: Option<u32>,
}

/// What happened in one step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Happenings {
    /// Messages taken in.
    pub taken_in: u64,
    /// Messages WeChat accepted.
    pub accepted: u64,
    /// Messages WeChat said to have arrived.
    pub delivered: u64,
    /// Messages WeChat said not to have arrived.
    pub undelivered: u64,
    /// Messages that failed.
    pub failed: u64,
    /// Messages that ended as unknown, expired or canceled.
    pub dropped: u64,
    /// Attempts WeChat refused, by errcode; `0` = codes that are in no catalogue.
    pub refused: BTreeMap<i64, u64>,
    /// Callbacks.
    pub callbacks: u64,
    /// Access tokens had from WeChat.
    pub token_renewals: u64,
    /// Access tokens made useless by another program.
    pub token_disturbances: u64,
}

/// One step of history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryStep {
    /// When it begins.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub happened: Happenings,
}

/// What happened. Steps in which nothing did are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// From this time on.
    pub from: Timestamp,
    /// To before this time.
    pub to: Timestamp,
    /// How long each step is.
    pub step_minutes: u32,
    /// The steps, by time.
    pub items: Vec<HistoryStep>,
}

/// An event of the stream: what happened since the one before, by account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// By account; those of which nothing happened are left out.
    pub accounts: BTreeMap<String, Happenings>,
}
