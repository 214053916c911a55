//! Keeping what is held in memory in step with what other nodes write.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use hongyan_domain::AccountId;
use hongyan_domain::port::{Hint, Revision, StoreError};

use crate::Engine;

/// The revisions of the accounts as last seen.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<HashMap<AccountId, i64>>);

impl From<Vec<Revision>> for Seen {
    fn from(revisions: Vec<Revision>) -> Self {
        Self(Mutex::new(by_account(&revisions)))
    }
}

fn by_account(revisions: &[Revision]) -> HashMap<AccountId, i64> {
    revisions
        .iter()
        .map(|revision| (revision.account, revision.account_revision))
        .collect()
}

impl Seen {
    /// Whether these are other revisions than the last.
    fn differs(&self, now: &[Revision]) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.len() != now.len()
            || now
                .iter()
                .any(|one| seen.get(&one.account) != Some(&one.account_revision))
    }

    /// Takes these as seen; the accounts that changed or are new, and those that
    /// are gone.
    fn replace(&self, now: &[Revision]) -> (Vec<AccountId>, Vec<AccountId>) {
        let now = by_account(now);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = now
            .iter()
            .filter(|&(account, revision)| seen.get(account) != Some(revision))
            .map(|(account, _)| *account)
            .collect();
        let gone = seen
            .keys()
            .filter(|account| !now.contains_key(account))
            .copied()
            .collect();
        *seen = now;
        (changed, gone)
    }
}

impl Engine {
    /// Looks whether another node (or a command beside this one) changed
    /// accounts, templates or credentials, and reads anew what is held of them.
    ///
    /// # Errors
    /// Storage's; what is in memory stays as it was.
    pub async fn follow(&self) -> Result<(), StoreError> {
        let revisions = self.store.revisions().await?;
        if self.seen.differs(&revisions) {
            let accounts = self.store.accounts().await?;
            let known: HashSet<_> = accounts.iter().map(|account| account.id).collect();
            self.registry.replace_all(accounts);
            let (changed, gone) = self.seen.replace(&revisions);
            for id in gone {
                self.credentials.forget(id);
                self.quotas.forget(id);
                self.forget_held(id);
            }
            for id in changed.into_iter().filter(|id| known.contains(id)) {
                self.forget_held(id);
                self.dispatcher.wake_account(id);
            }
        }
        for revision in revisions {
            if self
                .credentials
                .is_behind(revision.account, revision.credential)
            {
                self.credentials
                    .follow(revision.account, revision.credential)
                    .await?;
                self.dispatcher.wake_account(revision.account);
            }
        }
        Ok(())
    }

    /// Drops what is held of an account in memory, except its credential.
    pub(crate) fn forget_held(&self, id: AccountId) {
        self.catalogue.forget(id);
        self.rule_book.forget(id);
        self.js_tickets.forget(id);
    }

    /// Does what a hint of another node asks for.
    pub(crate) async fn heed(&self, hint: Hint) -> Result<(), StoreError> {
        match hint {
            Hint::Due(account) => {
                self.dispatcher.wake_account(account);
                Ok(())
            }
            Hint::Changed(_) => self.follow().await,
            Hint::Missed => {
                for account in self.registry.all() {
                    self.dispatcher.wake_account(account.id);
                }
                self.follow().await
            }
        }
    }
}
