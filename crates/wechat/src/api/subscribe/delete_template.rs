use http::Method;
use serde::Serialize;

use crate::{Body, Call, Done, TemplateId, json};

/// Removes a subscribe template from the account (newtmpl/deltemplate).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DeleteSubscribeTemplate<'a> {
    /// The template (20002 if the account has none of that id).
    #[serde(rename = "priTmplId")]
    pub template_id: &'a TemplateId,
}

impl Call for DeleteSubscribeTemplate<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/wxaapi/newtmpl/deltemplate";

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
    fn names_the_template() {
        let template_id = TemplateId::parse("Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo").unwrap();
        let call = DeleteSubscribeTemplate {
            template_id: &template_id,
        };
        let (wire, reply) = exchange(&call, r#"{"errmsg":"ok","errcode":0}"#);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(
            wire.target,
            "/wxaapi/newtmpl/deltemplate?access_token=TOKEN"
        );
        assert_eq!(
            wire.json(),
            json!({"priTmplId": "Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo"})
        );
        reply.unwrap();
        assert_eq!(
            refusal(&call, r#"{"errcode":20002,"errmsg":"bad argument"}"#),
            20002
        );
    }
}
