//! The state machine of a message, and the finer words people see.
//!
//! ```text
//!            ┌────────────── retry (by hand) ──────────────┐
//!            ▼                                              │
//!   open ──► accepted ──► delivered | undelivered ──────────┤
//!     ├────► failed ────────────────────────────────────────┤
//!     ├────► unknown ──► delivered | undelivered ───────────┘
//!     ├────► expired
//!     └────► canceled
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What storage keeps. See the picture in the module's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Still to be sent, or being sent.
    Open,
    /// WeChat took it; whether it arrived is not known yet.
    Accepted,
    /// WeChat said that it arrived.
    Delivered,
    /// WeChat said that it did not arrive.
    Undelivered,
    /// WeChat refused it, or we gave up; it did not go out.
    Failed,
    /// It may or may not have gone out, and a repeat is not safe.
    Unknown,
    /// Its time was over before it could be sent.
    Expired,
    /// Taken back before it was sent.
    Canceled,
}

impl State {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Accepted,
        Self::Delivered,
        Self::Undelivered,
        Self::Failed,
        Self::Unknown,
        Self::Expired,
        Self::Canceled,
    ];

    /// The name in metrics; those of a message that is over are also its
    /// [`Status`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }

    /// The number storage keeps. Numbers are never used again for another
    /// state.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Accepted => 1,
            Self::Delivered => 2,
            Self::Undelivered => 3,
            Self::Failed => 4,
            Self::Unknown => 5,
            Self::Expired => 6,
            Self::Canceled => 7,
        }
    }

    /// The state of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Whether a message in this state may go to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Open => matches!(
                next,
                Self::Accepted | Self::Failed | Self::Unknown | Self::Expired | Self::Canceled
            ),
            Self::Accepted => matches!(next, Self::Delivered | Self::Undelivered),
            Self::Unknown => matches!(next, Self::Delivered | Self::Undelivered | Self::Open),
            Self::Failed | Self::Undelivered => next == Self::Open,
            Self::Delivered | Self::Expired | Self::Canceled => false,
        }
    }

    /// Whether a person may ask for another try.
    #[must_use]
    pub fn may_be_retried(self) -> bool {
        self.may_become(Self::Open)
    }
}

/// The words people and programs see. The first four are views of
/// [`State::Open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// See [`State::Accepted`].
    Accepted,
    /// See [`State::Delivered`].
    Delivered,
    /// See [`State::Undelivered`].
    Undelivered,
    /// See [`State::Failed`].
    Failed,
    /// See [`State::Unknown`].
    Unknown,
    /// See [`State::Expired`].
    Expired,
    /// See [`State::Canceled`].
    Canceled,
}

impl Status {
    /// All, in the order of a message's life.
    pub const ALL: [Self; 11] = [
        Self::Scheduled,
        Self::Queued,
        Self::Sending,
        Self::Retrying,
        Self::Accepted,
        Self::Delivered,
        Self::Undelivered,
        Self::Failed,
        Self::Unknown,
        Self::Expired,
        Self::Canceled,
    ];

    /// The name in API and CLI.
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

    /// The state this is a view of.
    #[must_use]
    pub fn state(self) -> State {
        match self {
            Self::Scheduled | Self::Queued | Self::Sending | Self::Retrying => State::Open,
            Self::Accepted => State::Accepted,
            Self::Delivered => State::Delivered,
            Self::Undelivered => State::Undelivered,
            Self::Failed => State::Failed,
            Self::Unknown => State::Unknown,
            Self::Expired => State::Expired,
            Self::Canceled => State::Canceled,
        }
    }

    /// Whether the outcome of the sending is known, so that a waiting caller can
    /// be answered.
    #[must_use]
    pub fn is_settled(self) -> bool {
        self.state() != State::Open
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A status' name was not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a status; use scheduled, queued, sending, retrying, accepted, delivered, undelivered, failed, unknown, expired or canceled"
)]
pub struct StatusError(String);

impl FromStr for Status {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Self, StatusError> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| StatusError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_numbers_read_back() {
        for state in State::ALL {
            assert_eq!(State::from_code(state.code()), Some(state));
        }
        assert_eq!(State::from_code(200), None);
    }

    #[test]
    fn what_went_out_or_was_taken_back_is_never_sent_again() {
        for end in [
            State::Accepted,
            State::Delivered,
            State::Expired,
            State::Canceled,
        ] {
            assert!(!end.may_be_retried(), "{end:?}");
        }
        for again in [State::Failed, State::Unknown, State::Undelivered] {
            assert!(again.may_be_retried(), "{again:?}");
        }
    }

    #[test]
    fn names_read_back() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse::<Status>().unwrap(), status);
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
