use http::Method;
use serde::Serialize;

use super::OpenIdPage;
use crate::{Body, Call, OpenId, json};

/// The people with a tag, up to 10,000 a page ("获取标签下粉丝列表"); 45159 for an unknown tag.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GetTagged<'a> {
    /// The tag.
    #[serde(rename = "tagid")]
    pub tag_id: i64,
    /// The [`OpenIdPage::next_openid`] of the page before; none for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_openid: Option<&'a OpenId>,
}

impl Call for GetTagged<'_> {
    type Reply = OpenIdPage;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/user/tag/get";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn names_the_tag_and_the_place() {
        let place = OpenId::parse("o1").unwrap();
        let call = GetTagged {
            tag_id: 134,
            next_openid: Some(&place),
        };
        let reply = r#"{"count":1,"data":{"openid":["o2"]},"next_openid":"o2"}"#;
        let (wire, reply) = exchange(&call, reply);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(wire.target, "/cgi-bin/user/tag/get?access_token=TOKEN");
        assert_eq!(wire.json(), json!({"tagid": 134, "next_openid": "o1"}));
        let page = reply.unwrap();
        assert_eq!((page.total, page.openids.len()), (None, 1));
        let refused = r#"{"errcode":45159,"errmsg":"invalid tag id"}"#;
        assert_eq!(refusal(&call, refused), 45159);
    }
}
