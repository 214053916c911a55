//! Endpoints, as rows.

use hongyan_domain::WebhookId;
use hongyan_domain::webhook::{MOST_WEBHOOKS, Webhook, WebhookChange, WhyDisabled};
use tokio_postgres::Row;
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::idempotency::{self, Answer};
use super::link::Db;
use super::row::{number, optional_millis, text};
use crate::webhook::{WebhookRow, account_codes, event_codes};

macro_rules! webhook_columns {
    () => {
        "id, url, description, accounts, events, why_disabled, disabled_at, secret, \
         former_secret, former_ends_at, failing_since, rests_until, created_at, updated_at"
    };
}

pub(super) fn webhook_uuid(id: WebhookId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// A row of `webhook_columns`.
fn read(row: &Row) -> Outcome<WebhookRow> {
    let id: Uuid = row.try_get(0)?;
    Ok(WebhookRow {
        id: WebhookId::from_bytes(id.into_bytes()),
        url: row.try_get(1)?,
        description: row.try_get(2)?,
        accounts: row.try_get(3)?,
        events: row.try_get(4)?,
        why_disabled: row.try_get(5)?,
        disabled_at: row.try_get(6)?,
        secret: row.try_get(7)?,
        former_secret: row.try_get(8)?,
        former_ends_at: row.try_get(9)?,
        failing_since: row.try_get(10)?,
        rests_until: row.try_get(11)?,
        created_at: row.try_get(12)?,
        updated_at: row.try_get(13)?,
    })
}

pub(super) fn missing() -> Fault {
    Fault::missing("the webhook")
}

/// An endpoint with its secrets sealed.
pub(super) struct Sealed<'a> {
    pub(super) webhook: &'a Webhook,
    pub(super) secret: Vec<u8>,
    pub(super) former: (Option<Vec<u8>>, Option<i64>),
}

/// Adds an endpoint; a second try finds what the first one added.
pub(super) async fn add(
    db: &Db,
    new: &Sealed<'_>,
    answer: Option<&Answer>,
    by_hand: Option<i64>,
    again: bool,
) -> Outcome<()> {
    let webhook = new.webhook;
    if again && find(db, webhook.id).await?.is_some() {
        return Ok(());
    }
    let add = db
        .prepare_cached(concat!(
            "-- webhooks.add\nINSERT INTO webhook (",
            webhook_columns!(),
            ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 \
             WHERE (SELECT count(*) FROM webhook WHERE NOT removed) < $15"
        ))
        .await?;
    db.begin().await?;
    let added = async {
        idempotency::keep_new(db, answer, by_hand).await?;
        let disabled = webhook.disabled;
        let added = db
            .execute(
                &add,
                &[
                    &webhook_uuid(webhook.id),
                    &text(&webhook.url),
                    &text(&webhook.description),
                    &account_codes(&webhook.accounts),
                    &event_codes(&webhook.events),
                    &disabled.map(|disabled| i16::from(disabled.why.code())),
                    &optional_millis(disabled.map(|disabled| disabled.at)),
                    &new.secret,
                    &new.former.0,
                    &new.former.1,
                    &optional_millis(webhook.failing_since),
                    &optional_millis(webhook.rests_until),
                    &webhook.created_at.as_millisecond(),
                    &webhook.updated_at.as_millisecond(),
                    &number(MOST_WEBHOOKS),
                ],
            )
            .await?;
        if added == 0 {
            return Err(Fault::in_use(format!(
                "there are {MOST_WEBHOOKS} webhooks; remove one first"
            )));
        }
        Ok(())
    };
    match added.await {
        Ok(()) => Ok(db.commit().await?),
        Err(fault @ Fault::Told(_)) => {
            db.roll_back().await?;
            Err(fault)
        }
        Err(fault) => Err(fault),
    }
}

pub(super) async fn all(db: &Db) -> Outcome<Vec<WebhookRow>> {
    let all = db
        .prepare_cached(concat!(
            "-- webhooks.all\nSELECT ",
            webhook_columns!(),
            " FROM webhook WHERE NOT removed ORDER BY id"
        ))
        .await?;
    db.query(&all, &[]).await?.iter().map(read).collect()
}

pub(super) async fn find(db: &Db, id: WebhookId) -> Outcome<Option<WebhookRow>> {
    let one = db
        .prepare_cached(concat!(
            "-- webhooks.one\nSELECT ",
            webhook_columns!(),
            " FROM webhook WHERE id = $1 AND NOT removed"
        ))
        .await?;
    let found = db.query_opt(&one, &[&webhook_uuid(id)]).await?;
    found.as_ref().map(read).transpose()
}

pub(super) async fn change(
    db: &Db,
    id: WebhookId,
    change: &WebhookChange,
    at: i64,
) -> Outcome<WebhookRow> {
    let update = db
        .prepare_cached(concat!(
            "-- webhooks.change\n\
             UPDATE webhook SET url = coalesce($2, url), \
                description = coalesce($3, description), \
                accounts = coalesce($4, accounts), events = coalesce($5, events), \
                why_disabled = CASE $6::bool WHEN true THEN NULL \
                    WHEN false THEN coalesce(why_disabled, $7) ELSE why_disabled END, \
                disabled_at = CASE $6::bool WHEN true THEN NULL \
                    WHEN false THEN coalesce(disabled_at, $8) ELSE disabled_at END, \
                failing_since = CASE WHEN $6 THEN NULL ELSE failing_since END, \
                rests_until = CASE WHEN $6 THEN NULL ELSE rests_until END, \
                updated_at = $8 \
             WHERE id = $1 AND NOT removed RETURNING ",
            webhook_columns!()
        ))
        .await?;
    let changed = db
        .query_opt(
            &update,
            &[
                &webhook_uuid(id),
                &change.url.as_deref().map(text),
                &change.description.as_deref().map(text),
                &change.accounts.as_deref().map(account_codes),
                &change.events.as_deref().map(event_codes),
                &change.enabled,
                &i16::from(WhyDisabled::ByHand.code()),
                &at,
            ],
        )
        .await?;
    changed.as_ref().map(read).transpose()?.ok_or_else(missing)
}

pub(super) async fn rotate(
    db: &Db,
    id: WebhookId,
    secret: &[u8],
    (former, ends_at): &(Option<Vec<u8>>, Option<i64>),
    at: i64,
) -> Outcome<WebhookRow> {
    let update = db
        .prepare_cached(concat!(
            "-- webhooks.rotate\n\
             UPDATE webhook SET secret = $2, former_secret = $3, former_ends_at = $4, \
                updated_at = $5 WHERE id = $1 AND NOT removed RETURNING ",
            webhook_columns!()
        ))
        .await?;
    let rotated = db
        .query_opt(&update, &[&webhook_uuid(id), &secret, former, ends_at, &at])
        .await?;
    rotated.as_ref().map(read).transpose()?.ok_or_else(missing)
}

/// Its secrets go at once, the rest when what was told to it is cleared away. Where it
/// is gone the second time, the first try did it.
pub(super) async fn remove(db: &Db, id: WebhookId, again: bool) -> Outcome<()> {
    let remove = db
        .prepare_cached(
            "-- webhooks.remove\n\
             UPDATE webhook SET removed = true, secret = '', former_secret = NULL \
             WHERE id = $1 AND NOT removed",
        )
        .await?;
    let removed = db.execute(&remove, &[&webhook_uuid(id)]).await?;
    if removed == 0 && !again {
        Err(missing())
    } else {
        Ok(())
    }
}
