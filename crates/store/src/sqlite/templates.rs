//! The templates of accounts.

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{Page, StoreError, TemplateStore};
use hongyan_domain::template::{Template, TemplateChange, TemplateUse};
use hongyan_wechat::TemplateId;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::credentials::refuse_missing;
use super::fault::Outcome;
use super::row::millis;
use super::{SqliteStore, template_changes};
use crate::codes;

#[async_trait]
impl TemplateStore for SqliteStore {
    async fn replace_templates(
        &self,
        account: AccountId,
        templates: &[Template],
        changes: &[TemplateChange],
    ) -> Result<(), StoreError> {
        let (templates, changes) = (templates.to_vec(), changes.to_vec());
        self.write(templates.len() + changes.len(), move |db| {
            replace(db, account, &templates)?;
            template_changes::keep(db, account, &changes)
        })
        .await
    }

    async fn template_changes(
        &self,
        account: AccountId,
        page: &Page<i64>,
    ) -> Result<Vec<(i64, TemplateChange)>, StoreError> {
        let page = *page;
        self.read(move |db| template_changes::list(db, account, page))
            .await
    }

    async fn note_template_uses(
        &self,
        uses: &[(AccountId, TemplateId, TemplateUse)],
    ) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let uses = uses.to_vec();
        self.write(uses.len(), move |db| template_changes::note_uses(db, &uses))
            .await
    }

    async fn template_uses(
        &self,
        account: AccountId,
        id: &TemplateId,
        since: Timestamp,
    ) -> Result<Vec<TemplateUse>, StoreError> {
        let (id, since) = (id.clone(), millis(since));
        self.read(move |db| template_changes::uses(db, account, &id, since))
            .await
    }

    async fn templates(&self, account: AccountId) -> Result<Vec<Template>, StoreError> {
        self.read(move |db| {
            let mut all = db.prepare_cached(
                "-- templates.all\n\
                 SELECT id, kind, title, content, example, fields, subscription, synced_at \
                 FROM template WHERE account = ?1 ORDER BY title, id",
            )?;
            let mut rows = all.query([account.0])?;
            let mut templates = Vec::new();
            while let Some(row) = rows.next()? {
                templates.push(template(row)?);
            }
            Ok(templates)
        })
        .await
    }

    async fn template(
        &self,
        account: AccountId,
        id: &TemplateId,
    ) -> Result<Option<Template>, StoreError> {
        let id = id.clone();
        self.read(move |db| {
            let mut one = db.prepare_cached(
                "-- templates.one\n\
                 SELECT id, kind, title, content, example, fields, subscription, synced_at \
                 FROM template WHERE account = ?1 AND id = ?2",
            )?;
            let mut rows = one.query(params![account.0, id.as_str()])?;
            rows.next()?.map(template).transpose()
        })
        .await
    }
}

fn replace(db: &Connection, account: AccountId, templates: &[Template]) -> Outcome<()> {
    refuse_missing(db, account)?;
    db.prepare_cached(
        "-- templates.count\nUPDATE account SET revision = revision + 1 WHERE id = ?1",
    )?
    .execute([account.0])?;
    db.prepare_cached("-- templates.clear\nDELETE FROM template WHERE account = ?1")?
        .execute([account.0])?;
    let mut insert = db.prepare_cached(
        "-- templates.insert\n\
         INSERT INTO template (account, id, kind, title, content, example, fields, subscription, \
            synced_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
    )?;
    for template in templates {
        // A list that names a template twice is WeChat's mistake, not a reason
        // to have none: the first one stays.
        insert.execute(params![
            account.0,
            template.id.as_str(),
            codes::kind_code(template.kind),
            template.title,
            template.content,
            template.example,
            serde_json::to_string(&template.fields)?,
            template.subscription.map(codes::subscription_code),
            millis(template.synced_at),
        ])?;
    }
    Ok(())
}

/// A row: id, kind, title, content, example, fields, subscription, synced_at.
fn template(row: &Row<'_>) -> Outcome<Template> {
    Ok(Template {
        id: TemplateId::parse(row.get::<_, String>(0)?)?,
        kind: codes::kind(row.get::<_, i64>(1)?)?,
        title: row.get(2)?,
        content: row.get(3)?,
        example: row.get(4)?,
        fields: serde_json::from_str(&row.get::<_, String>(5)?)?,
        subscription: row
            .get::<_, Option<i64>>(6)?
            .map(codes::subscription)
            .transpose()?,
        synced_at: from_millisecond(row.get(7)?),
    })
}
