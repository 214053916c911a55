//! What changed of templates, and who uses them.

use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::Page;
use hongyan_domain::template::{TemplateChange, TemplateForm, TemplateUse};
use hongyan_domain::{AccountId, KeyId};
use hongyan_wechat::TemplateId;
use rusqlite::{Connection, Row, params};

use super::fault::{Fault, Outcome};
use super::row::{count, large, millis, number};

/// Keeps what changed.
pub(super) fn keep(db: &Connection, account: AccountId, changes: &[TemplateChange]) -> Outcome<()> {
    let mut keep = db.prepare_cached(
        "-- templates.keep_change\n\
         INSERT INTO template_change (account, template_id, at, before, after, senders) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let form = |form: Option<&TemplateForm>| form.map(serde_json::to_string).transpose();
    for change in changes {
        keep.execute(params![
            account.0,
            change.template_id.as_str(),
            millis(change.at),
            form(change.before.as_ref())?,
            form(change.after.as_ref())?,
            serde_json::to_string(&change.senders)?,
        ])?;
    }
    Ok(())
}

pub(super) fn list(
    db: &Connection,
    account: AccountId,
    page: Page<i64>,
) -> Outcome<Vec<(i64, TemplateChange)>> {
    let mut all = db.prepare_cached(
        "-- templates.changes\n\
         SELECT seq, template_id, at, before, after, senders FROM template_change \
         WHERE account = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
    )?;
    let before = page.after.unwrap_or(i64::MAX);
    let mut rows = all.query(params![account.0, before, number(page.limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, change(row)?));
    }
    Ok(found)
}

/// A row: seq, template_id, at, before, after, senders.
fn change(row: &Row<'_>) -> Outcome<TemplateChange> {
    let form = |column: usize| -> Outcome<Option<TemplateForm>> {
        let text: Option<String> = row.get(column)?;
        Ok(text.as_deref().map(serde_json::from_str).transpose()?)
    };
    Ok(TemplateChange {
        template_id: TemplateId::parse(row.get::<_, String>(1)?)?,
        at: from_millisecond(row.get(2)?),
        before: form(3)?,
        after: form(4)?,
        senders: serde_json::from_str(&row.get::<_, String>(5)?)?,
    })
}

/// The column for the key of who uses a template.
fn user(key: Option<&KeyId>) -> &[u8] {
    key.map_or(&[], |key| key.as_bytes())
}

pub(super) fn note_uses(
    db: &Connection,
    uses: &[(AccountId, TemplateId, TemplateUse)],
) -> Outcome<()> {
    let mut note = db.prepare_cached(
        "-- templates.note_use\n\
         INSERT INTO template_use AS u (account, template_id, key, messages, last_at) \
         SELECT id, ?2, ?3, ?4, ?5 FROM account WHERE id = ?1 \
         ON CONFLICT (account, template_id, key) DO UPDATE SET \
            messages = u.messages + excluded.messages, \
            last_at = max(u.last_at, excluded.last_at)",
    )?;
    for (account, id, used) in uses {
        note.execute(params![
            account.0,
            id.as_str(),
            user(used.key.as_ref()),
            large(used.messages),
            millis(used.last_at),
        ])?;
    }
    Ok(())
}

pub(super) fn uses(
    db: &Connection,
    account: AccountId,
    id: &TemplateId,
    since: i64,
) -> Outcome<Vec<TemplateUse>> {
    let mut all = db.prepare_cached(
        "-- templates.uses\n\
         SELECT key, messages, last_at FROM template_use \
         WHERE account = ?1 AND template_id = ?2 AND last_at >= ?3 ORDER BY last_at DESC, key",
    )?;
    let mut rows = all.query(params![account.0, id.as_str(), since])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let key = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        let key = match key {
            [] => None,
            key => Some(KeyId::from_bytes(key.try_into().map_err(|_| {
                Fault::corrupt("the key of who uses a template is cut off")
            })?)),
        };
        found.push(TemplateUse {
            key,
            messages: count(row, 1)?,
            last_at: from_millisecond(row.get(2)?),
        });
    }
    Ok(found)
}
