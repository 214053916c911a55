//! Webhooks: we tell your programs what happens.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::secret::Secret;

/// What can be told: the `type` of what is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum EventType {
    /// WeChat took a message.
    #[serde(rename = "message.accepted")]
    MessageAccepted,
    /// WeChat said that a message arrived.
    #[serde(rename = "message.delivered")]
    MessageDelivered,
    /// WeChat said that a message did not arrive.
    #[serde(rename = "message.undelivered")]
    MessageUndelivered,
    /// A message was refused or given up.
    #[serde(rename = "message.failed")]
    MessageFailed,
    /// A message may or may not have gone out.
    #[serde(rename = "message.unknown")]
    MessageUnknown,
    /// A message's time was over before it could be sent.
    #[serde(rename = "message.expired")]
    MessageExpired,
    /// A message was taken back.
    #[serde(rename = "message.canceled")]
    MessageCanceled,
    /// WeChat told us something. Its repeats are not told.
    #[serde(rename = "callback.received")]
    CallbackReceived,
    /// A person answered a question for consent, or changed their mind.
    #[serde(rename = "grant.changed")]
    GrantChanged,
    /// A broadcast began, or goes on.
    #[serde(rename = "broadcast.running")]
    BroadcastRunning,
    /// A broadcast rests.
    #[serde(rename = "broadcast.paused")]
    BroadcastPaused,
    /// Every message of a broadcast is over.
    #[serde(rename = "broadcast.finished")]
    BroadcastFinished,
    /// A broadcast was stopped for good.
    #[serde(rename = "broadcast.canceled")]
    BroadcastCanceled,
    /// A broadcast's audience could not be taken in.
    #[serde(rename = "broadcast.failed")]
    BroadcastFailed,
    /// Somebody wants to see whether the endpoint answers. Cannot be chosen: it comes
    /// when asked for.
    #[serde(rename = "webhook.ping")]
    Ping,
}

/// An endpoint to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Where things are posted to: http or https, at most 2048 bytes. Addresses in
    /// private networks are refused unless the configuration allows them.
    #[schema(example = "https://shop.example.com/hooks/wechat")]
    pub url: String,
    /// What people write about it; at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The only accounts (by name) it is told of; left out or empty = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// The only types it is told; left out or empty = all, future ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["message.delivered", "message.failed"]))]
    pub events: Vec<EventType>,
}

/// What to change about an endpoint; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeWebhook {
    /// See [`NewWebhook::url`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// See [`NewWebhook::description`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// See [`NewWebhook::accounts`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Vec<String>>,
    /// See [`NewWebhook::events`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<EventType>>,
    /// Whether it is told what happens. Once it is enabled again, what waited for it
    /// goes out; what happened in between is never told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// Why nothing is told to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyDisabled {
    /// Somebody wished so.
    ByHand,
    /// It answered with status 410.
    Gone,
    /// It took nothing for five days.
    Failing,
}

/// Since when and why nothing is told to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Disabled {
    /// Why.
    pub why: WhyDisabled,
    /// Since when.
    pub at: Timestamp,
}

/// An endpoint: a program of yours that is told what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Its id.
    #[schema(example = "wh_0192d3a4b5c67d8e9f00112233445566")]
    pub id: String,
    /// Where things are posted to.
    pub url: String,
    /// What people wrote about it; empty = nothing.
    pub description: String,
    /// The only accounts it is told of; empty = all. One that was removed since shows
    /// as `#` and a number.
    pub accounts: Vec<String>,
    /// The only types it is told; empty = all.
    pub events: Vec<EventType>,
    /// Whether it is told what happens.
    pub enabled: bool,
    /// Why not.
    pub disabled: Option<Disabled>,
    /// Since when every try failed; `null` = the last one did not.
    pub failing_since: Option<Timestamp>,
    /// Nothing is posted before that: it asked for a rest.
    pub rests_until: Option<Timestamp>,
    /// Until when what is posted is signed with the secret before the present one, too.
    pub former_secret_ends_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody changed it last.
    pub updated_at: Timestamp,
}

/// An endpoint with the secret it was just given, which is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookWithSecret {
    /// The endpoint.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// `whsec_` and the key in base64: what is posted is signed with it as Standard
    /// Webhooks 1.0 says. It cannot be asked for again.
    pub secret: Secret,
}

/// A secret to be replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateWebhookSecret {
    /// For so many hours what is posted is signed with both, so that your program can
    /// take the new one over: 0 to 168, 24 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_hours: Option<u32>,
}

/// Where something to be told stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookDeliveryState {
    /// It is tried now or later.
    Pending,
    /// It was taken.
    Delivered,
    /// It was given up.
    Failed,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookTry {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u32,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong; `null` = it was taken.
    pub error: Option<String>,
}

/// One thing told, or to be told, to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookDelivery {
    /// Its id; the `webhook-id` of every try.
    #[schema(example = "whd_0192d3a4b5c67d8e9f00112233445566")]
    pub id: String,
    /// The endpoint.
    pub webhook: String,
    /// What happened.
    pub event: EventType,
    /// The message, callback or broadcast it happened to; `null` for consents and pings.
    pub subject: Option<String>,
    /// The account it happened at.
    pub account: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// Where it stands.
    pub state: WebhookDeliveryState,
    /// Tries since it happened, or was last asked for by hand.
    pub attempts: u32,
    /// When it is tried next; `null` = it is over.
    pub due_at: Option<Timestamp>,
    /// The last try.
    pub last: Option<WebhookTry>,
}

/// Something told, with what is posted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WebhookDeliveryDetail {
    /// What is listed of it.
    #[serde(flatten)]
    pub delivery: WebhookDelivery,
    /// What would be posted now: things are told as they are when they are told.
    pub body: WebhookBody,
}

/// What is posted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WebhookBody {
    /// What happened.
    #[serde(rename = "type")]
    pub type_: EventType,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What it happened to. `message.…`: as `GET /v1/messages/{id}` shows it;
    /// `callback.received`: as in the list of callbacks; `broadcast.…`: as
    /// `GET /v1/broadcasts/{id}` shows it; `grant.changed`: `account`, `openid`,
    /// `template_id`, `scene`, `answer` and who says so (`source`); `webhook.ping`:
    /// `webhook`. What was removed since has `id` and `account` alone, and where all of
    /// it would exceed 20 kB, `shortened` is true and what can be long is left out.
    #[schema(value_type = Object)]
    pub data: serde_json::Map<String, serde_json::Value>,
}

/// What to search an endpoint's deliveries for. Everything left out fits all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WebhookDeliveryFilter {
    /// Only where they stand so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub state: Option<WebhookDeliveryState>,
    /// Only of this type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub event: Option<EventType>,
}

/// What to tell an endpoint once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryWebhook {
    /// Everything that was given up and happened at this time or later.
    pub since: Timestamp,
}

/// What is told once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetriedWebhook {
    /// How many.
    pub queued: u64,
}
