//! The queue: handing messages out and taking them back.

use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::clock::{after, from_millisecond};
use hongyan_domain::delivery::{Claimed, History, Lease, Settlement};
use hongyan_domain::message::Priority;
use hongyan_domain::port::{Batch, QueueDepth, QueueStore, Settled, StoreError};
use hongyan_domain::{AccountId, MessageId};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::fault::Outcome;
use super::row::{self, MESSAGE_COLUMNS, MessageRow, message_columns, millis, number};
use super::settle::expect_one;
use super::{SqliteStore, settle};

#[async_trait]
impl QueueStore for SqliteStore {
    async fn claim(
        &self,
        account: AccountId,
        limit: usize,
        lease: Duration,
    ) -> Result<Batch, StoreError> {
        let now = self.clock.now();
        let until = after(now, lease);
        let hand_out = move |db: &Connection| claim(db, account, limit, millis(now), millis(until));
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

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        let rows = settlements.len();
        self.write(rows, move |db| settle::settle(db, &settlements))
            .await
    }

    async fn release(&self, held: &[(MessageId, i64)]) -> Result<(), StoreError> {
        let (held, now) = (held.to_vec(), millis(self.clock.now()));
        self.write(held.len(), move |db| release(db, &held, now))
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
    message: MessageRow,
}

/// Handed out, and when the next one becomes due.
type Taken = (Vec<Work>, Option<i64>);

fn claim(
    db: &Connection,
    account: AccountId,
    limit: usize,
    now: i64,
    until: i64,
) -> Outcome<Taken> {
    let mut due = Vec::new();
    let mut next_due_at: Option<i64> = None;
    let mut waiting = db.prepare_cached(concat!(
        "-- queue.waiting\nSELECT ",
        message_columns!(),
        ", w.due_at, w.seq, w.lease_token, w.attempts, w.first_uncertain_at, \
            coalesce(w.interrupted_at, w.claimed_at) \
         FROM work w CROSS JOIN message m ON m.seq = w.seq \
         WHERE w.account = ?1 AND w.band = ?2 ORDER BY w.due_at, w.seq LIMIT ?3"
    ))?;
    for priority in Priority::ALL {
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
        },
        interrupted_at: work.interrupted_at.map(from_millisecond),
    })
}

/// Ends claims under which nothing was sent. What earlier holders may have sent
/// stays noted.
fn release(db: &Connection, held: &[(MessageId, i64)], now: i64) -> Outcome<()> {
    let mut release = db.prepare_cached(
        "-- queue.release\n\
         UPDATE work SET claimed_at = NULL, due_at = ?3 \
         WHERE seq = (SELECT seq FROM message WHERE id = ?1) \
         AND lease_token = ?2 AND claimed_at IS NOT NULL",
    )?;
    for (id, lease_token) in held {
        // No row = no longer held.
        release.execute(params![id.as_bytes(), lease_token, now])?;
    }
    Ok(())
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
            priority: row::priority(row.get(1)?)?,
            open: row.get::<_, i64>(2)?.cast_unsigned(),
            oldest_due_at: row.get::<_, Option<i64>>(3)?.map(from_millisecond),
        });
    }
    Ok(found)
}
