//! Callbacks: proved, read, stored with all that follows from them, answered.

mod acquaint;
mod answer;
mod effects;
mod forward;

pub(crate) use acquaint::{AT_ONCE, places};
pub(crate) use answer::Flights;
pub(crate) use forward::Courier;

use std::sync::Arc;

use bytes::Bytes;
use hongyan_domain::CallbackId;
use hongyan_domain::account::Account;
use hongyan_domain::callback::{Callback, CallbackFilter, Effect, ForwardState, Mode, Received};
use hongyan_domain::port::{Page, StoreError};
use hongyan_wechat::callback::{
    self, CallbackError, CallbackQuery, Format, Inbound, KeyPair, Keyring, Opened,
};

use crate::Engine;
use crate::chance::secret_bytes;
use answer::{Plan, Question};

/// The longest `EventKey` that is kept for searching.
const LONGEST_KEY: usize = 1024;

/// What WeChat gets. Always with status 200: any other makes it repeat the call
/// and shows the person a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackAnswer {
    /// The body: `success`, a reply, or a ciphered reply.
    pub body: String,
    /// Its type.
    pub content_type: &'static str,
}

impl CallbackAnswer {
    /// Nothing to say.
    fn success() -> Self {
        Self {
            body: "success".to_owned(),
            content_type: "text/plain; charset=utf-8",
        }
    }
}

/// Why a callback is turned away. The words are for our log: whoever calls gets
/// none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackRefusal {
    /// No such account.
    #[error("no such account")]
    UnknownAccount,
    /// The account expects no callbacks.
    #[error("the account has no callback settings")]
    NotConfigured,
    /// Not proved, not readable, not for this account.
    #[error(transparent)]
    Refused(#[from] CallbackError),
    /// It could not be stored; WeChat comes again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a wish to repeat a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// It goes to these addresses again.
    Queued(Vec<String>),
    /// No such callback.
    Missing,
    /// The account has no backends.
    NoBackend,
    /// The address is none of the account's backends.
    NotABackend,
}

impl Engine {
    /// Answers WeChat's check of a callback address (验证消息的确来自微信服务器): the
    /// text to send back.
    ///
    /// # Errors
    /// Why it is turned away.
    pub fn verify_callback_url(
        &self,
        account: &str,
        raw_query: &str,
    ) -> Result<String, CallbackRefusal> {
        let account = self.called(account)?;
        let checked =
            CallbackQuery::parse(raw_query).and_then(|query| keyring(&account)?.verify_url(&query));
        self.metrics.of(account.id).note_check(checked.is_ok());
        match &checked {
            Ok(_) => {
                tracing::info!(account = %account.name(), "WeChat checked the callback address");
            }
            Err(error) => {
                tracing::warn!(account = %account.name(), %error, "a check of the callback address was turned away");
            }
        }
        Ok(checked?)
    }

