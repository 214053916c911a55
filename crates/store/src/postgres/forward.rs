//! Callbacks on their way to the owner's own programs.

use std::time::Duration;

use hongyan_domain::callback::{Forward, ForwardState, Forwarded};
use hongyan_domain::{AccountId, CallbackId};
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::link::Db;
use super::receive::callback_uuid;
use super::row::{count, millis, now, number, optional_time, text};

/// Forwardings to make: account, callback, address.
pub(super) type New<'a> = (i64, Uuid, &'a str);

/// Forwards callbacks, due now, in a transaction.
pub(super) async fn add(db: &Db, new: &[New<'_>], now: i64) -> Outcome<()> {
    if new.is_empty() {
        return Ok(());
    }
    let accounts: Vec<i64> = new.iter().map(|one| one.0).collect();
    let callbacks: Vec<Uuid> = new.iter().map(|one| one.1).collect();
    let urls: Vec<_> = new.iter().map(|one| text(one.2)).collect();
    let add = db
        .prepare_cached(
            "-- forward.add\n\
             INSERT INTO forward (account, callback, url, due_at) \
             SELECT account, callback, url, $4 FROM unnest($1::bigint[], $2::uuid[], $3::text[]) \
                WITH ORDINALITY n(account, callback, url, n) ORDER BY n",
        )
        .await?;
    db.execute(&add, &[&accounts, &callbacks, &urls, &now])
        .await?;
    Ok(())
}

/// Forwards a kept callback once more. A second try finds it ordered.
pub(super) async fn replay(
    db: &Db,
    id: CallbackId,
    url: &str,
    order: i64,
    by_hand: Option<i64>,
    again: bool,
) -> Outcome<()> {
    let id = callback_uuid(id);
    if again {
        let ordered = db
            .prepare_cached(
                "-- forward.ordered\nSELECT 1 FROM forward WHERE callback = $1 AND ordered = $2",
            )
            .await?;
        if db.query_opt(&ordered, &[&id, &order]).await?.is_some() {
            return Ok(());
        }
    }
    let replay = db
        .prepare_cached(concat!(
            "-- forward.replay\n\
             INSERT INTO forward (account, callback, url, due_at, ordered) \
             SELECT c.account, c.id, $2, ",
            now!("$4"),
            ", $3 FROM callback c JOIN account a ON a.id = c.account WHERE c.id = $1"
        ))
        .await?;
    match db
        .execute(&replay, &[&id, &text(url), &order, &by_hand])
        .await?
    {
        0 => Err(Fault::missing("the callback")),
        _ => Ok(()),
    }
}

pub(super) async fn claim(
    db: &Db,
    limit: usize,
    lease: Duration,
    by_hand: Option<i64>,
) -> Outcome<Vec<Forward>> {
    let claim = db
        .prepare_cached(concat!(
            "-- forward.claim\n\
             WITH t AS MATERIALIZED (SELECT ",
            now!("$1"),
            " AS now), \
             due AS MATERIALIZED (\
                SELECT f.id FROM forward f WHERE f.due_at <= (SELECT now FROM t) \
                    AND (SELECT true FROM account a WHERE a.id = f.account) \
                ORDER BY f.due_at LIMIT $2 FOR UPDATE SKIP LOCKED), \
             taken AS (\
                UPDATE forward f SET due_at = (SELECT now FROM t) + $3::bigint, \
                    lease_token = f.lease_token + 1 \
                WHERE f.id = ANY(ARRAY(SELECT id FROM due)) \
                RETURNING f.id, f.account, f.callback, f.url, f.attempts, f.lease_token) \
             SELECT t.id, t.account, t.callback, t.url, t.attempts, t.lease_token, c.query, \
                c.content_type, c.body \
             FROM taken t CROSS JOIN LATERAL (\
                SELECT c.query, c.content_type, c.body FROM callback c \
                WHERE c.id = t.callback LIMIT 1) c \
             ORDER BY t.id"
        ))
        .await?;
    let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
    let rows = db
        .query(&claim, &[&by_hand, &number(limit), &lease])
        .await?;
    rows.iter()
        .map(|row| {
            let callback: Uuid = row.try_get(2)?;
            Ok(Forward {
                id: row.try_get(0)?,
                account: AccountId(row.try_get(1)?),
                callback: CallbackId::from_bytes(callback.into_bytes()),
                url: row.try_get(3)?,
                attempts: count(row.try_get(4)?),
                lease_token: row.try_get(5)?,
                query: row.try_get(6)?,
                content_type: row.try_get(7)?,
                body: row.try_get::<_, Vec<u8>>(8)?.into(),
            })
        })
        .collect()
}

/// The token is used up: the same again changes nothing.
pub(super) async fn settle(db: &Db, id: i64, lease_token: i64, ended: &Forwarded) -> Outcome<()> {
    let (due_at, status, error) = match ended {
        Forwarded::Done { status } => (None, Some(i32::from(*status)), None),
        Forwarded::Again { at, error } => (Some(millis(*at)), None, Some(text(error))),
        Forwarded::GivenUp { error } => (None, None, Some(text(error))),
    };
    let settle = db
        .prepare_cached(
            "-- forward.settle\n\
             UPDATE forward SET due_at = $3, last_status = $4, last_error = $5, \
                attempts = attempts + 1, lease_token = lease_token + 1 \
             WHERE id = $1 AND lease_token = $2",
        )
        .await?;
    db.execute(&settle, &[&id, &lease_token, &due_at, &status, &error])
        .await?;
    Ok(())
}

pub(super) async fn states(db: &Db, id: CallbackId) -> Outcome<Vec<ForwardState>> {
    let find = db
        .prepare_cached(
            "-- forward.states\n\
             SELECT url, attempts, due_at, last_status, last_error FROM forward \
             WHERE callback = $1 ORDER BY id",
        )
        .await?;
    let rows = db.query(&find, &[&callback_uuid(id)]).await?;
    rows.iter()
        .map(|row| {
            let status: Option<i32> = row.try_get(3)?;
            Ok(ForwardState {
                url: row.try_get(0)?,
                attempts: count(row.try_get(1)?),
                due_at: optional_time(row.try_get(2)?),
                status: status.and_then(|status| u16::try_from(status).ok()),
                error: row.try_get(4)?,
            })
        })
        .collect()
}
