//! A send that takes effect, and reading it again.

use std::borrow::Cow;
use std::io;

use serde_json::value::RawValue;

use super::World;
use super::account::{Account, Book, Recipient};
use super::ledger::{Entry, Written};
use super::template::Template;
use crate::event::{DELIVERY_PREFIX, DeliveryLine};
use crate::journal::LineError;
use crate::model::{MessageKind, Subscription};

/// What is to be delivered; everything has been checked.
pub(crate) struct Parcel<'a> {
    pub(crate) openid: &'a str,
    pub(crate) template: &'a Template,
    pub(crate) client_msg_id: Option<&'a str>,
    pub(crate) data: &'a RawValue,
    pub(crate) url: Option<&'a str>,
    pub(crate) miniprogram: Option<&'a RawValue>,
    pub(crate) at: i64,
    /// Calls of the path counted today, this one included.
    pub(crate) used: u64,
}

impl World {
    /// Writes a delivery and applies it: the phone shows it, a one-time consent
    /// is used, the pair of `client_msg_id` is remembered.
    pub(crate) fn deliver(
        &self,
        account: &Account,
        book: &mut Book,
        recipient: Recipient,
        parcel: &Parcel<'_>,
    ) -> io::Result<Written> {
        let blocked = match recipient {
            Recipient::Member(index) => book.members.get(index).is_some_and(|one| one.blocked),
            Recipient::Bulk(_) => false,
        };
        let line = DeliveryLine {
            t: "d",
            seq: 0,
            at: parcel.at,
            appid: Cow::Borrowed(&account.appid),
            openid: Cow::Borrowed(parcel.openid),
            kind: parcel.template.source.kind,
            template_id: Cow::Borrowed(&parcel.template.source.template_id),
            msgid: 0,
            client_msg_id: parcel.client_msg_id.map(Cow::Borrowed),
            data: parcel.data,
            url: parcel.url.map(Cow::Borrowed),
            miniprogram: parcel.miniprogram,
            blocked,
            used: parcel.used,
        };
        let before = book.newest(recipient);
        let written = self.ledger.lock().deliver(line, self.msgid_base, before)?;
        let effect = Effect {
            openid: parcel.openid,
            template_id: &parcel.template.source.template_id,
            consumes: consumes(parcel.template),
            client_msg_id: parcel.client_msg_id,
        };
        effect.apply(book, recipient, written);
        Ok(written)
    }

    /// Takes a delivery line of the journal in: the same effect as when it was
    /// written.
    pub(crate) fn restore_delivery(&self, line: &[u8], at: u64) -> Result<(), LineError> {
        let delivery: DeliveryLine<'_> =
            serde_json::from_slice(line).map_err(|error| LineError::Damaged(error.to_string()))?;
        let damaged = |what: &str| LineError::Damaged(format!("unknown {what}"));
        let account = self
            .account(&delivery.appid)
            .ok_or_else(|| damaged("appid"))?;
        let mut guard = account.book.lock();
        let book = &mut *guard;
        let recipient = account
            .recipient(book, &delivery.openid)
            .ok_or_else(|| damaged("openid"))?;
        let template = book.templates.get(&*delivery.template_id).cloned();
        let path = match delivery.kind {
            MessageKind::Subscribe => crate::api::endpoints::SUBSCRIBE_SEND,
            MessageKind::Template | MessageKind::Notification | MessageKind::OneTime => {
                crate::api::endpoints::TEMPLATE_SEND
            }
        };
        if let Some(endpoint) = crate::api::endpoints::find(path) {
            let day = crate::clock::beijing_day(delivery.at);
            book.daily(endpoint).restore(day, delivery.used, false);
        }
        let before = book.newest(recipient);
        let mut ledger = self.ledger.lock();
        ledger.restore(Entry {
            at,
            len: line.len() as u32,
            when: delivery.at,
            before,
        });
        let written = Written {
            seq: ledger.count(),
            msgid: delivery.msgid,
            at: delivery.at,
        };
        drop(ledger);
        let effect = Effect {
            openid: &delivery.openid,
            template_id: &delivery.template_id,
            consumes: template.is_some_and(|template| consumes(&template)),
            client_msg_id: delivery.client_msg_id.as_deref(),
        };
        effect.apply(book, recipient, written);
        Ok(())
    }
}

/// Whether a send of the template uses a one-time consent up.
fn consumes(template: &Template) -> bool {
    match template.source.kind {
        MessageKind::Template => false,
        MessageKind::Subscribe | MessageKind::Notification | MessageKind::OneTime => {
            template.subscription() == Subscription::OneTime
        }
    }
}

/// What a delivery changes in the account's book.
struct Effect<'a> {
    openid: &'a str,
    template_id: &'a str,
    consumes: bool,
    client_msg_id: Option<&'a str>,
}

impl Effect<'_> {
    fn apply(&self, book: &mut Book, recipient: Recipient, written: Written) {
        book.set_newest(recipient, written.seq);
        book.deliveries.push(written.seq);
        if let (true, Recipient::Member(index)) = (self.consumes, recipient)
            && let Some(member) = book.members.get_mut(index)
            && let Some(grant) = member.grants.get_mut(self.template_id)
        {
            grant.count = grant.count.saturating_sub(1);
        }
        if let Some(id) = self.client_msg_id {
            book.seen
                .remember(self.openid, id, written.at, written.msgid);
        }
    }
}

/// Whether a journal line is a delivery.
pub(crate) fn is_delivery(line: &[u8]) -> bool {
    line.starts_with(DELIVERY_PREFIX)
}
