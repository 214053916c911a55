//! A send that takes effect, and reading it again.

use std::borrow::Cow;
use std::io;

use serde_json::value::RawValue;

use super::World;
use super::account::{Account, Book, Member, Recipient};
use super::ledger::{Entry, Written};
use crate::api::endpoints;
use crate::event::{DELIVERY_PREFIX, DELIVERY_TAG, DeliveryLine};
use crate::journal::LineError;
use crate::model::{MessageKind, Subscription};

/// What is to be delivered; everything has been checked.
pub(crate) struct Parcel<'a> {
    pub(crate) openid: &'a str,
    pub(crate) kind: MessageKind,
    /// Empty for customer-service messages, which have none.
    pub(crate) template_id: &'a str,
    /// What the person's consent to it is good for.
    pub(crate) subscription: Subscription,
    pub(crate) client_msg_id: Option<&'a str>,
    pub(crate) data: &'a RawValue,
    pub(crate) url: Option<&'a str>,
    pub(crate) miniprogram: Option<&'a RawValue>,
    /// Scene and title of a one-time message.
    pub(crate) scene: Option<u32>,
    pub(crate) title: Option<&'a str>,
    pub(crate) at: i64,
    /// Calls of the path counted today, this one included.
    pub(crate) used: u64,
}

impl World {
    /// Writes a delivery and applies it: the phone shows it, a one-time consent
    /// or a place in a window is used, the pair of `client_msg_id` is
    /// remembered, the receipt is queued.
    pub(crate) fn deliver(
        &self,
        account: &Account,
        book: &mut Book,
        recipient: Recipient,
        parcel: &Parcel<'_>,
    ) -> io::Result<Written> {
        let blocked = book.blocks(recipient);
        let line = DeliveryLine {
            t: DELIVERY_TAG,
            seq: 0,
            at: parcel.at,
            appid: Cow::Borrowed(&account.appid),
            openid: Cow::Borrowed(parcel.openid),
            kind: parcel.kind,
            template_id: Cow::Borrowed(parcel.template_id),
            msgid: 0,
            client_msg_id: parcel.client_msg_id.map(Cow::Borrowed),
            data: parcel.data,
            url: parcel.url.map(Cow::Borrowed),
            miniprogram: parcel.miniprogram,
            scene: parcel.scene,
            title: parcel.title.map(Cow::Borrowed),
            blocked,
            used: parcel.used,
        };
        let before = book.newest(recipient);
        let written = self.ledger.lock().deliver(line, self.msgid_base, before)?;
        let effect = Effect {
            openid: parcel.openid,
            template_id: parcel.template_id,
            uses: Uses::of(parcel.kind, parcel.subscription, parcel.scene),
            client_msg_id: guarded(parcel.kind, parcel.client_msg_id),
        };
        effect.apply(book, recipient, written);
        if !blocked {
            self.tell_message(account, book, parcel.openid);
        }
        self.report(
            account,
            parcel.kind,
            parcel.openid,
            parcel.template_id,
            written,
            blocked,
        );
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
        let path = endpoints::send_path(delivery.kind);
        if let Some(endpoint) = endpoints::find(path) {
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
            uses: Uses::of(
                delivery.kind,
                template.map_or(Subscription::LongTerm, |template| template.subscription()),
                delivery.scene,
            ),
            client_msg_id: guarded(delivery.kind, delivery.client_msg_id.as_deref()),
        };
        effect.apply(book, recipient, written);
        Ok(())
    }
}

/// The id that guards against a second delivery; only template messages have
/// such a guard.
fn guarded(kind: MessageKind, client_msg_id: Option<&str>) -> Option<&str> {
    client_msg_id.filter(|_| kind == MessageKind::Template)
}

/// What a send uses up.
enum Uses {
    Nothing,
    /// One message of a one-time consent.
    Consent,
    /// The consent under a scene.
    Scene(u32),
    /// A place in a window.
    Window,
}

impl Uses {
    fn of(kind: MessageKind, subscription: Subscription, scene: Option<u32>) -> Self {
        match (kind, subscription) {
            (MessageKind::Subscribe | MessageKind::Notification, Subscription::OneTime) => {
                Self::Consent
            }
            (MessageKind::OneTime, _) => scene.map_or(Self::Nothing, Self::Scene),
            (MessageKind::CustomerService, _) => Self::Window,
            (MessageKind::Template, _)
            | (MessageKind::Subscribe | MessageKind::Notification, Subscription::LongTerm) => {
                Self::Nothing
            }
        }
    }
}

/// What a delivery changes in the account's book.
struct Effect<'a> {
    openid: &'a str,
    template_id: &'a str,
    uses: Uses,
    client_msg_id: Option<&'a str>,
}

impl Effect<'_> {
    fn apply(&self, book: &mut Book, recipient: Recipient, written: Written) {
        book.set_newest(recipient, written.seq);
        book.deliveries.push(written.seq);
        match recipient {
            Recipient::Bulk(number) => {
                if matches!(self.uses, Uses::Consent) {
                    book.bulk.spend(number, self.template_id);
                }
            }
            Recipient::Member(index) => {
                if let Some(member) = book.members.get_mut(index) {
                    self.use_up(member, written.at);
                }
            }
        }
        if let Some(id) = self.client_msg_id {
            book.seen
                .remember(self.openid, id, written.at, written.msgid);
        }
    }

    fn use_up(&self, member: &mut Member, at: i64) {
        match self.uses {
            Uses::Nothing => {}
            Uses::Consent => {
                if let Some(grant) = member.grants.get_mut(self.template_id) {
                    grant.count = grant.count.saturating_sub(1);
                }
            }
            Uses::Scene(scene) => member.talk.set_scene(self.template_id, scene, false),
            Uses::Window => member.talk.spend(at),
        }
    }
}

/// Whether a journal line is a delivery.
pub(crate) fn is_delivery(line: &[u8]) -> bool {
    line.starts_with(DELIVERY_PREFIX)
}
