use http::Method;
use serde::{Deserialize, Serialize};

use crate::{Body, Call, Done, OpenId, json};

/// Gives a tag to up to 50 people ("批量为用户打标签").
///
/// 45171 where it failed for some, see [`FailedOpenIds`]; 45059 for a person with 20 tags already; 45169
/// where the same person is being tagged elsewhere; 45159 for an unknown tag.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TagMembers<'a> {
    /// The people.
    pub openid_list: &'a [OpenId],
    /// The tag.
    #[serde(rename = "tagid")]
    pub tag_id: i64,
}

impl TagMembers<'_> {
    /// How many people one call takes.
    pub const MAX: usize = 50;
}

impl Call for TagMembers<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/tags/members/batchtagging";

    fn body(&self) -> Body {
        json(self)
    }
}

/// Takes a tag from up to 50 people ("批量为用户取消标签"). Refused as [`TagMembers`] is.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct UntagMembers<'a> {
    /// The people.
    pub openid_list: &'a [OpenId],
    /// The tag.
    #[serde(rename = "tagid")]
    pub tag_id: i64,
}

impl Call for UntagMembers<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/tags/members/batchuntagging";

    fn body(&self) -> Body {
        json(self)
    }
}

/// What stands beside 45171; read it with [`ApiError::decode`](crate::ApiError::decode).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FailedOpenIds {
    /// Those for whom it failed.
    pub fail_openid_list: Vec<OpenId>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{answer, exchange};

    #[test]
    fn gives_and_takes_by_the_same_form() {
        let openid_list = ["o1", "o2"].map(|openid| OpenId::parse(openid).unwrap());
        let (given, reply) = exchange(
            &TagMembers {
                openid_list: &openid_list,
                tag_id: 134,
            },
            r#"{"errcode":0,"errmsg":"ok"}"#,
        );
        reply.unwrap();
        let (taken, reply) = exchange(
            &UntagMembers {
                openid_list: &openid_list,
                tag_id: 134,
            },
            r#"{"errcode":0,"errmsg":"ok"}"#,
        );
        reply.unwrap();
        assert_eq!(
            given.target,
            "/cgi-bin/tags/members/batchtagging?access_token=TOKEN"
        );
        assert_eq!(
            taken.target,
            "/cgi-bin/tags/members/batchuntagging?access_token=TOKEN"
        );
        assert_eq!(
            given.json(),
            json!({"openid_list": ["o1", "o2"], "tagid": 134})
        );
        assert_eq!(given.json(), taken.json());
    }

    #[test]
    fn tells_for_whom_it_failed() {
        let call = TagMembers {
            openid_list: &[],
            tag_id: 134,
        };
        let reply = r#"{"errcode":45171,"errmsg":"some openid fail","fail_openid_list":["o2"]}"#;
        let error = answer(&call, reply).unwrap_err();
        let failed: FailedOpenIds = error.refusal().unwrap().decode().unwrap();
        assert_eq!(failed.fail_openid_list[0].as_str(), "o2");
    }
}
