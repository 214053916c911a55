//! What WeChat tells us: taking it in, looking at it, forgetting it.

use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::callback::{
    Callback, CallbackFilter, Effect, Forward, ForwardState, Forwarded, Received,
};
use hongyan_domain::clock::after;
use hongyan_domain::grant::Window;
use hongyan_domain::port::{EARLY_RECEIPT_LIFE, InboxStore, Page, StoreError};
use hongyan_domain::{AccountId, CallbackId, MessageId};
use hongyan_wechat::OpenId;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::credentials::refuse_missing;
use super::fault::{Fault, Outcome};
use super::news::Teller;
use super::receipt::Taken;
use super::row::{millis, number};
use super::{SqliteStore, callback, forward, ledger, menus, people, receipt, retention};
use crate::codes;
use crate::digest;
use crate::webhook::News;

#[async_trait]
impl InboxStore for SqliteStore {
    async fn receive(
        &self,
        callback: &Callback,
        effects: &[Effect],
        forward_to: &[String],
    ) -> Result<Received, StoreError> {
        let new = New {
            dedupe: dedupe_hash(callback.account, &callback.dedupe_key),
            callback: callback.clone(),
            effects: effects.to_vec(),
            forward_to: forward_to.to_vec(),
        };
        let now = millis(self.clock.now());
        let rows = 1 + effects.len() + forward_to.len();
        self.write(rows, move |db| receive(db, &new, now)).await
    }

    async fn keep_reply(&self, id: CallbackId, reply: &str) -> Result<String, StoreError> {
        let reply = reply.to_owned();
        self.write(1, move |db| {
            db.prepare_cached(
                "-- inbox.reply\n\
                 UPDATE callback SET reply = coalesce(reply, ?2) WHERE id = ?1 RETURNING reply",
            )?
            .query_one(params![id.as_bytes(), reply], |row| row.get(0))
            .optional()?
            .ok_or_else(|| Fault::missing("the callback"))
        })
        .await
    }

    async fn callback(&self, id: CallbackId) -> Result<Option<Callback>, StoreError> {
        self.read(move |db| callback::find(db, id)).await
    }

    async fn callbacks(
        &self,
        account: AccountId,
        filter: &CallbackFilter,
        page: &Page<CallbackId>,
    ) -> Result<Vec<Callback>, StoreError> {
        let (filter, page) = (filter.clone(), *page);
        self.read(move |db| match &filter.openid {
            Some(openid) => callback::of_person(db, account, openid, &filter, page),
            None => callback::of_account(db, account, &filter, page),
        })
        .await
    }

    async fn join_early_receipts(
        &self,
        limit: usize,
    ) -> Result<(Vec<MessageId>, bool), StoreError> {
        let mut joined_to = self.joined_to.lock().await;
        let from = *joined_to;
        // Mostly there are none, which a reader can tell.
        let found = self
            .read(move |db| receipt::joinable(db, from, limit))
            .await?;
        let joined = if found.receipts.is_empty() {
            Vec::new()
        } else {
            let receipts = found.receipts;
            let now = millis(self.clock.now());
            self.write(receipts.len(), move |db| receipt::join(db, &receipts, now))
                .await?
        };
        *joined_to = found.to;
        let is_any_left = found.to > 0 || found.unjoined > joined.len();
        Ok((joined, is_any_left))
    }

    async fn receipts_missing(
        &self,
        before: Timestamp,
        at_most: usize,
    ) -> Result<Vec<(AccountId, u64)>, StoreError> {
        self.read(move |db| receipt::missing(db, millis(before), at_most))
            .await
    }

    async fn forget_callbacks(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let (before, now) = (millis(before), self.clock.now());
        let life = i64::try_from(EARLY_RECEIPT_LIFE.as_millis()).unwrap_or(i64::MAX);
        let too_early = millis(now).saturating_sub(life);
        let old = self.read(move |db| old(db, before, limit)).await?;
        let count = old.len();
        self.write(count.max(1), move |db| {
            for (seq, id) in &old {
                remove(db, *seq, *id)?;
            }
            receipt::forget(db, before, too_early, number(limit))?;
            retention::give_back_space(db)
        })
        .await?;
        Ok(count)
    }

    async fn claim_forwards(
        &self,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Forward>, StoreError> {
        let now = self.clock.now();
        let until = millis(after(now, lease));
        let now = millis(now);
        if !self.read(move |db| forward::any_due(db, now)).await? {
            return Ok(Vec::new());
        }
        self.write(limit, move |db| forward::claim(db, limit, now, until))
            .await
    }

    async fn settle_forward(
        &self,
        id: i64,
        lease_token: i64,
        ended: &Forwarded,
    ) -> Result<(), StoreError> {
        let ended = ended.clone();
        self.write(1, move |db| forward::settle(db, id, lease_token, &ended))
            .await
    }

    async fn replay(&self, id: CallbackId, url: &str) -> Result<(), StoreError> {
        let (url, now) = (url.to_owned(), millis(self.clock.now()));
        self.write(1, move |db| forward::replay(db, id, &url, now))
            .await
    }

    async fn forwards(&self, id: CallbackId) -> Result<Vec<ForwardState>, StoreError> {
        self.read(move |db| forward::states(db, id)).await
    }
}

/// A callback on its way in, with what was worked out before the writing thread
/// was asked.
struct New {
    callback: Callback,
    dedupe: i64,
    effects: Vec<Effect>,
    forward_to: Vec<String>,
}

/// The hash repeats are looked for by; the key is compared, too.
fn dedupe_hash(account: AccountId, key: &str) -> i64 {
    let digest = digest::dedupe(account, key);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first)
}

