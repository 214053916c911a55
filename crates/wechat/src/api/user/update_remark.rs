use http::Method;
use serde::Serialize;

use crate::{Body, Call, Done, OpenId, json};

/// Sets the account's own note about a person ("设置用户备注名").
///
/// Service accounts. 40092 for a note of 30 bytes or more, 43004 for somebody who does not follow.
/// 10,000 a day.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct UpdateRemark<'a> {
    /// The person.
    pub openid: &'a OpenId,
    /// The note; empty for none.
    pub remark: &'a str,
}

impl Call for UpdateRemark<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/user/info/updateremark";

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
    fn sends_the_note() {
        let openid = OpenId::parse("o1").unwrap();
        let call = UpdateRemark {
            openid: &openid,
            remark: "老客户",
        };
        let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(
            wire.target,
            "/cgi-bin/user/info/updateremark?access_token=TOKEN"
        );
        assert_eq!(wire.json(), json!({"openid": "o1", "remark": "老客户"}));
        reply.unwrap();
        let refused = r#"{"errcode":43004,"errmsg":"require subscribe"}"#;
        assert_eq!(refusal(&call, refused), 43004);
    }
}
