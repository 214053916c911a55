use http::Method;
use serde::Deserialize;

use super::SubscriptionType;
use crate::{Call, TemplateId};

/// The account's subscribe templates (newtmpl/gettemplate).
#[derive(Debug, Clone, Copy)]
pub struct ListSubscribeTemplates;

/// The account's subscribe templates.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SubscribeTemplateList {
    /// In WeChat's order.
    #[serde(default)]
    pub data: Vec<SubscribeTemplate>,
}

/// One subscribe template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SubscribeTemplate {
    /// Its id at this account.
    #[serde(rename = "priTmplId")]
    pub template_id: TemplateId,
    /// Its title.
    pub title: String,
    /// Lines with keywords, such as `商品名称:{{thing2.DATA}}`, each ended by a line break.
    pub content: String,
    /// The same lines filled in.
    #[serde(default)]
    pub example: String,
    /// How long a consent lasts.
    #[serde(rename = "type")]
    pub subscription: SubscriptionType,
    /// The values allowed for keywords of the type enum.
    #[serde(rename = "keywordEnumValueList", default)]
    pub enum_values: Vec<KeywordValues>,
}

/// The values allowed for one keyword.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KeywordValues {
    /// The keyword with the suffix `.DATA`, which the key in a send does not have.
    #[serde(rename = "keywordCode")]
    pub keyword_code: String,
    /// The values.
    #[serde(rename = "enumValueList", default)]
    pub values: Vec<String>,
}

impl Call for ListSubscribeTemplates {
    type Reply = SubscribeTemplateList;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/wxaapi/newtmpl/gettemplate";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn reads_templates_with_and_without_fixed_values() {
        let reply = r#"{"errcode":0,"errmsg":"ok","data":[
            {"priTmplId":"Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo","title":"订单进度提醒",
             "content":"商品名称:{{thing2.DATA}}\n","example":"商品名称:耳机\n","type":2},
            {"priTmplId":"cQ8nR5vLx0WtYb3EzKjHs6PuMd1GfAo2TiXy7NkVqCe","title":"设备故障提醒",
             "content":"所在位置:{{enum_string2.DATA}}\n","example":"所在位置:客厅\n","type":3,
             "keywordEnumValueList":[{"enumValueList":["客厅","厨房"],"keywordCode":"enum_string2.DATA"}]}]}"#;
        let (wire, reply) = exchange(&ListSubscribeTemplates, reply);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(
            wire.target,
            "/wxaapi/newtmpl/gettemplate?access_token=TOKEN"
        );
        let templates = reply.unwrap().data;
        assert_eq!(templates[0].subscription, SubscriptionType::OneTime);
        assert_eq!(templates[0].enum_values, []);
        assert_eq!(templates[1].subscription, SubscriptionType::LongTerm);
        assert_eq!(
            templates[1].enum_values[0].keyword_code,
            "enum_string2.DATA"
        );
        assert_eq!(templates[1].enum_values[0].values, ["客厅", "厨房"]);
    }

    #[test]
    fn an_account_without_templates_has_none() {
        let (_, reply) = exchange(&ListSubscribeTemplates, r#"{"errcode":0,"errmsg":"ok"}"#);
        assert_eq!(reply.unwrap().data, []);
    }

    #[test]
    fn reports_a_refusal() {
        let reply = r#"{"errcode":-1,"errmsg":"system error rid: 6-a-b"}"#;
        assert_eq!(refusal(&ListSubscribeTemplates, reply), -1);
    }
}
