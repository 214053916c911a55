//! People and what they do on their phones.

use std::sync::Arc;

use super::ControlError;
use crate::Sandbox;
use crate::api::users::unionid;
use crate::event::{DeliveryLine, Event};
use crate::model::{
    AccountKind, Action, Choices, GrantView, Inbox, InboxItem, MembershipView, MessageKind,
    PersonView, Subscription,
};
use crate::state::account::{Account, Book, Recipient};
use crate::state::people::Person;

/// Longest nickname, in bytes.
const NICKNAME_LIMIT: usize = 256;
/// Templates one pop-up may ask for.
const POPUP_LIMIT: usize = 5;

impl Sandbox {
    /// Makes a person who follows nobody yet.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] for an empty or over-long nickname.
    pub fn add_person(&self, nickname: &str) -> Result<PersonView, ControlError> {
        let _guard = self.world.control.lock();
        if nickname.is_empty() || nickname.len() > NICKNAME_LIMIT {
            return Err(ControlError::Invalid(format!(
                "nickname must have 1 to {NICKNAME_LIMIT} bytes"
            )));
        }
        let person_id = self.world.ids.person_id();
        self.world.commit(&Event::Person {
            person_id: person_id.clone(),
            nickname: nickname.to_owned(),
            unionid: self.world.ids.unionid(),
        })?;
        self.person(&person_id)
    }

    /// All people made one by one; bulk people are not listed.
    pub fn people(&self) -> Vec<PersonView> {
        let ids: Vec<Arc<str>> = self
            .world
            .people
            .lock()
            .list
            .iter()
            .map(|person| Arc::clone(&person.id))
            .collect();
        ids.iter().filter_map(|id| self.person(id).ok()).collect()
    }

    /// One person.
    ///
    /// # Errors
    /// [`ControlError::NotFound`].
    pub fn person(&self, person_id: &str) -> Result<PersonView, ControlError> {
        let people = self.world.people.lock();
        let person = people
            .get(person_id)
            .ok_or_else(|| ControlError::no_person(person_id))?;
        let mut view = outline(person);
        drop(people);
        let memberships = view.openids.iter().filter_map(|(appid, openid)| {
            self.world
                .account(appid)
                .map(|account| self.membership(&account, openid, person_id))
        });
        view.accounts = memberships.collect();
        Ok(view)
    }

    /// The person's openid at an account; made if they never met.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown person or account.
    pub fn openid(&self, person: &str, appid: &str) -> Result<String, ControlError> {
        let _guard = self.world.control.lock();
        let account = self.account(appid)?;
        self.openid_at(person, &account)
    }

    /// Lets a person follow an official account and gives their openid.
    ///
    /// # Errors
    /// As [`Sandbox::act`].
    pub fn follow(&self, person: &str, appid: &str) -> Result<String, ControlError> {
        self.act(person, appid, &Action::Follow)
    }

    /// Lets a person do something and gives their openid at the account.
    /// `person` is a person's id or, for bulk people, an openid of the account.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown person or account,
    /// [`ControlError::Invalid`] where the account or template cannot have that
    /// action.
    pub fn act(&self, person: &str, appid: &str, action: &Action) -> Result<String, ControlError> {
        let _guard = self.world.control.lock();
        let account = self.account(appid)?;
        match action {
            Action::Follow | Action::Unfollow | Action::Block | Action::Unblock
                if account.kind == AccountKind::MiniProgram =>
            {
                return Err(ControlError::Invalid(
                    "only official accounts can be followed or blocked; for mini programs use \
                     subscribe_popup and subscribe_setting"
                        .into(),
                ));
            }
            Action::SubscribePopup(choices) => check_popup(&account.book.lock(), choices)?,
            Action::SubscribeSetting(choices) => {
                templates_of(&account.book.lock(), choices)?;
            }
            Action::Follow | Action::Unfollow | Action::Block | Action::Unblock => {}
        }
        let openid = self.openid_at(person, &account)?;
        let at = self.world.clock.now_ms();
        let follow = |following| Event::Follow {
            appid: appid.to_owned(),
            openid: openid.clone(),
            following,
            at,
        };
        let block = |blocked| Event::Block {
            appid: appid.to_owned(),
            openid: openid.clone(),
            blocked,
        };
        // Locked from reading a consent to changing it: a send may use it up.
        let mut book = account.book.lock();
        let events = match action {
            Action::Follow => vec![follow(true)],
            Action::Unfollow => vec![follow(false)],
            Action::Block => vec![block(true)],
            Action::Unblock => vec![block(false)],
            Action::SubscribePopup(choices) => grants(&book, appid, &openid, choices, true)?,
            Action::SubscribeSetting(choices) => grants(&book, appid, &openid, choices, false)?,
        };
        for event in &events {
            self.world.commit_in(&account, &mut book, event)?;
        }
        drop(book);
        Ok(openid)
    }

