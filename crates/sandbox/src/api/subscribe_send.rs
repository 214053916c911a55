//! `POST /cgi-bin/message/subscribe/send` (page "发送订阅消息").
//!
//! Order of checks: recipient, template, consent, data. A refusal for the data
//! does not use the consent up (not documented; the kinder reading).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Call;
use super::payload::{Data, Text};
use super::template_send::accepted;
use crate::model::{MessageKind, Subscription};
use crate::refusal::{self, Outcome};
use crate::state::account::{Account, Recipient};
use crate::state::deliver::Parcel;

/// Fields this sandbox acts on; `miniprogram_state` and `lang` change nothing here.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    touser: Option<Text<'a>>,
    #[serde(borrow)]
    template_id: Option<Text<'a>>,
    #[serde(borrow)]
    page: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

pub(super) fn send(call: &Call<'_>, account: &Account) -> Outcome {
    let body: Body<'_> = call.json(Some(account))?;
    let openid = body.touser.as_ref().map_or("", |text| &*text.0);
    let template_id = body.template_id.as_ref().map_or("", |text| &*text.0);
    let data = body
        .data
        .map_or(Ok(Data::NotAnObject), |raw| Data::read(raw.get()))?;

    let mut guard = account.book.lock();
    let book = &mut *guard;
    let recipient = account
        .recipient(book, openid)
        .ok_or(refusal::INVALID_OPENID)?;
    let template = book
        .template(template_id)
        .filter(|template| template.source.kind == MessageKind::Subscribe)
        .cloned()
        .ok_or(refusal::INVALID_TEMPLATE)?;
    let grant = match recipient {
        Recipient::Member(index) => book
            .members
            .get(index)
            .and_then(|member| member.grants.get(template_id))
            .copied(),
        Recipient::Bulk(_) => None,
    }
    .unwrap_or_default();
    let allowed = match template.subscription() {
        Subscription::OneTime => grant.count > 0,
        Subscription::LongTerm => grant.open,
    };
    if !allowed {
        return Err(refusal::REFUSED_BY_USER);
    }
    data.check(&template)?;
    // Present, or the check above would have refused.
    let Some(raw) = body.data else {
        return Err(refusal::DATA_FORMAT);
    };
    let parcel = Parcel {
        openid,
        template: &template,
        client_msg_id: None,
        data: raw,
        url: body
            .page
            .as_ref()
            .map(|text| &*text.0)
            .filter(|page| !page.is_empty()),
        miniprogram: None,
        at: call.now,
        used: call.used.get(),
    };
    let written = call.world.deliver(account, book, recipient, &parcel)?;
    call.used_written.set(true);
    Ok(accepted(written.msgid))
}
