//! Templates: listed at WeChat, kept, looked up, added and removed; what changes about
//! them, and whom that concerns.

mod changes;
mod library;
mod listing;
mod names;
mod upkeep;
mod uses;

pub use changes::SyncReport;
pub use library::{LibraryFinding, NewTemplate};
pub use upkeep::TemplateSettings;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use hongyan_domain::AccountId;
use hongyan_domain::account::Account;
use hongyan_domain::clock::after;
use hongyan_domain::delivery::Refusal;
use hongyan_domain::port::{Page, StoreError};
use hongyan_domain::template::{Template, TemplateChange};
use hongyan_wechat::{CallError, TemplateId};
use jiff::Timestamp;

use crate::Engine;
use crate::calls::refusal;
use crate::credentials::CredentialError;
use library::Library;
use upkeep::Due;
use uses::Uses;
pub(crate) use uses::uses_of;

/// How often an unknown template id may make us ask WeChat for the list: its
/// daily allowance is small.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// After WeChat could not be asked, those who come soon after are told so too.
const BELIEVE_FAILURE_FOR: Duration = Duration::from_secs(5);

/// Templates looked up lately, who uses them, and when they are listed again.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    shelves: Mutex<HashMap<AccountId, Arc<Shelf>>>,
    pub(crate) uses: Uses,
    library: Library,
    due: Due,
}

type ById = HashMap<TemplateId, Arc<Template>>;

#[derive(Debug, Default)]
struct Shelf {
    templates: ArcSwapOption<ById>,
    /// Held by the one who asks WeChat; the others wait for what it learns.
    asked: tokio::sync::Mutex<Option<Asked>>,
}

/// The last look at WeChat's list.
#[derive(Debug)]
struct Asked {
    at: Timestamp,
    failure: Option<WechatFailure>,
}

impl Catalogue {
    pub(crate) fn forget(&self, id: AccountId) {
        self.shelves
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    fn shelf(&self, id: AccountId) -> Arc<Shelf> {
        Arc::clone(
            self.shelves
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(id)
                .or_default(),
        )
    }
}

impl Shelf {
    fn fill(&self, templates: &[Template]) -> Arc<ById> {
        let by_id: ById = templates
            .iter()
            .map(|t| (t.id.clone(), Arc::new(t.clone())))
            .collect();
        let by_id = Arc::new(by_id);
        self.templates.store(Some(Arc::clone(&by_id)));
        by_id
    }
}

/// Why a call to WeChat on an account's behalf brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WechatFailure {
    /// No access token.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// WeChat refused the call.
    #[error("WeChat refused: errcode {} {}", .0.errcode, .0.errmsg)]
    Refused(Refusal),
    /// No usable answer.
    #[error("WeChat could not be reached: {reason}")]
    Unreachable {
        /// What happened, without secrets.
        reason: String,
    },
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such account.
    #[error("the account does not exist (any more)")]
    Missing,
}

impl From<CallError> for WechatFailure {
    fn from(error: CallError) -> Self {
        match refusal(&error) {
            Some(refusal) => Self::Refused(refusal),
            None => Self::Unreachable {
                reason: error.to_string(),
            },
        }
    }
}

impl Engine {
    /// The templates of an account as last listed, by title.
    ///
    /// # Errors
    /// Storage's.
    pub async fn templates(&self, id: AccountId) -> Result<Vec<Template>, StoreError> {
        self.store.templates(id).await
    }

    /// What changed of an account's templates, the newest first, each with the number
    /// to go on after.
    ///
    /// # Errors
    /// Storage's.
    pub async fn template_changes(
        &self,
        id: AccountId,
        page: &Page<i64>,
    ) -> Result<Vec<(i64, TemplateChange)>, StoreError> {
        self.store.template_changes(id, page).await
    }

    /// Lists the templates at WeChat and keeps them.
    ///
    /// # Errors
    /// Why there is no list; what was known before stays.
    pub async fn sync_templates(&self, id: AccountId) -> Result<SyncReport, WechatFailure> {
        let shelf = self.catalogue.shelf(id);
        let mut asked = shelf.asked.lock().await;
        self.ask_for_templates(id, &shelf, &mut asked).await
    }

    /// The caller holds the shelf's lock: nobody else asks.
    async fn ask_for_templates(
        &self,
        id: AccountId,
        shelf: &Shelf,
        asked: &mut Option<Asked>,
    ) -> Result<SyncReport, WechatFailure> {
        let account = self.registry.by_id(id).ok_or(WechatFailure::Missing)?;
        let former = self.store.templates(id).await?;
        let listed = self.list_templates(&account, &former).await;
        let failure = listed.as_ref().err().cloned();
        *asked = Some(Asked {
            at: self.clock.now(),
            failure,
        });
        let templates = listed?;
        let changes = self.changes(id, &former, &templates).await?;
        self.store
            .replace_templates(id, &templates, &changes)
            .await?;
        shelf.fill(&templates);
        let report = SyncReport::of(&changes, templates.len());
        for change in changes.iter().filter(|change| !change.senders.is_empty()) {
            tracing::warn!(
                account = %account.name(), template = %change.template_id,
                senders = change.senders.len(), gone = change.after.is_none(),
                "a template that is in use was changed at WeChat"
            );
        }
        tracing::info!(
            account = %account.name(), total = report.total, added = report.added.len(),
            changed = report.changed.len(), removed = report.removed.len(), "templates synced"
        );
        Ok(report)
    }

    /// The template of this id. One that nobody knows may be new: WeChat is asked
    /// once a minute at most. The second part says why it could not be asked.
    pub(crate) async fn template(
        &self,
        account: &Account,
        id: &TemplateId,
    ) -> Result<(Option<Arc<Template>>, Option<WechatFailure>), StoreError> {
        let shelf = self.catalogue.shelf(account.id);
        let known = match shelf.templates.load_full() {
            Some(templates) => templates,
            None => shelf.fill(&self.store.templates(account.id).await?),
        };
        if let Some(template) = known.get(id) {
            return Ok((Some(Arc::clone(template)), None));
        }
        let mut asked = shelf.asked.lock().await;
        let now = self.clock.now();
        let believed = asked.as_ref().filter(|asked| {
            let span = match asked.failure {
                Some(_) => BELIEVE_FAILURE_FOR,
                None => ASK_AGAIN_AFTER,
            };
            after(asked.at, span) > now
        });
        let failure = match believed {
            Some(asked) => asked.failure.clone(),
            None => self
                .ask_for_templates(account.id, &shelf, &mut asked)
                .await
                .err(),
        };
        // Whoever asked before us may have found it.
        let found = shelf
            .templates
            .load_full()
            .and_then(|templates| templates.get(id).cloned());
        Ok(match found {
            Some(template) => (Some(template), None),
            None => (None, failure),
        })
    }
}
