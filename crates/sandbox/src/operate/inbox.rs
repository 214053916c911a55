//! What phones show.

use std::borrow::Cow;

use super::ControlError;
use crate::Sandbox;
use crate::clock::rfc3339;
use crate::event::DeliveryLine;
use crate::model::{Inbox, InboxItem, InboxKind, MessageKind};
use crate::phone::Card;
use crate::state::account::Account;
use crate::state::talk::{Note, NoteKind};

/// What one account put on a phone.
struct Thread {
    /// The newest delivery; 0 is none.
    newest: u32,
    notes: Vec<(String, Note)>,
}

impl Sandbox {
    /// What a phone shows, newest first. `person` is a person's id, or an
    /// openid for the messages of that account alone.
    ///
    /// # Errors
    /// [`ControlError::NotFound`]; [`ControlError::Storage`] when the journal
    /// cannot be read.
    pub fn inbox(&self, person: &str, limit: usize) -> Result<Inbox, ControlError> {
        self.shown_on(person, limit, false)
    }

    /// The same with what the person sent.
    ///
    /// # Errors
    /// As [`Sandbox::inbox`].
    pub fn conversation(&self, person: &str, limit: usize) -> Result<Inbox, ControlError> {
        self.shown_on(person, limit, true)
    }

    fn shown_on(&self, person: &str, limit: usize, own: bool) -> Result<Inbox, ControlError> {
        let threads = self.threads(person)?;
        let mut newest: Vec<u32> = threads.iter().map(|thread| thread.newest).collect();
        let mut notes: Vec<_> = threads
            .into_iter()
            .flat_map(|thread| thread.notes)
            .filter(|(_, note)| own || note.kind != NoteKind::Own)
            .collect();
        // Stable, so that what one account said stays in its order.
        notes.sort_by_key(|(_, note)| (note.after, note.at));
        let mut items = Vec::new();
        while items.len() < limit {
            let head = newest.iter_mut().max().filter(|head| **head > 0);
            let reached = head.as_ref().map_or(0, |head| **head);
            if let Some((appid, note)) = notes.pop_if(|(_, note)| note.after >= reached) {
                items.push(shown(appid, note));
                continue;
            }
            let Some(head) = head else {
                break;
            };
            let ledger = self.world.ledger.lock();
            let Some(entry) = ledger.entry(*head) else {
                break;
            };
            let place = ledger.place(entry);
            drop(ledger);
            *head = entry.before;
            items.extend(self.card(&place.read()?));
        }
        Ok(Inbox { items })
    }

    /// What each account put on the phone of the person.
    fn threads(&self, person: &str) -> Result<Vec<Thread>, ControlError> {
        let known = self.world.people.lock().get(person).map(|person| {
            person
                .openids
                .iter()
                .map(|(appid, openid)| (appid.clone(), openid.clone()))
                .collect::<Vec<_>>()
        });
        if let Some(openids) = known {
            return Ok(openids
                .iter()
                .filter_map(|(appid, openid)| thread(&*self.world.account(appid)?, openid))
                .collect());
        }
        let accounts = self.world.accounts.read().list.clone();
        accounts
            .iter()
            .find_map(|account| thread(account, person))
            .map(|thread| vec![thread])
            .ok_or_else(|| ControlError::no_person(person))
    }

    /// A delivery as the phone shows it; `None` where the person refuses messages.
    fn card(&self, line: &[u8]) -> Option<InboxItem> {
        let delivery: DeliveryLine<'_> = serde_json::from_slice(line).ok()?;
        if delivery.blocked {
            return None;
        }
        let account = self.world.account(&delivery.appid)?;
        let template = account
            .book
            .lock()
            .templates
            .get(&*delivery.template_id)
            .cloned();
        let data: serde_json::Value = serde_json::from_str(delivery.data.get()).ok()?;
        let value = |key: &str| data.get(key)?.get("value")?.as_str();
        let mut card = match template {
            _ if delivery.kind == MessageKind::CustomerService => Card::of(&data),
            None => Card::default(),
            Some(template) => Card {
                title: template.source.title.clone(),
                lines: template.lines(value),
                ..Card::default()
            },
        };
        let color = data["content"]["color"].as_str().map(str::to_owned);
        if let Some(title) = delivery.title {
            card.title = title.into_owned();
        }
        Some(InboxItem {
            appid: delivery.appid.into_owned(),
            kind: delivery.kind.into(),
            template_id: delivery.template_id.into_owned(),
            title: card.title,
            lines: card.lines,
            color: color.filter(|_| delivery.kind == MessageKind::OneTime),
            url: delivery.url.map(Cow::into_owned).or(card.url),
            miniprogram: delivery
                .miniprogram
                .and_then(|raw| serde_json::from_str(raw.get()).ok())
                .or(card.miniprogram),
            content: (delivery.kind == MessageKind::CustomerService).then_some(data),
            at: rfc3339(delivery.at),
            msgid: delivery.msgid,
        })
    }
}

fn thread(account: &Account, openid: &str) -> Option<Thread> {
    let book = account.book.lock();
    let recipient = account.recipient(&book, openid)?;
    let notes = book.member(openid).into_iter().flat_map(|member| {
        let notes = member.talk.notes.iter();
        notes.map(|note| (account.appid.to_string(), note.clone()))
    });
    Some(Thread {
        newest: book.newest(recipient),
        notes: notes.collect(),
    })
}

fn shown(appid: String, note: Note) -> InboxItem {
    let card = Card::of(&note.content);
    InboxItem {
        appid,
        kind: match note.kind {
            NoteKind::Reply => Card::reply_kind(&note.content),
            NoteKind::Notice => InboxKind::Notice,
            NoteKind::Own => InboxKind::Own,
        },
        template_id: String::new(),
        title: card.title,
        lines: card.lines,
        color: None,
        url: card.url,
        miniprogram: card.miniprogram,
        content: Some(note.content),
        at: rfc3339(note.at),
        msgid: 0,
    }
}
