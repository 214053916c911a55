use http::Method;
use serde::{Deserialize, Serialize};

use super::{UserDetail, UserLang};
use crate::{Body, Call, OpenId, json};

/// What WeChat tells about up to 100 people ("批量获取用户基本信息"); 40032 for more.
#[derive(Debug, Clone, Copy)]
pub struct BatchGet<'a> {
    /// The people; some may have left.
    pub openids: &'a [OpenId],
    /// The language of what is answered.
    pub lang: Option<UserLang>,
}

impl BatchGet<'_> {
    /// How many people one call takes.
    pub const MAX: usize = 100;
}

#[derive(Serialize)]
struct Wire<'a> {
    user_list: Vec<Asked<'a>>,
}

#[derive(Serialize)]
struct Asked<'a> {
    openid: &'a OpenId,
    #[serde(skip_serializing_if = "Option::is_none")]
    lang: Option<&'static str>,
}

/// What WeChat tells about several people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserDetails {
    /// In WeChat's order; of those who left little is told.
    #[serde(default)]
    pub user_info_list: Vec<UserDetail>,
}

impl Call for BatchGet<'_> {
    type Reply = UserDetails;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/user/info/batchget";

    fn body(&self) -> Body {
        let lang = self.lang.map(UserLang::as_str);
        json(&Wire {
            user_list: self
                .openids
                .iter()
                .map(|openid| Asked { openid, lang })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn asks_for_several_and_reads_those_who_left_too() {
        let openids = ["o1", "o2"].map(|openid| OpenId::parse(openid).unwrap());
        let call = BatchGet {
            openids: &openids,
            lang: Some(UserLang::ZhCn),
        };
        let reply = r#"{"user_info_list":[{"subscribe":1,"openid":"o1","tagid_list":[2],"subscribe_time":1767226200},
            {"subscribe":0,"openid":"o2"}]}"#;
        let (wire, reply) = exchange(&call, reply);
        assert_eq!(
            wire.target,
            "/cgi-bin/user/info/batchget?access_token=TOKEN"
        );
        assert_eq!(
            wire.json(),
            json!({"user_list": [{"openid": "o1", "lang": "zh_CN"}, {"openid": "o2", "lang": "zh_CN"}]})
        );
        let list = reply.unwrap().user_info_list;
        assert_eq!(list[0].tagid_list, [2]);
        assert!(!list[1].subscribe);
        let refused = r#"{"errcode":40032,"errmsg":"invalid openid list size"}"#;
        assert_eq!(refusal(&call, refused), 40032);
    }
}
