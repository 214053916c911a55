use super::{msg_id, optional, text};
use crate::{MsgId, callback::Fields};

/// What a person wrote. Official accounts get all kinds, mini programs text, pictures and cards of their
/// own pages.
///
/// `msg_id` is unique for the account; it is `None` only from cloud functions, whose ids are no numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboundMessage {
    /// Text.
    Text {
        /// The text.
        content: String,
        /// Which item of a menu message was tapped, if the text came from one.
        bizmsgmenuid: Option<String>,
        /// Its id.
        msg_id: Option<MsgId>,
    },
    /// A picture.
    Image {
        /// Where to see it.
        pic_url: String,
        /// How to fetch it, for three days.
        media_id: String,
        /// Its id.
        msg_id: Option<MsgId>,
    },
    /// A voice recording.
    Voice {
        /// How to fetch it, for three days.
        media_id: String,
        /// `amr` or `speex`.
        format: String,
        /// What was understood, where recognition is switched on and understood anything.
        recognition: Option<String>,
        /// Its id.
        msg_id: Option<MsgId>,
    },
    /// A video.
    Video {
        /// How to fetch it, for three days.
        media_id: String,
        /// How to fetch its thumbnail.
        thumb_media_id: String,
        /// Its id.
        msg_id: Option<MsgId>,
    },
    /// A short video.
    ShortVideo {
        /// How to fetch it, for three days.
        media_id: String,
        /// How to fetch its thumbnail.
        thumb_media_id: String,
        /// Its id.
        msg_id: Option<MsgId>,
    },
    /// A place on the map.
    Location {
        /// `Location_X`, degrees as WeChat writes them.
        latitude: String,
        /// `Location_Y`, degrees as WeChat writes them.
        longitude: String,
        /// The zoom of the map.
        scale: String,
        /// The address.
        label: String,
        /// Its id.
        msg_id: Option<MsgId>,
    },
    /// A link.
    Link {
        /// Its headline.
        title: String,
        /// The lines below it.
        description: String,
        /// Where it leads.
        url: String,
        /// Its id.
        msg_id: Option<MsgId>,
    },
    /// A card of a mini program's page.
    MiniProgramPage {
        /// Its headline.
        title: String,
        /// The mini program.
        appid: String,
        /// The page with its parameters.
        page_path: String,
        /// Where to see its picture.
        thumb_url: String,
        /// How to fetch its picture.
        thumb_media_id: String,
        /// Its id.
        msg_id: Option<MsgId>,
    },
    /// A kind that is not known here.
    Other {
        /// The `MsgType` as it came.
        kind: String,
        /// Its id.
        msg_id: Option<MsgId>,
    },
}

impl InboundMessage {
    /// The id, whatever the kind.
    #[must_use]
    pub fn msg_id(&self) -> Option<MsgId> {
        match self {
            Self::Text { msg_id, .. }
            | Self::Image { msg_id, .. }
            | Self::Voice { msg_id, .. }
            | Self::Video { msg_id, .. }
            | Self::ShortVideo { msg_id, .. }
            | Self::Location { msg_id, .. }
            | Self::Link { msg_id, .. }
            | Self::MiniProgramPage { msg_id, .. }
            | Self::Other { msg_id, .. } => *msg_id,
        }
    }

    pub(super) fn read(kind: &str, fields: &Fields) -> Self {
        let msg_id = msg_id(fields, "MsgId");
        let text = |name| text(fields, name);
        match kind.to_ascii_lowercase().as_str() {
            "text" => Self::Text {
                content: text("Content"),
                bizmsgmenuid: optional(fields, "bizmsgmenuid"),
                msg_id,
            },
            "image" => Self::Image {
                pic_url: text("PicUrl"),
                media_id: text("MediaId"),
                msg_id,
            },
            "voice" => Self::Voice {
                media_id: text("MediaId"),
                format: text("Format"),
                recognition: optional(fields, "Recognition"),
                msg_id,
            },
            "video" => Self::Video {
                media_id: text("MediaId"),
                thumb_media_id: text("ThumbMediaId"),
                msg_id,
            },
            "shortvideo" => Self::ShortVideo {
                media_id: text("MediaId"),
                thumb_media_id: text("ThumbMediaId"),
                msg_id,
            },
            "location" => Self::Location {
                latitude: text("Location_X"),
                longitude: text("Location_Y"),
                scale: text("Scale"),
                label: text("Label"),
                msg_id,
            },
            "link" => Self::Link {
                title: text("Title"),
                description: text("Description"),
                url: text("Url"),
                msg_id,
            },
            "miniprogrampage" => Self::MiniProgramPage {
                title: text("Title"),
                appid: text("AppId"),
                page_path: text("PagePath"),
                thumb_url: text("ThumbUrl"),
                thumb_media_id: text("ThumbMediaId"),
                msg_id,
            },
            _ => Self::Other {
                kind: kind.to_owned(),
                msg_id,
            },
        }
    }
}
