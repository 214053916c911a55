use http::Method;
use serde::Serialize;

use crate::{Body, Call, Done, OpenId, api::user::OpenIdPage, json};

/// The people on the blacklist, up to 1000 a page ("获取公众号的黑名单列表").
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GetBlacklist<'a> {
    /// The [`OpenIdPage::next_openid`] of the page before; none for the first page. Named differently in
    /// request and answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begin_openid: Option<&'a OpenId>,
}

impl Call for GetBlacklist<'_> {
    type Reply = OpenIdPage;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/tags/members/getblacklist";

    fn body(&self) -> Body {
        json(self)
    }
}

/// Puts up to 20 people on the blacklist ("拉黑用户"); 40032 for more.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Blacklist<'a> {
    /// The people.
    pub openid_list: &'a [OpenId],
}

impl Blacklist<'_> {
    /// How many people one call takes.
    pub const MAX: usize = 20;
}

impl Call for Blacklist<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/tags/members/batchblacklist";

    fn body(&self) -> Body {
        json(self)
    }
}

/// Takes up to 20 people from the blacklist ("取消拉黑用户"); 40032 for more.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Unblacklist<'a> {
    /// The people.
    pub openid_list: &'a [OpenId],
}

impl Call for Unblacklist<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/tags/members/batchunblacklist";

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
    fn walks_the_list() {
        let first = GetBlacklist { begin_openid: None };
        let reply = r#"{"total":2,"count":1,"data":{"openid":["o1"]},"next_openid":"o1"}"#;
        let (wire, reply) = exchange(&first, reply);
        assert_eq!(
            wire.target,
            "/cgi-bin/tags/members/getblacklist?access_token=TOKEN"
        );
        assert_eq!(wire.json(), json!({}));
        let page = reply.unwrap();
        let next = GetBlacklist {
            begin_openid: page.next_openid.as_ref(),
        };
        let (wire, _) = exchange(&next, r#"{"total":2,"count":0}"#);
        assert_eq!(wire.json(), json!({"begin_openid": "o1"}));
    }

    #[test]
    fn puts_on_and_takes_off() {
        let openid_list = [OpenId::parse("o1").unwrap()];
        let on = Blacklist {
            openid_list: &openid_list,
        };
        let off = Unblacklist {
            openid_list: &openid_list,
        };
        let (wire, reply) = exchange(&on, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(
            wire.target,
            "/cgi-bin/tags/members/batchblacklist?access_token=TOKEN"
        );
        assert_eq!(wire.json(), json!({"openid_list": ["o1"]}));
        reply.unwrap();
        let (wire, reply) = exchange(&off, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(
            wire.target,
            "/cgi-bin/tags/members/batchunblacklist?access_token=TOKEN"
        );
        reply.unwrap();
        assert_eq!(refusal(&on, r#"{"errcode":40032,"errmsg":"no"}"#), 40032);
    }
}
