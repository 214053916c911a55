//! From our messages to WeChat's calls, and from its answers to outcomes.

use std::borrow::Cow;

use hongyan_domain::AccountId;
use hongyan_domain::delivery::{Outcome, Refusal};
use hongyan_domain::message::{Content, Data, Kind, Message, MiniProgramLink, OneTimeContent};
use hongyan_wechat::api::keywords::{Keyword, Keywords, MiniProgram};
use hongyan_wechat::api::message::custom;
use hongyan_wechat::api::subscribe::{BizSend, SendSubscribeMessage};
use hongyan_wechat::api::template::{SendTemplateMessage, SubscribeSend};
use hongyan_wechat::web::Scene;
use hongyan_wechat::{AccessToken, Call, CallError, Client, Done, HyperTransport, MsgId};

use crate::Engine;

/// The client all calls go through.
pub type WechatClient = Client<HyperTransport>;

/// Sends a message once and says how it ended.
pub(crate) async fn send(client: &WechatClient, token: &AccessToken, message: &Message) -> Outcome {
    let result = match &message.content {
        Content::Template(content) => {
            let client_msg_id = message.client_msg_id();
            let call = SendTemplateMessage {
                touser: &message.to,
                template_id: &content.template_id,
                url: content.url.as_deref(),
                miniprogram: mini_program(content.miniprogram.as_ref()),
                data: keywords(&content.data),
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
                data: keywords(&content.data),
            };
            client
                .call(Some(token), &call)
                .await
                .map(|reply| reply.msgid)
        }
        // Boxed: rarer, and the future of a send is moved about.
        Content::Notification(content) => {
            Box::pin(async {
                let call = BizSend {
                    touser: &message.to,
                    template_id: &content.template_id,
                    page: content.page.as_deref(),
                    miniprogram: mini_program(content.miniprogram.as_ref()),
                    miniprogram_state: content.miniprogram_state,
                    lang: content.lang,
                    client_msg_id: None,
                    data: keywords(&content.data),
                };
                client.call(Some(token), &call).await.map(|Done {}| None)
            })
            .await
        }
        Content::OneTime(content) => Box::pin(one_time(client, token, message, content)).await,
        Content::CustomerService(content) => {
            Box::pin(async {
                let call = custom::Send {
                    touser: &message.to,
                    content: &content.body,
                    kf_account: None,
                };
                client.call(Some(token), &call).await.map(|Done {}| None)
            })
            .await
        }
    };
    outcome(result)
}

/// The API that sends messages of a kind: each has an allowance of its own.
pub(crate) fn path(kind: Kind) -> &'static str {
    match kind {
        Kind::Template => SendTemplateMessage::PATH,
        Kind::Subscribe => SendSubscribeMessage::PATH,
        Kind::Notification => BizSend::PATH,
        Kind::OneTime => SubscribeSend::PATH,
        Kind::CustomerService => custom::Send::PATH,
    }
}

async fn one_time(
    client: &WechatClient,
    token: &AccessToken,
    message: &Message,
    content: &OneTimeContent,
) -> Result<Option<MsgId>, CallError> {
    let said = content.data.values().next();
    let call = SubscribeSend {
        touser: &message.to,
        template_id: &content.template_id,
        url: content.url.as_deref(),
        miniprogram: mini_program(content.miniprogram.as_ref()),
        // It was checked when it was taken in.
        scene: Scene::new(content.scene.into()).unwrap_or_default(),
        title: &content.title,
        content: Keyword {
            value: Cow::Borrowed(said.map_or("", |value| &value.value)),
            color: said.and_then(|value| value.color.as_deref().map(Cow::Borrowed)),
        },
    };
    client.call(Some(token), &call).await.map(|Done {}| None)
}

impl Engine {
    /// A call on an account's behalf, counted against its allowance.
    pub(crate) async fn call<C: Call>(
        &self,
        account: AccountId,
        token: &AccessToken,
        call: &C,
    ) -> Result<C::Reply, CallError> {
        self.quotas.note(account, C::PATH, self.clock.now());
        self.wechat.call(Some(token), call).await
    }
}

fn keywords(data: &Data) -> Keywords<'_> {
    data.iter()
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
        .collect()
}

fn mini_program(link: Option<&MiniProgramLink>) -> Option<MiniProgram<'_>> {
    link.map(|link| MiniProgram {
        appid: &link.appid,
        pagepath: link.pagepath.as_deref(),
    })
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
