use http::Method;
use serde::{Deserialize, Serialize};

use crate::{Body, Call, MsgId, OpenId, TemplateId, api::keywords::Keywords, json, lenient};

/// Sends a subscribe message of a mini program ("发送订阅消息", subscribe/send).
///
/// WeChat takes no id of ours here, so a repeat can deliver twice. Every send uses up a one-time consent;
/// without one the answer is 43101. Sends to one person must not overlap (43108).
#[derive(Debug, Clone, Serialize)]
pub struct SendSubscribeMessage<'a> {
    /// The recipient's openid at this mini program (40003 otherwise).
    pub touser: &'a OpenId,
    /// A `priTmplId` of this mini program (40037 otherwise).
    pub template_id: &'a TemplateId,
    /// The page the card opens, with parameters if wanted. Without it the card cannot be tapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<&'a str>,
    /// The version of the mini program that opens; WeChat's default is the released one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miniprogram_state: Option<MiniProgramState>,
    /// The language of the page; WeChat's default is simplified Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<Lang>,
    /// A value for every keyword, none empty (47003 names the one that breaks its rule).
    pub data: Keywords<'a>,
}

/// Which version of the mini program a card opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MiniProgramState {
    /// The developer's.
    Developer,
    /// The one on trial.
    Trial,
    /// The released one.
    Formal,
}

/// The language in which a card's mini program opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Lang {
    /// Simplified Chinese.
    #[serde(rename = "zh_CN")]
    ZhCn,
    /// English.
    #[serde(rename = "en_US")]
    EnUs,
    /// Traditional Chinese, Hong Kong.
    #[serde(rename = "zh_HK")]
    ZhHk,
    /// Traditional Chinese, Taiwan.
    #[serde(rename = "zh_TW")]
    ZhTw,
}

/// WeChat accepted the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct SentSubscribeMessage {
    /// The id of the later `subscribe_msg_sent_event`. Not documented, and missing for some accounts.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub msgid: Option<MsgId>,
}

impl Call for SendSubscribeMessage<'_> {
    type Reply = SentSubscribeMessage;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/message/subscribe/send";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        ErrClass,
        fixture::{answer, exchange},
    };

    fn with(check: impl FnOnce(SendSubscribeMessage<'_>)) {
        let touser = OpenId::parse("oP4uB6jKx0QmTzR3yVdWc9LnEaSs").unwrap();
        let template_id = TemplateId::parse("Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo").unwrap();
        check(SendSubscribeMessage {
            touser: &touser,
            template_id: &template_id,
            page: None,
            miniprogram_state: None,
            lang: None,
            data: Keywords::new()
                .with("thing2", "蓝牙耳机等3件")
                .with("date4", "2026-01-01 08:01"),
        });
    }

    #[test]
    fn writes_every_field_where_wechat_looks_for_it() {
        with(|call| {
            let call = SendSubscribeMessage {
                page: Some("pages/order/detail?id=42"),
                miniprogram_state: Some(MiniProgramState::Formal),
                lang: Some(Lang::ZhCn),
                ..call
            };
            let reply = r#"{"errcode":0,"errmsg":"ok","msgid":3298014475620483072}"#;
            let (wire, reply) = exchange(&call, reply);
            assert_eq!(wire.method, Method::POST);
            assert_eq!(
                wire.target,
                "/cgi-bin/message/subscribe/send?access_token=TOKEN"
            );
            assert_eq!(
                wire.json(),
                json!({
                    "touser": "oP4uB6jKx0QmTzR3yVdWc9LnEaSs",
                    "template_id": "Zk3vQ7pXn2LwE9sTb5RhYc1UaJd8Mf0GiO6tKx4NqBo",
                    "page": "pages/order/detail?id=42",
                    "miniprogram_state": "formal",
                    "lang": "zh_CN",
                    "data": {"thing2": {"value": "蓝牙耳机等3件"}, "date4": {"value": "2026-01-01 08:01"}},
                })
            );
            assert_eq!(reply.unwrap().msgid, Some(MsgId(3_298_014_475_620_483_072)));
        });
    }

    #[test]
    fn accepted_is_accepted_with_or_without_an_id() {
        with(|call| {
            for (reply, msgid) in [
                (r#"{"errcode":0,"errmsg":"ok"}"#, None),
                (r#"{"errcode":0,"errmsg":"ok","msgid":""}"#, None),
                (
                    r#"{"errcode":0,"errmsg":"ok","msgid":"3298014475620483072"}"#,
                    Some(MsgId(3_298_014_475_620_483_072)),
                ),
            ] {
                assert_eq!(answer(&call, reply).unwrap().msgid, msgid);
            }
        });
    }

    #[test]
    fn a_refusal_says_what_to_do_next() {
        with(|call| {
            let reply = r#"{"errcode":43101,"errmsg":"user refuse to accept the msg rid: 6-a-b"}"#;
            assert_eq!(
                answer(&call, reply).unwrap_err().class(),
                ErrClass::CannotReach
            );
        });
    }
}
