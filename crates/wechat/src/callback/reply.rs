//! Passive replies ("被动回复用户消息"): what the answer to a push can say.

use super::{Format, xml::is_legal};
use crate::{OpenId, OriginalId};

/// Longest text that reaches the person, in bytes of UTF-8.
const MAX_TEXT: usize = 2047;

/// Most articles in the reply to an event; to a message it is one, and WeChat drops the rest.
const MAX_ARTICLES: usize = 8;

/// A passive reply.
///
/// Official accounts may send all of them, mini programs none but the transfer. An answer that says nothing
/// is no reply: send `success`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Text; may hold line feeds and `<a href="…">`.
    Text {
        /// At most 2047 bytes.
        content: String,
    },
    /// A picture, no GIF.
    Image {
        /// Of an uploaded picture.
        media_id: String,
    },
    /// A voice recording.
    Voice {
        /// Of an uploaded recording.
        media_id: String,
    },
    /// A video.
    Video {
        /// Of an uploaded video.
        media_id: String,
        /// Shown with it.
        title: Option<String>,
        /// Shown with it.
        description: Option<String>,
    },
    /// Music.
    Music {
        /// Shown with it.
        title: Option<String>,
        /// Shown with it.
        description: Option<String>,
        /// Where to play it.
        music_url: Option<String>,
        /// Where to play it on Wi-Fi.
        hq_music_url: Option<String>,
        /// Of an uploaded thumbnail.
        thumb_media_id: String,
    },
    /// Articles: one in answer to a message, up to eight in answer to an event.
    News(Vec<Article>),
    /// Hands the message to the agents in WeChat's customer service. Not in answer to an event.
    TransferCustomerService {
        /// The agent, such as `test1@test`; any who is free without it.
        kf_account: Option<String>,
    },
}

/// One article of [`Reply::News`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Article {
    /// The headline.
    pub title: String,
    /// The lines below it.
    pub description: String,
    /// The picture.
    pub pic_url: String,
    /// The page it opens.
    pub url: String,
}

/// Why WeChat would drop a reply, cut it, or tell the person that the service is out of order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyViolation {
    /// A value that must not be empty is.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// The text is too long.
    #[error("the text has {bytes} bytes, and at most 2047 are shown")]
    TextTooLong {
        /// Its length in bytes of UTF-8.
        bytes: usize,
    },
    /// There are too many articles.
    #[error("there are {count} articles, and at most {limit} are shown here")]
    TooManyArticles {
        /// How many there are.
        count: usize,
        /// How many are shown.
        limit: usize,
    },
    /// An event cannot be handed to agents.
    #[error("an event cannot be transferred to agents, only a message can")]
    TransferOfEvent,
}

