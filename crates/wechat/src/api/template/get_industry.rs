use http::Method;
use serde::Deserialize;

use crate::Call;

/// The account's two industries ("模板消息", get_industry).
#[derive(Debug, Clone, Copy)]
pub struct GetIndustry;

/// The account's two industries; absent where none is set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Industries {
    /// The first.
    #[serde(default)]
    pub primary_industry: Option<Industry>,
    /// The second. In the template list WeChat calls it `deputy_industry`.
    #[serde(default)]
    pub secondary_industry: Option<Industry>,
}

/// An industry by its two levels of names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Industry {
    /// The upper level, such as 运输与仓储.
    pub first_class: String,
    /// The lower level, such as 快递.
    pub second_class: String,
}

impl Call for GetIndustry {
    type Reply = Industries;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/cgi-bin/template/get_industry";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{exchange, refusal};

    #[test]
    fn reads_both_names() {
        let reply = r#"{"primary_industry":{"first_class":"运输与仓储","second_class":"快递"},
            "secondary_industry":{"first_class":"IT科技","second_class":"互联网|电子商务"}}"#;
        let (wire, reply) = exchange(&GetIndustry, reply);
        assert_eq!(wire.method, Method::GET);
        assert_eq!(
            wire.target,
            "/cgi-bin/template/get_industry?access_token=TOKEN"
        );
        let industries = reply.unwrap();
        assert_eq!(industries.primary_industry.unwrap().second_class, "快递");
        assert_eq!(industries.secondary_industry.unwrap().first_class, "IT科技");
    }

    #[test]
    fn reports_a_refusal() {
        assert_eq!(
            refusal(
                &GetIndustry,
                r#"{"errcode":40014,"errmsg":"invalid access_token"}"#
            ),
            40014
        );
    }
}
