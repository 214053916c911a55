//! Counts of messages let through, against caps on how many there may be.

use hongyan_domain::grant::Withheld;
use hongyan_domain::port::Ask;
use hongyan_domain::{AccountId, MessageId};
use rusqlite::{Connection, params};

use super::fault::Outcome;
use super::row::number;

/// Whether a message fits.
pub(super) enum Look {
    /// It was counted before.
    Counted,
    /// There is room, or nothing to count.
    Fits,
    /// There is none.
    Full(Withheld),
}

/// Looks whether a message fits into all it asks for.
pub(super) fn look(db: &Connection, account: AccountId, ask: &Ask, now: i64) -> Outcome<Look> {
    let Some(first) = ask.tallies.first() else {
        return Ok(Look::Fits);
    };
    let (is_counted, is_open): (bool, bool) = db
        .prepare_cached(
            "-- tally.known\n\
             SELECT EXISTS (SELECT 1 FROM tally WHERE message = ?1), \
                EXISTS (SELECT 1 FROM message m JOIN work w ON w.seq = m.seq WHERE m.id = ?1)",
        )?
        .query_one([ask.message.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    if is_counted {
        return Ok(Look::Counted);
    }
    if !is_open {
        // Over meanwhile, by another hand: nobody would take the count back, and
        // nothing is to be sent any more.
        return Ok(Look::Full(first.reason));
    }
    let mut counted = db.prepare_cached(
        "-- tally.counted\n\
         SELECT count(*) FROM (SELECT 1 FROM tally \
            WHERE account = ?1 AND key = ?2 AND at > ?3 LIMIT ?4)",
    )?;
    for tally in &ask.tallies {
        let since = now.saturating_sub(span(tally.within));
        let count: u32 = counted
            .query_one(params![account.0, tally.key, since, tally.at_most], |row| {
                row.get(0)
            })?;
        if count >= tally.at_most {
            return Ok(Look::Full(tally.reason));
        }
    }
    Ok(Look::Fits)
}

fn span(within: std::time::Duration) -> i64 {
    i64::try_from(within.as_millis()).unwrap_or(i64::MAX)
}

/// Counts a message.
pub(super) fn count(db: &Connection, account: AccountId, ask: &Ask, now: i64) -> Outcome<()> {
    let mut count = db.prepare_cached(
        "-- tally.count\n\
         INSERT INTO tally (message, key, account, at, ends_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (message, key) DO UPDATE SET ends_at = max(ends_at, excluded.ends_at)",
    )?;
    for tally in &ask.tallies {
        let ends_at = now.saturating_add(span(tally.within));
        let message = ask.message.as_bytes();
        count.execute(params![message, tally.key, account.0, now, ends_at])?;
    }
    Ok(())
}

/// Takes a message's count back, if it was counted.
pub(super) fn take_back(db: &Connection, message: MessageId) -> Outcome<()> {
    db.prepare_cached("-- tally.take_back\nDELETE FROM tally WHERE message = ?1")?
        .execute([message.as_bytes()])?;
    Ok(())
}

/// Forgets counts nobody looks back to; how many.
pub(super) fn forget(db: &Connection, now: i64, limit: usize) -> Outcome<usize> {
    Ok(db
        .prepare_cached(
            "-- tally.forget\n\
             DELETE FROM tally WHERE (message, key) IN (\
                SELECT message, key FROM tally WHERE ends_at <= ?1 ORDER BY ends_at LIMIT ?2)",
        )?
        .execute(params![now, number(limit)])?)
}