impl Reply {
    /// The `MsgType` of the reply.
    #[must_use]
    pub fn msg_type(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Image { .. } => "image",
            Self::Voice { .. } => "voice",
            Self::Video { .. } => "video",
            Self::Music { .. } => "music",
            Self::News(_) => "news",
            Self::TransferCustomerService { .. } => "transfer_customer_service",
        }
    }

    /// Everything that keeps this reply from arriving whole. Nothing is cut here: that is the caller's
    /// choice.
    #[must_use]
    pub fn violations(&self, for_event: bool) -> Vec<ReplyViolation> {
        let empty = |name, value: &str| {
            let is_empty = value.chars().all(|c| !is_legal(c));
            is_empty.then_some(ReplyViolation::Empty(name))
        };
        let found = match self {
            Self::Text { content } => empty("Content", content).or_else(|| {
                let bytes = content.len();
                (bytes > MAX_TEXT).then_some(ReplyViolation::TextTooLong { bytes })
            }),
            Self::Image { media_id } | Self::Voice { media_id } | Self::Video { media_id, .. } => {
                empty("MediaId", media_id)
            }
            Self::Music { thumb_media_id, .. } => empty("ThumbMediaId", thumb_media_id),
            Self::News(articles) => {
                let (count, limit) = (articles.len(), if for_event { MAX_ARTICLES } else { 1 });
                match count {
                    0 => Some(ReplyViolation::Empty("Articles")),
                    _ if count > limit => Some(ReplyViolation::TooManyArticles { count, limit }),
                    _ => None,
                }
            }
            Self::TransferCustomerService { .. } if for_event => {
                Some(ReplyViolation::TransferOfEvent)
            }
            Self::TransferCustomerService { kf_account } => kf_account
                .as_ref()
                .and_then(|account| empty("KfAccount", account)),
        };
        found.into_iter().collect()
    }

    /// The reply in the format of the push, before any envelope. `None` where there is no such form: see
    /// [`to_json`](Self::to_json).
    #[must_use]
    pub fn render(
        &self,
        format: Format,
        to: &OpenId,
        from: &OriginalId,
        create_time: i64,
    ) -> Option<String> {
        match format {
            Format::Xml => Some(self.to_xml(to, from, create_time)),
            Format::Json => self.to_json(to, from, create_time),
        }
    }

    /// The reply as XML, to the sender of the push from the account that it went to. `create_time` is in
    /// seconds.
    ///
    /// Characters that XML does not allow are left out, because one of them would break the whole answer.
    #[must_use]
    pub fn to_xml(&self, to: &OpenId, from: &OriginalId, create_time: i64) -> String {
        let mut xml = Xml::new();
        xml.text("ToUserName", to.as_str());
        xml.text("FromUserName", from.as_str());
        xml.number("CreateTime", create_time);
        xml.text("MsgType", self.msg_type());
        match self {
            Self::Text { content } => xml.text("Content", content),
            Self::Image { media_id } => {
                xml.element("Image", |xml| xml.text("MediaId", media_id));
            }
            Self::Voice { media_id } => {
                xml.element("Voice", |xml| xml.text("MediaId", media_id));
            }
            Self::Video {
                media_id,
                title,
                description,
            } => xml.element("Video", |xml| {
                xml.text("MediaId", media_id);
                xml.optional("Title", title);
                xml.optional("Description", description);
            }),
            Self::Music {
                title,
                description,
                music_url,
                hq_music_url,
                thumb_media_id,
            } => xml.element("Music", |xml| {
                xml.optional("Title", title);
                xml.optional("Description", description);
                xml.optional("MusicUrl", music_url);
                xml.optional("HQMusicUrl", hq_music_url);
                xml.text("ThumbMediaId", thumb_media_id);
            }),
            Self::News(articles) => {
                xml.number("ArticleCount", articles.len());
                xml.element("Articles", |xml| {
                    for article in articles {
                        xml.element("item", |xml| {
                            xml.text("Title", &article.title);
                            xml.text("Description", &article.description);
                            xml.text("PicUrl", &article.pic_url);
                            xml.text("Url", &article.url);
                        });
                    }
                });
            }
            Self::TransferCustomerService { kf_account } => {
                if let Some(account) = kf_account {
                    xml.element("TransInfo", |xml| xml.text("KfAccount", account));
                }
            }
        }
        xml.finish()
    }

    /// The reply as JSON, which exists only for the transfer to agents: JSON is for mini programs, and they
    /// may answer with nothing else.
    #[must_use]
    pub fn to_json(&self, to: &OpenId, from: &OriginalId, create_time: i64) -> Option<String> {
        let Self::TransferCustomerService { kf_account } = self else {
            return None;
        };
        let mut json = serde_json::json!({
            "ToUserName": to,
            "FromUserName": from,
            "CreateTime": create_time,
            "MsgType": self.msg_type(),
        });
        if let Some(account) = kf_account {
            json["TransInfo"] = serde_json::json!({ "KfAccount": account });
        }
        Some(json.to_string())
    }
}

