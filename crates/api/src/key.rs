use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::secret::Secret;

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything, keys and accounts included.
    Admin,
    /// Create, cancel and retry messages, sync templates and followers, log people in,
    /// bind users, report consents, sign pages, change tags, remarks and the blacklist,
    /// make codes, upload files; read what `read` reads.
    Send,
    /// Read messages, templates, accounts, people, consents and callbacks, never
    /// secrets.
    Read,
    /// Be handed an account's access token.
    Token,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What people call it; unique; 1 to 64 characters.
    #[schema(example = "shop backend")]
    pub name: String,
    /// What it allows; at least one.
    pub scopes: Vec<Scope>,
    /// The only accounts (by name) it may touch; left out or empty = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// After this it no longer works; left out = it does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A key without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its id, safe to show.
    #[schema(example = "key_0192d3a4b5c67d8e9f00112233445566")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The only accounts it may touch; empty = all.
    pub accounts: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// After this it no longer works.
    pub expires_at: Option<Timestamp>,
}

/// A key just made. Its text is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedKey {
    /// What there is to know about it later.
    #[serde(flatten)]
    pub key: Key,
    /// The text to send as `Authorization: Bearer …`. It cannot be asked for
    /// again.
    pub api_key: Secret,
}