    /// What a phone shows, newest first. `person` is a person's id, or an
    /// openid for the messages of that account alone.
    ///
    /// # Errors
    /// [`ControlError::NotFound`]; [`ControlError::Storage`] when the journal
    /// cannot be read.
    pub fn inbox(&self, person: &str, limit: usize) -> Result<Inbox, ControlError> {
        let mut newest = self.newest_of(person)?;
        let mut items = Vec::new();
        while items.len() < limit {
            let Some(head) = newest.iter_mut().max().filter(|head| **head > 0) else {
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

    /// The newest delivery to the person at each account they have an openid of.
    fn newest_of(&self, person: &str) -> Result<Vec<u32>, ControlError> {
        let known = self.world.people.lock().get(person).map(|person| {
            person
                .openids
                .iter()
                .map(|(appid, openid)| (appid.clone(), openid.clone()))
                .collect::<Vec<_>>()
        });
        let newest = |account: &Account, openid: &str| {
            let book = account.book.lock();
            account
                .recipient(&book, openid)
                .map(|recipient| book.newest(recipient))
        };
        if let Some(openids) = known {
            return Ok(openids
                .iter()
                .filter_map(|(appid, openid)| newest(&*self.world.account(appid)?, openid))
                .collect());
        }
        let accounts = self.world.accounts.read().list.clone();
        accounts
            .iter()
            .find_map(|account| newest(account, person))
            .map(|newest| vec![newest])
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
        let (title, lines) = template.map_or_else(Default::default, |template| {
            (template.source.title.clone(), template.lines(value))
        });
        Some(InboxItem {
            appid: delivery.appid.into_owned(),
            kind: delivery.kind,
            template_id: delivery.template_id.into_owned(),
            title,
            lines,
            url: delivery.url.map(std::borrow::Cow::into_owned),
            miniprogram: delivery
                .miniprogram
                .and_then(|raw| serde_json::from_str(raw.get()).ok()),
            at: crate::clock::rfc3339(delivery.at),
            msgid: delivery.msgid,
        })
    }

    fn membership(&self, account: &Account, openid: &str, person_id: &str) -> MembershipView {
        let unionid = unionid(&self.world, account, person_id);
        let book = account.book.lock();
        let member = book.member(openid);
        let grants = member
            .into_iter()
            .flat_map(|member| &member.grants)
            .map(|(id, grant)| {
                let subscription = book.templates.get(id).map(|one| one.subscription());
                GrantView {
                    template_id: id.to_string(),
                    subscription: subscription.unwrap_or_default(),
                    count: grant.count,
                    open: grant.open,
                }
            });
        MembershipView {
            appid: account.appid.to_string(),
            openid: openid.to_owned(),
            unionid,
            following: member.is_some_and(|member| member.following),
            blocked: member.is_some_and(|member| member.blocked),
            grants: grants.collect(),
        }
    }

    /// The openid of a person at the account, made if need be; or the openid
    /// itself, with its bulk person promoted to a member.
    fn openid_at(&self, person: &str, account: &Account) -> Result<String, ControlError> {
        let known = self
            .world
            .people
            .lock()
            .get(person)
            .map(|person| person.openids.get(&*account.appid).map(ToString::to_string));
        let appid = account.appid.to_string();
        match known {
            Some(Some(openid)) => Ok(openid),
            Some(None) => {
                let openid = self.world.ids.openid(&appid);
                let person_id = Some(person.to_owned());
                self.world.commit(&Event::Member {
                    appid,
                    openid: openid.clone(),
                    person_id,
                })?;
                Ok(openid)
            }
            None => {
                let mut book = account.book.lock();
                let recipient = account.recipient(&book, person);
                let openid = person.to_owned();
                match recipient.ok_or_else(|| ControlError::no_person(person))? {
                    Recipient::Member(_) => {}
                    Recipient::Bulk(_) => {
                        let event = Event::Member {
                            appid,
                            openid: openid.clone(),
                            person_id: None,
                        };
                        self.world.commit_in(account, &mut book, &event)?;
                    }
                }
                Ok(openid)
            }
        }
    }
}

fn outline(person: &Person) -> PersonView {
    PersonView {
        person_id: person.id.to_string(),
        nickname: person.nickname.to_string(),
        unionid: person.unionid.to_string(),
        openids: person
            .openids
            .iter()
            .map(|(appid, openid)| (appid.to_string(), openid.to_string()))
            .collect(),
        accounts: Vec::new(),
    }
}

/// The subscription of each template asked about.
fn templates_of(book: &Book, choices: &Choices) -> Result<Vec<Subscription>, ControlError> {
    if choices.is_empty() {
        return Err(ControlError::Invalid(
            "results must name at least one template, as in {\"<template_id>\":\"accept\"}".into(),
        ));
    }
    choices
        .iter()
        .map(|(template_id, choice)| {
            if !choice.starts_with("accept")
                && !matches!(choice.as_str(), "reject" | "ban" | "filter")
            {
                return Err(ControlError::Invalid(format!(
                    "results: {choice:?} is no answer; use accept, reject, ban or filter"
                )));
            }
            let template = book
                .template(template_id)
                .ok_or_else(|| ControlError::NotFound {
                    what: "template",
                    id: template_id.clone(),
                })?;
            match template.source.kind {
                MessageKind::Subscribe | MessageKind::Notification => Ok(template.subscription()),
                MessageKind::Template | MessageKind::OneTime => Err(ControlError::Invalid(
                    format!("template {template_id} needs no consent of this kind"),
                )),
            }
        })
        .collect()
}

/// The pop-up's own rules: at most five templates, all of one subscription
/// (errors 20003 and 20002 of `wx.requestSubscribeMessage`).
fn check_popup(book: &Book, choices: &Choices) -> Result<(), ControlError> {
    if choices.len() > POPUP_LIMIT {
        return Err(ControlError::Invalid(format!(
            "a pop-up asks for at most {POPUP_LIMIT} templates (20003)"
        )));
    }
    let subscriptions = templates_of(book, choices)?;
    if subscriptions.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(ControlError::Invalid(
            "one-time and long-term templates cannot be mixed in a pop-up (20002)".into(),
        ));
    }
    Ok(())
}

/// The consents after the person's answers. In a pop-up each acceptance of a
/// one-time template adds a message and a refusal takes none away; in the
/// settings a refusal ends everything.
fn grants(
    book: &Book,
    appid: &str,
    openid: &str,
    choices: &Choices,
    popup: bool,
) -> Result<Vec<Event>, ControlError> {
    let subscriptions = templates_of(book, choices)?;
    let member = book.member(openid);
    let mut events = Vec::new();
    for ((template_id, choice), subscription) in choices.iter().zip(subscriptions) {
        let before = member
            .and_then(|member| member.grants.get(template_id.as_str()))
            .copied()
            .unwrap_or_default();
        let mut after = before;
        let accepts = choice.starts_with("accept");
        match subscription {
            Subscription::OneTime if popup && accepts => after.count += 1,
            Subscription::OneTime if !popup && !accepts => after.count = 0,
            Subscription::OneTime => {}
            Subscription::LongTerm => after.open = accepts,
        }
        if after != before {
            events.push(Event::Grant {
                appid: appid.to_owned(),
                openid: openid.to_owned(),
                template_id: template_id.clone(),
                count: after.count,
                open: after.open,
            });
        }
    }
    Ok(events)
}
