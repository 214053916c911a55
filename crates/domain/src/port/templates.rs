use async_trait::async_trait;
use hongyan_wechat::TemplateId;

use super::StoreError;
use crate::ids::AccountId;
use crate::template::Template;

/// The templates of accounts as WeChat last listed them.
#[async_trait]
pub trait TemplateStore: Send + Sync {
    /// Replaces all templates of an account. `Missing` when the account is
    /// gone.
    async fn replace_templates(
        &self,
        account: AccountId,
        templates: &[Template],
    ) -> Result<(), StoreError>;

    /// The templates of an account, by title.
    async fn templates(&self, account: AccountId) -> Result<Vec<Template>, StoreError>;

    /// One template of an account.
    async fn template(
        &self,
        account: AccountId,
        id: &TemplateId,
    ) -> Result<Option<Template>, StoreError>;
}
