//! Finding the answer: a rule's, or one of the owner's programs'.
//!
//! WeChat waits five seconds. A program of the owner's gets four and a half; what
//! it says later goes out as a customer-service message.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hongyan_domain::account::Account;
use hongyan_domain::callback::Callback;
use hongyan_domain::message::{Content, CustomerServiceContent, OnUnknown, Priority};
use hongyan_domain::port::StoreError;
use hongyan_domain::rule::{Answer, RuleSet};
use hongyan_domain::template::Overflow;
use hongyan_domain::{AccountId, CallbackId};
use hongyan_wechat::OpenId;
use hongyan_wechat::callback::{Fields, Format, Inbound, Keyring, Node};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::effects::wants_answer;
use crate::intake::To;
use crate::{Draft, Engine};

/// How long one of the owner's programs has before WeChat gets `success`.
const BUDGET: Duration = Duration::from_millis(4500);

/// How long its late answer is waited for.
const LATEST: Duration = Duration::from_secs(60);

/// How often a repeat looks whether another node has found the answer.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where the answer comes from.
pub(super) enum Plan {
    /// It is known; empty = nothing.
    Say(String),
    /// A backend gets the callback as WeChat sent it, and its answer counts.
    AskBackend {
        /// Its address.
        url: String,
    },
    /// The program at `reply_url` is asked in our own words.
    AskReplyUrl {
        /// Its address.
        url: String,
    },
}

/// What one of the owner's programs is asked about.
pub(super) struct Question {
    pub(super) account: Arc<Account>,
    pub(super) ring: Keyring,
    pub(super) inbound: Inbound,
    pub(super) callback: Callback,
    pub(super) plan: Plan,
    pub(super) format: Format,
}

/// The answers that are being looked for on this node: for each callback, those
/// who wait for the same one.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<Key, Waiting>>);

/// A callback by account and de-duplication key.
type Key = (AccountId, String);

/// By which others see an answer land.
type Waiting = watch::Receiver<Option<String>>;

/// One answer that is being looked for; others see it as soon as it lands.
pub(super) struct Flight {
    engine: Engine,
    key: Key,
    landed: watch::Sender<Option<String>>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.engine.flights.remove(&self.key);
    }
}

impl Flights {
    fn remove(&self, key: &Key) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }

    fn of(&self, account: AccountId, dedupe_key: &str) -> Option<Waiting> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(account, dedupe_key.to_owned()))
            .cloned()
    }
}

impl Engine {
    /// Notes that the answer to a callback is being looked for here; `None` if
    /// somebody does so already.
    pub(super) fn begin_flight(&self, account: AccountId, dedupe_key: &str) -> Option<Flight> {
        let key = (account, dedupe_key.to_owned());
        let mut flights = self
            .flights
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if flights.contains_key(&key) {
            return None;
        }
        let (landed, waiting) = watch::channel(None);
        flights.insert(key.clone(), waiting);
        drop(flights);
        Some(Flight {
            engine: self.clone(),
            key,
            landed,
        })
    }

    /// Where the answer to a callback comes from: a rule, else one of the owner's
    /// programs, else the rules' default.
    pub(super) async fn plan(
        &self,
        account: &Account,
        inbound: &Inbound,
        format: Format,
        now: Timestamp,
    ) -> Result<Plan, StoreError> {
        let rules = self.rules(account).await?;
        let matched = rules.reply_to(inbound, now);
        let said = |reply: Option<&hongyan_wechat::callback::Reply>| {
            let rendered = reply.and_then(|reply| {
                reply.render(format, &inbound.from, &inbound.to, now.as_second())
            });
            Plan::Say(rendered.unwrap_or_default())
        };
        if let Some(found) = matched.as_ref().filter(|found| found.rule.is_some()) {
            tracing::debug!(account = %account.name(), rule = found.rule.as_deref(), "a rule answers");
            return Ok(said(found.reply.as_ref()));
        }
        let options = &account.settings.options;
        if wants_answer(inbound) {
            if let Some(backend) = options.backends.iter().find(|backend| backend.answers) {
                let url = backend.url.clone();
                return Ok(Plan::AskBackend { url });
            }
            if let Some(url) = options.reply_url.clone() {
                return Ok(Plan::AskReplyUrl { url });
            }
        }
        Ok(said(
            matched.as_ref().and_then(|found| found.reply.as_ref()),
        ))
    }

