use http::Method;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{
    Body, Call, Done, OpenId, TemplateId,
    api::keywords::{Keyword, MiniProgram},
    json,
    web::Scene,
};

/// Sends the one message that a person consented to on the page of [`crate::web::SubscribeMsg`]
/// ("推送订阅模板消息给到授权微信用户", message/template/subscribe).
///
/// The recipient need not follow the account. 40037 for another template than the account's own one, 40062
/// for a title beyond 15 characters.
#[derive(Debug, Clone)]
pub struct SubscribeSend<'a> {
    /// The recipient, as the page returned it.
    pub touser: &'a OpenId,
    /// The account's template for one-time subscriptions.
    pub template_id: &'a TemplateId,
    /// The page that opens on a tap.
    pub url: Option<&'a str>,
    /// The mini program that opens on a tap; goes before `url`.
    pub miniprogram: Option<MiniProgram<'a>>,
    /// The scene of the consent.
    pub scene: Scene,
    /// The headline, at most 15 characters.
    pub title: &'a str,
    /// The text, at most 200 characters, with line feeds; here a colour still counts, for all of it.
    pub content: Keyword<'a>,
}

impl Serialize for SubscribeSend<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Data<'a> {
            content: &'a Keyword<'a>,
        }

        let mut body = serializer.serialize_struct("SubscribeSend", 7)?;
        body.serialize_field("touser", self.touser)?;
        body.serialize_field("template_id", self.template_id)?;
        if let Some(url) = self.url {
            body.serialize_field("url", url)?;
        }
        if let Some(miniprogram) = &self.miniprogram {
            body.serialize_field("miniprogram", miniprogram)?;
        }
        // WeChat's sample writes the number as text.
        body.serialize_field("scene", &self.scene.to_string())?;
        body.serialize_field("title", self.title)?;
        let content = &self.content;
        body.serialize_field("data", &Data { content })?;
        body.end()
    }
}

impl Call for SubscribeSend<'_> {
    type Reply = Done;
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/cgi-bin/message/template/subscribe";

    fn body(&self) -> Body {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        AppId,
        fixture::{exchange, refusal},
    };

    fn with(check: impl FnOnce(SubscribeSend<'_>)) {
        let touser = OpenId::parse("oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg").unwrap();
        let template_id = TemplateId::parse("7YuTL7WrLeEs88qNRp5x9N5TQ0Jx5c2nPcf7YQ0DM9s").unwrap();
        check(SubscribeSend {
            touser: &touser,
            template_id: &template_id,
            url: None,
            miniprogram: None,
            scene: Scene::new(1000).unwrap(),
            title: "到货提醒",
            content: Keyword::from("您关注的商品\n已到货"),
        });
    }

    #[test]
    fn writes_every_field_where_wechat_looks_for_it() {
        let appid = AppId::parse("wx8b6f12d0a95e37c4").unwrap();
        with(|call| {
            let mut call = SubscribeSend {
                url: Some("https://example.com/i/42"),
                miniprogram: Some(MiniProgram {
                    appid: &appid,
                    pagepath: Some("pages/i"),
                }),
                ..call
            };
            call.content.color = Some("#173177".into());
            let (wire, reply) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
            assert_eq!(wire.method, Method::POST);
            assert_eq!(
                wire.target,
                "/cgi-bin/message/template/subscribe?access_token=TOKEN"
            );
            assert_eq!(
                wire.json(),
                json!({
                    "touser": "oR7Xk5Qf2mVtN8sYw0aZcLbEu1Hg",
                    "template_id": "7YuTL7WrLeEs88qNRp5x9N5TQ0Jx5c2nPcf7YQ0DM9s",
                    "url": "https://example.com/i/42",
                    "miniprogram": {"appid": "wx8b6f12d0a95e37c4", "pagepath": "pages/i"},
                    "scene": "1000",
                    "title": "到货提醒",
                    "data": {"content": {"value": "您关注的商品\n已到货", "color": "#173177"}},
                })
            );
            reply.unwrap();
        });
    }

    #[test]
    fn leaves_out_what_is_not_set_and_reports_a_refusal() {
        with(|call| {
            let (wire, _) = exchange(&call, r#"{"errcode":0,"errmsg":"ok"}"#);
            assert_eq!(wire.json().as_object().unwrap().len(), 5);
            let reply = r#"{"errcode":40062,"errmsg":"invalid title size rid: 6-a-b"}"#;
            assert_eq!(refusal(&call, reply), 40062);
        });
    }
}
