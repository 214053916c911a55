use http::Method;
use serde::{Deserialize, Serialize};

use crate::{Body, Call, TemplateId, json};

/// Takes a template from the public library into the account (newtmpl/addtemplate).
///
/// 200012 when the account has no room left, 200022 when it has the same title and keywords already.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddSubscribeTemplate<'a> {
    /// The library's id of the title (200014 if unknown).
    pub tid: &'a str,
    /// Two to five keywords by `kid`, in the order shown (200020 otherwise).
    pub kid_list: &'a [u32],
    /// What the template is for, at most 15 characters (200021 otherwise).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene_desc: Option<&'a str>,
}

/// The template now belongs to the account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AddedSubscribeTemplate {
    /// Its id at this account.
    #[serde(rename = "priTmplId")]
    pub template_id: TemplateId,
}

impl Call for AddSubscribeTemplate<'_> {
    type Reply = AddedSubscribeTemplate;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/wxaapi/newtmpl/addtemplate";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    const CALL: AddSubscribeTemplate<'_> = AddSubscribeTemplate {
        tid: "401",
        kid_list: &[1, 2],
        scene_desc: Some("订单进度"),
    };

    #[test]
    fn writes_wechats_spelling() {
        let reply = r#"{"errmsg":"ok","errcode":0,"priTmplId":"Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo"}"#;
        let (wire, reply) = exchange(&CALL, reply);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(
            wire.target,
            "/wxaapi/newtmpl/addtemplate?access_token=TOKEN"
        );
        assert_eq!(
            wire.json(),
            json!({"tid": "401", "kidList": [1, 2], "sceneDesc": "订单进度"})
        );
        let template_id = reply.unwrap().template_id;
        assert_eq!(
            template_id.as_str(),
            "Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo"
        );
    }

    #[test]
    fn reports_a_wrong_keyword_list() {
        assert_eq!(
            refusal(&CALL, r#"{"errcode":200020,"errmsg":"invalid kidList"}"#),
            200020
        );
    }
}
