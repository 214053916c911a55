//! `POST /cgi-bin/message/template/subscribe`: the one-time subscription message
//! (page "公众号一次性订阅消息").
//!
//! A person consents on `/mp/subscribemsg`, once for each scene.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Call;
use super::payload::{Data, Text};
use super::subscribe_send::text;
use crate::model::{MessageKind, Subscription};
use crate::refusal::{self, Outcome, Refusal, ok};
use crate::state::account::{Account, Recipient};
use crate::state::deliver::Parcel;
use crate::state::template::Sent;

/// Longest title and content, in characters.
const TITLE_LIMIT: usize = 15;
const CONTENT_LIMIT: usize = 200;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    touser: Option<Text<'a>>,
    #[serde(borrow)]
    template_id: Option<Text<'a>>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    miniprogram: Option<&'a RawValue>,
    #[serde(default)]
    scene: Scene,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Documented as a string; SDKs send numbers as well.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Scene {
    Text(String),
    Number(u32),
    #[default]
    Absent,
}

impl Scene {
    fn number(&self) -> Option<u32> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => Some(*number),
            Self::Absent => None,
        }
    }
}

pub(super) fn send(call: &Call<'_>, account: &Account) -> Outcome {
    let body: Body<'_> = call.json(Some(account))?;
    let openid = text(&body.touser).unwrap_or_default();
    let template_id = text(&body.template_id).unwrap_or_default();
    let title = text(&body.title).unwrap_or_default();
    let raw = body.data.ok_or_else(|| broken("is empty"))?;
    let data = Data::read(raw.get())?;

    let mut guard = account.book.lock();
    let book = &mut *guard;
    let recipient = account
        .recipient(book, openid)
        .ok_or(refusal::INVALID_OPENID)?;
    book.template(template_id)
        .filter(|template| template.source.kind == MessageKind::OneTime)
        .ok_or(refusal::INVALID_TEMPLATE)?;
    let scene = body.scene.number().filter(|scene| {
        let Recipient::Member(index) = recipient else {
            return false;
        };
        let member = book.members.get(index);
        member.is_some_and(|member| member.talk.has_scene(template_id, *scene))
    });
    let scene = scene.ok_or(refusal::REFUSED_BY_USER)?;
    if title.is_empty() || title.chars().count() > TITLE_LIMIT {
        return Err(refusal::INVALID_TITLE_SIZE);
    }
    match data.sent("content") {
        Sent::Nothing | Sent::Text("") => return Err(broken("is empty")),
        Sent::Text(content) if content.chars().count() > CONTENT_LIMIT => {
            return Err(broken("invalid"));
        }
        Sent::Text(_) => {}
    }
    let parcel = Parcel {
        openid,
        kind: MessageKind::OneTime,
        template_id,
        subscription: Subscription::OneTime,
        client_msg_id: None,
        data: raw,
        url: text(&body.url),
        miniprogram: body.miniprogram,
        scene: Some(scene),
        title: Some(title),
        at: call.now,
        used: call.used.get(),
    };
    call.world.deliver(account, book, recipient, &parcel)?;
    call.used_written.set(true);
    ok()
}

fn broken(how: &str) -> Refusal {
    Refusal::keyword(format!("argument invalid! data.content.value {how}"))
}
