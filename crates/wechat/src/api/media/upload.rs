use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::MediaKind;
use crate::{Body, Call, lenient};

/// Gives WeChat a file for three days ("新增临时素材").
///
/// 40004 for a type WeChat does not take, 40005 and 40006 for the wrong format or size. 100,000 a day.
#[derive(Clone)]
pub struct UploadMedia<'a> {
    kind: MediaKind,
    file_name: &'a str,
    file_type: &'a str,
    bytes: &'a [u8],
    boundary: String,
}

/// What WeChat keeps now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UploadedMedia {
    /// The id, for messages. Named otherwise for thumbs.
    #[serde(alias = "thumb_media_id")]
    pub media_id: String,
    /// When the three days began, in seconds since 1970.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub created_at: Option<i64>,
}

impl<'a> UploadMedia<'a> {
    /// An upload of a file.
    ///
    /// WeChat tells the format by the ending of `file_name`; `file_type` is its media type, such as
    /// `image/png`.
    #[must_use]
    pub fn new(kind: MediaKind, file_name: &'a str, file_type: &'a str, bytes: &'a [u8]) -> Self {
        // No file holds its own digest, so the boundary cannot stand in it.
        let digest = Sha256::digest(bytes);
        Self {
            kind,
            file_name,
            file_type,
            bytes,
            boundary: format!("hongyan-{}", hex::encode(&digest[..16])),
        }
    }
}

impl std::fmt::Debug for UploadMedia<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UploadMedia")
            .field("kind", &self.kind)
            .field("file_name", &self.file_name)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Call for UploadMedia<'_> {
    type Reply = UploadedMedia;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/media/upload";

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        vec![("type", Cow::Borrowed(self.kind.as_str()))]
    }

    fn body(&self) -> Body {
        let quoted = |text: &str| {
            text.replace('"', "%22")
                .replace('\r', "%0D")
                .replace('\n', "%0A")
        };
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"media\"; filename=\"{}\"\r\n\
             Content-Type: {}\r\n\r\n",
            self.boundary,
            quoted(self.file_name),
            quoted(self.file_type),
        );
        let tail = format!("\r\n--{}--\r\n", self.boundary);
        let mut body = Vec::with_capacity(head.len() + self.bytes.len() + tail.len());
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(self.bytes);
        body.extend_from_slice(tail.as_bytes());
        Ok(Some(Bytes::from(body)))
    }

    fn content_type(&self) -> Cow<'_, str> {
        Cow::Owned(format!("multipart/form-data; boundary={}", self.boundary))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{answer, exchange, refusal};

    #[test]
    fn sends_one_part_named_media() {
        let call = UploadMedia::new(
            MediaKind::Image,
            "ro\"se\r\n.png",
            "image/png",
            b"bytes\r\n--",
        );
        let reply = r#"{"type":"image","media_id":"8T-wQvYp2k","created_at":1767226200}"#;
        let (wire, reply) = exchange(&call, reply);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(
            wire.target,
            "/cgi-bin/media/upload?access_token=TOKEN&type=image"
        );
        let boundary = wire
            .content_type
            .strip_prefix("multipart/form-data; boundary=")
            .unwrap();
        assert_eq!(
            wire.body,
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"media\"; \
                 filename=\"ro%22se%0D%0A.png\"\r\nContent-Type: image/png\r\n\r\n\
                 bytes\r\n--\r\n--{boundary}--\r\n"
            )
        );
        let uploaded = reply.unwrap();
        assert_eq!(uploaded.media_id, "8T-wQvYp2k");
        assert_eq!(uploaded.created_at, Some(1_767_226_200));
    }

    #[test]
    fn reads_the_other_name_of_a_thumb() {
        let call = UploadMedia::new(MediaKind::Thumb, "a.jpg", "image/jpeg", b"x");
        let reply = r#"{"type":"thumb","thumb_media_id":"Kp3","created_at":"1767226200"}"#;
        assert_eq!(answer(&call, reply).unwrap().media_id, "Kp3");
        let refused = r#"{"errcode":40006,"errmsg":"invalid meida size"}"#;
        assert_eq!(refusal(&call, refused), 40006);
    }
}
