use http::Method;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Body, Call, json, lenient, redact};

/// What WeChat recorded of one call ("查询rid信息"), for seven days (76004 beyond).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GetRid<'a> {
    /// The rid of a refusal of this account (76001 if unknown, 76003 if another account's).
    pub rid: &'a str,
}

/// What WeChat recorded of one call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RidReply {
    /// The record.
    pub request: RidRequest,
}

/// The record of a call. Tokens and secrets in it are masked while it is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RidRequest {
    /// Unix time in seconds.
    #[serde(deserialize_with = "lenient::number")]
    pub invoke_time: i64,
    /// How long WeChat worked on it, in milliseconds.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub cost_in_ms: Option<i64>,
    /// The query string.
    #[serde(default, deserialize_with = "masked")]
    pub request_url: String,
    /// The body that was sent.
    #[serde(default, deserialize_with = "masked")]
    pub request_body: String,
    /// The answer.
    #[serde(default, deserialize_with = "masked")]
    pub response_body: String,
    /// The address it came from.
    #[serde(default)]
    pub client_ip: String,
}

/// WeChat repeats the whole call, token and all, and a record is made to be shown.
fn masked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(redact::mask(&String::deserialize(deserializer)?))
}

impl Call for GetRid<'_> {
    type Reply = RidReply;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/openapi/rid/get";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    const CALL: GetRid<'_> = GetRid {
        rid: "61725984-6126f6f9-040f19c4",
    };

    #[test]
    fn reads_the_record_without_its_secrets() {
        let reply = r#"{"errcode":0,"errmsg":"ok","request":{"invoke_time":1635156704,"cost_in_ms":30,
            "request_url":"access_token=50_hidden&lang=zh","request_body":"{\"secret\":\"hidden\"}",
            "response_body":"{\"errcode\":45009,\"errmsg\":\"reach max api daily quota limit\"}",
            "client_ip":"113.0.2.1"}}"#;
        let (wire, reply) = exchange(&CALL, reply);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(wire.target, "/cgi-bin/openapi/rid/get?access_token=TOKEN");
        assert_eq!(wire.json(), json!({"rid": "61725984-6126f6f9-040f19c4"}));
        let record = reply.unwrap().request;
        assert_eq!(
            (record.invoke_time, record.cost_in_ms),
            (1_635_156_704, Some(30))
        );
        assert_eq!(record.request_url, "access_token=[redacted]&lang=zh");
        assert_eq!(record.request_body, r#"{"secret":"[redacted]"}"#);
        assert!(record.response_body.contains("45009"));
    }

    #[test]
    fn reports_an_unknown_rid() {
        assert_eq!(
            refusal(&CALL, r#"{"errcode":76001,"errmsg":"rid not found"}"#),
            76001
        );
    }
}
