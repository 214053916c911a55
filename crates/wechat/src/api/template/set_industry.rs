use http::Method;
use serde::Serialize;

use crate::{Body, Call, Done, json};

/// Sets the account's two industries ("模板消息", api_set_industry).
///
/// Once a month (43100 beyond). Deletes the templates of a former industry.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SetIndustry<'a> {
    /// The first industry's code, `1` to `41` (40102 otherwise).
    pub industry_id1: &'a str,
    /// The second one's.
    pub industry_id2: &'a str,
}

impl Call for SetIndustry<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/template/api_set_industry";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    const CALL: SetIndustry<'_> = SetIndustry {
        industry_id1: "1",
        industry_id2: "4",
    };

    #[test]
    fn writes_the_codes_as_text() {
        let (wire, reply) = exchange(&CALL, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(
            wire.target,
            "/cgi-bin/template/api_set_industry?access_token=TOKEN"
        );
        assert_eq!(
            wire.json(),
            json!({"industry_id1": "1", "industry_id2": "4"})
        );
        reply.unwrap();
    }

    #[test]
    fn reports_a_second_change_in_a_month() {
        let reply = r#"{"errcode":43100,"errmsg":"change template too frequently"}"#;
        assert_eq!(refusal(&CALL, reply), 43100);
    }
}
