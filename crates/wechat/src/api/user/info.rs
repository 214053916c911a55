use std::borrow::Cow;

use http::Method;
use serde::Deserialize;

use super::UserLang;
use crate::{Call, OpenId, UnionId, lenient};

/// What WeChat tells about one person ("获取用户基本信息").
///
/// 40003 for an openid of another account. Names and pictures have not been told since 2021.
#[derive(Debug, Clone, Copy)]
pub struct Info<'a> {
    /// The person.
    pub openid: &'a OpenId,
    /// The language of what is answered.
    pub lang: Option<UserLang>,
}

/// A person as WeChat knows them. Of somebody who does not follow the account only `subscribe`, `openid`
/// and perhaps `unionid` are told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserDetail {
    /// Whether the person follows the account.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub subscribe: bool,
    /// The person.
    pub openid: OpenId,
    /// The person over all accounts, once the account is bound to an open-platform account.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub unionid: Option<UnionId>,
    /// When the person last began to follow, in seconds since 1970.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub subscribe_time: Option<i64>,
    /// How the person came, such as `ADD_SCENE_QR_CODE`.
    #[serde(default)]
    pub subscribe_scene: String,
    /// The account's own note about the person.
    #[serde(default)]
    pub remark: String,
    /// The tags that the account gave the person.
    #[serde(default)]
    pub tagid_list: Vec<i64>,
    /// The number of the QR code that the person came by; 0 for none.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub qr_scene: Option<i64>,
    /// The text of the QR code that the person came by.
    #[serde(default)]
    pub qr_scene_str: String,
}

impl Call for Info<'_> {
    type Reply = UserDetail;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/user/info";

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let mut query = vec![("openid", Cow::Borrowed(self.openid.as_str()))];
        query.extend(self.lang.map(|lang| ("lang", Cow::Borrowed(lang.as_str()))));
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{answer, exchange, refusal};

    fn with(check: impl FnOnce(Info<'_>)) {
        let openid = OpenId::parse("oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg").unwrap();
        check(Info {
            openid: &openid,
            lang: None,
        });
    }

    #[test]
    fn reads_a_follower() {
        with(|call| {
            let reply = r#"{"subscribe":1,"openid":"oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg","language":"",
                "subscribe_time":1767226200,"unionid":"oHbT81kQx5YwLr2NzUc7PvMa0JdE","remark":"老客户","groupid":0,
                "tagid_list":[134,2],"subscribe_scene":"ADD_SCENE_QR_CODE","qr_scene":0,"qr_scene_str":"campaign_618"}"#;
            let (wire, reply) = exchange(
                &Info {
                    lang: Some(UserLang::En),
                    ..call
                },
                reply,
            );
            assert_eq!(wire.method, Method::GET);
            assert_eq!(
                wire.target,
                "/cgi-bin/user/info?access_token=TOKEN&openid=oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg&lang=en"
            );
            let detail = reply.unwrap();
            assert!(detail.subscribe);
            assert_eq!(detail.subscribe_time, Some(1_767_226_200));
            assert_eq!(
                (detail.tagid_list, detail.qr_scene),
                (vec![134, 2], Some(0))
            );
            assert_eq!(detail.qr_scene_str, "campaign_618");
            assert_eq!(detail.remark, "老客户");
        });
    }

    #[test]
    fn of_a_stranger_little_is_told() {
        with(|call| {
            let detail = answer(&call, r#"{"subscribe":0,"openid":"o1"}"#).unwrap();
            assert!(
                !detail.subscribe && detail.unionid.is_none() && detail.subscribe_time.is_none()
            );
        });
    }

    #[test]
    fn reports_a_refusal() {
        with(|call| {
            let reply = r#"{"errcode":40003,"errmsg":"invalid openid rid: 6-a-b"}"#;
            assert_eq!(refusal(&call, reply), 40003);
        });
    }
}
