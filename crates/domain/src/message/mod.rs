//! A message: one request to tell one recipient one thing.

mod card;
pub mod check;
mod content;
mod handling;
mod state;

pub use card::{Card, Opens, card};
pub use content::{
    Content, CustomerServiceContent, Data, Language, MiniProgramLink, MiniProgramState,
    NotificationContent, OneTimeContent, SubscribeContent, TemplateContent, Value,
};
pub use handling::{Handling, LeftRoute, Route, WhyLeft};
pub use state::{State, Status};

use std::fmt;

use hongyan_wechat::OpenId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, BroadcastId, KeyId, MessageId};
use crate::trace::TraceContext;

/// The kind of a message, in WeChat's words where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Official account, `message/template/send` (模板消息).
    Template,
    /// Mini program, `message/subscribe/send` (订阅消息).
    Subscribe,
    /// Official account, `message/subscribe/bizsend` (订阅通知).
    Notification,
    /// Official account, `message/template/subscribe` (一次性订阅消息).
    OneTime,
    /// Either, `message/custom/send` (客服消息).
    CustomerService,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Template,
        Self::Subscribe,
        Self::Notification,
        Self::OneTime,
        Self::CustomerService,
    ];

    /// The kind's name in API, CLI and storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::Subscribe => "subscribe",
            Self::Notification => "notification",
            Self::OneTime => "one_time",
            Self::CustomerService => "customer_service",
        }
    }

    /// Whether messages fill one of the templates WeChat lists for the account.
    /// The one template of `one_time` is in no list, `customer_service` has none.
    #[must_use]
    pub fn fills_listed_template(self) -> bool {
        matches!(self, Self::Template | Self::Subscribe | Self::Notification)
    }

    /// Whether WeChat tells later what became of an accepted message
    /// (`TEMPLATESENDJOBFINISH`, `subscribe_msg_sent_event`).
    #[must_use]
    pub fn has_receipt(self) -> bool {
        self.fills_listed_template()
    }

    /// Whether WeChat drops a repeat that carries the same `client_msg_id`
    /// within [`crate::retry::DEDUPLICATION_WINDOW`].
    #[must_use]
    pub fn is_deduplicated(self) -> bool {
        match self {
            Self::Template => true,
            Self::Subscribe | Self::Notification | Self::OneTime | Self::CustomerService => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which of an account's due messages goes first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
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

impl Priority {
    /// All, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// The number storage orders by: smaller goes first.
    #[must_use]
    pub fn band(self) -> u8 {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }

    /// The priority of a stored number.
    #[must_use]
    pub fn from_band(band: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.band() == band)
    }

    /// The name in API and CLI.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// What to do when nobody can say whether a send took effect and WeChat has no
/// means to drop a repeat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Leave the message `unknown`: rather not told than told twice.
    #[default]
    Keep,
    /// Send again: rather told twice than not told.
    Resend,
}

/// A message as it was accepted. What happened to it is in [`crate::delivery`];
/// of itself only the way it goes changes, where it was given more than one
/// ([`Handling::fallback`]): account, recipient and content are those of the way it
/// is on.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its id with us, and WeChat's `client_msg_id`.
    pub id: MessageId,
    /// The account that sends it.
    pub account: AccountId,
    /// The recipient at that account.
    pub to: OpenId,
    /// What is said, by kind.
    pub content: Content,
    /// Who goes first.
    pub priority: Priority,
    /// What to do when the outcome cannot be known.
    pub on_unknown: OnUnknown,
    /// Not before this.
    pub send_at: Option<Timestamp>,
    /// Not after this.
    pub expires_at: Option<Timestamp>,
    /// The caller's own word for it, to search by; at most 128 characters.
    pub reference: Option<String>,
    /// The caller's own JSON object, returned unchanged; JSON text.
    pub metadata: Option<String>,
    /// When we took it.
    pub created_at: Timestamp,
    /// The API key it came with.
    pub created_by: Option<KeyId>,
    /// The span under which it was accepted, where that was recorded: its sending
    /// continues the trace, whichever node sends it and when.
    pub trace_context: Option<TraceContext>,
    /// The broadcast it is part of.
    pub broadcast: Option<BroadcastId>,
    /// What was asked of its handling beyond the usual; absent for most.
    pub handling: Option<Box<Handling>>,
}

impl Message {
    /// When the message may first be sent.
    #[must_use]
    pub fn first_due_at(&self) -> Timestamp {
        let deferred_until = self.handling.as_ref().and_then(|h| h.deferred_until);
        [self.send_at, deferred_until]
            .into_iter()
            .flatten()
            .fold(self.created_at, Timestamp::max)
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.content.kind()
    }

    /// Whether the message must no longer be sent at `now`.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// `client_msg_id`: 32 letters and digits, inside every length that WeChat
    /// has been seen to accept (the limit is not published).
    #[must_use]
    pub fn client_msg_id(&self) -> String {
        self.id.digits()
    }
}
