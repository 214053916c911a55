//! The emulated world: accounts, people, tokens, deliveries.
//!
//! Invariant: state changes only through [`World::apply`] and
//! [`World::deliver`], and only after the line that says so has been written.
//! Locks are taken in the order people, book of an account, ledger; the lock
//! of the logins is held alone.

pub(crate) mod account;
pub(crate) mod bulk;
pub(crate) mod dedupe;
pub(crate) mod deliver;
pub(crate) mod followers;
pub(crate) mod ledger;
pub(crate) mod logins;
pub(crate) mod media;
pub(crate) mod menu;
pub(crate) mod people;
pub(crate) mod qr;
pub(crate) mod quota;
pub(crate) mod replay;
pub(crate) mod talk;
pub(crate) mod template;
pub(crate) mod token;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use crate::SandboxConfig;
use crate::api::endpoints;
use crate::callback::Outbox;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::event::Event;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::live::{Happening, Live};
use crate::model::Platform;
use crate::requests::RequestLog;
use account::{Account, Book, Industry, Ticket};
use bulk::{Accepted, Batch};
use ledger::Ledger;
use logins::Logins;
use media::Blobs;
use people::People;
use talk::Note;
use template::Template;
use token::{Token, TokenStore};

/// Everything a running sandbox knows.
#[derive(Debug)]
pub(crate) struct World {
    /// Itself, for the tasks that push.
    pub(crate) me: Weak<World>,
    pub(crate) config: SandboxConfig,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) accounts: RwLock<Accounts>,
    pub(crate) people: Mutex<People>,
    pub(crate) tokens: TokenStore,
    pub(crate) logins: Mutex<Logins>,
    pub(crate) outbox: Outbox,
    /// Bytes of uploaded media.
    pub(crate) blobs: Blobs,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) faults: Faults,
    pub(crate) requests: RequestLog,
    pub(crate) live: Live,
    pub(crate) counters: Counters,
    /// Held while the control API decides and changes: two requests for the
    /// same person's openid must not make two.
    pub(crate) control: Mutex<()>,
    /// Where msgids of this process start.
    pub(crate) msgid_base: u64,
}

/// The accounts in order of their making.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) list: Vec<Arc<Account>>,
    by_appid: HashMap<Box<str>, u32>,
}

impl Accounts {
    pub(crate) fn get(&self, appid: &str) -> Option<&Arc<Account>> {
        self.list.get(*self.by_appid.get(appid)? as usize)
    }

    /// The open-platform account that [`crate::PersonView::unionid`] belongs
    /// to: the first one named.
    pub(crate) fn main_platform(&self) -> Option<String> {
        self.list
            .iter()
            .find_map(|account| account.settings.read().open_platform.clone())
    }
}

impl World {
    pub(crate) fn account(&self, appid: &str) -> Option<Arc<Account>> {
        self.accounts.read().get(appid).cloned()
    }

    pub(crate) fn account_at(&self, index: u32) -> Option<Arc<Account>> {
        self.accounts.read().list.get(index as usize).cloned()
    }

    /// What the phone of whoever has that openid runs.
    pub(crate) fn platform_of(&self, account: &Account, openid: &str) -> Platform {
        let book = account.book.lock();
        let person = book.member(openid).and_then(|one| one.person_id.clone());
        drop(book);
        let people = self.people.lock();
        let person = person.and_then(|id| people.get(&id));
        person.map_or_else(Platform::default, |person| person.platform)
    }

    /// Writes a change, then applies it. For a change of an account's book that
    /// is locked already, use [`World::commit_in`].
    pub(crate) fn commit(&self, event: &Event) -> io::Result<()> {
        self.ledger.lock().record(event)?;
        self.apply(event);
        self.live.tell_event(event);
        Ok(())
    }

    /// Writes and applies a change of a book the caller has locked, so that no
    /// other change of that account comes between decision and effect.
    pub(crate) fn commit_in(
        &self,
        account: &Account,
        book: &mut Book,
        event: &Event,
    ) -> io::Result<()> {
        self.ledger.lock().record(event)?;
        self.apply_in(account, book, event);
        match event {
            Event::Note { openid, .. } => self.tell_message(account, book, openid),
            _ => self.live.tell_event(event),
        }
        Ok(())
    }

