use async_trait::async_trait;
use hongyan_wechat::TemplateId;
use jiff::Timestamp;

use super::{Page, StoreError};
use crate::ids::AccountId;
use crate::template::{Template, TemplateChange, TemplateUse};

/// The templates of accounts as WeChat last listed them.
#[async_trait]
pub trait TemplateStore: Send + Sync {
    /// Replaces all templates of an account, and keeps what changed. `Missing` when
    /// the account is gone.
    async fn replace_templates(
        &self,
        account: AccountId,
        templates: &[Template],
        changes: &[TemplateChange],
    ) -> Result<(), StoreError>;

    /// What changed of an account's templates, the newest first, each with a number to
    /// go on after.
    async fn template_changes(
        &self,
        account: AccountId,
        page: &Page<i64>,
    ) -> Result<Vec<(i64, TemplateChange)>, StoreError>;

    /// Adds to the counts of who uses which template. Those of accounts that are gone
    /// are dropped.
    async fn note_template_uses(
        &self,
        uses: &[(AccountId, TemplateId, TemplateUse)],
    ) -> Result<(), StoreError>;

    /// Who used a template since, the latest first.
    async fn template_uses(
        &self,
        account: AccountId,
        id: &TemplateId,
        since: Timestamp,
    ) -> Result<Vec<TemplateUse>, StoreError>;

    /// The templates of an account, by title.
    async fn templates(&self, account: AccountId) -> Result<Vec<Template>, StoreError>;

    /// One template of an account.
    async fn template(
        &self,
        account: AccountId,
        id: &TemplateId,
    ) -> Result<Option<Template>, StoreError>;
}
