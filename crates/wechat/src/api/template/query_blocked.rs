use http::Method;
use serde::{Deserialize, Serialize};

use crate::{Body, Call, OpenId, TemplateId, json, lenient};

/// Messages of a template that WeChat kept from people ("模板消息", queryblocktmplmsg).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct QueryBlocked<'a> {
    /// The template.
    pub tmpl_msg_id: &'a TemplateId,
    /// The largest [`BlockedMessage::id`] of the page before; 0 for the first page.
    pub largest_id: u64,
    /// How many, at most 100.
    pub limit: u32,
}

/// Messages kept from people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BlockedMessages {
    /// This page. Documented as one message, although there are pages.
    #[serde(default, deserialize_with = "lenient::list")]
    pub msginfo: Vec<BlockedMessage>,
}

/// A message kept from a person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BlockedMessage {
    /// Its number in this list.
    #[serde(deserialize_with = "lenient::number")]
    pub id: u64,
    /// The title of the template.
    #[serde(default)]
    pub title: String,
    /// What was to be sent.
    #[serde(default)]
    pub content: String,
    /// When, in seconds since 1970.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub send_timestamp: Option<i64>,
    /// To whom.
    #[serde(default, deserialize_with = "lenient::unless_empty")]
    pub openid: Option<OpenId>,
}

impl Call for QueryBlocked<'_> {
    type Reply = BlockedMessages;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/wxa/sec/queryblocktmplmsg";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{answer, exchange};

    #[test]
    fn one_message_or_many_are_read() {
        let template_id = TemplateId::parse("t1").unwrap();
        let call = QueryBlocked {
            tmpl_msg_id: &template_id,
            largest_id: 0,
            limit: 100,
        };
        let one = r#"{"id":7,"tmpl_msg_id":"t1","title":"到货","content":"x","send_timestamp":1767226200,"openid":"o1"}"#;
        let (wire, reply) = exchange(&call, &format!(r#"{{"errcode":0,"msginfo":{one}}}"#));
        assert_eq!(wire.target, "/wxa/sec/queryblocktmplmsg?access_token=TOKEN");
        assert_eq!(
            wire.json(),
            json!({"tmpl_msg_id": "t1", "largest_id": 0, "limit": 100})
        );
        let alone = reply.unwrap();
        assert_eq!(alone.msginfo[0].id, 7);
        let many = answer(&call, &format!(r#"{{"msginfo":[{one}]}}"#)).unwrap();
        assert_eq!(many, alone);
        for empty in [r#"{"msginfo":null}"#, r#"{"msginfo":[]}"#, "{}"] {
            assert!(answer(&call, empty).unwrap().msginfo.is_empty(), "{empty}");
        }
    }
}
