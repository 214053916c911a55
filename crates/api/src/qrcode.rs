use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A code to be made. Temporary for 30 days unless something else is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewQrCode {
    /// What a scan tells: a number from 1 on, or 1 to 64 characters.
    #[schema(example = "shop-12")]
    pub scene: String,
    /// What people call it; 1 to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "门店 12 收银台")]
    pub name: Option<String>,
    /// Make one that never ends. An account can have 100,000 of these, and none can be
    /// taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permanent: bool,
    /// How long a temporary one lives: 60 to 2592000 seconds (30 days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_seconds: Option<u32>,
}

/// A code people scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QrCode {
    /// What a scan tells.
    #[schema(example = "shop-12")]
    pub scene: String,
    /// What people call it.
    pub name: Option<String>,
    /// WeChat's ticket.
    pub ticket: String,
    /// What the picture says, to render it oneself.
    #[schema(example = "http://weixin.qq.com/q/kZgfwMTm72WWPkovabbI")]
    pub url: String,
    /// Where WeChat shows the picture to everybody.
    pub picture_url: String,
    /// When it ends; `null` = never.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How often it was scanned.
    pub scans: u64,
    /// How many began to follow by it.
    pub follows: u64,
}
