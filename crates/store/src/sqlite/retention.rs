//! Removing what is old, a little at a time, and giving the space back.

use hongyan_domain::port::StoreError;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::fault::Outcome;
use super::row::{millis, number};
use super::{SqliteStore, purge, term};

/// Free pages below which the file keeps them for what comes: 16 MiB.
const FREE_PAGES_KEPT: i64 = 4096;

/// Pages given back to the file system in one step.
const PAGES_PER_STEP: i64 = 256;

/// A message to remove: its row, its openid, its reference.
type Old = (i64, String, Option<String>);

impl SqliteStore {
    /// One step of [`hongyan_domain::port::MessageStore::forget_finished`]. The
    /// next one goes on behind it, until one finds less than it may remove: what
    /// is looked at and stays (made early, over late) is looked at once a round.
    pub(super) async fn forget_some(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let mut swept_to = self.swept_to.lock().await;
        let from = *swept_to;
        let before = millis(before);
        let old = self.read(move |db| find(db, before, from, limit)).await?;
        let count = old.len();
        *swept_to = match old.last() {
            Some((seq, _, _)) if count == limit => seq + 1,
            _ => 0,
        };
        self.write(count, move |db| {
            for (seq, openid, reference) in &old {
                purge::remove(db, *seq, openid, reference.as_deref())?;
            }
            forget_empty_spans(db)?;
            give_back_space(db)
        })
        .await?;
        Ok(count)
    }
}

fn find(db: &Connection, before: i64, from: i64, limit: usize) -> Outcome<Vec<Old>> {
    // What is over was made before that: the spans made later need no look.
    let last_span: Option<i64> = db
        .prepare_cached("-- retention.spans\nSELECT max(n) FROM span WHERE oldest < ?1")?
        .query_one([before], |row| row.get(0))?;
    let Some(last_span) = last_span else {
        return Ok(Vec::new());
    };
    let mut old = db.prepare_cached(
        "-- retention.old\n\
         SELECT o.seq, m.openid, m.reference FROM outcome o CROSS JOIN message m ON m.seq = o.seq \
         WHERE o.seq BETWEEN ?1 AND ?2 AND o.settled_at < ?3 ORDER BY o.seq LIMIT ?4",
    )?;
    let old = old
        .query_map(
            params![from, term::messages(last_span).1, before, number(limit)],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?
        .collect::<Result<_, _>>()?;
    Ok(old)
}

fn forget_empty_spans(db: &Connection) -> Outcome<()> {
    let oldest: Option<i64> = db
        .prepare_cached("-- retention.oldest\nSELECT min(seq) FROM message")?
        .query_one([], |row| row.get(0))?;
    if let Some(oldest) = oldest {
        db.prepare_cached("-- retention.empty_spans\nDELETE FROM span WHERE n < ?1")?
            .execute([term::span(oldest)])?;
    }
    Ok(())
}

/// Shortens the file when more of it is free than new messages will soon use:
/// a step at a time, because it moves pages.
pub(super) fn give_back_space(db: &Connection) -> Outcome<()> {
    let free: i64 = db.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if free > FREE_PAGES_KEPT && free > pages / 8 {
        let mut vacuum =
            db.prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES_PER_STEP})"))?;
        let mut steps = vacuum.query([])?;
        while steps.next()?.is_some() {}
    }
    Ok(())
}
