//! What is told to endpoints, as rows.

use std::time::Duration;

use hongyan_domain::port::Page;
use hongyan_domain::webhook::{
    EventType, Posted, WebhookDeliveryFilter, WebhookDeliveryState, WebhookDepth, WhyDisabled,
};
use hongyan_domain::{MessageId, WebhookDeliveryId, WebhookId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::link::Db;
use super::news::fresh_id;
use super::row::{
    count, first_id_at, message_uuid, now, number, optional_millis, optional_time, text,
};
use super::webhook::{find, missing, webhook_uuid};
use crate::webhook::DeliveryRow;

macro_rules! delivery_columns {
    () => {
        "d.id, d.webhook, d.account, d.event, d.subject, d.detail, d.at, d.due_at, d.attempts, \
         d.lease_token, d.last_at, d.last_elapsed_ms, d.last_status, d.last_error"
    };
}

fn delivery_uuid(id: WebhookDeliveryId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// A row of `delivery_columns`.
fn read(row: &Row) -> Outcome<DeliveryRow> {
    let uuid = |column| row.try_get::<_, Uuid>(column).map(Uuid::into_bytes);
    let subject: Option<Uuid> = row.try_get(4)?;
    let elapsed: Option<i64> = row.try_get(11)?;
    let status: Option<i32> = row.try_get(12)?;
    Ok(DeliveryRow {
        id: uuid(0)?,
        webhook: uuid(1)?,
        account: row.try_get(2)?,
        event: row.try_get(3)?,
        subject: subject.map(Uuid::into_bytes),
        detail: row.try_get(5)?,
        at: row.try_get(6)?,
        due_at: row.try_get(7)?,
        attempts: count(row.try_get(8)?),
        lease_token: row.try_get(9)?,
        last_at: row.try_get(10)?,
        last_elapsed_ms: elapsed.map(|ms| u32::try_from(ms).unwrap_or(u32::MAX)),
        last_status: status.and_then(|status| u16::try_from(status).ok()),
        last_error: row.try_get(13)?,
    })
}

async fn collect(
    db: &Db,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Outcome<Vec<DeliveryRow>> {
    let find = db.prepare_cached(sql).await?;
    db.query(&find, parameters)
        .await?
        .iter()
        .map(read)
        .collect()
}

/// Tells a ping. A second try may tell it twice, which harms nobody.
pub(super) async fn ping(db: &Db, id: WebhookId, by_hand: Option<i64>) -> Outcome<DeliveryRow> {
    let ping = concat!(
        "-- webhooks.ping\n\
         INSERT INTO webhook_delivery AS d (id, webhook, event, at, due_at) \
         SELECT ",
        fresh_id!(),
        ", w.id, $2, t.now, t.now FROM (SELECT ",
        now!("$3"),
        " AS now) t CROSS JOIN webhook w \
         WHERE w.id = $1 AND w.why_disabled IS NULL AND NOT w.removed RETURNING ",
        delivery_columns!()
    );
    let event = i16::from(EventType::Ping.code());
    let told = collect(db, ping, &[&webhook_uuid(id), &event, &by_hand]).await?;
    match told.into_iter().next() {
        Some(told) => Ok(told),
        None => Err(match find(db, id).await? {
            Some(_) => Fault::in_use("the webhook is disabled; enable it first"),
            None => missing(),
        }),
    }
}

/// Hands out what is due to each endpoint, less what is under way to it.
pub(super) async fn claim(
    db: &Db,
    each: usize,
    busy: &[(WebhookId, usize)],
    lease: Duration,
    by_hand: Option<i64>,
) -> Outcome<Vec<DeliveryRow>> {
    let claim = concat!(
        "-- webhooks.claim\n\
         WITH t AS MATERIALIZED (SELECT ",
        now!("$1"),
        " AS now), \
         room AS MATERIALIZED (\
            SELECT w.id, greatest($2 - coalesce((SELECT b.count \
                FROM unnest($3::uuid[], $4::bigint[]) b(id, count) \
                WHERE b.id = w.id LIMIT 1), 0), 0) AS room \
            FROM webhook w WHERE w.why_disabled IS NULL AND NOT w.removed \
                AND coalesce(w.rests_until <= (SELECT now FROM t), true)), \
         due AS MATERIALIZED (\
            SELECT f.id FROM room r CROSS JOIN LATERAL (\
                SELECT d.id FROM webhook_delivery d \
                WHERE d.webhook = r.id AND d.due_at <= (SELECT now FROM t) \
                ORDER BY d.due_at, d.id LIMIT r.room FOR UPDATE SKIP LOCKED) f), \
         taken AS (\
            UPDATE webhook_delivery d SET due_at = (SELECT now FROM t) + $5::bigint, \
                lease_token = d.lease_token + 1 \
            WHERE d.id = ANY(ARRAY(SELECT id FROM due)) AND d.attempts >= 0 RETURNING d.*) \
         SELECT ",
        delivery_columns!(),
        " FROM taken d ORDER BY d.id"
    );
    let ids: Vec<Uuid> = busy.iter().map(|(id, _)| webhook_uuid(*id)).collect();
    let counts: Vec<i64> = busy.iter().map(|(_, count)| number(*count)).collect();
    let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
    collect(db, claim, &[&by_hand, &number(each), &ids, &counts, &lease]).await
}

/// The token is used up: the same again changes nothing.
pub(super) async fn settle(
    db: &Db,
    id: WebhookDeliveryId,
    lease_token: i64,
    posted: &Posted,
) -> Outcome<bool> {
    // Mostly nothing follows, and the row of the endpoint stays as it is.
    let settle = db
        .prepare_cached(
            "-- webhooks.settle\n\
             WITH settled AS (\
                UPDATE webhook_delivery SET due_at = $3, attempts = attempts + 1, \
                    lease_token = lease_token + 1, last_at = $4, last_elapsed_ms = $5, \
                    last_status = $6, last_error = $7 \
                WHERE id = $1 AND attempts >= 0 AND lease_token = $2 RETURNING webhook), \
             followed AS (\
                UPDATE webhook w SET \
                    failing_since = CASE WHEN $7::text IS NULL THEN NULL \
                        ELSE coalesce(w.failing_since, $4) END, \
                    rests_until = greatest(w.rests_until, $8), \
                    why_disabled = coalesce(w.why_disabled, $9), \
                    disabled_at = CASE WHEN w.why_disabled IS NULL AND $9 IS NOT NULL THEN $4 \
                        ELSE w.disabled_at END \
                FROM settled s WHERE w.id = s.webhook \
                    AND ((w.failing_since IS NULL) = ($7::text IS NOT NULL) \
                        OR $8::bigint IS NOT NULL OR $9::smallint IS NOT NULL)) \
             SELECT 1 FROM settled",
        )
        .await?;
    let tried = &posted.tried;
    let settled = db
        .query_opt(
            &settle,
            &[
                &delivery_uuid(id),
                &lease_token,
                &optional_millis(posted.again_at),
                &tried.at.as_millisecond(),
                &i64::from(tried.elapsed_ms),
                &tried.status.map(i32::from),
                &tried.error.as_deref().map(text),
                &optional_millis(posted.rests_until),
                &posted.disable.map(WhyDisabled::code).map(i16::from),
            ],
        )
        .await?;
    Ok(settled.is_some())
}

/// What is told to an endpoint that is gone is not there any more.
macro_rules! find_deliveries {
    ($name:literal, $($condition:literal),+) => {
        concat!(
            "-- webhooks.",
            $name,
            "\nSELECT ",
            delivery_columns!(),
            " FROM webhook_delivery d WHERE ",
            $($condition),+
        )
    };
}

pub(super) async fn one(db: &Db, id: WebhookDeliveryId) -> Outcome<Option<DeliveryRow>> {
    let one = find_deliveries!(
        "delivery",
        "d.id = $1 AND d.attempts >= 0 \
         AND (SELECT NOT w.removed FROM webhook w WHERE w.id = d.webhook)"
    );
    Ok(collect(db, one, &[&delivery_uuid(id)]).await?.pop())
}

pub(super) async fn of_message(db: &Db, message: MessageId) -> Outcome<Vec<DeliveryRow>> {
    let all = find_deliveries!(
        "of_message",
        "d.subject = $1 AND (SELECT NOT w.removed FROM webhook w WHERE w.id = d.webhook) \
         ORDER BY d.id"
    );
    collect(db, all, &[&message_uuid(message)]).await
}

pub(super) async fn list(
    db: &Db,
    id: WebhookId,
    filter: &WebhookDeliveryFilter,
    page: &Page<WebhookDeliveryId>,
) -> Outcome<Vec<DeliveryRow>> {
    macro_rules! some {
        ($name:literal, $state:literal) => {
            find_deliveries!(
                $name,
                "d.webhook = $1 \
                 AND d.id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') \
                 AND ($3::smallint IS NULL OR d.event = $3)",
                $state,
                " AND (SELECT NOT w.removed FROM webhook w WHERE w.id = $1) \
                 ORDER BY d.id DESC LIMIT $4"
            )
        };
    }
    let list = match filter.state {
        None => some!("deliveries", ""),
        Some(WebhookDeliveryState::Pending) => some!("pending", " AND d.due_at IS NOT NULL"),
        Some(WebhookDeliveryState::Delivered) => {
            some!(
                "delivered",
                " AND d.due_at IS NULL AND d.last_error IS NULL"
            )
        }
        Some(WebhookDeliveryState::Failed) => {
            some!(
                "failed",
                " AND d.due_at IS NULL AND d.last_error IS NOT NULL"
            )
        }
    };
    let before = page.after.map(delivery_uuid);
    let event = filter.event.map(|event| i16::from(event.code()));
    collect(
        db,
        list,
        &[&webhook_uuid(id), &before, &event, &number(page.limit)],
    )
    .await
}

pub(super) async fn retry(
    db: &Db,
    id: WebhookDeliveryId,
    by_hand: Option<i64>,
) -> Outcome<DeliveryRow> {
    let retry = concat!(
        "-- webhooks.retry\n\
         UPDATE webhook_delivery d SET due_at = ",
        now!("$2"),
        ", attempts = 0, lease_token = d.lease_token + 1 \
         WHERE d.id = $1 AND d.attempts >= 0 \
            AND (SELECT NOT w.removed FROM webhook w WHERE w.id = d.webhook) \
         RETURNING ",
        delivery_columns!()
    );
    let retried = collect(db, retry, &[&delivery_uuid(id), &by_hand]).await?;
    retried
        .into_iter()
        .next()
        .ok_or_else(|| Fault::missing("the delivery"))
}

pub(super) async fn retry_failed(
    db: &Db,
    id: WebhookId,
    since: i64,
    limit: usize,
    by_hand: Option<i64>,
) -> Outcome<usize> {
    if find(db, id).await?.is_none() {
        return Err(missing());
    }
    let retry = db
        .prepare_cached(concat!(
            "-- webhooks.retry_failed\n\
             UPDATE webhook_delivery d SET due_at = ",
            now!("$4"),
            ", attempts = 0, lease_token = d.lease_token + 1 \
             WHERE d.attempts >= 0 AND d.id = ANY(ARRAY(SELECT f.id FROM webhook_delivery f WHERE f.webhook = $1 \
                AND f.due_at IS NULL AND f.last_error IS NOT NULL AND f.at >= $2 \
                ORDER BY f.id LIMIT $3 FOR UPDATE SKIP LOCKED))"
        ))
        .await?;
    let retried = db
        .execute(
            &retry,
            &[&webhook_uuid(id), &since, &number(limit), &by_hand],
        )
        .await?;
    Ok(usize::try_from(retried).unwrap_or(limit))
}

pub(super) async fn depths(db: &Db) -> Outcome<Vec<WebhookDepth>> {
    let depths = db
        .prepare_cached(
            "-- webhooks.depths\n\
             SELECT w.id, d.pending, d.oldest FROM webhook w CROSS JOIN LATERAL (\
                SELECT count(*) AS pending, min(d.due_at) AS oldest FROM webhook_delivery d \
                WHERE d.webhook = w.id AND d.due_at IS NOT NULL) d \
             WHERE NOT w.removed AND d.pending > 0 ORDER BY w.id",
        )
        .await?;
    db.query(&depths, &[])
        .await?
        .iter()
        .map(|row| {
            let (id, pending): (Uuid, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok(WebhookDepth {
                webhook: WebhookId::from_bytes(id.into_bytes()),
                pending: pending.cast_unsigned(),
                oldest_due_at: optional_time(row.try_get(2)?),
            })
        })
        .collect()
}

/// Removes what can go, what was told to endpoints that are gone first, and endpoints of
/// which nothing is left.
pub(super) async fn forget(db: &Db, before: i64, limit: usize) -> Outcome<usize> {
    let orphans = db
        .prepare_cached(
            "-- webhooks.orphans\n\
             DELETE FROM webhook_delivery WHERE attempts >= 0 AND id = ANY(ARRAY(\
                SELECT d.id FROM webhook w CROSS JOIN LATERAL (\
                    SELECT d.id FROM webhook_delivery d WHERE d.webhook = w.id \
                    ORDER BY d.id LIMIT $1) d \
                WHERE w.removed LIMIT $1))",
        )
        .await?;
    let old = db
        .prepare_cached(
            "-- webhooks.old\n\
             DELETE FROM webhook_delivery WHERE attempts >= 0 AND id = ANY(ARRAY(\
                SELECT d.id FROM webhook_delivery d WHERE d.id < $1 AND d.attempts >= 0 \
                    AND (d.due_at IS NULL \
                    OR (SELECT w.why_disabled IS NOT NULL FROM webhook w WHERE w.id = d.webhook)) \
                ORDER BY d.id LIMIT $2))",
        )
        .await?;
    let gone = db
        .prepare_cached(
            "-- webhooks.gone\n\
             DELETE FROM webhook w WHERE w.removed AND NOT EXISTS (\
                SELECT 1 FROM webhook_delivery d WHERE d.webhook = w.id)",
        )
        .await?;
    let limit = number(limit);
    let removed = db.execute(&orphans, &[&limit]).await?;
    let left = limit.saturating_sub(removed.cast_signed());
    let removed = removed + db.execute(&old, &[&first_id_at(before), &left]).await?;
    db.execute(&gone, &[]).await?;
    Ok(usize::try_from(removed).unwrap_or(usize::MAX))
}
