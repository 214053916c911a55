//! Listing templates anew every few hours: WeChat says nothing when it changes one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::account::Account;
use hongyan_domain::clock::after;
use hongyan_domain::port::StoreError;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::Engine;
use crate::service::ordered;

/// How templates are kept in step with WeChat's.
#[derive(Debug, Clone, Copy)]
pub struct TemplateSettings {
    /// How old a list may become before WeChat is asked again; `None` = only when
    /// somebody asks for it.
    pub sync_every: Option<Duration>,
}

impl Default for TemplateSettings {
    /// Six hours.
    fn default() -> Self {
        Self {
            sync_every: Some(Duration::from_secs(6 * 60 * 60)),
        }
    }
}

/// How often what was counted is written down and what is due is looked for.
const PAUSE: Duration = Duration::from_secs(5);

/// Nothing is listed right after the start: whoever starts a gateway to do one thing
/// is not to spend calls on another.
const FIRST_PAUSE: Duration = Duration::from_secs(20);

/// The pause after a list that could not be had.
const AGAIN_AFTER: Duration = Duration::from_secs(10 * 60);

/// The last part of the span within which nodes and accounts are spread, so that
/// they do not all ask at once.
const SPREAD: f64 = 0.2;

/// When each account's templates are listed next.
#[derive(Debug, Default)]
pub(super) struct Due(Mutex<HashMap<AccountId, Timestamp>>);

impl Due {
    fn of(&self, id: AccountId) -> Option<Timestamp> {
        let due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        due.get(&id).copied()
    }

    fn set(&self, id: AccountId, at: Timestamp) {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        due.insert(id, at);
    }
}

impl Engine {
    /// Writes down uses and lists what is due, until the stop; then what was counted
    /// last is written down.
    pub(crate) async fn look_after_templates(self, mut stop: watch::Receiver<bool>) {
        let first_list = tokio::time::Instant::now() + FIRST_PAUSE;
        loop {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = ordered(&mut stop) => break,
            }
            self.flush_template_uses().await;
            if tokio::time::Instant::now() >= first_list {
                tokio::select! {
                    () = self.sync_due_templates() => {}
                    () = ordered(&mut stop) => break,
                }
            }
        }
        self.flush_template_uses().await;
    }

    /// Lists the templates of every account whose list has become too old.
    pub async fn sync_due_templates(&self) {
        let Some(every) = self.template_settings.sync_every else {
            return;
        };
        for account in self.registry.all() {
            // Without a token nothing can be listed; that is told elsewhere.
            if account.settings.disabled || account.state.illness.is_some() {
                continue;
            }
            if let Err(error) = self.sync_if_due(&account, every).await {
                tracing::debug!(account = %account.name(), %error, "the age of its templates is not known");
            }
        }
    }

    async fn sync_if_due(&self, account: &Account, every: Duration) -> Result<(), StoreError> {
        let due = &self.catalogue.due;
        let now = self.clock.now();
        if due.of(account.id).is_some_and(|at| at > now) {
            return Ok(());
        }
        let known = self.store.templates(account.id).await?;
        let listed_at = known.iter().map(|template| template.synced_at).max();
        // Somebody may have listed them meanwhile: a person, another node.
        if let Some(next) = listed_at.map(|at| after(at, every.mul_f64(self.spread()))) {
            due.set(account.id, next);
            if next > now {
                return Ok(());
            }
        }
        let pause = match self.sync_templates(account.id).await {
            Ok(_) => every.mul_f64(self.spread()),
            Err(failure) => {
                tracing::warn!(account = %account.name(), %failure, "its templates could not be listed");
                AGAIN_AFTER.min(every)
            }
        };
        due.set(account.id, after(self.clock.now(), pause));
        Ok(())
    }

    /// Somewhat less than one, another each time.
    fn spread(&self) -> f64 {
        1.0 - SPREAD * self.chance.unit()
    }
}
