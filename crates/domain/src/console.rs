//! Who may use the console, and their sessions.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::ids::KeyId;
use crate::key::Scope;

/// What somebody may do in the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, accounts, keys and other people included.
    Admin,
    /// Send, retry, cancel; read everything but secrets.
    Operator,
    /// Read.
    Viewer,
}

impl Role {
    /// All, the mightiest first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Operator, Self::Viewer];

    /// The name in API and storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
        }
    }

    /// What it allows, in the words of API keys.
    #[must_use]
    pub fn scope(self) -> Scope {
        match self {
            Self::Admin => Scope::Admin,
            Self::Operator => Scope::Send,
            Self::Viewer => Scope::Read,
        }
    }
}

/// A text was no [`Role`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role; use admin, operator or viewer")]
pub struct RoleError(String);

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| RoleError(text.to_owned()))
    }
}

/// The name somebody signs in with: 1 to 64 characters, none of them white space or
/// a control character; compared as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct LoginName(String);

/// A text was no [`LoginName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name to sign in with is 1 to 64 characters without white space")]
pub struct LoginNameError;

impl LoginName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LoginName {
    type Err = LoginNameError;

    fn from_str(text: &str) -> Result<Self, LoginNameError> {
        let fits = (1..=64).contains(&text.chars().count())
            && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(LoginNameError)
        }
    }
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Somebody who may use the console.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Their id; also what their requests are known by, as an API key's are.
    pub id: KeyId,
    /// The name they sign in with; unique.
    pub name: LoginName,
    /// What they may do.
    pub role: Role,
    /// Their password's hash in the form of PHC strings (argon2id, RFC 9106).
    pub password: SecretString,
    /// When they were let in.
    pub created_at: Timestamp,
    /// When they last signed in.
    pub seen_at: Option<Timestamp>,
}

/// How long a session lasts that is used. One that is not used ends after
/// [`SESSION_IDLE`].
pub const SESSION_LIFE: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 60 * 60);

/// How long a session lasts that nobody uses.
pub const SESSION_IDLE: std::time::Duration = std::time::Duration::from_secs(3 * 24 * 60 * 60);

/// A browser that is signed in. Its cookie's text is known by a digest only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie's text.
    pub digest: [u8; 32],
    /// Who.
    pub operator: KeyId,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it ends, unless it is used before.
    pub ends_at: Timestamp,
}
