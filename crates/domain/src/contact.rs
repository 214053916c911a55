//! People as we know them: an openid at an account, a unionid over linked
//! accounts, and the caller's own user ids bound to either.

use std::fmt;
use std::str::FromStr;

use hongyan_wechat::{OpenId, UnionId};
use jiff::Timestamp;
use serde::Serialize;

use crate::ids::AccountId;

/// Whether a person follows an official account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Follow {
    /// Nobody told us; mini programs are not followed at all.
    #[default]
    Unknown,
    /// Follows.
    Following,
    /// Has stopped following.
    Unfollowed,
}

impl Follow {
    /// All.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Following, Self::Unfollowed];

    /// The name in our API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Following => "following",
            Self::Unfollowed => "unfollowed",
        }
    }

    /// The number storage keeps.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Following => 1,
            Self::Unfollowed => 2,
        }
    }

    /// The value of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }
}

/// A person at one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The account.
    pub account: AccountId,
    /// Their id there.
    pub openid: OpenId,
    /// Their id over the accounts of one open-platform account, once known.
    pub unionid: Option<UnionId>,
    /// Whether they follow.
    pub follow: Follow,
    /// When they last began to follow.
    pub followed_at: Option<Timestamp>,
    /// When they last stopped.
    pub unfollowed_at: Option<Timestamp>,
    /// The scene of the code by which they came, if one told.
    pub scene: Option<String>,
    /// When they last did something that we were told of.
    pub seen_at: Timestamp,
    /// When we first heard of them.
    pub created_at: Timestamp,
}

/// What an event or a login tells about a person. What is absent says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Their id at the account.
    pub openid: OpenId,
    /// Their id over linked accounts.
    pub unionid: Option<UnionId>,
    /// What became of following. An older word does not undo a newer one.
    pub follow: Option<Follow>,
    /// The scene of the code by which they came.
    pub scene: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Sighting {
    /// Somebody did something.
    #[must_use]
    pub fn of(openid: OpenId, at: Timestamp) -> Self {
        Self {
            openid,
            unionid: None,
            follow: None,
            scene: None,
            at,
        }
    }
}

/// A person as the caller's own system names them: 1 to 128 characters, none of
/// them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct UserId(String);

/// A text was no [`UserId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a user id is 1 to 128 characters without control characters")]
pub struct UserIdError;

impl UserId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserId {
    type Err = UserIdError;

    fn from_str(text: &str) -> Result<Self, UserIdError> {
        let fits = (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(UserIdError)
        }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A caller's user with everything bound to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The caller's id.
    pub id: UserId,
    /// The person over linked accounts, if bound.
    pub unionid: Option<UnionId>,
    /// The person at single accounts, at most one openid each. An openid belongs
    /// to one user at most.
    pub openids: Vec<(AccountId, OpenId)>,
    /// When the user was first bound.
    pub created_at: Timestamp,
    /// When something last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_are_what_a_callers_system_may_have() {
        for good in ["42", "user@example.com", "张三", &"x".repeat(128)] {
            assert!(good.parse::<UserId>().is_ok(), "{good}");
        }
        for bad in ["", "a\nb", &"x".repeat(129)] {
            assert!(bad.parse::<UserId>().is_err(), "{bad:?}");
        }
    }
}
