use http::Method;
use serde::Serialize;

use super::{Lang, MiniProgramState};
use crate::{
    Body, Call, Done, OpenId, TemplateId,
    api::keywords::{Keywords, MiniProgram},
    json,
};

/// Sends a subscription notice of a verified service account ("发送订阅通知", subscribe/bizsend).
///
/// The recipient need not follow the account. The answer has no id: it is first told by the later
/// `subscribe_msg_sent_event`. 43101 without a consent, 43107 for a banned template, 43108 when sends to
/// one person overlap.
#[derive(Debug, Clone, Serialize)]
pub struct BizSend<'a> {
    /// The recipient.
    pub touser: &'a OpenId,
    /// A `priTmplId` of this account (40037 otherwise).
    pub template_id: &'a TemplateId,
    /// The web page that opens on a tap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<&'a str>,
    /// The mini program that opens on a tap; goes before `page`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgram<'a>>,
    /// The version of the mini program that opens; WeChat's default is the released one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miniprogram_state: Option<MiniProgramState>,
    /// The language of the page; WeChat's default is simplified Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<Lang>,
    /// An id of ours. It stands in WeChat's sample and nowhere else, so no de-duplication is promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<&'a str>,
    /// A value for every keyword (47003 names the one that breaks its rule).
    pub data: Keywords<'a>,
}

impl Call for BizSend<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/message/subscribe/bizsend";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        AppId, ErrClass,
        fixture::{answer, exchange},
    };

    fn with(check: impl FnOnce(BizSend<'_>)) {
        let touser = OpenId::parse("oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg").unwrap();
        let template_id = TemplateId::parse("VRR0UEO9VJOLs0MHlU0OilqX6MVFDwH3_3gz3Oc0NIc").unwrap();
        check(BizSend {
            touser: &touser,
            template_id: &template_id,
            page: None,
            miniprogram: None,
            miniprogram_state: None,
            lang: None,
            client_msg_id: None,
            data: Keywords::new().with("thing1", "体检报告已出"),
        });
    }

    #[test]
    fn writes_every_field_where_wechat_looks_for_it() {
        let appid = AppId::parse("wx8b6f12d0a95e37c4").unwrap();
        with(|call| {
            let call = BizSend {
                page: Some("https://example.com/r/42"),
                miniprogram: Some(MiniProgram {
                    appid: &appid,
                    pagepath: Some("pages/r"),
                }),
                miniprogram_state: Some(MiniProgramState::Trial),
                lang: Some(Lang::EnUs),
                client_msg_id: Some("msg42"),
                ..call
            };
            let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
            assert_eq!(wire.method, Method::POST);
            assert_eq!(
                wire.target,
                "/cgi-bin/message/subscribe/bizsend?access_token=TOKEN"
            );
            assert_eq!(
                wire.json(),
                json!({
                    "touser": "oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg",
                    "template_id": "VRR0UEO9VJOLs0MHlU0OilqX6MVFDwH3_3gz3Oc0NIc",
                    "page": "https://example.com/r/42",
                    "miniprogram": {"appid": "wx8b6f12d0a95e37c4", "pagepath": "pages/r"},
                    "miniprogram_state": "trial",
                    "lang": "en_US",
                    "client_msg_id": "msg42",
                    "data": {"thing1": {"value": "体检报告已出"}},
                })
            );
            reply.unwrap();
        });
    }

    #[test]
    fn leaves_out_what_is_not_set_and_says_what_a_refusal_means() {
        with(|call| {
            let (wire, _) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
            assert_eq!(wire.json().as_object().unwrap().len(), 3);
            let reply = r#"{"errcode":43101,"errmsg":"user refuse to accept the msg rid: 6-a-b"}"#;
            let error = answer(&call, reply).unwrap_err();
            assert_eq!(error.class(), ErrClass::CannotReach);
        });
    }
}
