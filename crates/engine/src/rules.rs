//! The reply rules of accounts, held in memory.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use hongyan_domain::AccountId;
use hongyan_domain::account::Account;
use hongyan_domain::port::StoreError;
use hongyan_domain::rule::RuleSet;
use hongyan_domain::template::Violation;

use crate::Engine;

/// The rule sets looked up lately.
#[derive(Debug, Default)]
pub(crate) struct RuleBook(RwLock<HashMap<AccountId, Arc<RuleSet>>>);

impl RuleBook {
    pub(crate) fn forget(&self, id: AccountId) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    fn get(&self, id: AccountId) -> Option<Arc<RuleSet>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    fn put(&self, id: AccountId, rules: RuleSet) -> Arc<RuleSet> {
        let rules = Arc::new(rules);
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, Arc::clone(&rules));
        rules
    }
}

/// Why rules were not taken.
#[derive(Debug, Clone, PartialEq)]
pub enum RulesRejection {
    /// What is wrong with them: everything.
    Invalid(Vec<Violation>),
    /// Storage failed.
    Store(StoreError),
}

impl Engine {
    /// An account's reply rules.
    ///
    /// # Errors
    /// Storage's.
    pub async fn rules(&self, account: &Account) -> Result<Arc<RuleSet>, StoreError> {
        if let Some(known) = self.rule_book.get(account.id) {
            return Ok(known);
        }
        let rules = self.store.rules(account.id).await?;
        Ok(self.rule_book.put(account.id, rules))
    }

    /// Replaces an account's reply rules.
    ///
    /// # Errors
    /// What is wrong with them; storage's.
    pub async fn replace_rules(
        &self,
        account: &Account,
        rules: RuleSet,
    ) -> Result<Arc<RuleSet>, RulesRejection> {
        let wrong = rules.violations(account.settings.kind);
        if !wrong.is_empty() {
            return Err(RulesRejection::Invalid(wrong));
        }
        self.store
            .replace_rules(account.id, &rules)
            .await
            .map_err(RulesRejection::Store)?;
        tracing::info!(account = %account.name(), rules = rules.rules.len(), "reply rules replaced");
        Ok(self.rule_book.put(account.id, rules))
    }
}
