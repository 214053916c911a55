use http::Method;
use serde::{Deserialize, Serialize};

use crate::{Body, Call, OpenId, json};

/// The tags of one person ("获取用户身上的标签列表").
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GetIdList<'a> {
    /// The person.
    pub openid: &'a OpenId,
}

/// The tags of one person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TagIds {
    /// By number; at most 20.
    #[serde(default)]
    pub tagid_list: Vec<i64>,
}

impl Call for GetIdList<'_> {
    type Reply = TagIds;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/tags/getidlist";

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
    fn reads_the_numbers() {
        let openid = OpenId::parse("o1").unwrap();
        let call = GetIdList { openid: &openid };
        let (wire, reply) = exchange(&call, r#"{"tagid_list":[134,2]}"#);
        assert_eq!(wire.target, "/cgi-bin/tags/getidlist?access_token=TOKEN");
        assert_eq!(wire.json(), json!({"openid": "o1"}));
        assert_eq!(reply.unwrap().tagid_list, [134, 2]);
        assert_eq!(refusal(&call, r#"{"errcode":40003,"errmsg":"no"}"#), 40003);
    }
}
