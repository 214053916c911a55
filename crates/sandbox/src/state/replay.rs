//! Opening a journal, and writing it anew when most of it is history.

use std::path::Path;

use super::World;
use super::account::{Account, Member};
use super::deliver::is_delivery;
use super::ledger::Ledger;
use crate::api::endpoints;
use crate::event::{Event, FORMAT};
use crate::journal::{Journal, LineError, OpenError, line};
use crate::model::Platform;

impl World {
    /// Replays the journal of the directory into this (empty) world, keeps it
    /// open for writing, and rewrites it when more than `rewrite_above` bytes
    /// of it are lines a rewrite could shorten.
    pub(crate) fn load(&self, dir: &Path, rewrite_above: u64) -> Result<(), OpenError> {
        let mut state_bytes = 0;
        let journal = Journal::open(dir, |line, at| {
            if is_delivery(line) {
                return self.restore_delivery(line, at);
            }
            state_bytes += line.len() as u64;
            self.restore_event(line)
        })?;
        let mut ledger = self.ledger.lock();
        ledger.journal = journal;
        ledger.state_bytes = state_bytes;
        if state_bytes > rewrite_above {
            self.rewrite(&mut ledger, dir)?;
        }
        Ok(())
    }

    fn restore_event(&self, line: &[u8]) -> Result<(), LineError> {
        let event: Event =
            serde_json::from_slice(line).map_err(|error| LineError::Damaged(error.to_string()))?;
        if let Event::Header { version } = event
            && version > FORMAT
        {
            return Err(LineError::TooNew(version));
        }
        self.apply(&event);
        Ok(())
    }

    /// Writes accounts, templates and people first, then the deliveries as
    /// they are, then what counters stand at now: replaying deliveries moves
    /// counters, so their final values must come last.
    fn rewrite(&self, ledger: &mut Ledger, dir: &Path) -> Result<(), OpenError> {
        let mut rewrite = Journal::begin_rewrite(dir)?;
        let accounts = self.accounts.read().list.clone();
        let mut state_bytes = 0;
        let mut push = |rewrite: &mut crate::journal::Rewrite, event: &Event| {
            let line = line(event);
            state_bytes += line.len() as u64;
            rewrite.push(&line)
        };
        let now = self.clock.now_ms();
        for account in &accounts {
            // Nobody would know their files any more.
            let gone = account.book.lock().media.clear_expired(now);
            self.blobs.drop_all(&gone);
            for event in definitions(account, now) {
                push(&mut rewrite, &event)?;
            }
        }
        for event in self.people_events() {
            push(&mut rewrite, &event)?;
        }
        for account in &accounts {
            for event in members(account) {
                push(&mut rewrite, &event)?;
            }
        }
        let mut places = Vec::with_capacity(ledger.count() as usize);
        for seq in 1..=ledger.count() {
            let Some(entry) = ledger.entry(seq) else {
                break;
            };
            let line = ledger.place(entry).read().map_err(|source| OpenError::Io {
                path: dir.to_owned(),
                source,
            })?;
            places.push(rewrite.push(&line)?);
        }
        for account in &accounts {
            for event in counters(account) {
                push(&mut rewrite, &event)?;
            }
        }
        let (codes, tokens) = self.logins.lock().living(self.clock.now_ms());
        for code in codes {
            push(&mut rewrite, &Event::Code(code))?;
        }
        for token in tokens {
            push(&mut rewrite, &Event::UserToken(token))?;
        }
        push(
            &mut rewrite,
            &Event::Clock {
                offset_ms: self.clock.offset_ms(),
            },
        )?;
        ledger.journal.replace(dir, rewrite)?;
        ledger.relocate(&places);
        ledger.state_bytes = state_bytes;
        Ok(())
    }

    fn people_events(&self) -> Vec<Event> {
        let people = self.people.lock();
        let mut events = Vec::new();
        for person in &people.list {
            events.push(Event::Person {
                person_id: person.id.to_string(),
                nickname: person.nickname.to_string(),
                unionid: person.unionid.to_string(),
            });
            if person.platform != Platform::default() {
                events.push(Event::Phone {
                    person_id: person.id.to_string(),
                    platform: person.platform,
                });
            }
        }
        events
    }
}

fn definitions(account: &Account, now: i64) -> Vec<Event> {
    let appid = account.appid.to_string();
    let book = account.book.lock();
    let mut events = vec![Event::Account {
        appid: appid.clone(),
        kind: account.kind,
        settings: account.settings.read().clone(),
    }];
    events.extend(book.templates.values().map(|template| Event::Template {
        appid: appid.clone(),
        template: template.source.clone(),
    }));
    events.extend(book.bulk.batches().iter().map(|batch| {
        Event::Bulk {
            appid: appid.clone(),
            count: batch.numbers.end,
            follows: batch.follows,
            at: batch.at,
            accepts: batch
                .accepts
                .iter()
                .map(|one| (one.template_id.to_string(), one.count))
                .collect(),
        }
    }));
    events.extend(book.tags.list.iter().map(|(id, tag)| Event::Tag {
        appid: appid.clone(),
        id: *id,
        name: Some(tag.name.clone()),
    }));
    let menus = book.menus.changes().into_iter();
    events.extend(menus.map(|change| Event::Menu {
        appid: appid.clone(),
        change,
    }));
    let codes = book.codes.living(now).into_iter().cloned();
    events.extend(codes.map(|code| Event::Qr {
        appid: appid.clone(),
        code,
    }));
    events.extend(book.media.living(now).map(|medium| Event::Media {
        appid: appid.clone(),
        medium: medium.clone(),
    }));
    events
}