    /// Asks one of the owner's programs; what it says in time is the answer, what
    /// it says later goes out as a message.
    pub(super) async fn ask_within_budget(
        self,
        question: Question,
        flight: Option<Flight>,
    ) -> String {
        let deadline = Instant::now() + BUDGET;
        let (id, account) = (question.callback.id, Arc::clone(&question.account));
        let person = question.inbound.from.clone();
        let asked = tokio::time::timeout(LATEST, self.clone().ask(question));
        let mut asked = Box::pin(asked);
        let in_time = tokio::select! {
            said = &mut asked => Some(said.unwrap_or_default()),
            () = tokio::time::sleep_until(deadline) => None,
        };
        let reply = match in_time {
            Some(said) => said,
            None => {
                let engine = self.clone();
                tokio::spawn(async move {
                    match asked.await {
                        Ok(said) => engine.say_late(&account, &person, &said).await,
                        Err(_) => {
                            tracing::warn!(account = %account.name(), "a program asked for an answer never gave one");
                        }
                    }
                });
                String::new()
            }
        };
        let kept = match self.store.keep_reply(id, &reply).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(callback_id = %id, %error, "an answer could not be kept");
                reply
            }
        };
        if let Some(flight) = flight {
            flight.landed.send_replace(Some(kept.clone()));
        }
        kept
    }

    async fn ask(self, question: Question) -> String {
        let Question {
            account,
            ring,
            inbound,
            callback,
            plan,
            format,
        } = question;
        match plan {
            Plan::Say(reply) => reply,
            Plan::AskBackend { url } => match self.courier.deliver(&url, &callback, LATEST).await {
                Ok(said) => plain_reply(&account, &ring, &said),
                Err(error) => {
                    tracing::warn!(account = %account.name(), %error, "the answering backend could not be asked; the callback is forwarded to it again");
                    if let Err(error) = self.store.replay(callback.id, &url).await {
                        tracing::error!(callback_id = %callback.id, %error, "a callback could not be forwarded");
                    }
                    String::new()
                }
            },
            Plan::AskReplyUrl { url } => {
                let asked = told(&account, &inbound, &callback);
                let keys = account.settings.callback.as_ref();
                let token = keys.map(|set| set.token.clone());
                let (id, at) = (callback.id.to_string(), callback.received_at);
                let said = self
                    .courier
                    .ask(&url, &id, at, token.as_ref(), &asked, LATEST)
                    .await;
                match said {
                    Ok(said) => render(&account, &inbound, &said, format, self.clock.now()),
                    Err(error) => {
                        tracing::warn!(account = %account.name(), %error, "the program at reply_url gave no answer");
                        String::new()
                    }
                }
            }
        }
    }

    /// The answer to a callback that was seen before and is still being looked for.
    pub(super) async fn wait_for_reply(
        &self,
        account: &Account,
        id: CallbackId,
        dedupe_key: &str,
    ) -> String {
        let deadline = Instant::now() + BUDGET;
        loop {
            if let Some(mut flight) = self.flights.of(account.id, dedupe_key) {
                let landed = flight.wait_for(Option::is_some);
                if let Ok(Ok(said)) = tokio::time::timeout_at(deadline, landed).await {
                    return said.clone().unwrap_or_default();
                }
            }
            match self.store.callback(id).await {
                Ok(Some(Callback {
                    reply: Some(reply), ..
                })) => return reply,
                Ok(_) if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
                _ => return String::new(),
            }
        }
    }

    /// Sends what came too late for a reply as a customer-service message.
    async fn say_late(&self, account: &Account, person: &OpenId, said: &str) {
        let Some(body) = late_message(said) else {
            return;
        };
        let draft = Draft {
            account: account.name().to_string(),
            to: To::OpenId(person.clone()),
            content: Content::CustomerService(CustomerServiceContent { body }),
            fallback: Vec::new(),
            overflow: Overflow::Reject,
            priority: Priority::High,
            on_unknown: OnUnknown::Keep,
            send_at: None,
            expires_at: None,
            reference: None,
            metadata: None,
            created_by: None,
            trace_context: None,
        };
        let taken = match self.prepare(draft).await {
            Ok(prepared) => self
                .accept(vec![prepared], None)
                .await
                .map_err(|e| e.to_string()),
            Err(rejection) => Err(format!("{rejection:?}")),
        };
        match taken {
            Ok(_) => {
                tracing::info!(account = %account.name(), "a late answer goes out as a customer-service message");
            }
            Err(error) => {
                tracing::warn!(account = %account.name(), %error, "a late answer could not be sent");
            }
        }
    }
}

