//! Templates: listed at WeChat, kept, looked up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hongyan_domain::AccountId;
use hongyan_domain::account::{Account, AccountKind};
use hongyan_domain::clock::after;
use hongyan_domain::delivery::Refusal;
use hongyan_domain::message::Kind;
use hongyan_domain::port::StoreError;
use hongyan_domain::template::{Subscription, Template, fields_of};
use hongyan_wechat::api::subscribe::SubscriptionType;
use hongyan_wechat::{CallError, ErrClass, TemplateId, api};
use jiff::Timestamp;

use crate::Engine;
use crate::calls::refusal;
use crate::credentials::CredentialError;

/// How often an unknown template id may make us ask WeChat for the list: its
/// daily allowance is small.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The title WeChat gives the one-time subscription template that it slips into
/// the list; it cannot be used as a template message.
const ONE_TIME_TITLE: &str = "订阅模板消息";

/// Templates looked up lately, by account.
#[derive(Debug, Default)]
pub(crate) struct Catalogue(Mutex<HashMap<AccountId, Shelf>>);

#[derive(Debug, Clone, Default)]
struct Shelf {
    templates: Option<Arc<HashMap<TemplateId, Arc<Template>>>>,
    asked_at: Option<Timestamp>,
}

impl Catalogue {
    pub(crate) fn forget(&self, id: AccountId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    fn shelf(&self, id: AccountId) -> Shelf {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
            .unwrap_or_default()
    }

    fn fill(&self, id: AccountId, templates: &[Template]) {
        let map = templates
            .iter()
            .map(|t| (t.id.clone(), Arc::new(t.clone())))
            .collect();
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.entry(id).or_default().templates = Some(Arc::new(map));
    }

    fn note_asked(&self, id: AccountId, now: Timestamp) {
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.entry(id).or_default().asked_at = Some(now);
    }
}

/// What a look at WeChat's list changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncReport {
    /// How many templates there are now.
    pub total: usize,
    /// New ones.
    pub added: Vec<TemplateId>,
    /// Those whose title, form or allowed values changed.
    pub changed: Vec<TemplateId>,
    /// Those that are gone.
    pub removed: Vec<TemplateId>,
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

    /// Lists the templates at WeChat and keeps them.
    ///
    /// # Errors
    /// Why there is no list; what was known before stays.
    pub async fn sync_templates(&self, id: AccountId) -> Result<SyncReport, WechatFailure> {
        let account = self.registry.by_id(id).ok_or(WechatFailure::Missing)?;
        self.catalogue.note_asked(id, self.clock.now());
        let templates = self.list_templates(&account).await?;
        let former = self.store.templates(id).await?;
        self.store.replace_templates(id, &templates).await?;
        self.catalogue.fill(id, &templates);
        let report = compare(&former, &templates);
        tracing::info!(
            account = %account.name(), total = report.total, added = report.added.len(),
            changed = report.changed.len(), removed = report.removed.len(), "templates synced"
        );
        Ok(report)
    }

    /// The template of this id. A template nobody knows may be new: WeChat is
    /// asked once a minute at most. The second part says why asking failed.
    pub(crate) async fn template(
        &self,
        account: &Account,
        id: &TemplateId,
    ) -> Result<(Option<Arc<Template>>, Option<WechatFailure>), StoreError> {
        let known = match self.catalogue.shelf(account.id).templates {
            Some(templates) => templates,
            None => {
                self.catalogue
                    .fill(account.id, &self.store.templates(account.id).await?);
                self.catalogue
                    .shelf(account.id)
                    .templates
                    .unwrap_or_default()
            }
        };
        if let Some(template) = known.get(id) {
            return Ok((Some(Arc::clone(template)), None));
        }
        let now = self.clock.now();
        let asked_at = self.catalogue.shelf(account.id).asked_at;
        if asked_at.is_some_and(|at| after(at, ASK_AGAIN_AFTER) > now) {
            return Ok((None, None));
        }
        if let Err(failure) = self.sync_templates(account.id).await {
            return Ok((None, Some(failure)));
        }
        let templates = self
            .catalogue
            .shelf(account.id)
            .templates
            .unwrap_or_default();
        Ok((templates.get(id).cloned(), None))
    }

    async fn list_templates(&self, account: &Account) -> Result<Vec<Template>, WechatFailure> {
        let credential = self.credential(account).await?;
        match self.list_with(account, &credential.token).await {
            Err(error) if error.class() == ErrClass::StaleCredential => {
                let fresh = self.fresh_credential(account, &credential).await?;
                Ok(self.list_with(account, &fresh.token).await?)
            }
            other => Ok(other?),
        }
    }

    async fn list_with(
        &self,
        account: &Account,
        token: &hongyan_wechat::AccessToken,
    ) -> Result<Vec<Template>, CallError> {
        let now = self.clock.now();
        match account.settings.kind {
            AccountKind::OfficialAccount => {
                let reply = self
                    .wechat
                    .call(Some(token), &api::template::ListTemplates)
                    .await?;
                let listed = reply.template_list.into_iter();
                Ok(listed
                    .filter(|t| t.title != ONE_TIME_TITLE)
                    .map(|t| Template {
                        fields: fields_of(&t.content),
                        id: t.template_id,
                        kind: Kind::Template,
                        title: t.title,
                        content: t.content,
                        example: t.example,
                        subscription: None,
                        synced_at: now,
                    })
                    .collect())
            }
            AccountKind::MiniProgram => {
                let reply = self
                    .wechat
                    .call(Some(token), &api::subscribe::ListSubscribeTemplates)
                    .await?;
                Ok(reply
                    .data
                    .into_iter()
                    .map(|t| subscribe_template(t, now))
                    .collect())
            }
        }
    }
}

fn subscribe_template(listed: api::subscribe::SubscribeTemplate, now: Timestamp) -> Template {
    let mut fields = fields_of(&listed.content);
    for values in listed.enum_values {
        // The code carries the suffix of the form, the key of a message does not.
        let key = values.keyword_code.trim_end_matches(".DATA");
        if let Some(field) = fields.iter_mut().find(|field| field.key == key) {
            field.allowed = values.values;
        }
    }
    Template {
        id: listed.template_id,
        kind: Kind::Subscribe,
        title: listed.title,
        content: listed.content,
        example: listed.example,
        fields,
        subscription: match listed.subscription {
            SubscriptionType::OneTime => Some(Subscription::OneTime),
            SubscriptionType::LongTerm => Some(Subscription::LongTerm),
            SubscriptionType::Other(_) => None,
        },
        synced_at: now,
    }
}

fn compare(former: &[Template], now: &[Template]) -> SyncReport {
    let before: HashMap<_, _> = former.iter().map(|t| (&t.id, t)).collect();
    let after: HashMap<_, _> = now.iter().map(|t| (&t.id, t)).collect();
    let same = |a: &Template, b: &Template| {
        a.title == b.title && a.content == b.content && a.fields == b.fields
    };
    SyncReport {
        total: now.len(),
        added: now
            .iter()
            .filter(|t| !before.contains_key(&t.id))
            .map(|t| t.id.clone())
            .collect(),
        changed: now
            .iter()
            .filter(|t| before.get(&t.id).is_some_and(|old| !same(old, t)))
            .map(|t| t.id.clone())
            .collect(),
        removed: former
            .iter()
            .filter(|t| !after.contains_key(&t.id))
            .map(|t| t.id.clone())
            .collect(),
    }
}
