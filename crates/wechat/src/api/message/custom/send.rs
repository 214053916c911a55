use http::Method;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use crate::{Body, Call, Done, OpenId, json};

/// Sends a customer-service message ("发送客服消息").
///
/// Besides the windows, 45002 for a text beyond about 2048 bytes, 45008 for more than one article, 40007
/// for media that is gone, 48002 for a person who takes no messages.
#[derive(Debug, Clone, Copy)]
pub struct Send<'a> {
    /// The recipient.
    pub touser: &'a OpenId,
    /// WeChat's own body from `msgtype` on: `msgtype`, the object named like it, and what else WeChat
    /// takes beside them. A `touser` in it is passed over.
    pub content: &'a Map<String, Value>,
    /// The agent under whose name it appears, such as `test1@kftest`; goes before one in the content.
    pub kf_account: Option<&'a str>,
}

impl Serialize for Send<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct CustomService<'a> {
            kf_account: &'a str,
        }

        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("touser", self.touser)?;
        for (name, value) in self.content {
            let is_replaced = name == "customservice" && self.kf_account.is_some();
            if name != "touser" && !is_replaced {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some(kf_account) = self.kf_account {
            map.serialize_entry("customservice", &CustomService { kf_account })?;
        }
        map.end()
    }
}

impl Call for Send<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/message/custom/send";

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

    fn with(content: Value, check: impl FnOnce(Send<'_>)) {
        let touser = OpenId::parse("oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg").unwrap();
        check(Send {
            touser: &touser,
            content: content.as_object().unwrap(),
            kf_account: None,
        });
    }

    #[test]
    fn writes_wechats_own_body() {
        let content =
            json!({"msgtype": "text", "text": {"content": "<a href=\"https://a\">好</a>"}});
        with(content, |call| {
            let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
            assert_eq!(wire.method, Method::POST);
            assert_eq!(
                wire.target,
                "/cgi-bin/message/custom/send?access_token=TOKEN"
            );
            assert_eq!(
                wire.body,
                r#"{"touser":"oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg","msgtype":"text","text":{"content":"<a href=\"https://a\">好</a>"}}"#
            );
            reply.unwrap();
        });
    }

    #[test]
    fn names_each_field_once() {
        let content = json!({
            "touser": "somebody else",
            "msgtype": "image",
            "image": {"media_id": "m"},
            "customservice": {"kf_account": "a@b"},
        });
        with(content, |call| {
            let (wire, _) = exchange(&call, "{}");
            assert_eq!(
                wire.body,
                r#"{"touser":"oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg","msgtype":"image","image":{"media_id":"m"},"customservice":{"kf_account":"a@b"}}"#
            );
            let call = Send {
                kf_account: Some("c@d"),
                ..call
            };
            let (wire, _) = exchange(&call, "{}");
            assert_eq!(wire.json()["customservice"], json!({"kf_account": "c@d"}));
            assert_eq!(wire.body.matches("customservice").count(), 1);
        });
    }

    #[test]
    fn a_closed_window_cannot_reach_the_person() {
        with(
            json!({"msgtype": "text", "text": {"content": "x"}}),
            |call| {
                let reply = r#"{"errcode":45015,"errmsg":"response out of time limit or subscription is canceled rid: 6-a-b"}"#;
                let error = answer(&call, reply).unwrap_err();
                assert_eq!(error.errcode().unwrap().0, 45015);
                assert_eq!(error.class(), ErrClass::CannotReach);
            },
        );
    }
}
