//! What both back-ends share about webhooks: what is to be told, where secrets are
//! kept, and rows as the domain knows them.

use std::collections::BTreeMap;
use std::io;

use hongyan_domain::broadcast::Broadcast;
use hongyan_domain::callback::Callback;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::grant::Consent;
use hongyan_domain::message::State;
use hongyan_domain::port::StoreError;
use hongyan_domain::webhook::{
    ClaimedDelivery, Disabled, EventType, FormerSecret, GrantChange, SECRET_BYTES, Subject, Tried,
    Webhook, WebhookDelivery, WebhookSecret, WhyDisabled,
};
use hongyan_domain::{AccountId, BroadcastId, CallbackId, MessageId, WebhookDeliveryId, WebhookId};

use crate::seal::{Place, Seal};

/// Something that happened, for those who want to be told.
#[derive(Debug, Clone)]
pub(crate) struct News {
    pub(crate) account: i64,
    pub(crate) event: EventType,
    pub(crate) subject: Subject,
    pub(crate) at: i64,
}

impl News {
    /// A message came into a state; nothing is told of one that is open.
    pub(crate) fn of_message(account: i64, id: MessageId, state: State, at: i64) -> Option<Self> {
        Some(Self {
            account,
            event: EventType::of_message(state)?,
            subject: Subject::Message(id),
            at,
        })
    }

    pub(crate) fn of_callback(callback: &Callback) -> Self {
        Self {
            account: callback.account.0,
            event: EventType::CallbackReceived,
            subject: Subject::Callback(callback.id),
            at: callback.received_at.as_millisecond(),
        }
    }

    pub(crate) fn of_consent(consent: &Consent) -> Self {
        Self {
            account: consent.key.account.0,
            event: EventType::GrantChanged,
            subject: Subject::Grant(GrantChange::from(consent)),
            at: consent.at.as_millisecond(),
        }
    }

    /// A broadcast came into its state; nothing is told of one that is not begun.
    pub(crate) fn of_broadcast(broadcast: &Broadcast, at: i64) -> Option<Self> {
        Some(Self {
            account: broadcast.account.0,
            event: EventType::of_broadcast(broadcast.state)?,
            subject: Subject::Broadcast(broadcast.id),
            at,
        })
    }

    /// What its subject is kept as: an id, or JSON.
    pub(crate) fn subject_columns(
        &self,
    ) -> Result<(Option<[u8; 16]>, Option<String>), serde_json::Error> {
        Ok(match &self.subject {
            Subject::Message(id) => (Some(*id.as_bytes()), None),
            Subject::Callback(id) => (Some(*id.as_bytes()), None),
            Subject::Broadcast(id) => (Some(*id.as_bytes()), None),
            Subject::Grant(change) => (None, Some(serde_json::to_string(change)?)),
            Subject::Nothing => (None, None),
        })
    }
}

fn place<'a>(column: &'static str, id: &'a WebhookId) -> Place<'a> {
    Place {
        table: "webhook",
        column,
        row: id.as_bytes(),
    }
}

/// The secret of an endpoint as it is stored.
pub(crate) fn seal_secret(
    seal: &Seal,
    id: WebhookId,
    secret: &WebhookSecret,
) -> io::Result<Vec<u8>> {
    seal.seal(place("secret", &id), secret.key())
}

/// The secret an endpoint had before, as it is stored, and when it ends.
pub(crate) fn seal_former(
    seal: &Seal,
    id: WebhookId,
    former: Option<&FormerSecret>,
) -> io::Result<(Option<Vec<u8>>, Option<i64>)> {
    let Some(former) = former else {
        return Ok((None, None));
    };
    let sealed = seal.seal(place("former_secret", &id), former.secret.key())?;
    Ok((Some(sealed), Some(former.ends_at.as_millisecond())))
}

fn open_secret(
    seal: &Seal,
    id: &WebhookId,
    column: &'static str,
    sealed: &[u8],
) -> Result<WebhookSecret, StoreError> {
    seal.open(place(column, id), sealed)
        .ok()
        .and_then(|key| <[u8; SECRET_BYTES]>::try_from(key).ok())
        .map(WebhookSecret::new)
        .ok_or_else(|| corrupt(format!("the secret of {id} cannot be opened")))
}

fn corrupt(reason: impl Into<String>) -> StoreError {
    StoreError::Corrupt {
        reason: reason.into(),
    }
}

