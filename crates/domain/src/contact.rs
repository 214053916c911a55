//! People as we know them: an openid at an account, a unionid over linked
//! accounts, and the caller's own user ids bound to either.

use std::fmt;
use std::str::FromStr;

use hongyan_wechat::{OpenId, UnionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// What WeChat tells of followers, where it was asked.
    pub details: Option<ContactDetails>,
}

/// What WeChat tells of a follower (获取用户基本信息); names and pictures are no longer
/// among it. Storage keeps it as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactDetails {
    /// The account's own note about them (备注), at most 30 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remark: String,
    /// WeChat's numbers of their tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<i64>,
    /// How they began to follow, such as `ADD_SCENE_QR_CODE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribe_scene: Option<String>,
    /// The scene of the code they came by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr_scene: Option<String>,
    /// The language of their WeChat, such as `zh_CN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// What asking WeChat about somebody brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Who.
    pub openid: OpenId,
    /// Whether they follow; of those who do not, nothing else is told.
    pub follow: Follow,
    /// Since when they follow.
    pub followed_at: Option<Timestamp>,
    /// Over linked accounts.
    pub unionid: Option<UnionId>,
    /// The rest; absent for those who do not follow.
    pub details: Option<ContactDetails>,
}

/// How far a sync of an account's followers has come. It survives a restart: who
/// finds one unfinished goes on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowerSync {
    /// Which sync of the account it is, from 1 on.
    pub run: i64,
    /// What it is at.
    pub phase: SyncPhase,
    /// The last openid that is done in this phase; absent at its beginning.
    pub cursor: Option<OpenId>,
    /// How many followers WeChat counts.
    pub total: u64,
    /// How many of them were listed.
    pub listed: u64,
    /// How many were found not to follow any more.
    pub gone: u64,
    /// Of how many the details were had.
    pub detailed: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// Why it rests or ended early, for people.
    pub problem: Option<String>,
}

/// What a [`FollowerSync`] is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncPhase {
    /// The openids are being listed.
    Listing,
    /// Details of those who have none are being asked for.
    Describing,
    /// It is over.
    Over,
}

/// What one step of a [`FollowerSync`] brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncStep {
    /// It begins; nothing else yet.
    Begin,
    /// These follow.
    Listed(Vec<OpenId>),
    /// All are listed: contacts that were said to follow before this sync began and
    /// were not in the list do not follow any more.
    ListEnded,
    /// What WeChat tells of these.
    Described(Vec<Described>),
    /// It rests, goes on or ends; nothing else.
    Noted,
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
    /// Whether that they follow is only to be seen from what they did (who writes to an
    /// official account follows it). It does not say that they began then, unless they
    /// had stopped before.
    pub follow_is_implied: bool,
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
            follow_is_implied: false,
            scene: None,
            at,
        }
    }
}

/// A person as the caller's own system names them: 1 to 128 characters, none of
/// them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
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

impl TryFrom<String> for UserId {
    type Error = UserIdError;

    fn try_from(text: String) -> Result<Self, UserIdError> {
        text.parse()
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.0
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
