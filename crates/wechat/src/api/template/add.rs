use http::Method;
use serde::{Deserialize, Serialize};

use crate::{Body, Call, TemplateId, json};

/// Takes a template from WeChat's library into the account ("模板消息", api_add_template).
///
/// At most 25 (45026 beyond).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AddTemplate<'a> {
    /// The library's id: a number for category templates. Old ids (`TM…`, `OPENTM…`) are refused with
    /// 40247.
    pub template_id_short: &'a str,
    /// The keywords to show, in this order, each from the library template (40246 otherwise).
    pub keyword_name_list: &'a [&'a str],
}

/// The template now belongs to the account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AddedTemplate {
    /// Its id at this account.
    pub template_id: TemplateId,
}

impl Call for AddTemplate<'_> {
    type Reply = AddedTemplate;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/template/api_add_template";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{exchange, refusal};

    const CALL: AddTemplate<'_> = AddTemplate {
        template_id_short: "43216",
        keyword_name_list: &["订单号", "金额"],
    };

    #[test]
    fn names_the_library_template_and_its_keywords() {
        let reply = r#"{"errcode":0,"errmsg":"ok","template_id":"Doclyl5uP7Aciu-qZ7mJNPtWkbkYnWBWVja26EGbNyk"}"#;
        let (wire, reply) = exchange(&CALL, reply);
        assert_eq!(wire.method, Method::POST);
        assert_eq!(
            wire.target,
            "/cgi-bin/template/api_add_template?access_token=TOKEN"
        );
        assert_eq!(
            wire.json(),
            json!({"template_id_short": "43216", "keyword_name_list": ["订单号", "金额"]})
        );
        let template_id = reply.unwrap().template_id;
        assert_eq!(
            template_id.as_str(),
            "Doclyl5uP7Aciu-qZ7mJNPtWkbkYnWBWVja26EGbNyk"
        );
    }

    #[test]
    fn reports_a_full_account() {
        assert_eq!(
            refusal(
                &CALL,
                r#"{"errcode":45026,"errmsg":"template num exceeds limit"}"#
            ),
            45026
        );
    }
}
