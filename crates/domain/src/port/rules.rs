use async_trait::async_trait;

use super::StoreError;
use crate::ids::AccountId;
use crate::rule::RuleSet;

/// The reply rules of accounts. Small; the engine holds them in memory and looks
/// at [`super::Revision`].
#[async_trait]
pub trait RuleStore: Send + Sync {
    /// Replaces an account's rules; counts up its revision. `Missing`.
    async fn replace_rules(&self, account: AccountId, rules: &RuleSet) -> Result<(), StoreError>;

    /// An account's rules; the empty set where none were given.
    async fn rules(&self, account: AccountId) -> Result<RuleSet, StoreError>;
}
