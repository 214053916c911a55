use std::borrow::Cow;

use http::Method;
use serde::Deserialize;

use crate::{Call, OpenId, UnionId, UserAccessToken, api::user::UserLang, lenient};

/// The profile of a person who consented to it ("拉取用户信息").
///
/// 48001 after a login with `snsapi_base`, 40001 and 42001 for a token that is none or too old.
#[derive(Debug, Clone, Copy)]
pub struct UserInfo<'a> {
    /// The token of the person's web login.
    pub access_token: &'a UserAccessToken,
    /// The person.
    pub openid: &'a OpenId,
    /// The language of what is answered.
    pub lang: Option<UserLang>,
}

/// A person's profile. WeChat has not told sex and places since 2021.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserProfile {
    /// The person.
    pub openid: OpenId,
    /// The name.
    #[serde(default)]
    pub nickname: String,
    /// The picture. The number at its end is the size, and it is gone once the person changes it.
    #[serde(default)]
    pub headimgurl: String,
    /// Privileges of the person at WeChat.
    #[serde(default)]
    pub privilege: Vec<String>,
    /// The person over all accounts.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub unionid: Option<UnionId>,
}

impl Call for UserInfo<'_> {
    type Reply = UserProfile;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/sns/userinfo";
    // The token of the query is the person's and not the account's.
    const AUTH: bool = false;

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let mut query = vec![
            ("access_token", Cow::Borrowed(self.access_token.expose())),
            ("openid", Cow::Borrowed(self.openid.as_str())),
        ];
        query.extend(self.lang.map(|lang| ("lang", Cow::Borrowed(lang.as_str()))));
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{exchange, refusal};

    fn with(check: impl FnOnce(UserInfo<'_>)) {
        let openid = OpenId::parse("oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg").unwrap();
        check(UserInfo {
            access_token: &UserAccessToken::new("92_UsEr"),
            openid: &openid,
            lang: Some(UserLang::ZhCn),
        });
    }

    #[test]
    fn asks_with_the_persons_token_and_reads_the_profile() {
        with(|call| {
            let reply = r#"{"openid":"oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg","nickname":"小满 🌾","sex":0,"province":"",
                "city":"","country":"","headimgurl":"https://thirdwx.qlogo.cn/mmopen/x/132","privilege":[],
                "unionid":"oHbT81kQx5YwLr2NzUc7PvMa0JdE"}"#;
            let (wire, reply) = exchange(&call, reply);
            assert_eq!(wire.method, Method::GET);
            assert_eq!(
                wire.target,
                "/sns/userinfo?access_token=92_UsEr&openid=oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg&lang=zh_CN"
            );
            let profile = reply.unwrap();
            assert_eq!(profile.nickname, "小满 🌾");
            assert_eq!(
                profile.unionid.unwrap().as_str(),
                "oHbT81kQx5YwLr2NzUc7PvMa0JdE"
            );
        });
    }

    #[test]
    fn reports_a_missing_consent_without_the_token() {
        with(|call| {
            let reply = r#"{"errcode":48001,"errmsg":"api unauthorized, rid: 6-a-b"}"#;
            assert_eq!(refusal(&call, reply), 48001);
            assert!(!format!("{call:?}").contains("92_UsEr"));
            let (wire, _) = exchange(&UserInfo { lang: None, ..call }, "{}");
            assert!(!wire.target.contains("lang"));
        });
    }
}
