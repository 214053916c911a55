use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What WeChat takes a file for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// PNG, JPEG or GIF up to 10 MB.
    Image,
    /// AMR or MP3 up to 2 MB and 60 s.
    Voice,
    /// MP4 up to 10 MB.
    Video,
    /// JPEG up to 64 KB, the small picture of a video or a card.
    Thumb,
}

/// A file that messages can show by its id. WeChat keeps it for three days; the
/// gateway hands it over anew when that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Media {
    /// Its id, to be named wherever WeChat wants a `media_id`.
    #[schema(example = "med_0192d3a4b5c67d8e9f00112233445566")]
    pub id: String,
    /// What WeChat takes it for.
    #[serde(rename = "type")]
    pub type_: MediaKind,
    /// Its name.
    #[schema(example = "poster.png")]
    pub file_name: String,
    /// What it is.
    #[schema(example = "image/png")]
    pub content_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// When it came.
    pub created_at: Timestamp,
    /// WeChat's id of it, while WeChat has it.
    pub wechat_media_id: Option<String>,
    /// When it was last handed to WeChat.
    pub handed_over_at: Option<Timestamp>,
}

/// How a file is named that is sent as the whole body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MediaQuery {
    /// What it is to be shown as; what its format is for when left out.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[param(rename = "type", inline)]
    pub type_: Option<MediaKind>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
}

/// A file as a form sends it.
#[derive(Debug, Clone, ToSchema)]
pub struct MediaForm {
    /// The file.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
    /// What it is to be shown as; what its format is for when left out.
    #[schema(rename = "type")]
    pub type_: Option<MediaKind>,
}

/// Whether a person is to see that an answer is being written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowTyping {
    /// The person, who wrote within the last 30 seconds.
    #[schema(example = "oP4uB6jKx0QmTzR3yVdWc9LnEaSs")]
    pub openid: String,
    /// `true` shows it for 15 seconds, `false` ends it.
    pub typing: bool,
}
