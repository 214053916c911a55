//! Taking messages in: checked, stored, answered for.

use std::sync::Arc;
use std::time::Duration;

use hongyan_domain::account::{Account, AccountKind, Illness};
use hongyan_domain::clock::after;
use hongyan_domain::contact::UserId;
use hongyan_domain::delivery::Delivery;
use hongyan_domain::message::{Content, Kind, Message, OnUnknown, Priority, State};
use hongyan_domain::port::{
    Accepted, Cancellation, Idempotency, MessageFilter, NewBatch, Page, Requeue, StoreError,
    StoredResponse,
};
use hongyan_domain::template::{Line, Overflow, Template, Violation, check, preview};
use hongyan_domain::trace::TraceContext;
use hongyan_domain::{KeyId, MessageId};
use hongyan_wechat::{OpenId, TemplateId, UnionId};
use jiff::Timestamp;

use crate::Engine;
use crate::metrics::Tally;
use crate::people::LoginFailure;
use crate::templates::WechatFailure;
use crate::trace::Span;

/// How far ahead a message may be scheduled.
const FARTHEST_AHEAD: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// How far back a `send_at` may lie: clocks differ and requests take time, but
/// yesterday is a mistake.
const FARTHEST_BACK: Duration = Duration::from_secs(60 * 60);

/// How often a waiting caller looks for itself: another node may have sent the
/// message.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many known templates a refusal names.
const TEMPLATES_NAMED: usize = 10;

/// Who is to get a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// A person at the message's account.
    OpenId(OpenId),
    /// A person over linked accounts: who they are at the message's account is
    /// known from their contacts.
    UnionId(UnionId),
    /// A caller's user.
    UserId(UserId),
    /// Whoever this fresh `wx.login` code stands for (mini programs).
    LoginCode(String),
}

/// A message as its caller wants it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The name of the account that is to send it.
    pub account: String,
    /// The recipient.
    pub to: To,
    /// What to say.
    pub content: Content,
    /// What to do with values that are too long.
    pub overflow: Overflow,
    /// Who goes first.
    pub priority: Priority,
    /// What to do when the outcome cannot be known.
    pub on_unknown: OnUnknown,
    /// Not before this.
    pub send_at: Option<Timestamp>,
    /// Not after this.
    pub expires_at: Option<Timestamp>,
    /// The caller's word for it.
    pub reference: Option<String>,
    /// The caller's JSON object, as text.
    pub metadata: Option<String>,
    /// The API key it came with.
    pub created_by: Option<KeyId>,
    /// The span of the request it came with, where that is recorded.
    pub trace_context: Option<TraceContext>,
}

/// A message that passed the check.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The message, with long values cut where that was asked for.
    pub message: Message,
    /// Of the kinds that fill one WeChat lists.
    template: Option<Arc<Template>>,
    /// The span of the request it came with.
    request: Option<TraceContext>,
}

impl Prepared {
    /// What the phone will show.
    #[must_use]
    pub fn preview(&self) -> Vec<Line> {
        lines(self.template.as_deref(), &self.message.content)
    }
}

/// Why a draft cannot be taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Rejection {
    /// No such account.
    UnknownAccount {
        /// The name asked for.
        name: String,
    },
    /// The account is switched off.
    AccountDisabled {
        /// Its name.
        name: String,
    },
    /// Accounts of this kind cannot send messages of that kind.
    WrongKind {
        /// The account's name.
        account: String,
        /// What it is.
        account_kind: AccountKind,
        /// The kind of message.
        kind: Kind,
    },
    /// The account has no such template.
    UnknownTemplate {
        /// The id asked for.
        template_id: TemplateId,
        /// The account's name.
        account: String,
        /// Some it has: id and title.
        known: Vec<(TemplateId, String)>,
        /// Why WeChat could not be asked for the current list, if it could not.
        sync_failure: Option<Box<WechatFailure>>,
    },
    /// The recipient is not known at the account.
    UnknownPerson {
        /// How they were named: `unionid` or `user_id`.
        by: &'static str,
        /// The account's name.
        account: String,
    },
    /// The login code brought nobody.
    Login(LoginFailure),
    /// The data or the times break rules: all of them.
    Invalid {
        /// The rules broken.
        violations: Vec<Violation>,
        /// What the phone would show.
        preview: Vec<Line>,
    },
    /// Storage failed.
    Store(StoreError),
}