    /// Tells those who watch that something new is on a phone.
    pub(crate) fn tell_message(&self, account: &Account, book: &Book, openid: &str) {
        self.live.tell(|| Happening::Message {
            appid: account.appid.to_string(),
            openid: openid.to_owned(),
            person_id: book
                .member(openid)
                .and_then(|member| member.person_id.as_ref())
                .map(ToString::to_string),
        });
    }

    /// Puts something on a phone.
    pub(crate) fn note(&self, account: &Account, openid: &str, note: Note) -> io::Result<()> {
        let event = Event::Note {
            appid: account.appid.to_string(),
            openid: openid.to_owned(),
            note,
        };
        self.commit_in(account, &mut account.book.lock(), &event)
    }

    /// Applies a change that is written.
    pub(crate) fn apply(&self, event: &Event) {
        match event {
            Event::Header { .. } => {}
            Event::Clock { offset_ms } => self.clock.set_offset(*offset_ms),
            Event::Account {
                appid,
                kind,
                settings,
            } => {
                let mut accounts = self.accounts.write();
                if let Some(account) = accounts.get(appid) {
                    *account.settings.write() = settings.clone();
                    return;
                }
                let index = accounts.list.len() as u32;
                let account = Account::new(index, appid, *kind, settings.clone());
                accounts.list.push(Arc::new(account));
                accounts.by_appid.insert(appid.as_str().into(), index);
            }
            Event::Person {
                person_id,
                nickname,
                unionid,
            } => {
                self.people.lock().add(person_id, nickname, unionid);
            }
            Event::Member {
                appid,
                openid,
                person_id: Some(person_id),
            } => {
                let known = self.people.lock().add_openid(person_id, appid, openid);
                if let (Some(person_id), Some(account)) = (known, self.account(appid)) {
                    account
                        .book
                        .lock()
                        .add_member(appid, openid, Some(person_id));
                }
            }
            Event::Phone {
                person_id,
                platform,
            } => self.people.lock().set_platform(person_id, *platform),
            Event::Code(code) => self.logins.lock().issue(code.clone()),
            Event::CodeUsed { code } => self.logins.lock().mark_used(code),
            Event::UserToken(token) => self.logins.lock().grant(token.clone()),
            Event::Template { appid, .. }
            | Event::TemplateGone { appid, .. }
            | Event::Member {
                appid,
                person_id: None,
                ..
            }
            | Event::Follow { appid, .. }
            | Event::Block { appid, .. }
            | Event::Grant { appid, .. }
            | Event::Token { appid, .. }
            | Event::Quota { appid, .. }
            | Event::QuotaLimit { appid, .. }
            | Event::RateLimit { appid, .. }
            | Event::QuotaCleared { appid, .. }
            | Event::Industry { appid, .. }
            | Event::Bulk { appid, .. }
            | Event::Tag { appid, .. }
            | Event::Tagged { appid, .. }
            | Event::Remark { appid, .. }
            | Event::Blacklist { appid, .. }
            | Event::Menu { appid, .. }
            | Event::Qr { appid, .. }
            | Event::Media { appid, .. }
            | Event::MediaGone { appid, .. }
            | Event::Session { appid, .. }
            | Event::Ticket { appid, .. }
            | Event::Window { appid, .. }
            | Event::Scene { appid, .. }
            | Event::Note { appid, .. } => {
                if let Some(account) = self.account(appid) {
                    let mut book = account.book.lock();
                    self.apply_in(&account, &mut book, event);
                }
            }
        }
    }

