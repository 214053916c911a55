//! Answers kept under callers' `Idempotency-Key`s.

use hongyan_domain::KeyId;
use hongyan_domain::port::{IDEMPOTENCY_LIFE, Idempotency, StoredResponse};
use tokio_postgres::Row;
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::link::Db;
use super::row::{key_uuid, now, number, text};
use crate::seal::{Place, Seal};

/// An answer with its body sealed, under its key.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) caller: Uuid,
    pub(super) key: String,
    pub(super) fingerprint: Vec<u8>,
    pub(super) status: i32,
    /// Sealed, and so like no other: by it a node knows its own answer again.
    pub(super) body: Vec<u8>,
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

pub(super) fn seal(seal: &Seal, idempotency: &Idempotency) -> Outcome<Answer> {
    let key = text(&idempotency.key).into_owned();
    let row = row_name(idempotency.caller.as_bytes(), &key);
    let body = seal.seal(place(&row), &idempotency.response.body)?;
    Ok(Answer {
        caller: key_uuid(idempotency.caller),
        key,
        fingerprint: idempotency.fingerprint.to_vec(),
        status: idempotency.response.status.into(),
        body,
    })
}

/// Opens a kept answer.
pub(super) fn unseal(seal: &Seal, answer: &Answer) -> Outcome<StoredResponse> {
    let row = row_name(answer.caller.as_bytes(), &answer.key);
    let body = seal.open(place(&row), &answer.body)?;
    let status = u16::try_from(answer.status)
        .map_err(|_| Fault::corrupt(format!("{} is no HTTP status", answer.status)))?;
    Ok(StoredResponse {
        status,
        body: body.into(),
    })
}

/// How long answers are kept, in milliseconds.
pub(super) fn life() -> i64 {
    i64::try_from(IDEMPOTENCY_LIFE.as_millis()).unwrap_or(i64::MAX)
}

/// A row: caller, key, fingerprint, status, body.
pub(super) fn answer(row: &Row) -> Outcome<Answer> {
    Ok(Answer {
        caller: row.try_get(0)?,
        key: row.try_get(1)?,
        fingerprint: row.try_get(2)?,
        status: row.try_get(3)?,
        body: row.try_get(4)?,
    })
}

/// The answer kept under a key, unless it is too old.
pub(super) async fn find(
    db: &Db,
    caller: KeyId,
    key: &str,
    by_hand: Option<i64>,
) -> Outcome<Option<Answer>> {
    let find = db
        .prepare_cached(concat!(
            "-- idempotency.find\n\
             SELECT caller, key, fingerprint, status, body FROM idempotency \
             WHERE caller = $1 AND key = $2 AND created_at > ",
            now!("$3"),
            " - $4::bigint"
        ))
        .await?;
    let found = db
        .query_opt(&find, &[&key_uuid(caller), &text(key), &by_hand, &life()])
        .await?;
    found.as_ref().map(answer).transpose()
}

/// Keeps answers, each in the place of one that is too old. Returns which of
/// them are kept now: the others' keys are in use. No two may have the same key.
pub(super) async fn keep(db: &Db, answers: &[&Answer], by_hand: Option<i64>) -> Outcome<Vec<bool>> {
    if answers.is_empty() {
        return Ok(Vec::new());
    }
    // In an order all agree on, or two who keep the same two would wait for
    // each other.
    let mut order: Vec<usize> = (0..answers.len()).collect();
    order.sort_by_key(|&i| (answers[i].caller, &answers[i].key));
    let column = |i: &usize| answers[*i];
    let callers: Vec<Uuid> = order.iter().map(column).map(|a| a.caller).collect();
    let keys: Vec<&str> = order.iter().map(column).map(|a| a.key.as_str()).collect();
    let prints: Vec<&[u8]> = order
        .iter()
        .map(column)
        .map(|a| a.fingerprint.as_slice())
        .collect();
    let states: Vec<i32> = order.iter().map(column).map(|a| a.status).collect();
    let bodies: Vec<&[u8]> = order
        .iter()
        .map(column)
        .map(|a| a.body.as_slice())
        .collect();
    let keep = db
        .prepare_cached(concat!(
            "-- idempotency.keep\n\
             INSERT INTO idempotency AS i (caller, key, fingerprint, status, body, created_at) \
             SELECT n.*, t.now FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::int[], \
                $5::bytea[]) n, (SELECT ",
            now!("$6"),
            " AS now) t \
             ON CONFLICT (caller, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
                status = excluded.status, body = excluded.body, created_at = excluded.created_at \
             WHERE i.created_at <= excluded.created_at - $7::bigint \
             RETURNING caller, key"
        ))
        .await?;
    let rows = db
        .query(
            &keep,
            &[
                &callers,
                &keys,
                &prints,
                &states,
                &bodies,
                &by_hand,
                &life(),
            ],
        )
        .await?;
    let mut kept = vec![false; answers.len()];
    for row in rows {
        let (caller, key): (Uuid, &str) = (row.try_get(0)?, row.try_get(1)?);
        if let Some(i) = answers
            .iter()
            .position(|answer| answer.caller == caller && answer.key == key)
        {
            kept[i] = true;
        }
    }
    Ok(kept)
}

/// Keeps the answer to a request that must be new: a caller asks for an earlier
/// answer first, so this one can only be there when two such requests run at
/// the same time.
pub(super) async fn keep_new(
    db: &Db,
    answer: Option<&Answer>,
    by_hand: Option<i64>,
) -> Outcome<()> {
    let Some(answer) = answer else { return Ok(()) };
    if keep(db, &[answer], by_hand).await? == [true] {
        Ok(())
    } else {
        Err(Fault::taken("the Idempotency-Key"))
    }
}

/// Deletes the `limit` oldest of the answers that are too old.
pub(super) async fn forget(db: &Db, limit: usize, by_hand: Option<i64>) -> Outcome<usize> {
    let forget = db
        .prepare_cached(concat!(
            "-- idempotency.forget\n\
             DELETE FROM idempotency i USING (\
                SELECT caller, key FROM idempotency WHERE created_at <= (SELECT ",
            now!("$1"),
            " - $3::bigint) ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED) old \
             WHERE i.caller = old.caller AND i.key = old.key"
        ))
        .await?;
    let deleted = db
        .execute(&forget, &[&by_hand, &number(limit), &life()])
        .await?;
    Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
}
