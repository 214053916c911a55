//! The customer-service windows of a person (客服消息): after they did something, so
//! many messages may be sent to them for so long.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Hold, Withheld};
use crate::clock::after;

/// What opened a customer-service window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowCause {
    /// The person sent a message: 5 messages in 48 hours.
    Message,
    /// The person tapped a menu item of type click, scancode_push or
    /// scancode_waitmsg: 3 in a minute (official accounts).
    MenuTap,
    /// The person followed: 3 in a minute (official accounts).
    Follow,
    /// The person scanned a code of the account: 3 in a minute (official
    /// accounts).
    Scan,
    /// The person opened the customer-service chat: 2 in a minute (mini
    /// programs).
    Enter,
}

impl WindowCause {
    /// All.
    pub const ALL: [Self; 5] = [
        Self::Message,
        Self::MenuTap,
        Self::Follow,
        Self::Scan,
        Self::Enter,
    ];

    /// How many messages it allows and for how long (客服消息, 下发条数和时限).
    #[must_use]
    pub fn allowance(self) -> (u32, Duration) {
        match self {
            Self::Message => (5, Duration::from_secs(48 * 60 * 60)),
            Self::MenuTap | Self::Follow | Self::Scan => (3, Duration::from_secs(60)),
            Self::Enter => (2, Duration::from_secs(60)),
        }
    }

    /// The number storage keeps.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Message => 0,
            Self::MenuTap => 1,
            Self::Follow => 2,
            Self::Scan => 3,
            Self::Enter => 4,
        }
    }

    /// The cause of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.code() == code)
    }
}

/// A customer-service window of a person at an account: one for each cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// What opened it.
    pub cause: WindowCause,
    /// When.
    pub opened_at: Timestamp,
    /// Messages it allows from then on.
    pub allowed: u32,
    /// Messages sent in it.
    pub used: u32,
    /// Until when.
    pub closes_at: Timestamp,
}

impl Window {
    /// The window that opens now.
    #[must_use]
    pub fn open(cause: WindowCause, at: Timestamp) -> Self {
        let (allowed, span) = cause.allowance();
        Self {
            cause,
            opened_at: at,
            allowed,
            used: 0,
            closes_at: after(at, span),
        }
    }

    /// Messages it still allows at `now`.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> u32 {
        if now < self.closes_at {
            self.allowed.saturating_sub(self.used)
        } else {
            0
        }
    }
}

/// Whether a customer-service message may go, by the windows known of its
/// recipient. Where none was ever seen only WeChat can say.
#[must_use]
pub fn window_clearance(windows: &[Window], now: Timestamp) -> Hold {
    if windows.is_empty() || windows.iter().any(|window| window.left(now) > 0) {
        return Hold::Free;
    }
    Hold::Withheld(if windows.iter().any(|window| now < window.closes_at) {
        Withheld::WindowUsedUp
    } else {
        Withheld::WindowClosed
    })
}

/// What a customer-service send did to the windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowUse {
    /// WeChat took the message.
    Spent,
    /// WeChat says that none is open (45015).
    Closed,
    /// WeChat says that the number is used up (45047).
    UsedUp,
}

/// Takes in what became of a send: spends of the window that closes first among
/// those with room.
pub fn use_windows(windows: &mut [Window], outcome: WindowUse, now: Timestamp) {
    match outcome {
        WindowUse::Spent => {
            let next = windows
                .iter_mut()
                .filter(|window| window.left(now) > 0)
                .min_by_key(|window| window.closes_at);
            if let Some(window) = next {
                window.used += 1;
            }
        }
        WindowUse::Closed => {
            for window in windows {
                window.closes_at = window.closes_at.min(now);
            }
        }
        WindowUse::UsedUp => {
            for window in windows {
                window.used = window.allowed;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    #[test]
    fn the_window_that_closes_first_is_spent_first() {
        let mut windows = [
            Window::open(WindowCause::Message, at(0)),
            Window::open(WindowCause::MenuTap, at(0)),
        ];
        for _ in 0..4 {
            assert_eq!(window_clearance(&windows, at(1)), Hold::Free);
            use_windows(&mut windows, WindowUse::Spent, at(1));
        }
        assert_eq!((windows[0].used, windows[1].used), (1, 3));
        for _ in 0..4 {
            use_windows(&mut windows, WindowUse::Spent, at(2));
        }
        assert_eq!(
            window_clearance(&windows, at(3)),
            Hold::Withheld(Withheld::WindowUsedUp)
        );
        assert_eq!(
            window_clearance(&windows, at(200_000)),
            Hold::Withheld(Withheld::WindowClosed)
        );
        assert_eq!(window_clearance(&[], at(0)), Hold::Free);
    }
}
