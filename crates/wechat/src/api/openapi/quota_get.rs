use http::Method;
use serde::{Deserialize, Serialize};

use crate::{Body, Call, json, lenient};

/// How much of an endpoint's daily quota is used ("查询API调用额度").
///
/// Counters can be about one per cent off.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GetQuota<'a> {
    /// A path with its slash and without a host, such as `/cgi-bin/message/template/send` (76021 if
    /// unknown).
    pub cgi_path: &'a str,
}

/// An endpoint's quota and rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct QuotaReply {
    /// Calls of the day.
    pub quota: Quota,
    /// The rate allowed, where there is one.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
    /// The rate allowed on behalf of a third-party platform, where there is one.
    #[serde(default)]
    pub component_rate_limit: Option<RateLimit>,
}

/// Calls of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Quota {
    /// Allowed.
    #[serde(deserialize_with = "lenient::number")]
    pub daily_limit: i64,
    /// Made.
    #[serde(deserialize_with = "lenient::number")]
    pub used: i64,
    /// Left.
    #[serde(deserialize_with = "lenient::number")]
    pub remain: i64,
}

/// A rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct RateLimit {
    /// Calls allowed in one window.
    #[serde(deserialize_with = "lenient::number")]
    pub call_count: i64,
    /// Length of the window in seconds.
    #[serde(deserialize_with = "lenient::number")]
    pub refresh_second: i64,
}

impl Call for GetQuota<'_> {
    type Reply = QuotaReply;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/openapi/quota/get";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    const CALL: GetQuota<'_> = GetQuota {
        cgi_path: "/cgi-bin/message/custom/send",
    };

    #[test]
    fn asks_by_path_and_reads_the_counters() {
        let reply = r#"{"errcode":0,"errmsg":"ok",
            "quota":{"daily_limit":100000,"used":12,"remain":99988},
            "rate_limit":{"call_count":7,"refresh_second":5}}"#;
        let (wire, reply) = exchange(&CALL, reply);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(wire.target, "/cgi-bin/openapi/quota/get?access_token=TOKEN");
        assert_eq!(
            wire.json(),
            json!({"cgi_path": "/cgi-bin/message/custom/send"})
        );
        let reply = reply.unwrap();
        assert_eq!(
            reply.quota,
            Quota {
                daily_limit: 100_000,
                used: 12,
                remain: 99_988
            }
        );
        assert_eq!(
            reply.rate_limit,
            Some(RateLimit {
                call_count: 7,
                refresh_second: 5
            })
        );
        assert_eq!(reply.component_rate_limit, None);
    }

    #[test]
    fn reports_an_unknown_path() {
        assert_eq!(
            refusal(&CALL, r#"{"errcode":76021,"errmsg":"cgi_path not found"}"#),
            76021
        );
    }
}
