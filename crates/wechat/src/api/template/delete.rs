use http::Method;
use serde::Serialize;

use crate::{Body, Call, Done, TemplateId, json};

/// Removes a template from the account ("模板消息", del_private_template).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DeleteTemplate<'a> {
    /// A template of this account (40037 otherwise).
    pub template_id: &'a TemplateId,
}

impl Call for DeleteTemplate<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/template/del_private_template";

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
        let template_id = TemplateId::parse("Dyvp3-Ff0cnail_CDSzk1fIc6-9lOkxsQE7exTJbwUE").unwrap();
        let call = DeleteTemplate {
            template_id: &template_id,
        };
        let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(
            wire.target,
            "/cgi-bin/template/del_private_template?access_token=TOKEN"
        );
        assert_eq!(
            wire.json(),
            json!({"template_id": "Dyvp3-Ff0cnail_CDSzk1fIc6-9lOkxsQE7exTJbwUE"})
        );
        reply.unwrap();
        assert_eq!(
            refusal(&call, r#"{"errcode":40037,"errmsg":"invalid template_id"}"#),
            40037
        );
    }
}
