//! Files shown in customer-service messages. WeChat keeps a temporary one for three
//! days; we keep it and hand it over anew when that is over.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, MediaId};

/// How long WeChat keeps a temporary file (新增临时素材: three days).
pub const WECHAT_KEEPS_FOR: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// What WeChat takes a file for (新增临时素材, `type`), with its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// PNG, JPEG or GIF up to 10 MB.
    Image,
    /// AMR or MP3 up to 2 MB and 60 s.
    Voice,
    /// MP4 up to 10 MB.
    Video,
    /// JPEG up to 64 KB.
    Thumb,
}

impl MediaKind {
    /// All.
    pub const ALL: [Self; 4] = [Self::Image, Self::Voice, Self::Video, Self::Thumb];

    /// WeChat's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Thumb => "thumb",
        }
    }

    /// The number storage keeps.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Image => 0,
            Self::Voice => 1,
            Self::Video => 2,
            Self::Thumb => 3,
        }
    }

    /// The value of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The most bytes WeChat takes.
    #[must_use]
    pub fn most_bytes(self) -> u64 {
        match self {
            Self::Image | Self::Video => 10 << 20,
            Self::Voice => 2 << 20,
            Self::Thumb => 64 << 10,
        }
    }
}

/// A file of an account, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Its id with us; what messages name it by.
    pub id: MediaId,
    /// The account.
    pub account: AccountId,
    /// What WeChat takes it for.
    pub kind: MediaKind,
    /// Its name, shown to people and given to WeChat.
    pub file_name: String,
    /// Such as `image/png`.
    pub content_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of its bytes. The same bytes of the same type are kept once an account.
    pub digest: [u8; 32],
    /// When it came.
    pub created_at: Timestamp,
    /// WeChat's id for it and when it was handed over, if it was.
    pub at_wechat: Option<(String, Timestamp)>,
}
