use std::borrow::Cow;

use http::Method;
use serde::Deserialize;

use crate::Call;

/// Fetches a temporary medium ("获取临时素材"); use [`Client::download`](crate::Client::download).
///
/// 40007 for an id that is unknown or older than three days. 200,000 a day.
#[derive(Debug, Clone, Copy)]
pub struct GetMedia<'a> {
    /// The id of the upload, or of what a person sent.
    pub media_id: &'a str,
}

/// Where a video is, which WeChat tells in place of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VideoAddress {
    /// An address to fetch it from.
    pub video_url: String,
}

impl Call for GetMedia<'_> {
    type Reply = VideoAddress;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/media/get";

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        vec![("media_id", Cow::Borrowed(self.media_id))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AccessToken, Bases, CallError, Client, Download,
        fixture::{Recorder, now},
    };

    fn fetch(
        content_type: &str,
        body: &[u8],
    ) -> (String, Result<Download<VideoAddress>, CallError>) {
        let recorder = Recorder::answering_file(content_type, body);
        let client = Client::new(&recorder, Bases::default());
        let token = AccessToken::new("TOKEN");
        let reply = now(client.download(Some(&token), &GetMedia { media_id: "Kp-3" }));
        let target = recorder.take().uri().path_and_query().unwrap().to_string();
        (target, reply)
    }

    #[test]
    fn a_file_comes_as_it_is() {
        let (target, reply) = fetch("image/jpeg", b"\xff\xd8{\"errcode\":1}");
        assert_eq!(
            target,
            "/cgi-bin/media/get?access_token=TOKEN&media_id=Kp-3"
        );
        let Ok(Download::File {
            content_type,
            bytes,
        }) = reply
        else {
            panic!("{reply:?}")
        };
        assert_eq!(content_type.as_deref(), Some("image/jpeg"));
        assert_eq!(&bytes[..2], b"\xff\xd8");
    }

    #[test]
    fn a_video_comes_as_an_address() {
        let (_, reply) = fetch("text/plain", br#"{"video_url":"http://example.com/v"}"#);
        let Ok(Download::Told(video)) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!(video.video_url, "http://example.com/v");
    }

    #[test]
    fn a_refusal_is_no_file() {
        for kind in ["application/json; encoding=utf-8", "text/plain"] {
            let body = br#"{"errcode":40007,"errmsg":"invalid media_id rid: 6-a-b"}"#;
            let error = fetch(kind, body).1.unwrap_err();
            assert_eq!(error.errcode().unwrap().0, 40007, "{kind}");
        }
    }
}
