//! The accounts, held in memory: looked up at every request and every send.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use hongyan_domain::AccountId;
use hongyan_domain::account::Account;

/// All accounts as last read from or written to storage.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_id: HashMap<AccountId, Arc<Account>>,
    by_name: HashMap<String, AccountId>,
}

impl Registry {
    pub(crate) fn replace_all(&self, accounts: Vec<Account>) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        *inner = Inner::default();
        for account in accounts {
            inner.put(Arc::new(account));
        }
    }

    pub(crate) fn put(&self, account: Account) -> Arc<Account> {
        let account = Arc::new(account);
        self.inner
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .put(Arc::clone(&account));
        account
    }

    /// Changes an account's copy in memory; the changed one, if `change` says
    /// that it changed something.
    pub(crate) fn update(
        &self,
        id: AccountId,
        change: impl FnOnce(&mut Account) -> bool,
    ) -> Option<Arc<Account>> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let mut account = Account::clone(inner.by_id.get(&id)?);
        if !change(&mut account) {
            return None;
        }
        let account = Arc::new(account);
        inner.put(Arc::clone(&account));
        Some(account)
    }

    pub(crate) fn remove(&self, id: AccountId) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = inner.by_id.remove(&id) {
            inner.by_name.remove(account.name().as_str());
        }
    }

    pub(crate) fn by_id(&self, id: AccountId) -> Option<Arc<Account>> {
        self.inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .by_id
            .get(&id)
            .cloned()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<Arc<Account>> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.by_id.get(inner.by_name.get(name)?).cloned()
    }

    /// All, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Account>> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = inner.by_id.values().cloned().collect();
        all.sort_by(|a, b| a.name().cmp(b.name()));
        all
    }
}

impl Inner {
    fn put(&mut self, account: Arc<Account>) {
        if let Some(former) = self.by_id.get(&account.id) {
            self.by_name.remove(former.name().as_str());
        }
        self.by_name
            .insert(account.name().as_str().to_owned(), account.id);
        self.by_id.insert(account.id, account);
    }
}
