//! Answers kept under callers' `Idempotency-Key`s.

use hongyan_domain::KeyId;
use hongyan_domain::port::{IDEMPOTENCY_LIFE, Idempotency, StoredResponse};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::{Fault, Outcome};
use super::row::number;
use crate::seal::{Place, Seal};

/// An answer with its body sealed, under its key.
#[derive(Debug)]
pub(super) struct Answer {
    caller: [u8; 16],
    key: String,
    pub(super) fingerprint: [u8; 32],
    status: u16,
    body: Vec<u8>,
}

fn place(row: &[u8]) -> Place<'_> {
    Place {
        table: "idempotency",
        column: "body",
        row,
    }
}

fn row_name(caller: &[u8; 16], key: &str) -> Vec<u8> {
    [caller, key.as_bytes()].concat()
}

/// Seals an answer, before the writing thread is asked to keep it.
pub(super) fn seal(seal: &Seal, idempotency: &Idempotency) -> Outcome<Answer> {
    let (caller, key) = (*idempotency.caller.as_bytes(), idempotency.key.clone());
    let body = seal.seal(place(&row_name(&caller, &key)), &idempotency.response.body)?;
    let status = idempotency.response.status;
    Ok(Answer {
        caller,
        key,
        fingerprint: idempotency.fingerprint,
        status,
        body,
    })
}

/// Opens a kept answer.
pub(super) fn unseal(seal: &Seal, answer: &Answer) -> Outcome<StoredResponse> {
    let body = seal.open(place(&row_name(&answer.caller, &answer.key)), &answer.body)?;
    Ok(StoredResponse {
        status: answer.status,
        body: body.into(),
    })
}

/// The last time at which an answer was given that is too old at `now`.
fn too_old(now: i64) -> i64 {
    now.saturating_sub(i64::try_from(IDEMPOTENCY_LIFE.as_millis()).unwrap_or(i64::MAX))
}

/// The answer kept under a key, unless it is too old.
pub(super) fn find(db: &Connection, caller: KeyId, key: &str, now: i64) -> Outcome<Option<Answer>> {
    let found = db
        .prepare_cached(
            "-- idempotency.find\n\
             SELECT fingerprint, status, body FROM idempotency \
             WHERE caller = ?1 AND key = ?2 AND created_at > ?3",
        )?
        .query_one(params![caller.as_bytes(), key, too_old(now)], |row| {
            Ok(Answer {
                caller: *caller.as_bytes(),
                key: key.to_owned(),
                fingerprint: row.get(0)?,
                status: row.get(1)?,
                body: row.get(2)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// The answer kept under the same key as this one.
pub(super) fn earlier(db: &Connection, answer: &Answer, now: i64) -> Outcome<Option<Answer>> {
    find(db, KeyId::from_bytes(answer.caller), &answer.key, now)
}

/// Keeps an answer in the place of one that is too old.
pub(super) fn keep(db: &Connection, answer: &Answer, now: i64) -> Outcome<()> {
    db.prepare_cached(
        "-- idempotency.replace\nDELETE FROM idempotency WHERE caller = ?1 AND key = ?2",
    )?
    .execute(params![answer.caller, answer.key])?;
    db.prepare_cached(
        "-- idempotency.keep\n\
         INSERT INTO idempotency (caller, key, fingerprint, status, body, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        answer.caller,
        answer.key,
        answer.fingerprint,
        answer.status,
        answer.body,
        now
    ])?;
    Ok(())
}

/// Keeps the answer to a request that must be new: a caller asks for an earlier
/// answer first, so this one can only be there when two such requests run at
/// the same time.
pub(super) fn keep_new(db: &Connection, answer: Option<&Answer>, now: i64) -> Outcome<()> {
    let Some(answer) = answer else { return Ok(()) };
    if earlier(db, answer, now)?.is_some() {
        return Err(Fault::taken("the Idempotency-Key"));
    }
    keep(db, answer, now)
}

/// Deletes answers that are too old, looking only at the `limit` oldest.
pub(super) fn forget(db: &Connection, limit: usize, now: i64) -> Outcome<usize> {
    let deleted = db
        .prepare_cached(
            "-- idempotency.forget\n\
             DELETE FROM idempotency WHERE created_at <= ?1 \
             AND seq IN (SELECT seq FROM idempotency ORDER BY seq LIMIT ?2)",
        )?
        .execute(params![too_old(now), number(limit)])?;
    Ok(deleted)
}
