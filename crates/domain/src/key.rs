//! API keys: how callers of our API prove themselves.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::KeyId;

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything, keys and accounts included.
    Admin,
    /// Create, cancel and retry messages; read messages and templates.
    Send,
    /// Read messages, templates, accounts (never secrets).
    Read,
    /// Be handed an account's access token.
    Token,
}

impl Scope {
    /// All scopes, in the order people should see them.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Send, Self::Read, Self::Token];

    /// The scope's name in API and CLI.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Send => "send",
            Self::Read => "read",
            Self::Token => "token",
        }
    }

    /// Whether holding `self` includes `wanted`.
    #[must_use]
    pub fn includes(self, wanted: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Send => matches!(wanted, Self::Send | Self::Read),
            Self::Read => wanted == Self::Read,
            Self::Token => wanted == Self::Token,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A scope's name was not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a scope; use admin, send, read or token")]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| ScopeError(text.to_owned()))
    }
}

/// A key as storage holds it. Of the key's text only a SHA-256 digest is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The key's id, safe to show.
    pub id: KeyId,
    /// What people call it; unique.
    pub name: String,
    /// SHA-256 of the key's text.
    pub digest: [u8; 32],
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The only accounts (by name) it may touch; empty means all.
    pub accounts: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// After this it no longer works.
    pub expires_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether one of the key's scopes includes `wanted`.
    #[must_use]
    pub fn allows(&self, wanted: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.includes(wanted))
    }

    /// Whether the key may touch the account of this name.
    #[must_use]
    pub fn may_touch(&self, account: &str) -> bool {
        self.accounts.is_empty() || self.accounts.iter().any(|name| name == account)
    }

    /// Whether the key has ended by `now`.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_admin_and_token_reach_the_access_token() {
        let holders: Vec<_> = Scope::ALL
            .into_iter()
            .filter(|s| s.includes(Scope::Token))
            .collect();
        assert_eq!(holders, [Scope::Admin, Scope::Token]);
    }

    #[test]
    fn names_read_back() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse::<Scope>().unwrap(), scope);
        }
        assert!("root".parse::<Scope>().is_err());
    }
}
