//! Endpoints, as rows.

use hongyan_domain::WebhookId;
use hongyan_domain::webhook::{MOST_WEBHOOKS, Webhook, WebhookChange, WhyDisabled};
use rusqlite::{Connection, Params, Row, params};

use super::fault::{Fault, Outcome};
use super::row::{number, optional_millis};
use crate::webhook::{WebhookRow, account_codes, event_codes};

macro_rules! webhook_columns {
    () => {
        "w.id, w.url, w.description, w.accounts, w.events, w.why_disabled, w.disabled_at, \
         w.secret, w.former_secret, w.former_ends_at, w.failing_since, w.rests_until, \
         w.created_at, w.updated_at"
    };
}
pub(super) use webhook_columns;

pub(super) fn webhook(row: &Row<'_>) -> Outcome<WebhookRow> {
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

pub(super) fn collect<T>(
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

pub(super) fn found(db: &Connection, id: WebhookId) -> Outcome<WebhookRow> {
    find(db, id)?.ok_or_else(missing)
}

pub(super) fn missing() -> Fault {
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
