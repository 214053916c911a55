//! Temporary media: kept by WeChat for three days, used by id in messages, as often as wanted.

mod get;
mod upload;

use std::{fmt, str::FromStr};

pub use self::{
    get::{GetMedia, VideoAddress},
    upload::{UploadMedia, UploadedMedia},
};

/// What a temporary medium is; the `type` of an upload ("新增临时素材").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaKind {
    /// A picture: png, jpeg or gif.
    Image,
    /// A recording of at most 60 seconds: amr or mp3.
    Voice,
    /// A video: mp4.
    Video,
    /// The small picture of a video or a card: jpeg.
    Thumb,
}

impl MediaKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Image, Self::Voice, Self::Video, Self::Thumb];

    /// The name as WeChat writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Thumb => "thumb",
        }
    }

    /// The largest file WeChat takes, in bytes.
    #[must_use]
    pub fn max_bytes(self) -> usize {
        match self {
            Self::Image | Self::Video => 10 * 1024 * 1024,
            Self::Voice => 2 * 1024 * 1024,
            Self::Thumb => 64 * 1024,
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no kind of medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kind of medium is image, voice, video or thumb")]
pub struct MediaKindError;

impl FromStr for MediaKind {
    type Err = MediaKindError;

    fn from_str(text: &str) -> Result<Self, MediaKindError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(MediaKindError)
    }
}
