use http::Method;
use serde::Serialize;

use crate::{AppId, Body, Call, Done, json};

/// Sets the day's counters of all endpoints to zero ("重置API调用次数").
///
/// Ten times a month, shared with the button in the console (48006 beyond).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ClearQuota<'a> {
    /// The account whose token is used.
    pub appid: &'a AppId,
}

impl Call for ClearQuota<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/clear_quota";

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
    fn names_the_account() {
        let appid = AppId::parse("wx448f04719cd48f69").unwrap();
        let call = ClearQuota { appid: &appid };
        let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(wire.target, "/cgi-bin/clear_quota?access_token=TOKEN");
        assert_eq!(wire.json(), json!({"appid": "wx448f04719cd48f69"}));
        reply.unwrap();
        assert_eq!(
            refusal(
                &call,
                r#"{"errcode":48006,"errmsg":"forbid to clear quota"}"#
            ),
            48006
        );
    }
}