/// A row of `webhook` as it is stored.
#[derive(Debug)]
pub(crate) struct WebhookRow {
    pub(crate) id: WebhookId,
    pub(crate) url: String,
    pub(crate) description: String,
    pub(crate) accounts: Vec<i64>,
    pub(crate) events: Vec<i16>,
    pub(crate) why_disabled: Option<i16>,
    pub(crate) disabled_at: Option<i64>,
    pub(crate) secret: Vec<u8>,
    pub(crate) former_secret: Option<Vec<u8>>,
    pub(crate) former_ends_at: Option<i64>,
    pub(crate) failing_since: Option<i64>,
    pub(crate) rests_until: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl WebhookRow {
    pub(crate) fn open(self, seal: &Seal) -> Result<Webhook, StoreError> {
        let id = self.id;
        let former_secret = self
            .former_secret
            .zip(self.former_ends_at)
            .map(|(sealed, ends_at)| {
                let secret = open_secret(seal, &id, "former_secret", &sealed)?;
                let ends_at = from_millisecond(ends_at);
                Ok::<_, StoreError>(FormerSecret { secret, ends_at })
            })
            .transpose()?;
        let disabled = self
            .why_disabled
            .map(|code| {
                let why = u8::try_from(code)
                    .ok()
                    .and_then(WhyDisabled::from_code)
                    .ok_or_else(|| corrupt(format!("{code} is no reason to disable {id}")))?;
                let at = from_millisecond(self.disabled_at.unwrap_or(self.updated_at));
                Ok::<_, StoreError>(Disabled { why, at })
            })
            .transpose()?;
        Ok(Webhook {
            id,
            url: self.url,
            description: self.description,
            accounts: self.accounts.into_iter().map(AccountId).collect(),
            events: self
                .events
                .into_iter()
                .map(event_type)
                .collect::<Result<_, _>>()?,
            disabled,
            secret: open_secret(seal, &id, "secret", &self.secret)?,
            former_secret,
            failing_since: self.failing_since.map(from_millisecond),
            rests_until: self.rests_until.map(from_millisecond),
            created_at: from_millisecond(self.created_at),
            updated_at: from_millisecond(self.updated_at),
        })
    }
}

/// The accounts an endpoint is told of, as they are stored.
pub(crate) fn account_codes(accounts: &[AccountId]) -> Vec<i64> {
    accounts.iter().map(|account| account.0).collect()
}

/// The types an endpoint is told, as they are stored.
pub(crate) fn event_codes(events: &[EventType]) -> Vec<i16> {
    events.iter().map(|event| event.code().into()).collect()
}

fn event_type(code: i16) -> Result<EventType, StoreError> {
    u8::try_from(code)
        .ok()
        .and_then(EventType::from_code)
        .ok_or_else(|| corrupt(format!("{code} is not the number of an event type")))
}

/// A row of `webhook_delivery` as it is stored.
#[derive(Debug)]
pub(crate) struct DeliveryRow {
    pub(crate) id: [u8; 16],
    pub(crate) webhook: [u8; 16],
    pub(crate) account: Option<i64>,
    pub(crate) event: i16,
    pub(crate) subject: Option<[u8; 16]>,
    pub(crate) detail: Option<String>,
    pub(crate) at: i64,
    pub(crate) due_at: Option<i64>,
    pub(crate) attempts: u32,
    pub(crate) lease_token: i64,
    pub(crate) last_at: Option<i64>,
    pub(crate) last_elapsed_ms: Option<u32>,
    pub(crate) last_status: Option<u16>,
    pub(crate) last_error: Option<String>,
}

impl DeliveryRow {
    pub(crate) fn understand(self) -> Result<WebhookDelivery, StoreError> {
        let event = event_type(self.event)?;
        let subject = subject(event, self.subject, self.detail.as_deref())
            .ok_or_else(|| corrupt(format!("it is not known what a {event} is about")))?;
        let last = self.last_at.map(|at| Tried {
            at: from_millisecond(at),
            elapsed_ms: self.last_elapsed_ms.unwrap_or_default(),
            status: self.last_status,
            error: self.last_error,
        });
        Ok(WebhookDelivery {
            id: WebhookDeliveryId::from_bytes(self.id),
            webhook: WebhookId::from_bytes(self.webhook),
            account: self.account.map(AccountId),
            event,
            subject,
            at: from_millisecond(self.at),
            attempts: self.attempts,
            due_at: self.due_at.map(from_millisecond),
            last,
        })
    }

    pub(crate) fn claimed(self) -> Result<ClaimedDelivery, StoreError> {
        let lease_token = self.lease_token;
        Ok(ClaimedDelivery {
            delivery: self.understand()?,
            lease_token,
        })
    }
}

/// What is posted to each endpoint: the rows of endpoints for which something was handed
/// out, and all that was. What cannot be read back must not keep the rest from going
/// out: it is left to its lease.
pub(crate) fn by_endpoint(
    seal: &Seal,
    webhooks: Vec<WebhookRow>,
    claimed: Vec<DeliveryRow>,
) -> Vec<(Webhook, Vec<ClaimedDelivery>)> {
    let mut parts: BTreeMap<[u8; 16], Vec<ClaimedDelivery>> = BTreeMap::new();
    for row in claimed {
        let (id, webhook) = (WebhookDeliveryId::from_bytes(row.id), row.webhook);
        match row.claimed() {
            Ok(one) => parts.entry(webhook).or_default().push(one),
            Err(error) => {
                tracing::error!(%id, %error, "what is to be told cannot be read back");
            }
        }
    }
    webhooks
        .into_iter()
        .filter_map(|row| {
            let (id, part) = (row.id, parts.remove(row.id.as_bytes())?);
            row.open(seal)
                .inspect_err(|error| tracing::error!(%id, %error, "a webhook cannot be read back"))
                .ok()
                .map(|webhook| (webhook, part))
        })
        .collect()
}

fn subject(event: EventType, id: Option<[u8; 16]>, detail: Option<&str>) -> Option<Subject> {
    match event {
        EventType::MessageAccepted
        | EventType::MessageDelivered
        | EventType::MessageUndelivered
        | EventType::MessageFailed
        | EventType::MessageUnknown
        | EventType::MessageExpired
        | EventType::MessageCanceled => id.map(MessageId::from_bytes).map(Subject::Message),
        EventType::CallbackReceived => id.map(CallbackId::from_bytes).map(Subject::Callback),
        EventType::BroadcastRunning
        | EventType::BroadcastPaused
        | EventType::BroadcastFinished
        | EventType::BroadcastCanceled
        | EventType::BroadcastFailed => id.map(BroadcastId::from_bytes).map(Subject::Broadcast),
        EventType::GrantChanged => detail
            .and_then(|text| serde_json::from_str(text).ok())
            .map(Subject::Grant),
        EventType::Ping => Some(Subject::Nothing),
    }
}
