//! The queue: handing messages out and taking them back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::clock::{after, from_millisecond};
use hongyan_domain::delivery::{Claimed, History, Lease, Settlement};
use hongyan_domain::grant::Use;
use hongyan_domain::message::{Priority, State};
use hongyan_domain::port::{Batch, QueueDepth, QueueStore, Settled, StoreError};
use hongyan_domain::{AccountId, MessageId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Outcome;
use super::news::Teller;
use super::row::{MESSAGE_COLUMNS, MessageRow, message_columns, millis, number};
use super::settle::expect_one;
use super::{SqliteStore, ledger, settle, tally};
use crate::codes;
use crate::ledger::use_of_end;
use crate::webhook::News;

#[async_trait]
impl QueueStore for SqliteStore {
    async fn claim(
        &self,
        account: AccountId,
        limit: usize,
        lease: Duration,
        least: Priority,
    ) -> Result<Batch, StoreError> {
        let now = self.clock.now();
        let until = after(now, lease);
        let hand_out =
            move |db: &Connection| claim(db, account, limit, least, millis(now), millis(until));
        let (taken, next_due_at) = self.write(limit, hand_out).await?;
        let claimed = taken
            .into_iter()
            .filter_map(|one| understand(one, until))
            .collect();
        Ok(Batch {
            claimed,
            next_due_at: next_due_at.map(from_millisecond),
        })
    }

    async fn backlog(
        &self,
        account: AccountId,
        least: Priority,
        at_most: usize,
    ) -> Result<usize, StoreError> {
        let now = millis(self.clock.now());
        self.read(move |db| backlog(db, account, least, at_most, now))
            .await
    }

    async fn settle(&self, settlements: Arc<[Settlement]>) -> Result<Vec<Settled>, StoreError> {
        let rows = settlements.len();
        let now = millis(self.clock.now());
        self.write(rows, move |db| settle::settle(db, &settlements, now))
            .await
    }

    async fn release(&self, held: &[(MessageId, i64)]) -> Result<(), StoreError> {
        let (held, now) = (held.to_vec(), millis(self.clock.now()));
        self.write(held.len(), move |db| release(db, &held, now))
            .await
    }

    async fn bring_forward(
        &self,
        account: AccountId,
        put_off_until: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let (at, now) = (millis(put_off_until), millis(self.clock.now()));
        self.write(limit, move |db| bring_forward(db, account, at, limit, now))
            .await
    }

    async fn expire(&self, limit: usize) -> Result<Vec<MessageId>, StoreError> {
        let now = millis(self.clock.now());
        // Mostly there are none, which a reader can tell.
        let late = self.read(move |db| late(db, limit, now)).await?;
        if late.is_empty() {
            return Ok(Vec::new());
        }
        self.write(late.len(), move |db| expire(db, limit, now))
            .await
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, StoreError> {
        self.read(depths).await
    }
}

/// A row of `work` that is handed out, as it was before.
#[derive(Debug)]
struct Work {
    seq: i64,
    lease_token: i64,
    attempts: u32,
    first_uncertain_at: Option<i64>,
    interrupted_at: Option<i64>,
    doubted: bool,
    message: MessageRow,
}

/// Handed out, and when the next one becomes due.
type Taken = (Vec<Work>, Option<i64>);

fn claim(
    db: &Connection,
    account: AccountId,
    limit: usize,
    least: Priority,
    now: i64,
    until: i64,
) -> Outcome<Taken> {
    let mut due = Vec::new();
    let mut next_due_at: Option<i64> = None;
    let mut waiting = db.prepare_cached(concat!(
        "-- queue.waiting\nSELECT ",
        message_columns!(),
        ", w.due_at, w.seq, w.lease_token, w.attempts, w.first_uncertain_at, \
            coalesce(w.interrupted_at, w.claimed_at), w.doubted \
         FROM work w CROSS JOIN message m ON m.seq = w.seq \
         WHERE w.account = ?1 AND w.band = ?2 ORDER BY w.due_at, w.seq LIMIT ?3"
    ))?;
    for priority in as_urgent_as(least) {
        // One more than can be taken: it tells when to come again.
        let wanted = number(limit - due.len()).saturating_add(1);
        let mut rows = waiting.query(params![account.0, priority.band(), wanted])?;
        while let Some(row) = rows.next()? {
            let due_at: i64 = row.get(MESSAGE_COLUMNS)?;
            if due_at > now || due.len() == limit {
                next_due_at = Some(next_due_at.map_or(due_at, |next| next.min(due_at)));
                break;
            }
            due.push(Work {
                seq: row.get(MESSAGE_COLUMNS + 1)?,
                lease_token: row.get(MESSAGE_COLUMNS + 2)?,
                attempts: row.get(MESSAGE_COLUMNS + 3)?,
                first_uncertain_at: row.get(MESSAGE_COLUMNS + 4)?,
                interrupted_at: row.get(MESSAGE_COLUMNS + 5)?,
                doubted: row.get(MESSAGE_COLUMNS + 6)?,
                message: MessageRow::read(row)?,
            });
        }
    }
    let mut lease = db.prepare_cached(
        "-- queue.claim\n\
         UPDATE work SET due_at = ?2, lease_token = lease_token + 1, claimed_at = ?3, \
            interrupted_at = ?4 \
         WHERE seq = ?1",
    )?;
    for work in &due {
        let leased = lease.execute(params![work.seq, until, now, work.interrupted_at])?;
        expect_one("queue.claim", leased)?;
    }
    Ok((due, next_due_at))
}

/// From the most urgent down to `least`.
fn as_urgent_as(least: Priority) -> impl Iterator<Item = Priority> {
    Priority::ALL
        .into_iter()
        .take_while(move |priority| priority.band() <= least.band())
}

fn backlog(
    db: &Connection,
    account: AccountId,
    least: Priority,
    at_most: usize,
    now: i64,
) -> Outcome<usize> {
    let mut due = db.prepare_cached(
        "-- queue.backlog\n\
         SELECT count(*) FROM (SELECT 1 FROM work \
            WHERE account = ?1 AND band = ?2 AND due_at <= ?3 LIMIT ?4)",
    )?;
    let at_most = number(at_most);
    let mut counted = 0;
    for priority in as_urgent_as(least) {
        let wanted = at_most - counted;
        let found: i64 = due
            .query_one(params![account.0, priority.band(), now, wanted], |row| {
                row.get(0)
            })?;
        counted += found;
    }
    Ok(usize::try_from(counted).unwrap_or(usize::MAX))
}

/// What is handed out. A message that cannot be read back must not keep the
/// others from being sent: it is left to its lease.
fn understand(work: Work, until: Timestamp) -> Option<Claimed> {
    let id = work.message.id;
    let message = work
        .message
        .into_message()
        .map_err(StoreError::from)
        .inspect_err(|error| tracing::error!(%id, %error, "a queued message cannot be read back"))
        .ok()?;
    Some(Claimed {
        message,
        lease: Lease {
            token: work.lease_token + 1,
            until,
        },
        history: History {
            attempts: work.attempts,
            first_uncertain_at: work.first_uncertain_at.map(from_millisecond),
            doubted: work.doubted,
        },
        interrupted_at: work.interrupted_at.map(from_millisecond),
    })
}

/// An open message whose time is over: its row, its id, whether it may have gone
/// out, its account.
type Late = (i64, MessageId, bool, i64);

fn late(db: &Connection, limit: usize, now: i64) -> Outcome<Vec<Late>> {
    let mut late = db.prepare_cached(
        "-- queue.late\n\
         SELECT w.seq, m.id, \
            coalesce(w.claimed_at, w.interrupted_at, w.first_uncertain_at) IS NOT NULL \
            OR w.doubted, w.account \
         FROM work w JOIN message m ON m.seq = w.seq \
         WHERE w.expires_at <= ?1 AND (w.claimed_at IS NULL OR w.due_at <= ?1) LIMIT ?2",
    )?;
    let mut rows = late.query(params![now, number(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id = MessageId::from_bytes(row.get(1)?);
        found.push((row.get(0)?, id, row.get(2)?, row.get(3)?));
    }
    Ok(found)
}

fn expire(db: &Connection, limit: usize, now: i64) -> Outcome<Vec<MessageId>> {
    let late = late(db, limit, now)?;
    let mut finisher = settle::Finisher::prepare(db)?;
    let mut teller = Teller::prepare(db, now)?;
    // A holder that comes late must find its lease lost, not its work done.
    let mut end_lease = db.prepare_cached(
        "-- queue.end_lease\n\
         UPDATE work SET lease_token = lease_token + 1 WHERE seq = ?1 AND claimed_at IS NOT NULL",
    )?;
    for (seq, id, may_have_gone_out, account) in &late {
        end_lease.execute([seq])?;
        let over = settle::Over {
            state: if *may_have_gone_out {
                State::Unknown
            } else {
                State::Expired
            },
            msgid: None,
            at: now,
            attempts: &[],
        };
        finisher.finish(*seq, &over)?;
        ledger::return_hold(db, *seq, use_of_end(over.state), from_millisecond(now))?;
        if over.state == State::Expired {
            tally::take_back(db, *id)?;
        }
        teller.tell(|| News::of_message(*account, *id, over.state, now))?;
    }
    Ok(late.into_iter().map(|(_, id, ..)| id).collect())
}

/// Ends claims under which nothing was sent. What earlier holders may have sent
/// stays noted.
fn release(db: &Connection, held: &[(MessageId, i64)], now: i64) -> Outcome<()> {
    let mut release = db.prepare_cached(
        "-- queue.release\n\
         UPDATE work SET claimed_at = NULL, due_at = ?3, lease_token = lease_token + 1 \
         WHERE seq = (SELECT seq FROM message WHERE id = ?1) \
         AND lease_token = ?2 AND claimed_at IS NOT NULL RETURNING seq",
    )?;
    for (id, lease_token) in held {
        // No row = no longer held.
        let released: Option<i64> = release
            .query_one(params![id.as_bytes(), lease_token, now], |row| row.get(0))
            .optional()?;
        if let Some(seq) = released {
            ledger::return_hold(db, seq, Use::Returned, from_millisecond(now))?;
        }
    }
    Ok(())
}

fn bring_forward(
    db: &Connection,
    account: AccountId,
    at: i64,
    limit: usize,
    now: i64,
) -> Outcome<usize> {
    let mut forward = db.prepare_cached(
        "-- queue.bring_forward\n\
         UPDATE work SET due_at = ?3 WHERE seq IN (\
            SELECT w.seq FROM work w JOIN message m ON m.seq = w.seq \
            WHERE w.account = ?1 AND w.band >= 0 AND w.due_at = ?2 \
            AND w.claimed_at IS NULL AND m.send_at IS NOT ?2 LIMIT ?4)",
    )?;
    Ok(forward.execute(params![account.0, at, now, limit.cast_signed()])?)
}

fn depths(db: &Connection) -> Outcome<Vec<QueueDepth>> {
    let mut depths = db.prepare_cached(
        "-- queue.depths\n\
         SELECT account, band, count(*), min(due_at) FROM work GROUP BY account, band",
    )?;
    let mut rows = depths.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(QueueDepth {
            account: AccountId(row.get(0)?),
            priority: codes::priority(row.get::<_, i64>(1)?)?,
            open: row.get::<_, i64>(2)?.cast_unsigned(),
            oldest_due_at: row.get::<_, Option<i64>>(3)?.map(from_millisecond),
        });
    }
    Ok(found)
}
