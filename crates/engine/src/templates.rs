//! Templates: listed at WeChat, kept, looked up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
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

/// After WeChat could not be asked, those who come soon after are told so too.
const BELIEVE_FAILURE_FOR: Duration = Duration::from_secs(5);

/// Templates looked up lately, by account.
#[derive(Debug, Default)]
pub(crate) struct Catalogue(Mutex<HashMap<AccountId, Arc<Shelf>>>);

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
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    fn shelf(&self, id: AccountId) -> Arc<Shelf> {
        Arc::clone(
            self.0
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
        let listed = self.list_templates(&account).await;
        let failure = listed.as_ref().err().cloned();
        *asked = Some(Asked {
            at: self.clock.now(),
            failure,
        });
        let templates = listed?;
        let former = self.store.templates(id).await?;
        self.store.replace_templates(id, &templates, &[]).await?;
        shelf.fill(&templates);
        let report = compare(&former, &templates);
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
                let mut all: Vec<_> = listed
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
                    .collect();
                all.extend(self.list_notifications(account, token, now).await?);
                Ok(all)
            }
            AccountKind::MiniProgram => {
                let reply = self
                    .wechat
                    .call(Some(token), &api::subscribe::ListSubscribeTemplates)
                    .await?;
                Ok(reply
                    .data
                    .into_iter()
                    .map(|t| subscribe_template(t, Kind::Subscribe, now))
                    .collect())
            }
        }
    }

    /// The templates of an official account's subscription notices. Few accounts
    /// have that ability; the others are refused, which is no failure.
    async fn list_notifications(
        &self,
        account: &Account,
        token: &hongyan_wechat::AccessToken,
        now: Timestamp,
    ) -> Result<Vec<Template>, CallError> {
        let listed = self
            .wechat
            .call(Some(token), &api::subscribe::ListSubscribeTemplates)
            .await;
        match listed {
            Ok(reply) => Ok(reply
                .data
                .into_iter()
                .map(|t| subscribe_template(t, Kind::Notification, now))
                .collect()),
            Err(error)
                if error.class() != ErrClass::StaleCredential && refusal(&error).is_some() =>
            {
                tracing::debug!(account = %account.name(), %error, "the account has no subscription notices");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }
}

fn subscribe_template(
    listed: api::subscribe::SubscribeTemplate,
    kind: Kind,
    now: Timestamp,
) -> Template {
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
        kind,
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
