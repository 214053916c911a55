use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::key::Scope;
use crate::secret::Secret;

/// What somebody may do in the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, accounts, keys and other people included.
    Admin,
    /// Send, retry, cancel; read everything but secrets.
    Operator,
    /// Read.
    Viewer,
}

/// Name and password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The name.
    #[schema(example = "ann")]
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// The first person of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    /// The secret of the link that the gateway printed when it started.
    pub secret: Secret,
    /// The name to sign in with from now on: 1 to 64 characters without white space.
    #[schema(example = "ann")]
    pub name: String,
    /// The password: 10 to 256 characters, and not the name.
    pub password: Secret,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsoleSession {
    /// The person's id.
    #[schema(example = "key_0192d3a4b5c67d8e9f00112233445566")]
    pub id: String,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub scopes: Vec<Scope>,
    /// Where the phones are on which messages arrive: only of a demo, whose people are
    /// not real.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "http://127.0.0.1:8700/")]
    pub phone_url: Option<String>,
}

/// Whether anybody uses the console yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsoleState {
    /// Nobody does: the link that the gateway printed when it started lets the first
    /// person in.
    pub needs_setup: bool,
}

/// A password to be changed: one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The one so far.
    pub current: Secret,
    /// The one from now on: 10 to 256 characters, and not the name.
    pub new: Secret,
}

/// Somebody who may use the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Operator {
    /// Their id.
    #[schema(example = "key_0192d3a4b5c67d8e9f00112233445566")]
    pub id: String,
    /// The name they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When they were let in.
    pub created_at: Timestamp,
    /// When they last signed in.
    pub seen_at: Option<Timestamp>,
}

/// Somebody to be let into the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOperator {
    /// The name to sign in with: 1 to 64 characters without white space; unique.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Their first password: 10 to 256 characters, and not the name.
    pub password: Secret,
}

/// What to change about somebody; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeOperator {
    /// What they may do from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// A new password; they are signed out everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}
