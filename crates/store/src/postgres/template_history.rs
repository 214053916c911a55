//! What changed of templates, and who uses them.

use std::collections::BTreeMap;

use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::Page;
use hongyan_domain::template::{TemplateChange, TemplateForm, TemplateUse};
use hongyan_wechat::TemplateId;
use jiff::Timestamp;
use uuid::Uuid;

use super::fault::Outcome;
use super::intake;
use super::link::Db;
use super::row::{key_id, key_uuid, millis, number, text};
use super::tried::Tried;

/// Adds changes, in a transaction.
pub(super) async fn keep(db: &Db, account: AccountId, changes: &[TemplateChange]) -> Outcome<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let json = |form: &Option<TemplateForm>| -> Outcome<Option<String>> {
        Ok(form.as_ref().map(serde_json::to_string).transpose()?)
    };
    let insert = db
        .prepare_cached(
            "-- templates.changed\n\
             INSERT INTO template_change (account, template_id, at, before, after, senders) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .await?;
    for change in changes {
        db.execute(
            &insert,
            &[
                &account.0,
                &text(change.template_id.as_str()),
                &millis(change.at),
                &json(&change.before)?,
                &json(&change.after)?,
                &serde_json::to_string(&change.senders)?,
            ],
        )
        .await?;
    }
    Ok(())
}

pub(super) async fn changes(
    db: &Db,
    account: AccountId,
    page: &Page<i64>,
) -> Outcome<Vec<(i64, TemplateChange)>> {
    let list = db
        .prepare_cached(
            "-- templates.changes\n\
             SELECT n, template_id, at, before, after, senders FROM template_change \
             WHERE account = $1 AND n < $2 ORDER BY n DESC LIMIT $3",
        )
        .await?;
    let after = page.after.unwrap_or(i64::MAX);
    let rows = db
        .query(&list, &[&account.0, &after, &number(page.limit)])
        .await?;
    rows.iter()
        .map(|row| {
            let (before, after): (Option<&str>, Option<&str>) = (row.try_get(3)?, row.try_get(4)?);
            let change = TemplateChange {
                template_id: TemplateId::parse(row.try_get::<_, String>(1)?)?,
                at: from_millisecond(row.try_get(2)?),
                before: before.map(serde_json::from_str).transpose()?,
                after: after.map(serde_json::from_str).transpose()?,
                senders: serde_json::from_str(row.try_get(5)?)?,
            };
            Ok((row.try_get(0)?, change))
        })
        .collect()
}

/// Adds to the counts of uses.
pub(super) async fn note_uses(
    db: &Db,
    uses: &[(AccountId, TemplateId, TemplateUse)],
    tried: &Tried<()>,
) -> Outcome<()> {
    if tried.earlier(db).await?.is_some() {
        return Ok(());
    }
    // In the order of their keys, so that two nodes do not wait for each other.
    let mut sums = BTreeMap::<(i64, String, Uuid), (i64, i64)>::new();
    for (account, template, one) in uses {
        let caller = one.key.map_or(Uuid::nil(), key_uuid);
        let key = (account.0, text(template.as_str()).into_owned(), caller);
        let (messages, last_at) = sums.entry(key).or_insert((0, i64::MIN));
        *messages = messages.saturating_add_unsigned(one.messages);
        *last_at = millis(one.last_at).max(*last_at);
    }
    let mut accounts: Vec<i64> = sums.keys().map(|key| key.0).collect();
    accounts.dedup();
    let found = intake::begin(db, &accounts).await?;
    sums.retain(|key, _| found.contains(&key.0));
    let accounts: Vec<i64> = sums.keys().map(|key| key.0).collect();
    let templates: Vec<&str> = sums.keys().map(|key| key.1.as_str()).collect();
    let callers: Vec<Uuid> = sums.keys().map(|key| key.2).collect();
    let (messages, times): (Vec<i64>, Vec<i64>) = sums.values().copied().unzip();
    let add = db
        .prepare_cached(
            "-- templates.use\n\
             INSERT INTO template_use AS t (account, template_id, key, messages, last_at) \
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[]) \
             ON CONFLICT (account, template_id, key) DO UPDATE SET \
                messages = t.messages + excluded.messages, \
                last_at = greatest(t.last_at, excluded.last_at)",
        )
        .await?;
    db.execute(&add, &[&accounts, &templates, &callers, &messages, &times])
        .await?;
    tried.note(db, &()).await?;
    db.commit().await?;
    Ok(())
}

pub(super) async fn uses(
    db: &Db,
    account: AccountId,
    id: &TemplateId,
    since: Timestamp,
) -> Outcome<Vec<TemplateUse>> {
    let list = db
        .prepare_cached(
            "-- templates.uses\n\
             SELECT key, messages, last_at FROM template_use \
             WHERE account = $1 AND template_id = $2 AND last_at >= $3 \
             ORDER BY last_at DESC, key",
        )
        .await?;
    let rows = db
        .query(&list, &[&account.0, &text(id.as_str()), &millis(since)])
        .await?;
    rows.iter()
        .map(|row| {
            let caller: Uuid = row.try_get(0)?;
            let messages: i64 = row.try_get(1)?;
            Ok(TemplateUse {
                key: (!caller.is_nil()).then(|| key_id(caller)),
                messages: messages.cast_unsigned(),
                last_at: from_millisecond(row.try_get(2)?),
            })
        })
        .collect()
}
