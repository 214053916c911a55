use std::borrow::Cow;

use http::Method;

use super::OpenIdPage;
use crate::{Call, OpenId};

/// The people who follow the account, up to 10,000 a page ("获取用户列表").
///
/// Verified accounts. 500 a day, so at most five million people.
#[derive(Debug, Clone, Copy)]
pub struct GetFollowers<'a> {
    /// The [`OpenIdPage::next_openid`] of the page before; none for the first page.
    pub next_openid: Option<&'a OpenId>,
}

impl Call for GetFollowers<'_> {
    type Reply = OpenIdPage;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/user/get";

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        self.next_openid
            .map(|openid| ("next_openid", Cow::Borrowed(openid.as_str())))
            .into_iter()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{answer, exchange, refusal};

    const FIRST: GetFollowers<'_> = GetFollowers { next_openid: None };

    #[test]
    fn walks_page_by_page() {
        let reply = r#"{"total":3,"count":2,"data":{"openid":["o1","o2"]},"next_openid":"o2"}"#;
        let (wire, reply) = exchange(&FIRST, reply);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(wire.target, "/cgi-bin/user/get?access_token=TOKEN");
        let page = reply.unwrap();
        assert_eq!(
            (page.total, page.count, page.openids.len()),
            (Some(3), 2, 2)
        );
        let call = GetFollowers {
            next_openid: page.next_openid.as_ref(),
        };
        let (wire, _) = exchange(&call, "{}");
        assert_eq!(
            wire.target,
            "/cgi-bin/user/get?access_token=TOKEN&next_openid=o2"
        );
    }

    #[test]
    fn the_end_comes_in_several_forms() {
        for end in [
            r#"{"total":2,"count":0,"next_openid":""}"#,
            r#"{"total":2,"count":0,"data":{"openid":[]},"next_openid":null}"#,
            r#"{"total":2,"count":0,"data":null}"#,
            r#"{"total":2,"count":0,"data":{}}"#,
        ] {
            let page = answer(&FIRST, end).unwrap();
            assert!(
                page.openids.is_empty() && page.next_openid.is_none(),
                "{end}"
            );
        }
        let refused = r#"{"errcode":45009,"errmsg":"reach max api daily quota limit"}"#;
        assert_eq!(refusal(&FIRST, refused), 45009);
    }
}
