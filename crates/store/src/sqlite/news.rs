//! What happens, written down for the endpoints that want to be told.

use hongyan_domain::WebhookDeliveryId;
use hongyan_domain::clock::from_millisecond;
use rusqlite::{CachedStatement, Connection, params};

use super::fault::Outcome;
use crate::webhook::News;

/// An endpoint that wants to be told, of some accounts and types; none = all.
struct Listener {
    id: [u8; 16],
    accounts: Vec<i64>,
    events: Vec<i16>,
}

impl Listener {
    fn wants(&self, news: &News) -> bool {
        let event = i16::from(news.event.code());
        (self.accounts.is_empty() || self.accounts.contains(&news.account))
            && (self.events.is_empty() || self.events.contains(&event))
    }
}

/// Writes down what happens in a step.
pub(super) struct Teller<'db> {
    listeners: Vec<Listener>,
    add: CachedStatement<'db>,
    now: i64,
}

impl<'db> Teller<'db> {
    pub(super) fn prepare(db: &'db Connection, now: i64) -> Outcome<Self> {
        let mut all = db.prepare_cached(
            "-- news.listeners\n\
             SELECT id, accounts, events FROM webhook WHERE why_disabled IS NULL AND NOT removed",
        )?;
        let mut rows = all.query([])?;
        let mut listeners = Vec::new();
        while let Some(row) = rows.next()? {
            listeners.push(Listener {
                id: row.get(0)?,
                accounts: serde_json::from_str(&row.get::<_, String>(1)?)?,
                events: serde_json::from_str(&row.get::<_, String>(2)?)?,
            });
        }
        let add = db.prepare_cached(
            "-- news.tell\n\
             INSERT INTO webhook_delivery (id, webhook, account, event, subject, detail, at, \
                due_at, attempts, lease_token) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0)",
        )?;
        Ok(Self {
            listeners,
            add,
            now,
        })
    }

    /// The time at which it tells.
    pub(super) fn now(&self) -> i64 {
        self.now
    }

    /// Tells what `news` makes, if there is anybody to tell.
    pub(super) fn tell(&mut self, news: impl FnOnce() -> Option<News>) -> Outcome<()> {
        if self.listeners.is_empty() {
            return Ok(());
        }
        let Some(news) = news() else { return Ok(()) };
        let (subject, detail) = news.subject_columns()?;
        for listener in &self.listeners {
            if !listener.wants(&news) {
                continue;
            }
            self.add.execute(params![
                fresh_id(self.now)?.as_bytes(),
                listener.id,
                news.account,
                news.event.code(),
                subject,
                detail,
                news.at,
                self.now,
            ])?;
        }
        Ok(())
    }
}

/// The id of something that is to be told from now on.
pub(super) fn fresh_id(now: i64) -> Outcome<WebhookDeliveryId> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(std::io::Error::from)?;
    Ok(WebhookDeliveryId::new(from_millisecond(now), random))
}
