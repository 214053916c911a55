use std::borrow::Cow;

use http::Method;
use serde::Deserialize;

use crate::{AppId, AppSecret, Call, OpenId, RefreshToken, UnionId, UserAccessToken, lenient};

/// Who came back from the authorize page ("通过code换取网页授权access_token").
///
/// 40029 for a code that is none, 40163 for one used before.
#[derive(Debug, Clone, Copy)]
pub struct OAuth2AccessToken<'a> {
    /// A verified service account.
    pub appid: &'a AppId,
    /// Its secret; travels in the query string, as WeChat demands.
    pub secret: &'a AppSecret,
    /// What the authorize page returned.
    pub code: &'a str,
}

/// A person's web login.
#[derive(Debug, Clone, Deserialize)]
pub struct UserToken {
    /// Opens the person's own data, and is no token of the account.
    pub access_token: UserAccessToken,
    /// Its life in seconds, 7200 today.
    #[serde(deserialize_with = "lenient::number")]
    pub expires_in: u32,
    /// Renews it for thirty days.
    #[serde(default)]
    pub refresh_token: Option<RefreshToken>,
    /// The person at this account.
    pub openid: OpenId,
    /// What the person consented to, by commas.
    #[serde(default)]
    pub scope: String,
    /// Whether this is a virtual person, made up for a page that asked too early. Nothing of it is real,
    /// the openid included: never bind it.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_snapshotuser: bool,
    /// The person over all accounts, with the scope `snsapi_userinfo` only.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub unionid: Option<UnionId>,
}

impl Call for OAuth2AccessToken<'_> {
    type Reply = UserToken;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/sns/oauth2/access_token";
    const AUTH: bool = false;

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        vec![
            ("appid", Cow::Borrowed(self.appid.as_str())),
            ("secret", Cow::Borrowed(self.secret.expose())),
            ("code", Cow::Borrowed(self.code)),
            ("grant_type", Cow::Borrowed("authorization_code")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{answer, exchange, refusal};

    fn with(check: impl FnOnce(OAuth2AccessToken<'_>)) {
        let appid = AppId::parse("wx5a1d0c94e7b38f26").unwrap();
        check(OAuth2AccessToken {
            appid: &appid,
            secret: &AppSecret::new("0hush1"),
            code: "0b1Abc",
        });
    }

    #[test]
    fn asks_in_the_query_and_reads_the_person() {
        with(|call| {
            let reply = r#"{"access_token":"92_UsEr","expires_in":7200,"refresh_token":"92_ReFr",
                "openid":"oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg","scope":"snsapi_base"}"#;
            let (wire, reply) = exchange(&call, reply);
            assert_eq!(wire.method, Method::GET);
            assert_eq!(
                wire.target,
                "/sns/oauth2/access_token?appid=wx5a1d0c94e7b38f26&secret=0hush1&code=0b1Abc&grant_type=authorization_code"
            );
            let token = reply.unwrap();
            assert_eq!(token.access_token.expose(), "92_UsEr");
            assert_eq!(token.refresh_token.unwrap().expose(), "92_ReFr");
            assert_eq!(
                (token.expires_in, token.scope.as_str()),
                (7200, "snsapi_base")
            );
            assert_eq!(token.openid.as_str(), "oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg");
            assert!(!token.is_snapshotuser && token.unionid.is_none());
        });
    }

    #[test]
    fn a_virtual_person_is_marked() {
        with(|call| {
            let reply = r#"{"access_token":"a","expires_in":7200,"openid":"o1","scope":"snsapi_userinfo",
                "is_snapshotuser":1,"unionid":"oHbT81kQx5YwLr2NzUc7PvMa0JdE"}"#;
            let token = answer(&call, reply).unwrap();
            assert!(token.is_snapshotuser && token.unionid.is_some());
        });
    }

    #[test]
    fn refusals_and_debug_do_not_show_secrets() {
        with(|call| {
            let reply = r#"{"errcode":40029,"errmsg":"invalid code, rid: 6-a-b"}"#;
            assert_eq!(refusal(&call, reply), 40029);
            assert!(!format!("{call:?}").contains("0hush1"));
            let reply = r#"{"access_token":"92_UsEr","refresh_token":"92_ReFr","expires_in":1,"openid":"o1"}"#;
            let shown = format!("{:?}", answer(&call, reply).unwrap());
            assert!(!shown.contains("92_"), "{shown}");
        });
    }
}
