//! Temporary media: kept by WeChat for three days, used by id in messages, as often as wanted.

mod get;
mod upload;

pub use self::{
    get::{GetMedia, VideoAddress},
    upload::{UploadMedia, UploadedMedia},
};

/// What a temporary medium is; the `type` of an upload ("新增临时素材").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// A picture: png, jpeg or gif, up to 10 MB. All that mini programs may upload.
    Image,
    /// A recording: amr or mp3, up to 2 MB and 60 seconds.
    Voice,
    /// A video: mp4, up to 10 MB.
    Video,
    /// The small picture of a video or a card: jpeg, up to 64 KB.
    Thumb,
}

impl MediaKind {
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
}