/// Text as a CDATA section, without the characters that XML does not allow, and split where the text
/// itself would end the section.
pub(super) fn cdata(text: &str) -> String {
    let text: String = text.chars().filter(|&c| is_legal(c)).collect();
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

/// A document in the making, every tag but the last followed by a line feed.
struct Xml(String);

impl Xml {
    fn new() -> Self {
        Self("<xml>\n".to_owned())
    }

    fn text(&mut self, name: &str, text: &str) {
        self.leaf(name, &cdata(text));
    }

    fn optional(&mut self, name: &str, text: &Option<String>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn number(&mut self, name: &str, number: impl ToString) {
        self.leaf(name, &number.to_string());
    }

    fn leaf(&mut self, name: &str, content: &str) {
        self.0.push_str(&format!("<{name}>{content}</{name}>\n"));
    }

    fn element(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<{name}>\n"));
        inner(self);
        self.0.push_str(&format!("</{name}>\n"));
    }

    fn finish(mut self) -> String {
        self.0.push_str("</xml>");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::callback::Fields;

    fn ends() -> (OpenId, OriginalId) {
        (
            OpenId::parse("oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg").unwrap(),
            OriginalId::parse("gh_3c1f0e5a77b2").unwrap(),
        )
    }

    fn xml(reply: &Reply) -> String {
        let (to, from) = ends();
        reply.to_xml(&to, &from, 1_767_225_663)
    }

    fn read(reply: &Reply) -> serde_json::Value {
        Fields::from_xml(xml(reply).as_bytes()).unwrap().to_json()
    }

    fn text(content: &str) -> Reply {
        Reply::Text {
            content: content.to_owned(),
        }
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn is_laid_out_as_wechat_documents_it() {
        let article = Article {
            title: "标题".to_owned(),
            description: "描述".to_owned(),
            pic_url: "https://cdn.example.com/a.jpg".to_owned(),
            url: "https://www.example.com/p?a=1&b=2".to_owned(),
        };
        assert_eq!(
            xml(&Reply::News(vec![article])),
            "<xml>\n\
             <ToUserName><![CDATA[oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg]]></ToUserName>\n\
             <FromUserName><![CDATA[gh_3c1f0e5a77b2]]></FromUserName>\n\
             <CreateTime>1767225663</CreateTime>\n\
             <MsgType><![CDATA[news]]></MsgType>\n\
             <ArticleCount>1</ArticleCount>\n\
             <Articles>\n\
             <item>\n\
             <Title><![CDATA[标题]]></Title>\n\
             <Description><![CDATA[描述]]></Description>\n\
             <PicUrl><![CDATA[https://cdn.example.com/a.jpg]]></PicUrl>\n\
             <Url><![CDATA[https://www.example.com/p?a=1&b=2]]></Url>\n\
             </item>\n\
             </Articles>\n\
             </xml>"
        );
    }

    #[test]
    fn every_kind_has_its_elements() {
        let media_id = || "Kp3vTq8Z".to_owned();
        for (reply, kind, name, content) in [
            (text("你好"), "text", "Content", json!("你好")),
            (
                Reply::Image {
                    media_id: media_id(),
                },
                "image",
                "Image",
                json!({"MediaId": "Kp3vTq8Z"}),
            ),
            (
                Reply::Voice {
                    media_id: media_id(),
                },
                "voice",
                "Voice",
                json!({"MediaId": "Kp3vTq8Z"}),
            ),
            (
                Reply::Video {
                    media_id: media_id(),
                    title: some("t"),
                    description: None,
                },
                "video",
                "Video",
                json!({"MediaId": "Kp3vTq8Z", "Title": "t"}),
            ),
            (
                Reply::Music {
                    title: some("t"),
                    description: some("d"),
                    music_url: some("https://a/m"),
                    hq_music_url: some("https://a/h"),
                    thumb_media_id: media_id(),
                },
                "music",
                "Music",
                json!({"Title": "t", "Description": "d", "MusicUrl": "https://a/m",
                    "HQMusicUrl": "https://a/h", "ThumbMediaId": "Kp3vTq8Z"}),
            ),
            (
                Reply::TransferCustomerService {
                    kf_account: some("test1@test"),
                },
                "transfer_customer_service",
                "TransInfo",
                json!({"KfAccount": "test1@test"}),
            ),
        ] {
            let fields = read(&reply);
            assert_eq!(fields["MsgType"], kind);
            assert_eq!(fields[name], content);
            assert_eq!(fields.as_object().unwrap().len(), 5, "{fields}");
        }
        let plain = Reply::TransferCustomerService { kf_account: None };
        assert_eq!(read(&plain).as_object().unwrap().len(), 4);
    }

    #[test]
    fn text_that_would_end_the_section_arrives_whole() {
        for content in [
            "a]]>b",
            "]]]]>>",
            "]]>]]>",
            "]]",
            "<b>&amp;",
            "第一行\n第二行 🙂",
        ] {
            assert_eq!(read(&text(content))["Content"], content);
        }
        assert!(xml(&text("a]]>b")).contains("<![CDATA[a]]]]><![CDATA[>b]]>"));
    }

    #[test]
    fn characters_that_break_xml_are_left_out() {
        assert_eq!(read(&text("a\u{0}\u{b}\u{ffff}b\t"))["Content"], "ab\t");
        // What is left out must not hide the end of a section either.
        assert_eq!(read(&text("]]\u{0}>"))["Content"], "]]>");
    }

    #[test]
    fn json_exists_for_the_transfer_alone() {
        let (to, from) = ends();
        let transfer = |kf_account| Reply::TransferCustomerService { kf_account };
        let json = |reply: &Reply| reply.render(Format::Json, &to, &from, 1_767_226_301);
        assert_eq!(
            json(&transfer(None)).unwrap(),
            r#"{"ToUserName":"oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg","FromUserName":"gh_3c1f0e5a77b2","CreateTime":1767226301,"MsgType":"transfer_customer_service"}"#
        );
        let named = json(&transfer(some("a@b"))).unwrap();
        assert!(named.ends_with(r#","TransInfo":{"KfAccount":"a@b"}}"#));
        assert_eq!(json(&text("hi")), None);
        assert_eq!(
            text("hi").render(Format::Xml, &to, &from, 1_767_225_663),
            Some(xml(&text("hi")))
        );
    }

    #[test]
    fn violations_name_what_would_not_arrive() {
        let news = |count| Reply::News(vec![Article::default(); count]);
        let transfer = Reply::TransferCustomerService { kf_account: None };
        let image = |media_id: &str| Reply::Image {
            media_id: media_id.to_owned(),
        };
        for (reply, for_event, violation) in [
            (text(&"x".repeat(2047)), false, None),
            (
                text(&"鸿".repeat(683)),
                false,
                Some(ReplyViolation::TextTooLong { bytes: 2049 }),
            ),
            (text(""), false, Some(ReplyViolation::Empty("Content"))),
            (text("\u{1}"), true, Some(ReplyViolation::Empty("Content"))),
            (image("m"), false, None),
            (image(""), false, Some(ReplyViolation::Empty("MediaId"))),
            (news(0), true, Some(ReplyViolation::Empty("Articles"))),
            (news(1), false, None),
            (
                news(2),
                false,
                Some(ReplyViolation::TooManyArticles { count: 2, limit: 1 }),
            ),
            (news(8), true, None),
            (
                news(9),
                true,
                Some(ReplyViolation::TooManyArticles { count: 9, limit: 8 }),
            ),
            (transfer.clone(), false, None),
            (transfer, true, Some(ReplyViolation::TransferOfEvent)),
        ] {
            let expected: Vec<_> = violation.into_iter().collect();
            assert_eq!(reply.violations(for_event), expected, "{reply:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_makes_readable_xml(content: String) {
            let legal: String = content.chars().filter(|&c| is_legal(c)).collect();
            let fields = read(&text(&content));
            prop_assert_eq!(fields["Content"].as_str(), Some(legal.as_str()));
        }
    }
}