fn members(account: &Account) -> Vec<Event> {
    let appid = account.appid.to_string();
    let book = account.book.lock();
    let mut events = Vec::new();
    for (position, member) in book.members.iter().enumerate() {
        let openid = member.openid.to_string();
        let profile = book.profile(position);
        let person_id = member.person_id.as_deref().map(str::to_owned);
        events.push(Event::Member {
            appid: appid.clone(),
            openid: openid.clone(),
            person_id,
        });
        let follow = |following| Event::Follow {
            appid: appid.clone(),
            openid: openid.clone(),
            following,
            at: member.followed_at,
            scene: profile.scene.clone(),
        };
        if member.following || member.followed_at != 0 {
            events.push(follow(true));
        }
        if !member.following {
            events.push(follow(false));
        }
        if member.blocked {
            events.push(Event::Block {
                appid: appid.clone(),
                openid: openid.clone(),
                blocked: true,
            });
        }
        events.extend(profile.tags.iter().map(|tag| Event::Tagged {
            appid: appid.clone(),
            tag: *tag,
            openids: vec![openid.clone()],
            on: true,
        }));
        if !profile.remark.is_empty() {
            events.push(Event::Remark {
                appid: appid.clone(),
                openid: openid.clone(),
                remark: profile.remark.clone(),
            });
        }
        if profile.blacklisted {
            events.push(Event::Blacklist {
                appid: appid.clone(),
                openids: vec![openid],
                on: true,
            });
        }
    }
    events
}

fn counters(account: &Account) -> Vec<Event> {
    let appid = account.appid.to_string();
    let book = account.book.lock();
    let mut events = Vec::new();
    for member in &book.members {
        for (template_id, grant) in &member.grants {
            events.push(Event::Grant {
                appid: appid.clone(),
                openid: member.openid.to_string(),
                template_id: template_id.to_string(),
                count: grant.count,
                open: grant.open,
            });
        }
    }
    for member in &book.members {
        events.extend(talk(&appid, member));
    }
    for ticket in &book.tickets {
        events.push(Event::Ticket {
            appid: appid.clone(),
            kind: ticket.kind,
            ticket: ticket.ticket.to_string(),
            expires_at: ticket.expires_at,
        });
    }
    for token in book.keyring.living() {
        events.push(Event::Token {
            appid: appid.clone(),
            family: token.family,
            token: token.text.to_string(),
            issued_at: token.issued_at,
            expires_at: token.expires_at(),
            forced: token.forced,
        });
    }
    if book.cleared.1 > 0 {
        let (month, times) = book.cleared;
        events.push(Event::QuotaCleared {
            appid: appid.clone(),
            month,
            times,
        });
    }
    for (endpoint, cell) in book.daily.iter().enumerate() {
        let path = endpoints::ENDPOINTS[endpoint].path.to_owned();
        if let Some(limit) = cell.limit {
            events.push(Event::QuotaLimit {
                appid: appid.clone(),
                path: path.clone(),
                limit,
            });
        }
        let (day, used) = (cell.day, cell.used);
        events.push(Event::Quota {
            appid: appid.clone(),
            path,
            day,
            used,
            exact: true,
        });
    }
    for (endpoint, cell) in book.minutes.iter().enumerate() {
        if cell.limit.is_some() {
            events.push(Event::RateLimit {
                appid: appid.clone(),
                path: endpoints::ENDPOINTS[endpoint].path.to_owned(),
                per_minute: cell.limit,
            });
        }
    }
    if let Some(industry) = book.industry {
        events.push(Event::Industry {
            appid,
            primary: industry.primary,
            secondary: industry.secondary,
            month: industry.month,
        });
    }
    events
}

/// What stands between a person and the account. Windows and scenes come
/// behind the deliveries, which would use them up a second time.
fn talk(appid: &str, member: &Member) -> Vec<Event> {
    let (appid, openid) = (appid.to_owned(), member.openid.to_string());
    let talk = &member.talk;
    let mut events = Vec::new();
    if let Some(session_key) = &talk.session_key {
        events.push(Event::Session {
            appid: appid.clone(),
            openid: openid.clone(),
            session_key: session_key.to_string(),
        });
    }
    events.extend(talk.windows.iter().map(|window| Event::Window {
        appid: appid.clone(),
        openid: openid.clone(),
        cause: window.cause,
        at: window.opened,
        left: window.left,
    }));
    events.extend(talk.scenes.iter().map(|one| Event::Scene {
        appid: appid.clone(),
        openid: openid.clone(),
        template_id: one.template_id.to_string(),
        scene: one.scene,
        allowed: true,
    }));
    events.extend(talk.notes.iter().map(|note| Event::Note {
        appid: appid.clone(),
        openid: openid.clone(),
        note: note.clone(),
    }));
    events
}