fn receive(db: &Connection, new: &New, now: i64) -> Outcome<Received> {
    let callback = &new.callback;
    refuse_missing(db, callback.account)?;
    if let Some(earlier) = repeat(db, new)? {
        return Ok(earlier);
    }
    insert(db, new)?;
    let mut teller = Teller::prepare(db, now)?;
    teller.tell(|| Some(News::of_callback(callback)))?;
    let (mut settled, mut early) = (Vec::new(), 0);
    for effect in &new.effects {
        match effect {
            Effect::Seen(sighting) => {
                people::see(db, callback.account, sighting)?;
            }
            Effect::Opened { openid, cause, at } => {
                ledger::open_window(db, callback.account, openid, &Window::open(*cause, *at))?;
            }
            Effect::Answered(consent) => {
                ledger::answered(db, consent, &mut teller)?;
            }
            Effect::Receipt(new) => match receipt::take(db, callback.account, new, &mut teller)? {
                Taken::Settled(id) => settled.push(id),
                Taken::Kept => early += 1,
                Taken::Known => {}
            },
            Effect::Scanned { scene, followed } => {
                menus::scanned(db, callback.account, scene, *followed)?;
            }
            Effect::Forgotten { openid } => {
                people::forget(db, callback.account, openid)?;
            }
        }
    }
    for url in &new.forward_to {
        forward::add(db, callback.account, callback.id, url, now)?;
    }
    Ok(Received::New { settled, early })
}

/// Counts a repeat, if it is one.
fn repeat(db: &Connection, new: &New) -> Outcome<Option<Received>> {
    let callback = &new.callback;
    let span = digest::dedupe_span(callback);
    let found: Option<i64> = db
        .prepare_cached(
            "-- inbox.earlier\n\
             SELECT seq FROM callback \
             WHERE created_at >> 20 IN (?1 - 1, ?1, ?1 + 1) AND dedupe = ?2 \
             AND +account = ?3 AND dedupe_key = ?4 LIMIT 1",
        )?
        .query_one(
            params![span, new.dedupe, callback.account.0, callback.dedupe_key],
            |row| row.get(0),
        )
        .optional()?;
    let Some(seq) = found else { return Ok(None) };
    let (id, reply) = db
        .prepare_cached(
            "-- inbox.repeat\n\
             UPDATE callback SET repeats = repeats + 1 WHERE seq = ?1 RETURNING id, reply",
        )?
        .query_one([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let id = CallbackId::from_bytes(id);
    Ok(Some(Received::Repeated { id, reply }))
}

fn insert(db: &Connection, new: &New) -> Outcome<()> {
    let callback = &new.callback;
    let person = callback.openid.as_ref().map(callback::person);
    db.prepare_cached(
        "-- inbox.insert\n\
         INSERT INTO callback (id, account, received_at, dedupe, person, created_at, mode, \
            repeats, dedupe_key, openid, msg_type, event, event_key, query, content_type, reply, \
            body, text) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )?
    .execute(params![
        callback.id.as_bytes(),
        callback.account.0,
        millis(callback.received_at),
        new.dedupe,
        person,
        millis(callback.created_at),
        codes::mode_code(callback.mode),
        callback.repeats,
        callback.dedupe_key,
        callback.openid.as_ref().map(OpenId::as_str),
        callback.msg_type,
        callback.event,
        callback.event_key,
        callback.query,
        callback.content_type,
        callback.reply,
        &callback.body[..],
        digest::separate_text(callback),
    ])
    .map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => {
            Fault::taken(format!("the id {}", callback.id))
        }
        _ => error.into(),
    })?;
    Ok(())
}

/// The oldest callbacks that came before a time and are on their way nowhere.
fn old(db: &Connection, before: i64, limit: usize) -> Outcome<Vec<(i64, CallbackId)>> {
    let mut all = db.prepare_cached(
        "-- inbox.old\n\
         SELECT c.seq, c.id, c.received_at, EXISTS (\
            SELECT 1 FROM forward f WHERE f.callback = c.id AND f.due_at IS NOT NULL) \
         FROM callback c ORDER BY c.seq",
    )?;
    let mut rows = all.query([])?;
    let mut old = Vec::new();
    while old.len() < limit
        && let Some(row) = rows.next()?
    {
        // They lie in the order in which they came.
        if row.get::<_, i64>(2)? >= before {
            break;
        }
        if !row.get::<_, bool>(3)? {
            old.push((row.get(0)?, CallbackId::from_bytes(row.get(1)?)));
        }
    }
    Ok(old)
}

/// Removes a callback with its forwardings.
pub(super) fn remove(db: &Connection, seq: i64, id: CallbackId) -> Outcome<()> {
    db.prepare_cached("-- inbox.forget_forwards\nDELETE FROM forward WHERE callback = ?1")?
        .execute([id.as_bytes()])?;
    db.prepare_cached("-- inbox.forget\nDELETE FROM callback WHERE seq = ?1")?
        .execute([seq])?;
    Ok(())
}
