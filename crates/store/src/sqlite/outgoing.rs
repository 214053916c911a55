//! What is told to endpoints, as rows.

use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::Page;
use hongyan_domain::webhook::{
    EventType, Posted, WebhookDeliveryFilter, WebhookDeliveryState, WebhookDepth, WhyDisabled,
};
use hongyan_domain::{MessageId, WebhookDeliveryId, WebhookId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::{Fault, Outcome};
use super::news::fresh_id;
use super::row::{count, number, optional_millis, optional_time};
use super::webhook::{collect, found, missing, webhook, webhook_columns};
use crate::webhook::{DeliveryRow, WebhookRow};

macro_rules! delivery_columns {
    () => {
        "d.id, d.webhook, d.account, d.event, d.subject, d.detail, d.at, d.due_at, d.attempts, \
         d.lease_token, d.last_at, d.last_elapsed_ms, d.last_status, d.last_error"
    };
}

fn delivery(row: &Row<'_>) -> Outcome<DeliveryRow> {
    Ok(DeliveryRow {
        id: row.get(0)?,
        webhook: row.get(1)?,
        account: row.get(2)?,
        event: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
        at: row.get(6)?,
        due_at: row.get(7)?,
        attempts: row.get(8)?,
        lease_token: row.get(9)?,
        last_at: row.get(10)?,
        last_elapsed_ms: row.get(11)?,
        last_status: row.get(12)?,
        last_error: row.get(13)?,
    })
}

pub(super) fn ping(db: &Connection, id: WebhookId, now: i64) -> Outcome<DeliveryRow> {
    if found(db, id)?.why_disabled.is_some() {
        return Err(Fault::in_use("the webhook is disabled; enable it first"));
    }
    let new = fresh_id(now)?;
    db.prepare_cached(
        "-- webhooks.ping\n\
         INSERT INTO webhook_delivery (id, webhook, event, at, due_at, attempts, lease_token) \
         VALUES (?1, ?2, ?3, ?4, ?4, 0, 0)",
    )?
    .execute(params![
        new.as_bytes(),
        id.as_bytes(),
        EventType::Ping.code(),
        now
    ])?;
    told(db, new)?.ok_or_else(missing)
}

const READY: &str = concat!(
    "-- webhooks.ready\nSELECT ",
    webhook_columns!(),
    " FROM webhook w WHERE w.why_disabled IS NULL AND NOT w.removed \
     AND coalesce(w.rests_until, ?1) <= ?1 \
     AND EXISTS (SELECT 1 FROM webhook_delivery d \
        WHERE d.webhook = w.id AND d.due_at <= ?1) ORDER BY w.id"
);

/// Endpoints that can be told something now: how much at most.
pub(super) fn rooms(
    db: &Connection,
    each: usize,
    busy: &[(WebhookId, usize)],
    now: i64,
) -> Outcome<Vec<(WebhookRow, usize)>> {
    let ready = collect(db, READY, [now], webhook)?;
    Ok(ready
        .into_iter()
        .filter_map(|row| {
            let busy = busy.iter().find(|(id, _)| *id == row.id);
            let room = each.saturating_sub(busy.map_or(0, |(_, count)| *count));
            (room > 0).then_some((row, room))
        })
        .collect())
}

const DUE: &str = concat!(
    "-- webhooks.due\nSELECT ",
    delivery_columns!(),
    " FROM webhook_delivery d WHERE d.webhook = ?1 AND d.due_at <= ?2 \
     AND (SELECT why_disabled IS NULL AND NOT removed FROM webhook WHERE id = ?1) \
     ORDER BY d.due_at, d.id LIMIT ?3"
);

/// Hands out what is due, unless the endpoint was disabled meanwhile.
pub(super) fn claim(
    db: &Connection,
    rooms: &[(WebhookId, usize)],
    now: i64,
    until: i64,
) -> Outcome<Vec<DeliveryRow>> {
    let mut lease = db.prepare_cached(
        "-- webhooks.claim\n\
         UPDATE webhook_delivery SET due_at = ?2, lease_token = lease_token + 1 WHERE id = ?1",
    )?;
    let mut claimed = Vec::new();
    for (id, room) in rooms {
        let parameters = params![id.as_bytes(), now, number(*room)];
        for mut row in collect(db, DUE, parameters, delivery)? {
            lease.execute(params![row.id, until])?;
            row.lease_token += 1;
            row.due_at = Some(until);
            claimed.push(row);
        }
    }
    Ok(claimed)
}

pub(super) fn settle(
    db: &Connection,
    id: WebhookDeliveryId,
    lease_token: i64,
    posted: &Posted,
) -> Outcome<bool> {
    let tried = &posted.tried;
    let at = tried.at.as_millisecond();
    let webhook: Option<[u8; 16]> = db
        .prepare_cached(
            "-- webhooks.settle\n\
             UPDATE webhook_delivery SET due_at = ?3, attempts = attempts + 1, \
                lease_token = lease_token + 1, last_at = ?4, last_elapsed_ms = ?5, \
                last_status = ?6, last_error = ?7 \
             WHERE id = ?1 AND lease_token = ?2 RETURNING webhook",
        )?
        .query_one(
            params![
                id.as_bytes(),
                lease_token,
                optional_millis(posted.again_at),
                at,
                tried.elapsed_ms,
                tried.status,
                tried.error,
            ],
            |row| row.get(0),
        )
        .optional()?;
    let Some(webhook) = webhook else {
        return Ok(false);
    };
    // Mostly nothing follows, and the row of the endpoint stays as it is.
    db.prepare_cached(
        "-- webhooks.follow\n\
         UPDATE webhook SET failing_since = iif(?2, coalesce(failing_since, ?3), NULL), \
            rests_until = max(coalesce(rests_until, ?4), coalesce(?4, rests_until)), \
            why_disabled = coalesce(why_disabled, ?5), \
            disabled_at = iif(why_disabled IS NULL AND ?5 IS NOT NULL, ?3, disabled_at) \
         WHERE id = ?1 AND ((failing_since IS NULL) = ?2 OR ?4 IS NOT NULL OR ?5 IS NOT NULL)",
    )?
    .execute(params![
        webhook,
        tried.error.is_some(),
        at,
        optional_millis(posted.rests_until),
        posted.disable.map(WhyDisabled::code),
    ])?;
    Ok(true)
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

pub(super) fn told(db: &Connection, id: WebhookDeliveryId) -> Outcome<Option<DeliveryRow>> {
    let one = find_deliveries!(
        "delivery",
        "d.id = ?1 AND (SELECT NOT removed FROM webhook WHERE id = d.webhook)"
    );
    Ok(collect(db, one, [id.as_bytes()], delivery)?.pop())
}

const OF_MESSAGE: &str = find_deliveries!(
    "of_message",
    "d.subject = ?1 AND (SELECT NOT removed FROM webhook WHERE id = d.webhook) ORDER BY d.id"
);

pub(super) fn told_of(db: &Connection, message: MessageId) -> Outcome<Vec<DeliveryRow>> {
    collect(db, OF_MESSAGE, [message.as_bytes()], delivery)
}

/// An id nothing has.
const LAST_ID: [u8; 16] = [0xff; 16];

macro_rules! list {
    ($name:literal, $state:literal) => {
        find_deliveries!(
            $name,
            "d.webhook = ?1 AND d.id < ?2 AND (?3 IS NULL OR d.event = ?3)",
            $state,
            " AND (SELECT NOT removed FROM webhook WHERE id = ?1) ORDER BY d.id DESC LIMIT ?4"
        )
    };
}

const ALL: &str = list!("deliveries", "");
const PENDING: &str = list!("pending", " AND d.due_at IS NOT NULL");
const DELIVERED: &str = list!(
    "delivered",
    " AND d.due_at IS NULL AND d.last_error IS NULL"
);
const FAILED: &str = list!(
    "failed",
    " AND d.due_at IS NULL AND d.last_error IS NOT NULL"
);

pub(super) fn list(
    db: &Connection,
    id: WebhookId,
    filter: WebhookDeliveryFilter,
    page: Page<WebhookDeliveryId>,
) -> Outcome<Vec<DeliveryRow>> {
    let list = match filter.state {
        None => ALL,
        Some(WebhookDeliveryState::Pending) => PENDING,
        Some(WebhookDeliveryState::Delivered) => DELIVERED,
        Some(WebhookDeliveryState::Failed) => FAILED,
    };
    let parameters = params![
        id.as_bytes(),
        page.after.map_or(LAST_ID, |id| *id.as_bytes()),
        filter.event.map(EventType::code),
        number(page.limit),
    ];
    collect(db, list, parameters, delivery)
}

pub(super) fn retry(db: &Connection, id: WebhookDeliveryId, now: i64) -> Outcome<DeliveryRow> {
    db.prepare_cached(
        "-- webhooks.retry\n\
         UPDATE webhook_delivery SET due_at = ?2, attempts = 0, lease_token = lease_token + 1 \
         WHERE id = ?1",
    )?
    .execute(params![id.as_bytes(), now])?;
    told(db, id)?.ok_or_else(|| Fault::missing("the delivery"))
}

pub(super) fn retry_failed(
    db: &Connection,
    id: WebhookId,
    since: i64,
    limit: usize,
    now: i64,
) -> Outcome<usize> {
    found(db, id)?;
    let queued = db
        .prepare_cached(
            "-- webhooks.retry_failed\n\
             UPDATE webhook_delivery SET due_at = ?3, attempts = 0, lease_token = lease_token + 1 \
             WHERE id IN (SELECT id FROM webhook_delivery WHERE webhook = ?1 \
                AND due_at IS NULL AND last_error IS NOT NULL AND at >= ?2 ORDER BY id LIMIT ?4)",
        )?
        .execute(params![id.as_bytes(), since, now, number(limit)])?;
    Ok(queued)
}

pub(super) fn depths(db: &Connection) -> Outcome<Vec<WebhookDepth>> {
    let depths = "-- webhooks.depths\n\
         SELECT w.id, count(*), min(d.due_at) FROM webhook w JOIN webhook_delivery d \
            ON d.webhook = w.id AND d.due_at IS NOT NULL \
         WHERE NOT w.removed GROUP BY w.id";
    collect(db, depths, [], |row| {
        Ok(WebhookDepth {
            webhook: WebhookId::from_bytes(row.get(0)?),
            pending: count(row, 1)?,
            oldest_due_at: optional_time(row.get(2)?),
        })
    })
}

const OLD: &str = "-- webhooks.old\n\
     SELECT d.id FROM webhook_delivery d WHERE d.id < ?1 AND (d.due_at IS NULL \
        OR (SELECT why_disabled IS NOT NULL FROM webhook WHERE id = d.webhook)) \
     ORDER BY d.id LIMIT ?2";

/// Ids that can go: those told to endpoints that are gone come first.
pub(super) fn old(db: &Connection, before: i64, limit: usize) -> Outcome<Vec<[u8; 16]>> {
    let id = |row: &Row<'_>| Ok(row.get(0)?);
    let orphans = "-- webhooks.orphans\n\
         SELECT d.id FROM webhook w JOIN webhook_delivery d ON d.webhook = w.id \
         WHERE w.removed ORDER BY d.webhook, d.id LIMIT ?1";
    let mut old = collect(db, orphans, [number(limit)], id)?;
    if old.len() < limit {
        let first = *WebhookDeliveryId::new(from_millisecond(before), [0; 10]).as_bytes();
        let parameters = params![first, number(limit - old.len())];
        old.extend(collect(db, OLD, parameters, id)?);
    }
    Ok(old)
}

/// Removes deliveries, and endpoints of which nothing is left.
pub(super) fn forget(db: &Connection, old: &[[u8; 16]]) -> Outcome<()> {
    let mut remove =
        db.prepare_cached("-- webhooks.forget\nDELETE FROM webhook_delivery WHERE id = ?1")?;
    for id in old {
        remove.execute([id])?;
    }
    db.prepare_cached(
        "-- webhooks.gone\n\
         DELETE FROM webhook WHERE removed \
         AND NOT EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.webhook = webhook.id)",
    )?
    .execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There may be millions of them, most of them over.
    #[test]
    fn deliveries_are_found_by_their_indexes() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(include_str!("migrations/0006.sql"))
            .unwrap();
        for (sql, index) in [
            (READY, "INDEX webhook_delivery_due (webhook=? AND due_at<?)"),
            (DUE, "INDEX webhook_delivery_due (webhook=? AND due_at<?)"),
            (OF_MESSAGE, "INDEX webhook_delivery_subject (subject=?)"),
            (ALL, "INDEX webhook_delivery_of (webhook=? AND id<?)"),
            (PENDING, "INDEX webhook_delivery_"),
            (DELIVERED, "INDEX webhook_delivery_of (webhook=? AND id<?)"),
            (FAILED, "INDEX webhook_delivery_failed (webhook=? AND id<?)"),
            (OLD, "PRIMARY KEY (id<?)"),
        ] {
            let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = rusqlite::params_from_iter(vec![0; explain.parameter_count()]);
            let plan: Vec<String> = explain
                .query_map(parameters, |row| row.get(3))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert!(
                plan.iter().any(|step| step.contains(index)),
                "{sql}\n{plan:#?}"
            );
            let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
            assert!(!sorts || sql == PENDING, "{sql}\n{plan:#?}");
        }
    }
}
