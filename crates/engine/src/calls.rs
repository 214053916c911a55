//! From our messages to WeChat's calls, and from its answers to outcomes.

use std::borrow::Cow;

use hongyan_domain::delivery::{Outcome, Refusal};
use hongyan_domain::message::{Content, Message};
use hongyan_wechat::api::keywords::{Keyword, MiniProgram};
use hongyan_wechat::api::subscribe::SendSubscribeMessage;
use hongyan_wechat::api::template::SendTemplateMessage;
use hongyan_wechat::{AccessToken, CallError, Client, HyperTransport, MsgId};

/// The client all calls go through.
pub type WechatClient = Client<HyperTransport>;

/// Sends a message once and says how it ended.
pub(crate) async fn send(client: &WechatClient, token: &AccessToken, message: &Message) -> Outcome {
    let client_msg_id = message.client_msg_id();
    let data = message
        .content
        .data()
        .iter()
        .map(|(key, value)| {
            let color = value.color.as_deref().map(Cow::Borrowed);
            (
                key.as_str(),
                Keyword {
                    value: Cow::Borrowed(&value.value),
                    color,
                },
            )
        })
        .collect();
    let result = match &message.content {
        Content::Template(content) => {
            let call = SendTemplateMessage {
                touser: &message.to,
                template_id: &content.template_id,
                url: content.url.as_deref(),
                miniprogram: content.miniprogram.as_ref().map(|link| MiniProgram {
                    appid: &link.appid,
                    pagepath: link.pagepath.as_deref(),
                }),
                data,
                client_msg_id: Some(&client_msg_id),
            };
            client
                .call(Some(token), &call)
                .await
                .map(|reply| Some(reply.msgid))
        }
        Content::Subscribe(content) => {
            let call = SendSubscribeMessage {
                touser: &message.to,
                template_id: &content.template_id,
                page: content.page.as_deref(),
                miniprogram_state: content.miniprogram_state,
                lang: content.lang,
                data,
            };
            client
                .call(Some(token), &call)
                .await
                .map(|reply| reply.msgid)
        }
    };
    outcome(result)
}

fn outcome(result: Result<Option<MsgId>, CallError>) -> Outcome {
    match result {
        Ok(msgid) => Outcome::Accepted { msgid },
        Err(error) => match refusal(&error) {
            Some(refusal) => Outcome::Refused(refusal),
            None if error.is_uncertain() => Outcome::Uncertain {
                reason: error.to_string(),
            },
            None => Outcome::NotSent {
                reason: error.to_string(),
            },
        },
    }
}

/// WeChat's refusal, if the call failed because WeChat answered with a code.
pub(crate) fn refusal(error: &CallError) -> Option<Refusal> {
    error.refusal().map(|refusal| Refusal {
        errcode: refusal.errcode,
        errmsg: refusal.errmsg.clone(),
        rid: refusal.rid.clone(),
    })
}
