//! Endpoints and what is told to them, as rows.

use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::Page;
use hongyan_domain::webhook::{
    EventType, MOST_WEBHOOKS, Posted, Webhook, WebhookChange, WebhookDeliveryFilter,
    WebhookDeliveryState, WebhookDepth, WhyDisabled,
};
use hongyan_domain::{MessageId, WebhookDeliveryId, WebhookId};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::fault::{Fault, Outcome};
use super::news::fresh_id;
use super::row::{count, number, optional_millis, optional_time};
use crate::webhook::{DeliveryRow, WebhookRow, account_codes, event_codes};

macro_rules! webhook_columns {
    () => {
        "w.id, w.url, w.description, w.accounts, w.events, w.why_disabled, w.disabled_at, \
         w.secret, w.former_secret, w.former_ends_at, w.failing_since, w.rests_until, \
         w.created_at, w.updated_at"
    };
}

macro_rules! delivery_columns {
    () => {
        "d.id, d.webhook, d.account, d.event, d.subject, d.detail, d.at, d.due_at, d.attempts, \
         d.lease_token, d.last_at, d.last_elapsed_ms, d.last_status, d.last_error"
    };
}

fn webhook(row: &Row<'_>) -> Outcome<WebhookRow> {
    Ok(WebhookRow {
        id: WebhookId::from_bytes(row.get(0)?),
        url: row.get(1)?,
        description: row.get(2)?,
        accounts: serde_json::from_str(&row.get::<_, String>(3)?)?,
        events: serde_json::from_str(&row.get::<_, String>(4)?)?,
        why_disabled: row.get(5)?,
        disabled_at: row.get(6)?,
        secret: row.get(7)?,
        former_secret: row.get(8)?,
        former_ends_at: row.get(9)?,
        failing_since: row.get(10)?,
        rests_until: row.get(11)?,
        created_at: row.get(12)?,
        updated_at: row.get(13)?,
    })
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

fn collect<T>(
    db: &Connection,
    sql: &str,
    parameters: impl Params,
    read: fn(&Row<'_>) -> Outcome<T>,
) -> Outcome<Vec<T>> {
    let mut found = db.prepare_cached(sql)?;
    let mut rows = found.query(parameters)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// An endpoint with its secrets sealed.
pub(super) struct Sealed {
    pub(super) webhook: Webhook,
    pub(super) secret: Vec<u8>,
    pub(super) former: (Option<Vec<u8>>, Option<i64>),
}

pub(super) fn add(db: &Connection, new: &Sealed) -> Outcome<()> {
    let webhook = &new.webhook;
    let added = db
        .prepare_cached(
            "-- webhooks.add\n\
             INSERT INTO webhook (id, url, description, accounts, events, why_disabled, \
                disabled_at, secret, former_secret, former_ends_at, failing_since, rests_until, \
                created_at, updated_at, removed) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 0 \
             WHERE (SELECT count(*) FROM webhook WHERE NOT removed) < ?15",
        )?
        .execute(params![
            webhook.id.as_bytes(),
            webhook.url,
            webhook.description,
            serde_json::to_string(&account_codes(&webhook.accounts))?,
            serde_json::to_string(&event_codes(&webhook.events))?,
            webhook.disabled.map(|disabled| disabled.why.code()),
            optional_millis(webhook.disabled.map(|disabled| disabled.at)),
            new.secret,
            new.former.0,
            new.former.1,
            optional_millis(webhook.failing_since),
            optional_millis(webhook.rests_until),
            webhook.created_at.as_millisecond(),
            webhook.updated_at.as_millisecond(),
            number(MOST_WEBHOOKS),
        ])?;
    if added == 0 {
        return Err(Fault::in_use(format!(
            "there are {MOST_WEBHOOKS} webhooks; remove one first"
        )));
    }
    Ok(())
}

pub(super) fn all(db: &Connection) -> Outcome<Vec<WebhookRow>> {
    let all = concat!(
        "-- webhooks.all\nSELECT ",
        webhook_columns!(),
        " FROM webhook w WHERE NOT w.removed ORDER BY w.id"
    );
    collect(db, all, [], webhook)
}

pub(super) fn find(db: &Connection, id: WebhookId) -> Outcome<Option<WebhookRow>> {
    let one = concat!(
        "-- webhooks.one\nSELECT ",
        webhook_columns!(),
        " FROM webhook w WHERE w.id = ?1 AND NOT w.removed"
    );
    Ok(collect(db, one, [id.as_bytes()], webhook)?.pop())
}

fn found(db: &Connection, id: WebhookId) -> Outcome<WebhookRow> {
    find(db, id)?.ok_or_else(missing)
}

fn missing() -> Fault {
    Fault::missing("the webhook")
}

pub(super) fn change(
    db: &Connection,
    id: WebhookId,
    change: &WebhookChange,
    at: i64,
) -> Outcome<WebhookRow> {
    let json = |list: Option<Vec<i64>>| list.map(|list| serde_json::to_string(&list)).transpose();
    let accounts = change.accounts.as_deref().map(account_codes);
    let events = change.events.as_deref().map(event_codes);
    let events = events.map(|codes| codes.into_iter().map(i64::from).collect());
    db.prepare_cached(
        "-- webhooks.change\n\
         UPDATE webhook SET url = coalesce(?2, url), description = coalesce(?3, description), \
            accounts = coalesce(?4, accounts), events = coalesce(?5, events), \
            why_disabled = CASE ?6 WHEN 1 THEN NULL WHEN 0 THEN coalesce(why_disabled, ?7) \
                ELSE why_disabled END, \
            disabled_at = CASE ?6 WHEN 1 THEN NULL WHEN 0 THEN coalesce(disabled_at, ?8) \
                ELSE disabled_at END, \
            failing_since = iif(?6 = 1, NULL, failing_since), \
            rests_until = iif(?6 = 1, NULL, rests_until), \
            updated_at = ?8 \
         WHERE id = ?1",
    )?
    .execute(params![
        id.as_bytes(),
        change.url,
        change.description,
        json(accounts)?,
        json(events)?,
        change.enabled,
        WhyDisabled::ByHand.code(),
        at,
    ])?;
    found(db, id)
}

pub(super) fn rotate(
    db: &Connection,
    id: WebhookId,
    secret: &[u8],
    (former, ends_at): &(Option<Vec<u8>>, Option<i64>),
    at: i64,
) -> Outcome<WebhookRow> {
    db.prepare_cached(
        "-- webhooks.rotate\n\
         UPDATE webhook SET secret = ?2, former_secret = ?3, former_ends_at = ?4, \
            updated_at = ?5 WHERE id = ?1",
    )?
    .execute(params![id.as_bytes(), secret, former, ends_at, at])?;
    found(db, id)
}

/// Its secrets go at once, the rest when what was told to it is cleared away.
pub(super) fn remove(db: &Connection, id: WebhookId) -> Outcome<()> {
    let removed = db
        .prepare_cached(
            "-- webhooks.remove\n\
             UPDATE webhook SET removed = 1, secret = x'', former_secret = NULL \
             WHERE id = ?1 AND NOT removed",
        )?
        .execute([id.as_bytes()])?;
    if removed == 0 { Err(missing()) } else { Ok(()) }
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

/// Endpoints that can be told something now: how much at most.
pub(super) fn rooms(
    db: &Connection,
    each: usize,
    busy: &[(WebhookId, usize)],
    now: i64,
) -> Outcome<Vec<(WebhookRow, usize)>> {
    let ready = concat!(
        "-- webhooks.ready\nSELECT ",
        webhook_columns!(),
        " FROM webhook w WHERE w.why_disabled IS NULL AND NOT w.removed \
         AND coalesce(w.rests_until, ?1) <= ?1 \
         AND EXISTS (SELECT 1 FROM webhook_delivery d \
            WHERE d.webhook = w.id AND d.due_at <= ?1) ORDER BY w.id"
    );
    let ready = collect(db, ready, [now], webhook)?;
    Ok(ready
        .into_iter()
        .filter_map(|row| {
            let busy = busy.iter().find(|(id, _)| *id == row.id);
            let room = each.saturating_sub(busy.map_or(0, |(_, count)| *count));
            (room > 0).then_some((row, room))
        })
        .collect())
}

/// Hands out what is due, unless the endpoint was disabled meanwhile.
pub(super) fn claim(
    db: &Connection,
    rooms: &[(WebhookId, usize)],
    now: i64,
    until: i64,
) -> Outcome<Vec<DeliveryRow>> {
    let due = concat!(
        "-- webhooks.due\nSELECT ",
        delivery_columns!(),
        " FROM webhook_delivery d WHERE d.webhook = ?1 AND d.due_at <= ?2 \
         AND (SELECT why_disabled IS NULL AND NOT removed FROM webhook WHERE id = ?1) \
         ORDER BY d.due_at, d.id LIMIT ?3"
    );
    let mut lease = db.prepare_cached(
        "-- webhooks.claim\n\
         UPDATE webhook_delivery SET due_at = ?2, lease_token = lease_token + 1 WHERE id = ?1",
    )?;
    let mut claimed = Vec::new();
    for (id, room) in rooms {
        let parameters = params![id.as_bytes(), now, number(*room)];
        for mut row in collect(db, due, parameters, delivery)? {
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

pub(super) fn told_of(db: &Connection, message: MessageId) -> Outcome<Vec<DeliveryRow>> {
    let all = find_deliveries!(
        "of_message",
        "d.subject = ?1 AND (SELECT NOT removed FROM webhook WHERE id = d.webhook) ORDER BY d.id"
    );
    collect(db, all, [message.as_bytes()], delivery)
}

/// An id nothing has.
const LAST_ID: [u8; 16] = [0xff; 16];

pub(super) fn list(
    db: &Connection,
    id: WebhookId,
    filter: WebhookDeliveryFilter,
    page: Page<WebhookDeliveryId>,
) -> Outcome<Vec<DeliveryRow>> {
    macro_rules! some {
        ($name:literal, $state:literal) => {
            find_deliveries!(
                $name,
                "d.webhook = ?1 AND d.id < ?2 AND (?3 IS NULL OR d.event = ?3)",
                $state,
                " AND (SELECT NOT removed FROM webhook WHERE id = ?1) ORDER BY d.id DESC LIMIT ?4"
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

/// Ids that can go: those told to endpoints that are gone come first.
pub(super) fn old(db: &Connection, before: i64, limit: usize) -> Outcome<Vec<[u8; 16]>> {
    let id = |row: &Row<'_>| Ok(row.get(0)?);
    let orphans = "-- webhooks.orphans\n\
         SELECT d.id FROM webhook w JOIN webhook_delivery d ON d.webhook = w.id \
         WHERE w.removed ORDER BY d.webhook, d.id LIMIT ?1";
    let mut old = collect(db, orphans, [number(limit)], id)?;
    if old.len() < limit {
        let finished = "-- webhooks.old\n\
             SELECT d.id FROM webhook_delivery d WHERE d.id < ?1 AND (d.due_at IS NULL \
                OR (SELECT why_disabled IS NOT NULL FROM webhook WHERE id = d.webhook)) \
             ORDER BY d.id LIMIT ?2";
        let first = *WebhookDeliveryId::new(from_millisecond(before), [0; 10]).as_bytes();
        let parameters = params![first, number(limit - old.len())];
        old.extend(collect(db, finished, parameters, id)?);
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
