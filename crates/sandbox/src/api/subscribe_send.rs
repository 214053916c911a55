//! `POST /cgi-bin/message/subscribe/send` (page "发送订阅消息") and its sibling
//! for official accounts, `/bizsend` (page "发送订阅通知").
//!
//! Order of checks: recipient, template, consent, data. A refusal for the data
//! does not use the consent up (not documented; the kinder reading).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Call;
use super::payload::{Data, Text};
use super::template_send::accepted;
use crate::model::{MessageKind, Subscription};
use crate::refusal::{self, Outcome, Refusal, ok};
use crate::state::account::Account;
use crate::state::deliver::Parcel;
use crate::state::ledger::Written;

/// Fields this sandbox acts on; `miniprogram_state` and `lang` change nothing here.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    touser: Option<Text<'a>>,
    #[serde(borrow)]
    template_id: Option<Text<'a>>,
    #[serde(borrow)]
    page: Option<Text<'a>>,
    /// Official accounts only; wins over `page`.
    #[serde(borrow)]
    miniprogram: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    client_msg_id: Option<Text<'a>>,
}

/// The answer carries a msgid.
pub(super) fn send(call: &Call<'_>, account: &Account) -> Outcome {
    let written = consented(call, account, MessageKind::Subscribe)?;
    Ok(accepted(written.msgid))
}

/// The answer carries no msgid; it comes with the receipt.
pub(super) fn send_notification(call: &Call<'_>, account: &Account) -> Outcome {
    consented(call, account, MessageKind::Notification)?;
    ok()
}

/// Sends a message of a kind that needs a consent.
fn consented(call: &Call<'_>, account: &Account, kind: MessageKind) -> Result<Written, Refusal> {
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
        .filter(|template| template.source.kind == kind)
        .cloned()
        .ok_or(refusal::INVALID_TEMPLATE)?;
    let grant = book.grant(recipient, template_id, template.subscription());
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
        kind,
        template_id,
        subscription: template.subscription(),
        client_msg_id: text(&body.client_msg_id),
        data: raw,
        url: text(&body.page),
        miniprogram: body
            .miniprogram
            .filter(|_| kind == MessageKind::Notification),
        scene: None,
        title: None,
        at: call.now,
        used: call.used.get(),
    };
    let written = call.world.deliver(account, book, recipient, &parcel)?;
    call.used_written.set(true);
    Ok(written)
}

/// A text that was sent and is not empty.
pub(super) fn text<'a>(field: &'a Option<Text<'_>>) -> Option<&'a str> {
    field
        .as_ref()
        .map(|text| &*text.0)
        .filter(|text| !text.is_empty())
}
