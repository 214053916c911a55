//! Webhooks: we tell the owner's programs what happens.
//!
//! What is to be told is written down with the change it tells of, in one step, for
//! every endpoint that wants it. Nothing is told that did not happen; what happened
//! is told at least once, mostly in order, and under the same id with every try.

mod event;
mod secret;

pub use event::{EventType, EventTypeError, GrantChange, Subject};
pub use secret::{SECRET_BYTES, WebhookSecret};

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, WebhookDeliveryId, WebhookId};

/// Endpoints there can be: each is looked at with every change.
pub const MOST_WEBHOOKS: usize = 100;

/// Why nothing is told to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyDisabled {
    /// Somebody wished so.
    ByHand,
    /// It answered with status 410: it wants nothing any more.
    Gone,
    /// It took nothing for days.
    Failing,
}

impl WhyDisabled {
    /// All.
    pub const ALL: [Self; 3] = [Self::ByHand, Self::Gone, Self::Failing];

    /// The name in our API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ByHand => "by_hand",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// The number storage keeps. Numbers are never used again for something else.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::ByHand => 1,
            Self::Gone => 2,
            Self::Failing => 3,
        }
    }

    /// The value of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.code() == code)
    }
}

impl fmt::Display for WhyDisabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Since when and why nothing is told to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disabled {
    /// Why.
    pub why: WhyDisabled,
    /// Since when.
    pub at: Timestamp,
}

/// A secret that was replaced and still counts: what is posted is signed with both.
#[derive(Debug, Clone)]
pub struct FormerSecret {
    /// The secret.
    pub secret: WebhookSecret,
    /// Until when.
    pub ends_at: Timestamp,
}

/// An endpoint: a program of the owner's that is told what happens.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where things are posted to.
    pub url: String,
    /// What people wrote about it; empty = nothing.
    pub description: String,
    /// It is told of these accounts only; empty = of all. An account that was removed
    /// stays in here, so that the last one to go does not turn it into all.
    pub accounts: Vec<AccountId>,
    /// It is told these types only; empty = all, future ones included.
    pub events: Vec<EventType>,
    /// Absent = it is told what happens.
    pub disabled: Option<Disabled>,
    /// What is posted is signed with this.
    pub secret: WebhookSecret,
    /// The one before, where it was replaced; it may have ended since.
    pub former_secret: Option<FormerSecret>,
    /// Since when every try failed; absent = the last one did not.
    pub failing_since: Option<Timestamp>,
    /// Nothing is posted before that, because it asked for a rest.
    pub rests_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody changed it last.
    pub updated_at: Timestamp,
}

impl Webhook {
    /// The secrets that count at `now`, the newest first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        let former = self
            .former_secret
            .as_ref()
            .filter(|former| former.ends_at > now)
            .map(|former| &former.secret);
        std::iter::once(&self.secret).chain(former)
    }
}

/// What is to become of an endpoint; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// See [`Webhook::url`].
    pub url: Option<String>,
    /// See [`Webhook::description`].
    pub description: Option<String>,
    /// See [`Webhook::accounts`].
    pub accounts: Option<Vec<AccountId>>,
    /// See [`Webhook::events`].
    pub events: Option<Vec<EventType>>,
    /// Whether it is told what happens. Turning it on again forgets its failures and
    /// its rest; what waited for it goes out.
    pub enabled: Option<bool>,
}

/// How a try to tell something ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u32,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong, without secrets; absent = it was taken.
    pub error: Option<String>,
}

/// One thing to tell to one endpoint, and how far that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// The endpoint.
    pub webhook: WebhookId,
    /// The account it happened at; absent for a ping.
    pub account: Option<AccountId>,
    /// What happened.
    pub event: EventType,
    /// To what.
    pub subject: Subject,
    /// When it happened.
    pub at: Timestamp,
    /// Tries since it was written down, or was last asked for by hand.
    pub attempts: u32,
    /// When it is tried next; absent = it is over.
    pub due_at: Option<Timestamp>,
    /// The last try.
    pub last: Option<Tried>,
}

/// Where a [`WebhookDelivery`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookDeliveryState {
    /// It is tried now or later.
    Pending,
    /// It was taken.
    Delivered,
    /// It was given up.
    Failed,
}

impl WebhookDeliveryState {
    /// The name in our API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl WebhookDelivery {
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> WebhookDeliveryState {
        match (&self.due_at, &self.last) {
            (None, Some(Tried { error: None, .. })) => WebhookDeliveryState::Delivered,
            (None, _) => WebhookDeliveryState::Failed,
            (Some(_), _) => WebhookDeliveryState::Pending,
        }
    }
}

/// A [`WebhookDelivery`] that somebody holds to post it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// What to tell.
    pub delivery: WebhookDelivery,
    /// Grows with every claim; who claimed earlier no longer counts.
    pub lease_token: i64,
}

/// What follows from a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// How it ended.
    pub tried: Tried,
    /// When it is tried again; absent = it is over.
    pub again_at: Option<Timestamp>,
    /// Until when the endpoint asks to be left alone, where it does.
    pub rests_until: Option<Timestamp>,
    /// Why nothing more is to be told to the endpoint, where that is so. What waits for
    /// it goes on waiting.
    pub disable: Option<WhyDisabled>,
}

/// What to search an endpoint's deliveries for. Empty = everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebhookDeliveryFilter {
    /// Only in this state.
    pub state: Option<WebhookDeliveryState>,
    /// Only of this type.
    pub event: Option<EventType>,
}

/// What waits for an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookDepth {
    /// The endpoint.
    pub webhook: WebhookId,
    /// Deliveries that are not over.
    pub pending: u64,
    /// When the first of them is (or was) due.
    pub oldest_due_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::after;

    #[test]
    fn a_former_secret_counts_until_its_end() {
        let now: Timestamp = "2026-11-21T18:00:00Z".parse().unwrap();
        let webhook = Webhook {
            id: WebhookId::new(now, [0; 10]),
            url: "https://shop.example/hook".to_owned(),
            description: String::new(),
            accounts: Vec::new(),
            events: Vec::new(),
            disabled: None,
            secret: WebhookSecret::new([1; SECRET_BYTES]),
            former_secret: Some(FormerSecret {
                secret: WebhookSecret::new([2; SECRET_BYTES]),
                ends_at: after(now, Duration::from_secs(60)),
            }),
            failing_since: None,
            rests_until: None,
            created_at: now,
            updated_at: now,
        };
        let keys = |at| -> Vec<u8> { webhook.secrets(at).map(|one| one.key()[0]).collect() };
        assert_eq!(keys(now), [1, 2]);
        assert_eq!(keys(after(now, Duration::from_secs(60))), [1]);
    }

    #[test]
    fn reasons_read_back() {
        for why in WhyDisabled::ALL {
            assert_eq!(WhyDisabled::from_code(why.code()), Some(why));
        }
    }
}
