//! Forgetting messages by the age of their outcome, in small steps.
//!
//! Outcomes are kept by id, that is by the time a message was made, and a
//! message is over after it was made. So a walk through the outcomes in order of
//! ids meets the old ones first, and passes by those that took long to end. They
//! are few and come up again when one of them is old enough, not at each call.

use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use super::fault::Outcome;
use super::link::Db;
use super::queue::time;
use super::row::{first_id_at, number};

/// Outcomes looked at by one statement at least.
const STEP: usize = 500;
/// Statements in one call at most.
const STEPS: usize = 20;

/// How far the walk has come.
#[derive(Debug, Default)]
pub(super) struct Walk(Mutex<Place>);

#[derive(Debug, Clone, Copy)]
struct Place {
    /// Everything up to here was looked at.
    passed: Uuid,
    /// Nothing up to there was over before this time: neither what was passed
    /// by, nor what was still open then.
    oldest_left: i64,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            passed: Uuid::nil(),
            oldest_left: i64::MAX,
        }
    }
}

/// Removes at most `limit` messages that were over before `before`; returns how
/// many.
pub(super) async fn forget(
    db: &Db,
    walk: &Walk,
    before: i64,
    limit: usize,
    by_hand: Option<i64>,
) -> Outcome<usize> {
    let lock = || walk.0.lock().unwrap_or_else(PoisonError::into_inner);
    let mut place = *lock();
    if before > place.oldest_left {
        place = Place::default();
    }
    if place.passed.is_nil() {
        place.oldest_left = place.oldest_left.min(time(db, by_hand).await?);
    }
    let mut removed = 0;
    for _ in 0..STEPS {
        let wanted = limit.saturating_sub(removed);
        if wanted == 0 {
            break;
        }
        let seen = look(db, place.passed, before, wanted.max(STEP)).await?;
        let is_end = seen.len() < wanted.max(STEP);
        let mut old: Vec<(Uuid, i64)> = Vec::new();
        for &(id, account, settled_at) in &seen {
            if settled_at < before {
                if old.len() == wanted {
                    break;
                }
                old.push((id, account));
            } else {
                place.oldest_left = place.oldest_left.min(settled_at);
            }
            place.passed = id;
        }
        removed += remove(db, &old, before).await?;
        if is_end && old.len() < wanted {
            break;
        }
    }
    *lock() = place;
    Ok(removed)
}

/// The next outcomes: id, account, when it was over.
async fn look(db: &Db, passed: Uuid, before: i64, limit: usize) -> Outcome<Vec<(Uuid, i64, i64)>> {
    let look = db
        .prepare_cached(
            "-- retention.look\n\
             SELECT id, account, settled_at FROM outcome WHERE id > $1 AND id < $2 \
             ORDER BY id LIMIT $3",
        )
        .await?;
    let rows = db
        .query(&look, &[&passed, &first_id_at(before), &number(limit)])
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
        .collect()
}

/// Removes them with their attempts, unless one was queued again meanwhile.
async fn remove(db: &Db, old: &[(Uuid, i64)], before: i64) -> Outcome<usize> {
    if old.is_empty() {
        return Ok(0);
    }
    let (ids, accounts): (Vec<Uuid>, Vec<i64>) = old.iter().copied().unzip();
    let remove = db
        .prepare_cached(
            "-- retention.remove\n\
             WITH gone AS (\
                DELETE FROM outcome o USING unnest($1::uuid[], $2::bigint[]) old(id, account) \
                WHERE o.id = old.id AND o.account = old.account AND o.settled_at < $3 \
                RETURNING o.id, o.account), \
             attempts AS (\
                DELETE FROM attempt t USING gone WHERE t.id = gone.id AND t.account = gone.account), \
             receipts AS (\
                DELETE FROM awaited a USING gone WHERE a.id = gone.id AND a.account = gone.account), \
             messages AS (\
                DELETE FROM message m USING gone WHERE m.id = gone.id AND m.account = gone.account) \
             SELECT count(*) FROM gone",
        )
        .await?;
    let row = db.query_one(&remove, &[&ids, &accounts, &before]).await?;
    let removed: i64 = row.try_get(0)?;
    Ok(usize::try_from(removed).unwrap_or(0))
}