    /// Takes a callback in: stored with all that follows from it before it is
    /// answered.
    ///
    /// # Errors
    /// Why it is turned away.
    pub async fn receive_callback(
        &self,
        account: &str,
        raw_query: &str,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<CallbackAnswer, CallbackRefusal> {
        let account = self.called(account)?;
        let query = CallbackQuery::parse(raw_query);
        let opened = query.and_then(|query| {
            let ring = keyring(&account)?;
            let opened = ring.open(&query, &body)?;
            let inbound = Inbound::parse(&opened.plain)?;
            Ok((ring, query, opened, inbound))
        });
        let (ring, query, opened, inbound) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.metrics.of(account.id).callbacks_refused.inc();
                tracing::warn!(account = %account.name(), %error, code = error.code(), "a callback was turned away");
                return Err(error.into());
            }
        };
        self.note_addressee(&account, &inbound);
        let reply = self
            .take_in(
                &account,
                &ring,
                &inbound,
                &opened,
                raw_query,
                content_type,
                body,
            )
            .await?;
        Ok(self.seal(&account, &ring, &query, &opened, &reply))
    }

    fn called(&self, account: &str) -> Result<Arc<Account>, CallbackRefusal> {
        let account = self
            .registry
            .by_name(account)
            .ok_or(CallbackRefusal::UnknownAccount)?;
        if account.settings.callback.is_none() {
            return Err(CallbackRefusal::NotConfigured);
        }
        Ok(account)
    }

    /// Says so if a callback names another account than we think this one is.
    fn note_addressee(&self, account: &Account, inbound: &Inbound) {
        if let Some(known) = &account.settings.original_id
            && *known != inbound.to
        {
            tracing::warn!(
                account = %account.name(), %known, named = %inbound.to,
                "a callback names another original id than the account's; mend the account's original_id or its callback address"
            );
        }
    }

    /// Stores a callback and finds the answer: the plain reply, empty = nothing.
    #[expect(clippy::too_many_arguments, reason = "the parts of one request")]
    async fn take_in(
        &self,
        account: &Arc<Account>,
        ring: &Keyring,
        inbound: &Inbound,
        opened: &Opened,
        raw_query: &str,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<String, CallbackRefusal> {
        let now = self.clock.now();
        let effects = self.effects_of(account, inbound).await?;
        let plan = self.plan(account, inbound, opened.format, now).await?;
        let mut callback = Callback {
            id: CallbackId::new(now, self.chance.ten_bytes()),
            account: account.id,
            received_at: now,
            dedupe_key: inbound.dedupe_key(),
            openid: Some(inbound.from.clone()),
            msg_type: inbound.msg_type().to_owned(),
            event: inbound.event().map(str::to_owned),
            event_key: inbound
                .event_key()
                .map(|key| key.chars().take(LONGEST_KEY).collect()),
            created_at: effects::happened_at(inbound),
            mode: match opened.mode {
                callback::Mode::Plain => Mode::Plain,
                callback::Mode::Compatible => Mode::Compatible,
                callback::Mode::Safe => Mode::Safe,
            },
            query: raw_query.to_owned(),
            content_type: content_type.map(str::to_owned),
            body,
            text: String::from_utf8_lossy(&opened.plain).into_owned(),
            reply: None,
            repeats: 0,
        };
        let answering = match &plan {
            Plan::Say(reply) => {
                callback.reply = Some(reply.clone());
                None
            }
            Plan::AskBackend { url } => Some(url.as_str()),
            Plan::AskReplyUrl { .. } => None,
        };
        let forward_to: Vec<String> = account
            .settings
            .options
            .backends
            .iter()
            .map(|backend| backend.url.clone())
            .filter(|url| Some(url.as_str()) != answering)
            .collect();
        // Before storing: a repeat that comes at once finds somebody to wait for.
        let flight = matches!(plan, Plan::AskBackend { .. } | Plan::AskReplyUrl { .. })
            .then(|| self.begin_flight(account.id, &callback.dedupe_key))
            .flatten();
        let received = self.store.receive(&callback, &effects, &forward_to).await?;
        let metrics = self.metrics.of(account.id);
        match received {
            Received::New { settled, early } => {
                metrics.note_callback(inbound.event().is_some());
                self.note_effects(account, &effects, settled.len());
                self.waiters.wake(settled.into_iter());
                if early > 0 {
                    self.early_receipts.notify_one();
                }
                if !forward_to.is_empty() {
                    self.courier.wake();
                }
                if effects::begins_to_follow(inbound) {
                    self.acquaint(account, &inbound.from, effects::happened_at(inbound));
                }
                Ok(match plan {
                    Plan::Say(reply) => reply,
                    Plan::AskBackend { .. } | Plan::AskReplyUrl { .. } => {
                        let question = Question {
                            account: Arc::clone(account),
                            ring: ring.clone(),
                            inbound: inbound.clone(),
                            callback,
                            plan,
                            format: opened.format,
                        };
                        // By itself: it goes on where WeChat hangs up.
                        let asked = self.clone().ask_within_budget(question, flight);
                        tokio::spawn(asked).await.unwrap_or_default()
                    }
                })
            }
            Received::Repeated { id, reply } => {
                metrics.callbacks_repeated.inc();
                drop(flight);
                Ok(match reply {
                    Some(reply) => reply,
                    None => self.wait_for_reply(account, id, &callback.dedupe_key).await,
                })
            }
        }
    }

    async fn effects_of(
        &self,
        account: &Account,
        inbound: &Inbound,
    ) -> Result<Vec<Effect>, StoreError> {
        let mut lasting = Vec::new();
        for id in effects::templates(inbound) {
            let template = self.store.template(account.id, id).await?;
            lasting.push((id.clone(), template.and_then(|known| known.subscription)));
        }
        let subscription = |id: &hongyan_wechat::TemplateId| {
            lasting
                .iter()
                .find(|(known, _)| known == id)
                .and_then(|(_, lasts)| *lasts)
        };
        let kind = account.settings.kind;
        Ok(effects::effects(account.id, kind, inbound, subscription))
    }

    fn note_effects(&self, account: &Account, effects: &[Effect], settled: usize) {
        let metrics = self.metrics.of(account.id);
        for effect in effects {
            if let Effect::Receipt(receipt) = effect {
                metrics.note_receipt(receipt.delivered);
                if !receipt.delivered {
                    tracing::info!(
                        account = %account.name(), wechat_msgid = receipt.msgid.0,
                        status = %receipt.status, matched = settled > 0, "a message did not arrive"
                    );
                }
            }
        }
    }

    /// The answer in the form the callback came in.
    fn seal(
        &self,
        account: &Account,
        ring: &Keyring,
        query: &CallbackQuery,
        opened: &Opened,
        reply: &str,
    ) -> CallbackAnswer {
        if reply.is_empty() {
            return CallbackAnswer::success();
        }
        let secret = secret_bytes();
        let mut random = [0; 16];
        // Printable, as WeChat's own are: hexadecimal digits.
        for (digit, byte) in random.iter_mut().zip(secret) {
            *digit = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        let now = self.clock.now().as_second();
        let nonce = query.nonce.as_deref().unwrap_or("0");
        match ring.seal(opened, reply, random, now, nonce) {
            Ok(body) => CallbackAnswer {
                body,
                content_type: match opened.format {
                    Format::Xml => "text/xml; charset=utf-8",
                    Format::Json => "application/json; charset=utf-8",
                },
            },
            Err(error) => {
                tracing::error!(account = %account.name(), %error, "a reply could not be ciphered");
                CallbackAnswer::success()
            }
        }
    }

    /// Callbacks of an account that fit, the newest first.
    ///
    /// # Errors
    /// Storage's.
    pub async fn callbacks(
        &self,
        account: &Account,
        filter: &CallbackFilter,
        page: &Page<CallbackId>,
    ) -> Result<Vec<Callback>, StoreError> {
        self.store.callbacks(account.id, filter, page).await
    }

    /// One callback of an account, and where its forwardings stand.
    ///
    /// # Errors
    /// Storage's.
    pub async fn callback(
        &self,
        account: &Account,
        id: CallbackId,
    ) -> Result<Option<(Callback, Vec<ForwardState>)>, StoreError> {
        let found = self.store.callback(id).await?;
        let Some(callback) = found.filter(|callback| callback.account == account.id) else {
            return Ok(None);
        };
        let forwards = self.store.forwards(id).await?;
        Ok(Some((callback, forwards)))
    }

    /// Repeats a callback to one backend of the account, or to all.
    ///
    /// # Errors
    /// Storage's.
    pub async fn replay_callback(
        &self,
        account: &Account,
        id: CallbackId,
        url: Option<&str>,
    ) -> Result<Replay, StoreError> {
        let found = self.store.callback(id).await?;
        if found.is_none_or(|callback| callback.account != account.id) {
            return Ok(Replay::Missing);
        }
        let all = account.settings.options.backends.iter();
        let urls: Vec<String> = all
            .map(|backend| backend.url.clone())
            .filter(|known| url.is_none_or(|url| url == known))
            .collect();
        if urls.is_empty() {
            return Ok(match url {
                Some(_) => Replay::NotABackend,
                None => Replay::NoBackend,
            });
        }
        for url in &urls {
            self.store.replay(id, url).await?;
        }
        self.courier.wake();
        Ok(Replay::Queued(urls))
    }
}

/// What proves and deciphers an account's callbacks.
fn keyring(account: &Account) -> Result<Keyring, CallbackError> {
    let mut pairs = Vec::with_capacity(2);
    let mut allow_plaintext = false;
    if let Some(settings) = &account.settings.callback {
        allow_plaintext = settings.encoding_aes_key.is_none();
        let former = settings
            .previous
            .as_ref()
            .map(|keys| (&keys.token, &keys.encoding_aes_key));
        let all = std::iter::once((&settings.token, &settings.encoding_aes_key)).chain(former);
        for (token, key) in all {
            pairs.push(KeyPair {
                token: token.clone(),
                aes_key: key.as_ref().map(|key| key.expose().parse()).transpose()?,
            });
        }
    }
    Ok(Keyring {
        appid: account.settings.appid.clone(),
        pairs,
        allow_plaintext,
    })
}
