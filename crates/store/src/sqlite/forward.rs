//! Callbacks on their way to the owner's own programs.

use hongyan_domain::callback::{Forward, ForwardState, Forwarded};
use hongyan_domain::{AccountId, CallbackId};
use rusqlite::{Connection, params};

use super::fault::{Fault, Outcome};
use super::row::{millis, number, optional_time};

/// Forwards a callback to an address, due now.
pub(super) fn add(
    db: &Connection,
    account: AccountId,
    callback: CallbackId,
    url: &str,
    now: i64,
) -> Outcome<()> {
    db.prepare_cached(
        "-- forward.add\n\
         INSERT INTO forward (account, callback, url, due_at, attempts, lease_token) \
         VALUES (?1, ?2, ?3, ?4, 0, 0)",
    )?
    .execute(params![account.0, callback.as_bytes(), url, now])?;
    Ok(())
}

/// Forwards a kept callback once more.
pub(super) fn replay(db: &Connection, id: CallbackId, url: &str, now: i64) -> Outcome<()> {
    let added = db
        .prepare_cached(
            "-- forward.replay\n\
             INSERT INTO forward (account, callback, url, due_at, attempts, lease_token) \
             SELECT c.account, c.id, ?2, ?3, 0, 0 \
             FROM callback c JOIN account a ON a.id = c.account WHERE c.id = ?1",
        )?
        .execute(params![id.as_bytes(), url, now])?;
    if added == 0 {
        return Err(Fault::missing("the callback"));
    }
    Ok(())
}

/// Whether something is due, for who only reads.
pub(super) fn any_due(db: &Connection, now: i64) -> Outcome<bool> {
    Ok(db
        .prepare_cached("-- forward.any\nSELECT EXISTS (SELECT 1 FROM forward WHERE due_at <= ?1)")?
        .query_one([now], |row| row.get(0))?)
}

pub(super) fn claim(db: &Connection, limit: usize, now: i64, until: i64) -> Outcome<Vec<Forward>> {
    let mut due = db.prepare_cached(
        "-- forward.due\n\
         SELECT f.id, f.account, f.callback, f.url, f.attempts, f.lease_token, c.query, \
            c.content_type, c.body \
         FROM forward f JOIN account a ON a.id = f.account JOIN callback c ON c.id = f.callback \
         WHERE f.due_at <= ?1 ORDER BY f.due_at, f.id LIMIT ?2",
    )?;
    let mut rows = due.query([now, number(limit)])?;
    let mut claimed = Vec::new();
    while let Some(row) = rows.next()? {
        claimed.push(Forward {
            id: row.get(0)?,
            account: AccountId(row.get(1)?),
            callback: CallbackId::from_bytes(row.get(2)?),
            url: row.get(3)?,
            attempts: row.get(4)?,
            lease_token: row.get::<_, i64>(5)? + 1,
            query: row.get(6)?,
            content_type: row.get(7)?,
            body: row.get::<_, Vec<u8>>(8)?.into(),
        });
    }
    let mut lease = db.prepare_cached(
        "-- forward.claim\n\
         UPDATE forward SET due_at = ?2, lease_token = lease_token + 1 WHERE id = ?1",
    )?;
    for forward in &claimed {
        lease.execute([forward.id, until])?;
    }
    Ok(claimed)
}

pub(super) fn settle(db: &Connection, id: i64, lease_token: i64, ended: &Forwarded) -> Outcome<()> {
    let (due_at, status, error) = match ended {
        Forwarded::Done { status } => (None, Some(*status), None),
        Forwarded::Again { at, error } => (Some(millis(*at)), None, Some(error)),
        Forwarded::GivenUp { error } => (None, None, Some(error)),
    };
    db.prepare_cached(
        "-- forward.settle\n\
         UPDATE forward SET due_at = ?3, last_status = ?4, last_error = ?5, \
            attempts = attempts + 1, lease_token = lease_token + 1 \
         WHERE id = ?1 AND lease_token = ?2",
    )?
    .execute(params![id, lease_token, due_at, status, error])?;
    Ok(())
}

pub(super) fn states(db: &Connection, id: CallbackId) -> Outcome<Vec<ForwardState>> {
    let mut all = db.prepare_cached(
        "-- forward.states\n\
         SELECT url, attempts, due_at, last_status, last_error FROM forward \
         WHERE callback = ?1 ORDER BY id",
    )?;
    let states = all
        .query_map([id.as_bytes()], |row| {
            Ok(ForwardState {
                url: row.get(0)?,
                attempts: row.get(1)?,
                due_at: optional_time(row.get(2)?),
                status: row.get(3)?,
                error: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_due_are_found_by_their_index() {
        let db = Connection::open_in_memory().unwrap();
        for step in [
            include_str!("migrations/0001.sql"),
            include_str!("migrations/0004.sql"),
        ] {
            db.execute_batch(step).unwrap();
        }
        let mut explain = db
            .prepare(
                "EXPLAIN QUERY PLAN SELECT f.id FROM forward f \
                 JOIN account a ON a.id = f.account JOIN callback c ON c.id = f.callback \
                 WHERE f.due_at <= ?1 ORDER BY f.due_at, f.id LIMIT ?2",
            )
            .unwrap();
        let plan: Vec<String> = explain
            .query_map([0, 0], |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(plan[0].contains("forward_due (due_at<?)"), "{plan:#?}");
    }
}
