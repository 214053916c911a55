//! What is told, as it is when it is told.

use hongyan_domain::broadcast::Broadcast;
use hongyan_domain::callback::Callback;
use hongyan_domain::delivery::Delivery;
use hongyan_domain::port::StoreError;
use hongyan_domain::webhook::{GrantChange, Subject, Webhook, WebhookDelivery};
use serde_json::{Map, Value, json};

use crate::{BroadcastProgress, Engine};

/// The longest body, in bytes: Standard Webhooks 1.0 asks for less than 20 kB.
const LONGEST_BODY: usize = 20_000;

/// What an event is about.
#[derive(Debug, Clone)]
pub enum Told {
    /// A message, as it is now.
    Message(Box<Delivery>),
    /// A callback.
    Callback(Box<Callback>),
    /// A consent that changed.
    Grant(GrantChange),
    /// A broadcast, as it is now.
    Broadcast(Box<Broadcast>, Box<BroadcastProgress>),
    /// It was removed since; its id.
    Gone(String),
    /// A ping.
    Nothing,
}

/// Says in the words of the API what an endpoint is told. Where the last argument is
/// set, that was too long: then without what can be long.
pub type WebhookWords = fn(&Engine, &Webhook, &WebhookDelivery, Told, bool) -> Map<String, Value>;

impl Engine {
    /// What is posted, but for the headers.
    ///
    /// # Errors
    /// Storage's.
    pub async fn webhook_body(
        &self,
        webhook: &Webhook,
        delivery: &WebhookDelivery,
    ) -> Result<String, StoreError> {
        let told = self.told(&delivery.subject).await?;
        let body = |short| {
            let data = match self.webhooks.words.get() {
                Some(words) => words(self, webhook, delivery, told.clone(), short),
                None => Map::new(),
            };
            json!({"type": delivery.event.as_str(), "timestamp": delivery.at, "data": data})
                .to_string()
        };
        let whole = body(false);
        if whole.len() < LONGEST_BODY {
            return Ok(whole);
        }
        Ok(body(true))
    }

    async fn told(&self, subject: &Subject) -> Result<Told, StoreError> {
        let gone = |id: &dyn std::fmt::Display| Told::Gone(id.to_string());
        Ok(match subject {
            Subject::Message(id) => match self.store.delivery(*id).await? {
                Some(delivery) => Told::Message(Box::new(delivery)),
                None => gone(id),
            },
            Subject::Callback(id) => match self.store.callback(*id).await? {
                Some(callback) => Told::Callback(Box::new(callback)),
                None => gone(id),
            },
            Subject::Broadcast(id) => match self.store.broadcast(*id).await? {
                Some(broadcast) => {
                    let progress = self.broadcast_progress(&broadcast).await?;
                    Told::Broadcast(Box::new(broadcast), Box::new(progress))
                }
                None => gone(id),
            },
            Subject::Grant(change) => Told::Grant(change.clone()),
            Subject::Nothing => Told::Nothing,
        })
    }
}
