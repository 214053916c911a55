use http::Method;
use serde::{Deserialize, Serialize};

use crate::{
    Body, Call, MsgId, OpenId, TemplateId,
    api::keywords::{Keywords, MiniProgram},
    json,
};

/// Sends a template message to a follower ("发送模板消息").
///
/// 100,000 a day for small accounts (45009 beyond). The recipient must follow the account (43004).
#[derive(Debug, Clone, Serialize)]
pub struct SendTemplateMessage<'a> {
    /// The recipient.
    pub touser: &'a OpenId,
    /// A template of this account (40037 otherwise).
    pub template_id: &'a TemplateId,
    /// The page that opens on a tap; accounts registered overseas cannot have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<&'a str>,
    /// The mini program that opens on a tap; goes before `url`, which old clients then open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<MiniProgram<'a>>,
    /// A value for every keyword of the template (47003 names the one that breaks its rule).
    pub data: Keywords<'a>,
    /// Messages to one person with the same text here are delivered once within ten minutes. No limit of
    /// its length is published; at most 32 letters and digits are safe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<&'a str>,
}

/// WeChat accepted the message. Whether it arrived is told by a `TEMPLATESENDJOBFINISH` event later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct SentTemplateMessage {
    /// The id that the event will carry.
    pub msgid: MsgId,
}

impl Call for SendTemplateMessage<'_> {
    type Reply = SentTemplateMessage;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/message/template/send";

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

    fn with(check: impl FnOnce(SendTemplateMessage<'_>)) {
        let touser = OpenId::parse("oia2TjuEGTNoeX76QEjQNrcURxG8").unwrap();
        let template_id = TemplateId::parse("Doclyl5uP7Aciu-qZ7mJNPtWkbkYnWBWVja26EGbNyk").unwrap();
        check(SendTemplateMessage {
            touser: &touser,
            template_id: &template_id,
            url: None,
            miniprogram: None,
            data: Keywords::new()
                .with("thing1", "蓝牙耳机等3件 🎧")
                .with("amount2", "￥128.50元"),
            client_msg_id: None,
        });
    }

    #[test]
    fn writes_every_field_where_wechat_looks_for_it() {
        let appid = AppId::parse("wx8b6f12d0a95e37c4").unwrap();
        with(|call| {
            let call = SendTemplateMessage {
                url: Some("https://example.com/orders/42?a=1&b=2"),
                miniprogram: Some(MiniProgram {
                    appid: &appid,
                    pagepath: Some("index?foo=bar"),
                }),
                client_msg_id: Some("msg42"),
                ..call
            };
            let reply = r#"{"errcode":0,"errmsg":"ok","msgid":1700827132819554304}"#;
            let (wire, reply) = exchange(&call, reply);
            assert_eq!(wire.method, Method::POST);
            assert_eq!(
                wire.target,
                "/cgi-bin/message/template/send?access_token=TOKEN"
            );
            assert_eq!(
                wire.json(),
                json!({
                    "touser": "oia2TjuEGTNoeX76QEjQNrcURxG8",
                    "template_id": "Doclyl5uP7Aciu-qZ7mJNPtWkbkYnWBWVja26EGbNyk",
                    "url": "https://example.com/orders/42?a=1&b=2",
                    "miniprogram": {"appid": "wx8b6f12d0a95e37c4", "pagepath": "index?foo=bar"},
                    "data": {"thing1": {"value": "蓝牙耳机等3件 🎧"}, "amount2": {"value": "￥128.50元"}},
                    "client_msg_id": "msg42",
                })
            );
            assert!(!wire.body.contains("\\u"), "{}", wire.body);
            assert_eq!(reply.unwrap().msgid, MsgId(1_700_827_132_819_554_304));
        });
    }

    #[test]
    fn leaves_out_what_is_not_set() {
        with(|call| {
            let (wire, _) = exchange(&call, r#"{"errcode":0,"errmsg":"ok","msgid":200228332}"#);
            let json = wire.json();
            let fields: Vec<&str> = json
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            assert_eq!(fields, ["touser", "template_id", "data"]);
        });
    }

    #[test]
    fn a_refusal_says_what_to_do_next() {
        with(|call| {
            let error = answer(
                &call,
                r#"{"errcode":43004,"errmsg":"require subscribe rid: 6-a-b"}"#,
            );
            assert_eq!(error.unwrap_err().class(), ErrClass::CannotReach);
        });
    }
}
