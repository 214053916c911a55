use std::borrow::Cow;

use http::Method;

use super::IssuedToken;
use crate::{AppId, AppSecret, Call};

/// A new token of the classic family ("获取接口调用凭据").
///
/// Every call makes a new token, and the one before works for five more minutes: only one program may do
/// this. 2000 a day for a new account, 200 for a test account (45009 beyond).
#[derive(Debug, Clone, Copy)]
pub struct ClassicToken<'a> {
    /// The account.
    pub appid: &'a AppId,
    /// Its secret; travels in the query string, as WeChat demands.
    pub secret: &'a AppSecret,
}

impl Call for ClassicToken<'_> {
    type Reply = IssuedToken;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/token";
    const AUTH: bool = false;

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        vec![
            ("grant_type", Cow::Borrowed("client_credential")),
            ("appid", Cow::Borrowed(self.appid.as_str())),
            ("secret", Cow::Borrowed(self.secret.expose())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AccessToken,
        fixture::{exchange, refusal},
    };

    fn with(check: impl FnOnce(ClassicToken<'_>)) {
        let appid = AppId::parse("wx8b6f12d0a95e37c4").unwrap();
        check(ClassicToken {
            appid: &appid,
            secret: &AppSecret::new("0hush1"),
        });
    }

    #[test]
    fn asks_in_the_query_and_reads_the_token() {
        with(|call| {
            let (wire, reply) = exchange(&call, r#"{"access_token":"92_AbC","expires_in":7200}"#);
            assert_eq!(wire.method, Method::GET);
            assert_eq!(
                wire.target,
                "/cgi-bin/token?grant_type=client_credential&appid=wx8b6f12d0a95e37c4&secret=0hush1"
            );
            assert_eq!(wire.body, "");
            let issued = reply.unwrap();
            assert_eq!(issued.access_token, AccessToken::new("92_AbC"));
            assert_eq!(issued.expires_in, 7200);
        });
    }

    #[test]
    fn refusals_and_debug_do_not_show_secrets() {
        with(|call| {
            let reply = r#"{"errcode":40125,"errmsg":"invalid appsecret rid: 6-a-b"}"#;
            assert_eq!(refusal(&call, reply), 40125);
            assert!(!format!("{call:?}").contains("0hush1"));
            let (_, reply) = exchange(&call, r#"{"access_token":"92_AbC","expires_in":1}"#);
            assert!(!format!("{reply:?}").contains("92_AbC"));
        });
    }
}
