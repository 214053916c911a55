use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::grant::Grant;

/// Whether a person follows an official account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Follow {
    /// Nobody told us; mini programs are not followed at all.
    Unknown,
    /// Follows.
    Following,
    /// Has stopped following.
    Unfollowed,
}

/// A person at one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Contact {
    /// Their id at the account.
    #[schema(example = "oP4uB6jKx0QmTzR3yVdWc9LnEaSs")]
    pub openid: String,
    /// Their id over the accounts of one open-platform account, once known.
    pub unionid: Option<String>,
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
    /// What WeChat tells of a follower; `null` until it was asked.
    #[serde(default)]
    pub details: Option<ContactDetails>,
}

/// What WeChat tells of a follower. Names and pictures are not among it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactDetails {
    /// The account's own note about them.
    pub remark: String,
    /// WeChat's numbers of their tags.
    pub tags: Vec<i64>,
    /// How they began to follow, in WeChat's word.
    #[schema(example = "ADD_SCENE_QR_CODE")]
    pub subscribe_scene: Option<String>,
    /// The scene of the code they came by.
    pub qr_scene: Option<String>,
    /// The language of their WeChat.
    pub language: Option<String>,
}

/// What opened a customer-service window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowCause {
    /// The person sent a message.
    Message,
    /// The person tapped a menu item.
    MenuTap,
    /// The person followed.
    Follow,
    /// The person scanned a code of the account.
    Scan,
    /// The person opened the customer-service chat of a mini program.
    Enter,
}

/// A time in which customer-service messages may be sent to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Window {
    /// What opened it.
    pub cause: WindowCause,
    /// When.
    pub opened_at: Timestamp,
    /// Until when.
    pub closes_at: Timestamp,
    /// Messages it allowed.
    pub allowed: u32,
    /// Messages it still allows; 0 once it is closed.
    pub left: u32,
}

/// A person at one account with all that is known of them there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactCard {
    /// The person.
    #[serde(flatten)]
    pub contact: Contact,
    /// The caller's own id of them, where one is bound.
    pub user_id: Option<String>,
    /// Their consents.
    pub grants: Vec<Grant>,
    /// Their customer-service windows, closed ones included.
    pub windows: Vec<Window>,
}

/// What to search contacts for. Everything left out fits all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ContactFilter {
    /// Only who stands so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub follow: Option<Follow>,
    /// Only who has this unionid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unionid: Option<String>,
}
