//! `POST /cgi-bin/message/template/send` (page "发送模板消息").

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Call;
use super::payload::{Data, Text};
use crate::model::{DuplicateAnswer, MessageKind};
use crate::refusal::{self, Outcome};
use crate::state::account::Account;
use crate::state::deliver::Parcel;

/// Fields this sandbox acts on; `topcolor`, colours and anything unknown are ignored.
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
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    client_msg_id: Option<Text<'a>>,
}

pub(super) fn send(call: &Call<'_>, account: &Account) -> Outcome {
    let body: Body<'_> = call.json(Some(account))?;
    let openid = body.touser.as_ref().map_or("", |text| &*text.0);
    let template_id = body.template_id.as_ref().map_or("", |text| &*text.0);
    let client_msg_id = body
        .client_msg_id
        .as_ref()
        .map(|text| &*text.0)
        .filter(|id| !id.is_empty());
    let data = body
        .data
        .map_or(Ok(Data::NotAnObject), |raw| Data::read(raw.get()))?;

    let mut guard = account.book.lock();
    let book = &mut *guard;
    let recipient = account
        .recipient(book, openid)
        .ok_or(refusal::INVALID_OPENID)?;
    if book.is_blacklisted(recipient) {
        return Err(refusal::BLACKLISTED);
    }
    if !book.follows(recipient) {
        return Err(refusal::REQUIRE_SUBSCRIBE);
    }
    let template = book
        .template(template_id)
        .filter(|template| template.source.kind == MessageKind::Template)
        .cloned()
        .ok_or(refusal::INVALID_TEMPLATE)?;
    data.check(&template)?;
    if let Some(first) = client_msg_id.and_then(|id| book.seen.find(openid, id, call.now)) {
        call.world.counters.duplicate();
        return match account.settings.read().duplicate_answer {
            DuplicateAnswer::FirstMsgid => Ok(accepted(first)),
            DuplicateAnswer::Refuse => Err(refusal::DUPLICATE),
        };
    }
    // Present, or the check above would have refused.
    let Some(raw) = body.data else {
        return Err(refusal::DATA_FORMAT);
    };
    let parcel = Parcel {
        openid,
        kind: MessageKind::Template,
        template_id,
        subscription: template.subscription(),
        client_msg_id,
        data: raw,
        url: body
            .url
            .as_ref()
            .map(|text| &*text.0)
            .filter(|url| !url.is_empty()),
        miniprogram: body.miniprogram,
        scene: None,
        title: None,
        at: call.now,
        used: call.used.get(),
    };
    let written = call.world.deliver(account, book, recipient, &parcel)?;
    call.used_written.set(true);
    Ok(accepted(written.msgid))
}

/// The success with its 64-bit id.
pub(super) fn accepted(msgid: u64) -> Vec<u8> {
    format!("{{\"errcode\":0,\"errmsg\":\"ok\",\"msgid\":{msgid}}}").into_bytes()
}