impl From<StoreError> for Rejection {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Why an open message is not being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitingReason {
    /// The account is switched off.
    Disabled,
    /// The account has no access token.
    Unhealthy(Illness),
    /// The account's allowance at WeChat is used up until then.
    Parked {
        /// When sending goes on.
        until: Timestamp,
    },
}

impl Engine {
    /// Checks a draft: everything that can be known before sending, all at once.
    ///
    /// # Errors
    /// Why it cannot be taken.
    pub async fn prepare(&self, draft: Draft) -> Result<Prepared, Rejection> {
        let account = self.sending_account(&draft.account, &draft.content)?;
        let mut content = draft.content;
        let template = match content.template_id() {
            Some(id) if content.kind().fills_listed_template() => {
                Some(self.template_for(&account, id).await?)
            }
            _ => None,
        };
        let now = self.clock.now();
        let mut violations = match (&template, content.data_mut()) {
            (Some(template), Some(data)) => check(template, data, draft.overflow),
            _ => Vec::new(),
        };
        violations.extend(impossible_times(draft.send_at, draft.expires_at, now));
        if !violations.is_empty() {
            return Err(Rejection::Invalid {
                violations,
                preview: lines(template.as_deref(), &content),
            });
        }
        // Last, because a login code is used up by it.
        let to = match draft.to {
            To::OpenId(openid) => openid,
            other => Box::pin(self.recipient(&account, other)).await?,
        };
        let message = Message {
            id: MessageId::new(now, self.chance.ten_bytes()),
            account: account.id,
            to,
            content,
            priority: draft.priority,
            on_unknown: draft.on_unknown,
            send_at: draft.send_at,
            expires_at: draft.expires_at,
            reference: draft.reference,
            metadata: draft.metadata,
            created_at: now,
            created_by: draft.created_by,
            trace_context: None,
            broadcast: None,
            handling: None,
        };
        Ok(Prepared {
            message,
            template,
            request: draft.trace_context,
        })
    }

    async fn recipient(&self, account: &Account, to: To) -> Result<OpenId, Rejection> {
        let (by, found) = match to {
            To::OpenId(openid) => return Ok(openid),
            To::LoginCode(code) => {
                let login = self.login(account, &code).await;
                return login.map(|login| login.openid).map_err(Rejection::Login);
            }
            To::UnionId(unionid) => {
                let found = self.openid_by_unionid(account.id, &unionid).await?;
                ("unionid", found)
            }
            To::UserId(user) => ("user_id", self.openid_of_user(account.id, &user).await?),
        };
        found.ok_or_else(|| Rejection::UnknownPerson {
            by,
            account: account.name().to_string(),
        })
    }

    /// The account of this name, if it sends such messages.
    pub(crate) fn sending_account(
        &self,
        name: &str,
        content: &Content,
    ) -> Result<Arc<Account>, Rejection> {
        let account = self
            .registry
            .by_name(name)
            .ok_or_else(|| Rejection::UnknownAccount {
                name: name.to_owned(),
            })?;
        if account.settings.disabled {
            return Err(Rejection::AccountDisabled {
                name: name.to_owned(),
            });
        }
        let kind = content.kind();
        if !account.settings.kind.sends(kind) {
            let account_kind = account.settings.kind;
            return Err(Rejection::WrongKind {
                account: name.to_owned(),
                account_kind,
                kind,
            });
        }
        Ok(account)
    }

    pub(crate) async fn template_for(
        &self,
        account: &Account,
        id: &TemplateId,
    ) -> Result<Arc<Template>, Rejection> {
        let (template, sync_failure) = self.template(account, id).await?;
        match template {
            Some(template) => Ok(template),
            None => {
                let known = self.store.templates(account.id).await?;
                Err(Rejection::UnknownTemplate {
                    template_id: id.clone(),
                    account: account.name().to_string(),
                    known: known
                        .into_iter()
                        .take(TEMPLATES_NAMED)
                        .map(|template| (template.id, template.title))
                        .collect(),
                    sync_failure: sync_failure.map(Box::new),
                })
            }
        }
    }

    /// Takes messages in: all of them or none. With `Ok(Stored)` they are on
    /// disk.
    ///
    /// # Errors
    /// Storage's; nothing was taken then.
    pub async fn accept(
        &self,
        prepared: Vec<Prepared>,
        idempotency: Option<Idempotency>,
    ) -> Result<Accepted, StoreError> {
        let request = prepared.first().and_then(|first| first.request.clone());
        let mut messages: Vec<Message> = prepared.into_iter().map(|p| p.message).collect();
        let mut due: Vec<_> = messages
            .iter()
            .map(|message| (message.account, message.first_due_at()))
            .collect();
        due.sort_unstable();
        due.dedup_by_key(|(account, _)| *account);
        let span = self.accept_span(request.as_ref(), &messages);
        // From here on they belong to this span, wherever they are sent.
        if let Some(context) = span.as_ref().and_then(Span::context) {
            for message in &mut messages {
                message.trace_context = Some(context.clone());
            }
        }
        let tally = Tally::of(&messages);
        let batch = NewBatch {
            messages,
            idempotency,
        };
        let accepted = self.store.accept(batch).await?;
        drop(span);
        if accepted == Accepted::Stored {
            tally.note(&self.metrics);
            let now = self.clock.now();
            for (account, at) in due {
                self.dispatcher.wake_account_at(account, at, now);
            }
        }
        Ok(accepted)
    }

    /// What was answered to an earlier request with this idempotency key, and the
    /// fingerprint of that request.
    ///
    /// # Errors
    /// Storage's.
    pub async fn earlier_response(
        &self,
        caller: KeyId,
        key: &str,
    ) -> Result<Option<([u8; 32], StoredResponse)>, StoreError> {
        self.store.earlier_response(caller, key).await
    }

