use std::borrow::Cow;

use http::Method;
use serde::Deserialize;

use crate::{AppId, AppSecret, Call, OpenId, SessionKey, UnionId, lenient};

/// Who logged in to a mini program ("小程序登录凭证校验", code2Session).
///
/// 40029 for a code that is not one of this account or too old, 40163 for one used before, 40226 for a
/// person whom WeChat considers a risk, 45011 beyond 100 calls a minute for one person.
#[derive(Debug, Clone, Copy)]
pub struct JsCode2Session<'a> {
    /// The mini program.
    pub appid: &'a AppId,
    /// Its secret; travels in the query string, as WeChat demands.
    pub secret: &'a AppSecret,
    /// What `wx.login` gave the client.
    pub js_code: &'a str,
}

/// A person's login.
#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    /// The person at this mini program.
    pub openid: OpenId,
    /// The key of this login. A later login may replace it.
    pub session_key: SessionKey,
    /// The person over all accounts, once the mini program is bound to an open-platform account.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub unionid: Option<UnionId>,
}

impl Call for JsCode2Session<'_> {
    type Reply = Session;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/sns/jscode2session";
    const AUTH: bool = false;

    fn query(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        vec![
            ("appid", Cow::Borrowed(self.appid.as_str())),
            ("secret", Cow::Borrowed(self.secret.expose())),
            ("js_code", Cow::Borrowed(self.js_code)),
            ("grant_type", Cow::Borrowed("authorization_code")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Bases, Client, TransportError,
        fixture::{Recorder, answer, exchange, now, refusal},
    };

    fn with(check: impl FnOnce(JsCode2Session<'_>)) {
        let appid = AppId::parse("wx8b6f12d0a95e37c4").unwrap();
        check(JsCode2Session {
            appid: &appid,
            secret: &AppSecret::new("0hush1"),
            js_code: "0c1Xyz/+",
        });
    }

    #[test]
    fn asks_in_the_query_and_reads_the_person() {
        with(|call| {
            let reply = r#"{"session_key":"Pzrx7Ou9FBCrQX7A0nu/yw==","openid":"oP4uB6jKx0QmTzR3yVdWc9LnEaSs","unionid":"oHbT81kQx5YwLr2NzUc7PvMa0JdE"}"#;
            let (wire, reply) = exchange(&call, reply);
            assert_eq!(wire.method, Method::GET);
            assert_eq!(
                wire.target,
                "/sns/jscode2session?appid=wx8b6f12d0a95e37c4&secret=0hush1&js_code=0c1Xyz%2F%2B&grant_type=authorization_code"
            );
            assert_eq!(wire.body, "");
            let session = reply.unwrap();
            assert_eq!(session.openid.as_str(), "oP4uB6jKx0QmTzR3yVdWc9LnEaSs");
            assert_eq!(session.session_key.expose(), "Pzrx7Ou9FBCrQX7A0nu/yw==");
            assert_eq!(
                session.unionid.unwrap().as_str(),
                "oHbT81kQx5YwLr2NzUc7PvMa0JdE"
            );
        });
    }

    #[test]
    fn an_account_that_is_not_bound_has_no_unionid() {
        with(|call| {
            for unionid in ["", r#","unionid":"""#, r#","unionid":null"#] {
                let reply = format!(r#"{{"session_key":"a","openid":"o1"{unionid}}}"#);
                assert_eq!(answer(&call, &reply).unwrap().unionid, None);
            }
        });
    }

    #[test]
    fn refusals_errors_and_debug_do_not_show_secrets() {
        with(|call| {
            let reply = r#"{"errcode":40163,"errmsg":"code been used, rid: 6-a-b"}"#;
            assert_eq!(refusal(&call, reply), 40163);
            assert!(!format!("{call:?}").contains("0hush1"));
            let reply = answer(&call, r#"{"session_key":"hidden","openid":"o1"}"#);
            assert!(!format!("{reply:?}").contains("hidden"));
            let broken = answer(&call, r#"{"session_key":"hidden","openid":[]}"#);
            assert!(!format!("{broken:?}").contains("hidden"));

            let recorder = Recorder::failing(TransportError::Uncertain {
                reason: "GET /sns/jscode2session?secret=0hush1&js_code=0c1Xyz".to_owned(),
            });
            let error = now(Client::new(&recorder, Bases::default()).call(None, &call));
            let shown = format!("{:?}", error.unwrap_err());
            assert!(
                !shown.contains("0hush1") && !shown.contains("0c1Xyz"),
                "{shown}"
            );
        });
    }
}
