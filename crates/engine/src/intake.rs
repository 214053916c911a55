//! Taking messages in: checked, stored, answered for.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use hongyan_domain::account::{Account, AccountKind, Breaker, Illness};
use hongyan_domain::clock::after;
use hongyan_domain::contact::UserId;
use hongyan_domain::delivery::Delivery;
use hongyan_domain::message::{
    Card, Content, Handling, Kind, Message, OnUnknown, Priority, State, card, check,
};
use hongyan_domain::port::{
    Accepted, Cancellation, Idempotency, MessageFilter, NewBatch, Page, Requeue, StoreError,
    StoredResponse,
};
use hongyan_domain::template::{Form, Overflow, Template, Violation};
use hongyan_domain::trace::TraceContext;
use hongyan_domain::{AccountId, KeyId, MessageId};
use hongyan_wechat::{OpenId, TemplateId, UnionId};
use jiff::Timestamp;

use crate::Engine;
use crate::dispatch::gate;
use crate::metrics::Tally;
use crate::people::LoginFailure;
use crate::templates::{WechatFailure, uses_of};
use crate::trace::Span;
use crate::ways::{CheckedWay, DraftWay, Start};

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
    /// Further ways, tried in order while the person definitely cannot be reached by
    /// the one before; at most [`crate::MOST_WAYS`].
    pub fallback: Vec<DraftWay>,
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
    pub fn preview(&self) -> Card {
        card(&self.message.content, self.template.as_deref())
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
    /// The openid is known at other accounts and not at the one that is to send.
    WrongAccount {
        /// The name of the account that is to send.
        account: String,
        /// The names of those that know it.
        belongs_to: Vec<String>,
    },
    /// The login code brought nobody.
    Login(LoginFailure),
    /// One of the further ways cannot be taken.
    Way {
        /// Its place in the fallback, from 0.
        index: usize,
        /// Why.
        rejection: Box<Rejection>,
    },
    /// The data or the times break rules: all of them.
    Invalid {
        /// The rules broken.
        violations: Vec<Violation>,
        /// What the phone would show.
        preview: Card,
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
    /// WeChat refuses what the account sends.
    Blocked(Breaker),
    /// The account disturbs nobody until then.
    QuietHours {
        /// When they end.
        until: Timestamp,
    },
    /// What is left of the day's allowance is kept for urgent messages.
    Reserved {
        /// When the day turns.
        until: Timestamp,
    },
}

impl Engine {
    /// Checks a draft: everything that can be known before sending, all at once.
    ///
    /// # Errors
    /// Why it cannot be taken.
    pub async fn prepare(&self, draft: Draft) -> Result<Prepared, Rejection> {
        let prepared = self.prepare_one(draft).await?;
        let asked = [(prepared.message.account, prepared.message.to.clone())];
        match self.misdirected(&asked).await?.pop() {
            Some(belongs_to) if !belongs_to.is_empty() => {
                Err(self.wrong_account(&prepared, belongs_to))
            }
            _ => Ok(prepared),
        }
    }

    /// Checks several drafts, each on its own; their people are looked up together.
    /// One result for each, in order.
    pub async fn prepare_all(&self, drafts: Vec<Draft>) -> Vec<Result<Prepared, Rejection>> {
        let mut prepared = Vec::with_capacity(drafts.len());
        for draft in drafts {
            prepared.push(self.prepare_one(draft).await);
        }
        self.at_their_own_account(prepared).await
    }

    /// Refuses those whose openid is known at other accounts only.
    async fn at_their_own_account(
        &self,
        mut prepared: Vec<Result<Prepared, Rejection>>,
    ) -> Vec<Result<Prepared, Rejection>> {
        let asked = prepared.iter().flatten();
        let asked: Vec<_> = asked
            .map(|p| (p.message.account, p.message.to.clone()))
            .collect();
        let found = match self.misdirected(&asked).await {
            Ok(found) => found,
            Err(error) => {
                for one in &mut prepared {
                    if one.is_ok() {
                        *one = Err(error.clone().into());
                    }
                }
                return prepared;
            }
        };
        for (one, belongs_to) in prepared.iter_mut().filter(|one| one.is_ok()).zip(found) {
            if !belongs_to.is_empty()
                && let Ok(refused) = one
            {
                *one = Err(self.wrong_account(refused, belongs_to));
            }
        }
        prepared
    }

    fn wrong_account(&self, refused: &Prepared, belongs_to: Vec<String>) -> Rejection {
        let account = self.registry.by_id(refused.message.account);
        Rejection::WrongAccount {
            account: account.map_or_else(String::new, |account| account.name().to_string()),
            belongs_to,
        }
    }

    /// For each person at an account: the names of the accounts their openid belongs
    /// to, where that one is not among them. Empty = nothing speaks against it. One
    /// question to storage, and none where there is only one account.
    ///
    /// # Errors
    /// Storage's.
    pub async fn misdirected(
        &self,
        asked: &[(AccountId, OpenId)],
    ) -> Result<Vec<Vec<String>>, StoreError> {
        if asked.is_empty() || self.registry.all().len() < 2 {
            return Ok(vec![Vec::new(); asked.len()]);
        }
        let openids: Vec<_> = asked.iter().map(|(_, openid)| openid.clone()).collect();
        let known = self.store.accounts_of(&openids).await?;
        Ok(asked
            .iter()
            .zip(known)
            .map(|((account, _), known)| {
                if known.contains(account) {
                    return Vec::new();
                }
                let names = known.into_iter().filter_map(|id| self.registry.by_id(id));
                names.map(|account| account.name().to_string()).collect()
            })
            .collect())
    }

    /// Checks what one account is to say, in the words of its template if it fills
    /// one WeChat lists: own names become WeChat's keys, long values are cut where
    /// that is asked for. The template, and every rule broken.
    ///
    /// # Errors
    /// The account has no such template; storage's.
    pub(crate) async fn examine(
        &self,
        account: &Account,
        content: &mut Content,
        overflow: Overflow,
    ) -> Result<(Option<Arc<Template>>, Vec<Violation>), Rejection> {
        let template = match content.template_id() {
            Some(id) if content.kind().fills_listed_template() => {
                Some(self.template_for(account, id).await?)
            }
            _ => None,
        };
        let form = template.as_deref().map(|template| Form {
            template,
            names: account
                .settings
                .options
                .field_names
                .get(template.id.as_str()),
        });
        let mut violations = check::check(content, account.settings.kind, form, overflow);
        if matches!(content, Content::CustomerService(_)) {
            violations.extend(Box::pin(self.check_files(account, content)).await?);
        }
        Ok((template, violations))
    }

    async fn prepare_one(&self, draft: Draft) -> Result<Prepared, Rejection> {
        let mut content = draft.content;
        let account = self.account_for(&draft.account, content.kind())?;
        let now = self.clock.now();
        let (template, mut violations) =
            self.examine(&account, &mut content, draft.overflow).await?;
        let others = self
            .check_ways(draft.fallback, draft.overflow, &mut violations)
            .await?;
        violations.extend(impossible_times(draft.send_at, draft.expires_at, now));
        if !violations.is_empty() {
            return Err(Rejection::Invalid {
                violations,
                preview: card(&content, template.as_deref()),
            });
        }
        let first = CheckedWay {
            account,
            content,
            template,
            to: None,
        };
        // Last, because a login code is used up by it.
        let Start {
            way,
            template,
            mut handling,
        } = Box::pin(self.find_start(first, draft.to, others, now)).await?;
        if draft.priority != Priority::High
            && let Some(account) = self.registry.by_id(way.account)
        {
            let first_due_at = draft.send_at.map_or(now, |at| at.max(now));
            handling.deferred_until = gate::deferred_until(&account, first_due_at);
        }
        let message = Message {
            id: MessageId::new(now, self.chance.ten_bytes()),
            account: way.account,
            to: way.to,
            content: way.content,
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
            handling: (handling != Handling::default()).then(|| Box::new(handling)),
        };
        Ok(Prepared {
            message,
            template,
            request: draft.trace_context,
        })
    }

    pub(crate) async fn recipient(&self, account: &Account, to: To) -> Result<OpenId, Rejection> {
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

    /// The account of this name, if it is there to send messages of a kind.
    pub(crate) fn account_for(&self, name: &str, kind: Kind) -> Result<Arc<Account>, Rejection> {
        let name = name.to_owned();
        let Some(account) = self.registry.by_name(&name) else {
            return Err(Rejection::UnknownAccount { name });
        };
        if account.settings.disabled {
            return Err(Rejection::AccountDisabled { name });
        }
        if !account.settings.kind.sends(kind) {
            let account_kind = account.settings.kind;
            return Err(Rejection::WrongKind {
                account: name,
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
        let urgent: HashSet<_> = messages
            .iter()
            .filter(|message| message.priority == Priority::High)
            .map(|message| message.account)
            .collect();
        let span = self.accept_span(request.as_ref(), &messages);
        // From here on they belong to this span, wherever they are sent.
        if let Some(context) = span.as_ref().and_then(Span::context) {
            for message in &mut messages {
                message.trace_context = Some(context.clone());
            }
        }
        let tally = Tally::of(&messages);
        let uses = uses_of(&messages);
        let batch = NewBatch {
            messages,
            idempotency,
        };
        let accepted = self.store.accept(batch).await?;
        drop(span);
        if accepted == Accepted::Stored {
            tally.note(&self.metrics);
            self.catalogue.uses.add(uses);
            let now = self.clock.now();
            for (account, at) in due {
                if at <= now && urgent.contains(&account) {
                    self.dispatcher.wake_urgent(account);
                } else {
                    self.dispatcher.wake_account_at(account, at, now);
                }
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
        if let Some(until) = account.parked_until(delivery.message.kind(), self.clock.now()) {
            return Some(WaitingReason::Parked { until });
        }
        if self.credentials.current(account.id).is_none()
            && let Some(illness) = self.illness(&account)
        {
            return Some(WaitingReason::Unhealthy(illness));
        }
        let message = &delivery.message;
        if let Some(breaker) = &account.state.breaker
            && breaker.holds(message.kind())
        {
            return Some(WaitingReason::Blocked(breaker.clone()));
        }
        if message.priority == Priority::High {
            return None;
        }
        let now = self.clock.now();
        let deferred = message.handling.as_ref().and_then(|it| it.deferred_until);
        let until = gate::deferred_until(&account, now).max(deferred.filter(|until| *until > now));
        if let Some(until) = until {
            return Some(WaitingReason::QuietHours { until });
        }
        self.reserved_until(&account, message.kind(), now)
            .map(|until| WaitingReason::Reserved { until })
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
