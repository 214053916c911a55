use http::Method;
use serde::Serialize;

use crate::{AppId, AppSecret, Body, Call, Done, json};

/// As [`ClearQuota`](super::ClearQuota), without a token ("使用AppSecret重置API调用次数"): for when the quota
/// of the token call itself is used up. Shares its ten times a month.
#[derive(Debug, Clone, Copy)]
pub struct ClearQuotaV2<'a> {
    /// The account.
    pub appid: &'a AppId,
    /// Its secret.
    pub secret: &'a AppSecret,
}

/// The documents' table has these in the body and their sample in the query; a body does not end in logs.
#[derive(Serialize)]
struct Wire<'a> {
    appid: &'a AppId,
    appsecret: &'a str,
}

impl Call for ClearQuotaV2<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/clear_quota/v2";
    const AUTH: bool = false;

    fn body(&self) -> Body {
        json(&Wire {
            appid: self.appid,
            appsecret: self.secret.expose(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn names_account_and_secret_in_the_body_alone() {
        let appid = AppId::parse("wx8b6f12d0a95e37c4").unwrap();
        let secret = AppSecret::new("0hush1");
        let call = ClearQuotaV2 {
            appid: &appid,
            secret: &secret,
        };
        let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(wire.target, "/cgi-bin/clear_quota/v2");
        assert_eq!(
            wire.json(),
            json!({"appid": "wx8b6f12d0a95e37c4", "appsecret": "0hush1"})
        );
        reply.unwrap();
        assert!(!format!("{call:?}").contains("0hush1"));
        let refused = r#"{"errcode":48006,"errmsg":"forbid to clear quota"}"#;
        assert_eq!(refusal(&call, refused), 48006);
    }
}
