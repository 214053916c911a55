//! The templates of accounts.

use async_trait::async_trait;
use hongyan_domain::AccountId;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::port::{Page, StoreError, TemplateStore};
use hongyan_domain::template::{Template, TemplateChange, TemplateUse};
use hongyan_wechat::TemplateId;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::fault::{Fault, Outcome};
use super::hints::Topic;
use super::link::Db;
use super::row::{millis, text};
use super::tried::Tried;
use super::{PostgresStore, template_history};
use crate::codes;

macro_rules! template_columns {
    () => {
        "id, kind, title, content, example, fields, subscription, synced_at"
    };
}

#[async_trait]
impl TemplateStore for PostgresStore {
    async fn replace_templates(
        &self,
        account: AccountId,
        templates: &[Template],
        changes: &[TemplateChange],
    ) -> Result<(), StoreError> {
        let tried = &Tried::default();
        self.link
            .run(|db, _| async move { replace(&db, account, templates, changes, tried).await })
            .await?;
        self.tell(Topic::Changed, account.0);
        Ok(())
    }

    async fn template_changes(
        &self,
        account: AccountId,
        page: &Page<i64>,
    ) -> Result<Vec<(i64, TemplateChange)>, StoreError> {
        self.link
            .look(|db| async move { template_history::changes(&db, account, page).await })
            .await
    }

    async fn note_template_uses(
        &self,
        uses: &[(AccountId, TemplateId, TemplateUse)],
    ) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let tried = &Tried::default();
        self.link
            .run(|db, _| async move { template_history::note_uses(&db, uses, tried).await })
            .await
    }

    async fn template_uses(
        &self,
        account: AccountId,
        id: &TemplateId,
        since: Timestamp,
    ) -> Result<Vec<TemplateUse>, StoreError> {
        self.link
            .look(|db| async move { template_history::uses(&db, account, id, since).await })
            .await
    }

    async fn templates(&self, account: AccountId) -> Result<Vec<Template>, StoreError> {
        self.link
            .look(|db| async move {
                let all = db
                    .prepare_cached(concat!(
                        "-- templates.all\nSELECT ",
                        template_columns!(),
                        " FROM template WHERE account = $1 ORDER BY title, id"
                    ))
                    .await?;
                let rows = db.query(&all, &[&account.0]).await?;
                rows.iter().map(template).collect()
            })
            .await
    }

    async fn template(
        &self,
        account: AccountId,
        id: &TemplateId,
    ) -> Result<Option<Template>, StoreError> {
        self.link
            .look(|db| async move {
                let one = db
                    .prepare_cached(concat!(
                        "-- templates.one\nSELECT ",
                        template_columns!(),
                        " FROM template WHERE account = $1 AND id = $2"
                    ))
                    .await?;
                let found = db
                    .query_opt(&one, &[&account.0, &text(id.as_str())])
                    .await?;
                found.as_ref().map(template).transpose()
            })
            .await
    }
}

async fn replace(
    db: &Db,
    account: AccountId,
    templates: &[Template],
    changes: &[TemplateChange],
    tried: &Tried<()>,
) -> Outcome<()> {
    if tried.earlier(db).await?.is_some() {
        return Ok(());
    }
    // Holds the account, so that two lists do not mix.
    let count = db
        .prepare_cached(
            "-- templates.account\nUPDATE account SET revision = revision + 1 WHERE id = $1",
        )
        .await?;
    let clear = db
        .prepare_cached("-- templates.clear\nDELETE FROM template WHERE account = $1")
        .await?;
    let insert = db
        .prepare_cached(concat!(
            "-- templates.insert\nINSERT INTO template (account, ",
            template_columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
        ))
        .await?;
    let ((), counted) = tokio::try_join!(db.begin(), async {
        db.execute(&count, &[&account.0]).await
    })?;
    if counted == 0 {
        db.roll_back().await?;
        return Err(Fault::missing("the account"));
    }
    db.execute(&clear, &[&account.0]).await?;
    for template in templates {
        // A list that names a template twice is WeChat's mistake, not a reason
        // to have none: the first one stays.
        db.execute(
            &insert,
            &[
                &account.0,
                &text(template.id.as_str()),
                &codes::kind_code(template.kind),
                &text(&template.title),
                &text(&template.content),
                &text(&template.example),
                &serde_json::to_string(&template.fields)?,
                &template.subscription.map(codes::subscription_code),
                &millis(template.synced_at),
            ],
        )
        .await?;
    }
    template_history::keep(db, account, changes).await?;
    tried.note(db, &()).await?;
    db.commit().await?;
    Ok(())
}

/// A row of `template_columns`.
fn template(row: &Row) -> Outcome<Template> {
    let kind: i16 = row.try_get(1)?;
    let subscription: Option<i16> = row.try_get(6)?;
    Ok(Template {
        id: TemplateId::parse(row.try_get::<_, String>(0)?)?,
        kind: codes::kind(kind)?,
        title: row.try_get(2)?,
        content: row.try_get(3)?,
        example: row.try_get(4)?,
        fields: serde_json::from_str(row.try_get(5)?)?,
        subscription: subscription.map(codes::subscription).transpose()?,
        synced_at: from_millisecond(row.try_get(7)?),
    })
}