    /// One message with all that happened to it.
    ///
    /// # Errors
    /// Storage's.
    pub async fn delivery(&self, id: MessageId) -> Result<Option<Delivery>, StoreError> {
        self.store.delivery(id).await
    }

    /// Messages that fit, the newest first.
    ///
    /// # Errors
    /// Storage's.
    pub async fn deliveries(
        &self,
        filter: &MessageFilter,
        page: Page<MessageId>,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.store.deliveries(filter, page).await
    }

    /// Takes a message back, if it is not too late.
    ///
    /// # Errors
    /// Storage's.
    pub async fn cancel(&self, id: MessageId) -> Result<Cancellation, StoreError> {
        let canceled = self.store.cancel(id, self.clock.now()).await?;
        if canceled == Cancellation::Canceled {
            self.waiters.wake(std::iter::once(id));
            // It is taken back, counted or not.
            if let Ok(Some(delivery)) = self.store.delivery(id).await {
                let account = delivery.message.account;
                self.metrics.of(account).settled(State::Canceled).inc();
            }
        }
        Ok(canceled)
    }

    /// Sends a message again that is over, because a person asks for it.
    ///
    /// # Errors
    /// Storage's.
    pub async fn retry(&self, id: MessageId) -> Result<Requeue, StoreError> {
        let requeued = self.store.requeue(id, self.clock.now()).await?;
        if requeued == Requeue::Queued
            && let Some(delivery) = self.store.delivery(id).await?
        {
            self.dispatcher.wake_account(delivery.message.account);
        }
        Ok(requeued)
    }

    /// Waits until the outcome of a message is known, at most so long; the
    /// message as it then stands.
    ///
    /// # Errors
    /// Storage's.
    pub async fn wait(
        &self,
        id: MessageId,
        at_most: Duration,
    ) -> Result<Option<Delivery>, StoreError> {
        let deadline = tokio::time::Instant::now() + at_most;
        let waiting = self.waiters.join(id);
        loop {
            // Registered before looking, so that nothing falls between.
            let woken = waiting.notify.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let delivery = self.store.delivery(id).await?;
            let over = delivery
                .as_ref()
                .is_none_or(|delivery| delivery.state != State::Open);
            let now = tokio::time::Instant::now();
            if over || now >= deadline {
                return Ok(delivery);
            }
            let next_look = deadline.min(now + LOOK_EVERY);
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep_until(next_look) => {}
            }
        }
    }

    /// Why an open message is not being sent, where that is its account's doing.
    #[must_use]
    pub fn waiting_reason(&self, delivery: &Delivery) -> Option<WaitingReason> {
        if delivery.state != State::Open {
            return None;
        }
        let account = self.registry.by_id(delivery.message.account)?;
        if account.settings.disabled {
            return Some(WaitingReason::Disabled);
        }
        if let Some(until) = account.parked_until(self.clock.now()) {
            return Some(WaitingReason::Parked { until });
        }
        if self.credentials.current(account.id).is_some() {
            return None;
        }
        self.illness(&account).map(WaitingReason::Unhealthy)
    }
}

/// What the phone will show of a message.
fn lines(template: Option<&Template>, content: &Content) -> Vec<Line> {
    let unlabelled = |value: &str| Line {
        label: String::new(),
        value: value.to_owned(),
    };
    match (template, content) {
        (Some(template), content) => content
            .data()
            .map(|data| preview(template, data))
            .unwrap_or_default(),
        (None, Content::OneTime(one_time)) => std::iter::once(unlabelled(&one_time.title))
            .chain(one_time.data.values().map(|value| unlabelled(&value.value)))
            .collect(),
        (None, Content::CustomerService(said)) => said
            .body
            .get(said.msgtype())
            .and_then(|inner| inner.get("content").or_else(|| inner.get("title")))
            .and_then(serde_json::Value::as_str)
            .map(unlabelled)
            .into_iter()
            .collect(),
        (None, _) => Vec::new(),
    }
}

pub(crate) fn impossible_times(
    send_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut say = |pointer: &str, rule, message: &str, message_zh: &str| {
        violations.push(Violation {
            pointer: pointer.to_owned(),
            rule,
            message: message.to_owned(),
            message_zh: message_zh.to_owned(),
        });
    };
    if let Some(send_at) = send_at {
        if send_at > after(now, FARTHEST_AHEAD) {
            say(
                "/send_at",
                "too_far",
                "send_at is more than a year ahead",
                "send_at 距今超过一年",
            );
        }
        if after(send_at, FARTHEST_BACK) < now {
            say(
                "/send_at",
                "past",
                "send_at is more than an hour ago; leave it out to send at once",
                "send_at 已过去一个多小时；如需立即发送请不要填写",
            );
        }
    }
    if let Some(expires_at) = expires_at {
        if expires_at <= now {
            say(
                "/expires_at",
                "past",
                "expires_at has passed already",
                "expires_at 已经过去",
            );
        } else if send_at.is_some_and(|send_at| expires_at <= send_at) {
            say(
                "/expires_at",
                "before_send_at",
                "expires_at must lie after send_at",
                "expires_at 必须晚于 send_at",
            );
        }
    }
    violations
}