/// What the program at `reply_url` is told.
fn told(account: &Account, inbound: &Inbound, callback: &Callback) -> Value {
    json!({
        "id": callback.id.to_string(),
        "account": account.name().as_str(),
        "appid": account.settings.appid.as_str(),
        "openid": inbound.from.as_str(),
        "msg_type": inbound.msg_type(),
        "event": inbound.event(),
        "event_key": inbound.event_key(),
        "at": callback.created_at.to_string(),
        "body": inbound.fields.to_json(),
    })
}

/// The answer of the program at `reply_url` as WeChat's reply. An empty body, `204`
/// and `{"type":"nothing"}` say nothing.
fn render(
    account: &Account,
    inbound: &Inbound,
    said: &str,
    format: Format,
    now: Timestamp,
) -> String {
    if said.trim().is_empty() {
        return String::new();
    }
    let answer: Answer = match serde_json::from_str(said) {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(account = %account.name(), %error, "the answer of reply_url is not one of the answers reply rules know");
            return String::new();
        }
    };
    let kind = account.settings.kind;
    let set = RuleSet {
        rules: Vec::new(),
        default: Some(answer),
    };
    if let Some(wrong) = set.violations(kind).first() {
        tracing::warn!(account = %account.name(), pointer = %wrong.pointer, reason = %wrong.message, "the answer of reply_url cannot be given");
        return String::new();
    }
    let reply = set.answer_with_default(inbound, now);
    reply
        .and_then(|reply| reply.render(format, &inbound.from, &inbound.to, now.as_second()))
        .unwrap_or_default()
}

/// A backend's answer before it is sealed: `success` and nothing are empty, a
/// ciphered reply is opened.
fn plain_reply(account: &Account, ring: &Keyring, said: &str) -> String {
    let said = said.trim();
    if said.is_empty() || said.eq_ignore_ascii_case("success") {
        return String::new();
    }
    let Ok((_, fields)) = Fields::parse(said.as_bytes()) else {
        tracing::warn!(account = %account.name(), "the answering backend's answer is neither XML nor JSON; WeChat would show a failure, so it gets success");
        return String::new();
    };
    let Some(sealed) = fields.text("Encrypt") else {
        return said.to_owned();
    };
    let keys = ring.pairs.iter().filter_map(|pair| pair.aes_key.as_ref());
    for key in keys {
        if let Ok(plain) = key.decrypt(sealed, &ring.appid) {
            return String::from_utf8_lossy(&plain).into_owned();
        }
    }
    tracing::warn!(account = %account.name(), "the answering backend's ciphered answer cannot be opened with the account's keys");
    String::new()
}

/// A reply as the body of a customer-service message, where there is such a one.
fn late_message(reply: &str) -> Option<Map<String, Value>> {
    let (_, fields) = Fields::parse(reply.as_bytes()).ok()?;
    let text = |map: &Fields, name: &str| map.text(name).unwrap_or_default().to_owned();
    let kind = fields.text("MsgType")?;
    let inner = match kind {
        "text" => json!({"content": text(&fields, "Content")}),
        "image" => json!({"media_id": text(fields.map("Image")?, "MediaId")}),
        "voice" => json!({"media_id": text(fields.map("Voice")?, "MediaId")}),
        "news" => {
            let article = fields
                .map("Articles")?
                .items("item")
                .find_map(|node| match node {
                    Node::Map(article) => Some(article),
                    Node::Text(_) | Node::List(_) => None,
                })?;
            json!({"articles": [{
                "title": text(article, "Title"),
                "description": text(article, "Description"),
                "url": text(article, "Url"),
                "picurl": text(article, "PicUrl"),
            }]})
        }
        "video" => {
            let video = fields.map("Video")?;
            json!({
                "media_id": text(video, "MediaId"), "thumb_media_id": text(video, "MediaId"),
                "title": text(video, "Title"), "description": text(video, "Description"),
            })
        }
        "music" => {
            let music = fields.map("Music")?;
            json!({
                "title": text(music, "Title"), "description": text(music, "Description"),
                "musicurl": text(music, "MusicUrl"), "hqmusicurl": text(music, "HQMusicUrl"),
                "thumb_media_id": text(music, "ThumbMediaId"),
            })
        }
        _ => return None,
    };
    let mut body = Map::new();
    body.insert("msgtype".to_owned(), Value::String(kind.to_owned()));
    body.insert(kind.to_owned(), inner);
    Some(body)
}