    /// The part of [`World::apply`] that concerns one book.
    fn apply_in(&self, account: &Account, book: &mut Book, event: &Event) {
        match event {
            Event::Template { template, .. } => {
                let template = Template::new(template.clone());
                let id = template.source.template_id.as_str().into();
                book.templates.insert(id, Arc::new(template));
            }
            Event::TemplateGone { template_id, .. } => {
                if let Some(template) = book.templates.get_mut(template_id.as_str()) {
                    let mut source = template.source.clone();
                    source.deleted = true;
                    *template = Arc::new(Template::new(source));
                }
            }
            Event::Member { openid, .. } => book.add_member(&account.appid, openid, None),
            Event::Follow {
                openid,
                following,
                at,
                scene,
                ..
            } => {
                book.set_following(openid, *following, *at);
                if *following {
                    book.set_scene(openid, scene.as_deref());
                }
            }
            Event::Block {
                openid, blocked, ..
            } => {
                if let Some(member) = book.member_mut(openid) {
                    member.blocked = *blocked;
                }
            }
            Event::Grant {
                openid,
                template_id,
                count,
                open,
                ..
            } => {
                if let Some(member) = book.member_mut(openid) {
                    let grant = account::Grant {
                        count: *count,
                        open: *open,
                    };
                    member.grants.insert(template_id.as_str().into(), grant);
                }
            }
            Event::Token {
                family,
                token,
                issued_at,
                expires_at,
                forced,
                ..
            } => {
                let token = Token::new(
                    token,
                    account.index,
                    *family,
                    *issued_at,
                    *expires_at,
                    *forced,
                );
                book.keyring.adopt(token, &self.tokens);
            }
            Event::Quota {
                path,
                day,
                used,
                exact,
                ..
            } => {
                if let Some(endpoint) = endpoints::find(path) {
                    book.daily(endpoint).restore(*day, *used, *exact);
                }
            }
            Event::QuotaLimit { path, limit, .. } => {
                if let Some(endpoint) = endpoints::find(path) {
                    book.daily(endpoint).limit = Some(*limit);
                }
            }
            Event::RateLimit {
                path, per_minute, ..
            } => {
                if let Some(endpoint) = endpoints::find(path) {
                    book.minute(endpoint).limit = *per_minute;
                }
            }
            Event::QuotaCleared { month, times, .. } => {
                book.cleared = (*month, *times);
                for cell in &mut book.daily {
                    cell.used = 0;
                }
            }
            Event::Industry {
                primary,
                secondary,
                month,
                ..
            } => {
                book.industry = Some(Industry {
                    primary: *primary,
                    secondary: *secondary,
                    month: *month,
                });
            }
            Event::Bulk {
                count,
                follows,
                at,
                accepts,
                ..
            } => {
                let first = book.bulk.count();
                if first < *count {
                    let accepts = accepts.iter().map(|(id, count)| Accepted::new(id, *count));
                    book.bulk.add(Batch {
                        numbers: first..*count,
                        follows: *follows,
                        at: *at,
                        accepts: accepts.collect(),
                    });
                }
            }
            Event::Tag { .. }
            | Event::Tagged { .. }
            | Event::Remark { .. }
            | Event::Blacklist { .. } => book.apply_note(event),
            Event::Menu { change, .. } => book.menus.apply(change),
            Event::Qr { code, .. } => book.codes.add(code.clone(), self.clock.now_ms()),
            Event::Media { medium, .. } => book.media.add(medium.clone()),
            Event::MediaGone { media_id, .. } => book.media.remove(media_id),
            Event::Ticket {
                kind,
                ticket,
                expires_at,
                ..
            } => book.add_ticket(Ticket {
                kind: *kind,
                ticket: ticket.as_str().into(),
                expires_at: *expires_at,
            }),
            Event::Session { openid, .. }
            | Event::Window { openid, .. }
            | Event::Scene { openid, .. }
            | Event::Note { openid, .. } => {
                if let Some(member) = book.member_mut(openid) {
                    member.talk.apply(event);
                }
            }
            Event::Header { .. }
            | Event::Clock { .. }
            | Event::Account { .. }
            | Event::Person { .. }
            | Event::Phone { .. }
            | Event::Code(_)
            | Event::CodeUsed { .. }
            | Event::UserToken(_) => {}
        }
    }
}
