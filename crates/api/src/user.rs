use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to bind to an id of the caller's own. What is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindUser {
    /// The person over linked accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unionid: Option<String>,
    /// The person at single accounts: account name to openid, at most 100.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schema(
        value_type = std::collections::HashMap<String, String>,
        example = json!({"demo-oa": "oP4uB6jKx0QmTzR3yVdWc9LnEaSs"})
    )]
    pub openids: IndexMap<String, String>,
    /// Whether openids that belong to other users are taken from them; refused as
    /// `taken` otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub take_over: bool,
}

/// An id of the caller's own with everything bound to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The caller's id: 1 to 128 characters, none of them a control character.
    #[schema(example = "42")]
    pub id: String,
    /// The person over linked accounts.
    pub unionid: Option<String>,
    /// The person at single accounts: account name to openid. Accounts the key may
    /// not see are left out.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub openids: IndexMap<String, String>,
    /// When the id was first bound.
    pub created_at: Timestamp,
    /// When something last changed.
    pub updated_at: Timestamp,
}
