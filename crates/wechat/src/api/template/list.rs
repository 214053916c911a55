use http::Method;
use serde::Deserialize;

use crate::{Call, TemplateId};

/// The account's templates ("模板消息", get_all_private_template); at most 25.
#[derive(Debug, Clone, Copy)]
pub struct ListTemplates;

/// The account's templates.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TemplateList {
    /// In WeChat's order. An entry titled 订阅模板消息 with the content `{{content.DATA}}` is that of
    /// one-time subscriptions and cannot be sent as a template message.
    pub template_list: Vec<Template>,
}

/// One template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Template {
    /// Its id at this account.
    pub template_id: TemplateId,
    /// Its title.
    pub title: String,
    /// First-class industry; empty for category templates.
    #[serde(default)]
    pub primary_industry: String,
    /// Second-class industry. Elsewhere WeChat calls it `secondary_industry`.
    #[serde(default)]
    pub deputy_industry: String,
    /// Lines with keywords, such as `订单号：{{character_string1.DATA}}`.
    pub content: String,
    /// The same lines filled in.
    #[serde(default)]
    pub example: String,
}

impl Call for ListTemplates {
    type Reply = TemplateList;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/template/get_all_private_template";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn reads_the_list() {
        let reply = r#"{"template_list":[
            {"template_id":"iPk5sOIt5X_flOVKn5GrTFpncEYTojx6ddbt8WYoV5s","title":"领取奖金提醒",
             "primary_industry":"IT科技","deputy_industry":"互联网|电子商务",
             "content":"{ {result.DATA} }\n\n领奖金额:{ {withdrawMoney.DATA} }","example":"您已提交领奖申请"},
            {"template_id":"t2","title":"订阅模板消息","primary_industry":"","deputy_industry":"",
             "content":"{{content.DATA}}","example":""}]}"#;
        let (wire, reply) = exchange(&ListTemplates, reply);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(
            wire.target,
            "/cgi-bin/template/get_all_private_template?access_token=TOKEN"
        );
        let list = reply.unwrap().template_list;
        assert_eq!(list.len(), 2);
        assert_eq!(list[0].deputy_industry, "互联网|电子商务");
        assert_eq!(list[1].content, "{{content.DATA}}");
    }

    #[test]
    fn reports_a_refusal() {
        let reply = r#"{"errcode":48001,"errmsg":"api unauthorized rid: 6-a-b"}"#;
        assert_eq!(refusal(&ListTemplates, reply), 48001);
    }
}
