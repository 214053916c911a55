use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tag of an official account's followers, kept by WeChat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tag {
    /// WeChat's number.
    #[schema(example = 134)]
    pub id: i64,
    /// Its name.
    #[schema(example = "华东")]
    pub name: String,
    /// How many people have it.
    pub count: u64,
    /// Whether it is WeChat's own, which nobody can rename or remove.
    pub built_in: bool,
}

/// A tag to be made, or a new name for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTag {
    /// 1 to 30 characters.
    #[schema(example = "华东")]
    pub name: String,
}

/// People to put somewhere, or to take away from there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// The people at this account, 1 to 10,000.
    #[schema(example = json!(["oP4uB6jKx0QmTzR3yVdWc9LnEaSs"]))]
    pub openids: Vec<String>,
    /// Take them away instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remove: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeopleChanged {
    /// How many people it was done for.
    pub done: usize,
    /// Those for whom WeChat says it failed. Doing it again does no harm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
}
