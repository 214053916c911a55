//! The words that requests and answers share.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Official account: template message (模板消息).
    Template,
    /// Mini program: subscribe message (订阅消息).
    Subscribe,
    /// Official account: subscription notice (订阅通知).
    Notification,
    /// Official account: one-time subscription (一次性订阅).
    OneTime,
    /// Customer-service message (客服消息), of either kind of account.
    CustomerService,
}

/// Which of an account's due messages goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before everything else.
    High,
    /// The usual.
    #[default]
    Normal,
    /// After everything else.
    Low,
}

/// What to do with a value that is too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// Say so.
    #[default]
    Reject,
    /// Cut it and end it with `…` where the rest still says the truth: slots of the types
    /// `thing` and `short_thing`, title and text of `one_time`, the text of
    /// `customer_service`. Never ids, numbers, names, links.
    Truncate,
}

/// What to do when nobody can say whether a send took effect and a repeat could
/// tell the person twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Leave the message `unknown`: rather not told than told twice.
    #[default]
    Keep,
    /// Send again: rather told twice than not told.
    Resend,
}

/// Which version of the mini program a card opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MiniProgramState {
    /// 开发版.
    Developer,
    /// 体验版.
    Trial,
    /// 正式版, WeChat's default.
    Formal,
}

/// The language of the mini program a card opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Language {
    /// Simplified Chinese, WeChat's default.
    #[serde(rename = "zh_CN")]
    ZhCn,
    /// English.
    #[serde(rename = "en_US")]
    EnUs,
    /// Traditional Chinese, Hong Kong.
    #[serde(rename = "zh_HK")]
    ZhHk,
    /// Traditional Chinese, Taiwan.
    #[serde(rename = "zh_TW")]
    ZhTw,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for its `send_at`.
    Scheduled,
    /// Waits for its turn.
    Queued,
    /// Is with WeChat at this moment.
    Sending,
    /// Failed at least once and waits for the next attempt.
    Retrying,
    /// WeChat took it; whether it arrived is not known yet.
    Accepted,
    /// WeChat said that it arrived.
    Delivered,
    /// WeChat said that it did not arrive.
    Undelivered,
    /// WeChat refused it, or we gave up.
    Failed,
    /// It may or may not have gone out, and a repeat is not safe.
    Unknown,
    /// Its time was over before it could be sent.
    Expired,
    /// Taken back before it was sent.
    Canceled,
}

impl Status {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Retrying => "retrying",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
