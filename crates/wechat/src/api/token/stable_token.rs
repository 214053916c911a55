use http::Method;
use serde::Serialize;

use super::IssuedToken;
use crate::{AppId, AppSecret, Body, Call, json};

/// The current token of the stable family ("获取稳定版接口调用凭据").
///
/// Normal mode repeats the same token during its life, so several programs may ask. 10,000 a minute and
/// 500,000 a day.
#[derive(Debug, Clone, Copy)]
pub struct StableToken<'a> {
    /// The account.
    pub appid: &'a AppId,
    /// Its secret.
    pub secret: &'a AppSecret,
    /// Replace the token at once; the former one dies. Meant for leaks: 20 a day, at least 30 s apart.
    pub force_refresh: bool,
}

#[derive(Serialize)]
struct Wire<'a> {
    grant_type: &'static str,
    appid: &'a AppId,
    secret: &'a str,
    force_refresh: bool,
}

impl Call for StableToken<'_> {
    type Reply = IssuedToken;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/stable_token";
    const AUTH: bool = false;

    fn body(&self) -> Body {
        json(&Wire {
            grant_type: "client_credential",
            appid: self.appid,
            secret: self.secret.expose(),
            force_refresh: self.force_refresh,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    fn with(force_refresh: bool, check: impl FnOnce(StableToken<'_>)) {
        let appid = AppId::parse("wx8b6f12d0a95e37c4").unwrap();
        check(StableToken {
            appid: &appid,
            secret: &AppSecret::new("0hush1"),
            force_refresh,
        });
    }

    #[test]
    fn asks_in_the_body_and_reads_the_remaining_life() {
        for force_refresh in [false, true] {
            with(force_refresh, |call| {
                let (wire, reply) = exchange(&call, r#"{"access_token":"92_x","expires_in":345}"#);
                assert_eq!(wire.method, Method::POST);
                assert_eq!(wire.target, "/cgi-bin/stable_token");
                assert_eq!(
                    wire.json(),
                    json!({"grant_type": "client_credential", "appid": "wx8b6f12d0a95e37c4",
                           "secret": "0hush1", "force_refresh": force_refresh})
                );
                assert_eq!(reply.unwrap().expires_in, 345);
            });
        }
    }

    #[test]
    fn a_refused_address_is_told() {
        let reply = r#"{"errcode":40164,"errmsg":"invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 6-a-b"}"#;
        with(false, |call| {
            let (_, answer) = exchange(&call, reply);
            let error = answer.unwrap_err();
            assert_eq!(
                error.refusal().unwrap().seen_ip(),
                Some([203, 0, 113, 7].into())
            );
            assert!(!format!("{call:?} {error:?}").contains("0hush1"));
            assert_eq!(
                refusal(&call, r#"{"errcode":40013,"errmsg":"invalid appid"}"#),
                40013
            );
        });
    }
}
