//! Endpoints: made, changed, tried out.

use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::port::{Idempotency, Page, StoreError};
use hongyan_domain::webhook::{
    EventType, FormerSecret, Webhook, WebhookChange, WebhookDelivery, WebhookDeliveryFilter,
    WebhookSecret,
};
use hongyan_domain::{AccountId, MessageId, WebhookDeliveryId, WebhookId};
use jiff::Timestamp;
use url::Url;

use crate::Engine;
use crate::chance::secret_bytes;
use crate::post::guard;

/// How long the secret that was replaced still counts, where nobody says otherwise.
pub const SECRET_OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest address, in bytes.
const LONGEST_URL: usize = 2048;

/// Given-up deliveries taken up again in one step.
const RETRY_STEP: usize = 500;

/// Why an address is not one that can be posted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookUrlFault {
    /// It is no address of http or https.
    #[error(
        "url must be an http or https address of at most 2048 bytes, such as https://shop.example.com/hooks"
    )]
    Form,
    /// It holds a name and a password.
    #[error(
        "url must not hold a name and a password: programs know us by the signature in webhook-signature"
    )]
    Credentials,
    /// It leads into a private network.
    #[error(
        "url leads into a private network, which [webhooks] allow_private = true in the configuration would allow"
    )]
    Private,
}

impl Engine {
    /// Whether things can be posted to an address. Names are looked up only when they
    /// are posted to.
    ///
    /// # Errors
    /// Why not.
    pub fn check_webhook_url(&self, url: &str) -> Result<(), WebhookUrlFault> {
        let parsed = Url::parse(url)
            .ok()
            .filter(|parsed| {
                url.len() <= LONGEST_URL
                    && matches!(parsed.scheme(), "http" | "https")
                    && parsed.has_host()
                    && parsed.fragment().is_none()
            })
            .ok_or(WebhookUrlFault::Form)?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(WebhookUrlFault::Credentials);
        }
        if guard::is_private(&parsed) && !self.webhooks.settings.allow_private {
            return Err(WebhookUrlFault::Private);
        }
        Ok(())
    }

    /// Makes an endpoint with a secret of its own; nothing is stored yet (see
    /// [`Engine::add_webhook`]).
    #[must_use]
    pub fn new_webhook(
        &self,
        url: String,
        description: String,
        accounts: Vec<AccountId>,
        events: Vec<EventType>,
    ) -> Webhook {
        let now = self.clock.now();
        Webhook {
            id: WebhookId::new(now, self.chance.ten_bytes()),
            url,
            description,
            accounts,
            events,
            disabled: None,
            secret: WebhookSecret::new(secret_bytes()),
            former_secret: None,
            failing_since: None,
            rests_until: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// Stores an endpoint; what happens from now on is told to it.
    ///
    /// # Errors
    /// `InUse` where there are enough; storage's.
    pub async fn add_webhook(
        &self,
        webhook: &Webhook,
        idempotency: Option<Idempotency>,
    ) -> Result<(), StoreError> {
        self.store
            .add_webhook(webhook, idempotency.as_ref())
            .await?;
        self.look_at_webhooks().await;
        Ok(())
    }

    /// All endpoints, oldest first.
    ///
    /// # Errors
    /// Storage's.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        self.store.webhooks().await
    }

    /// One endpoint.
    ///
    /// # Errors
    /// Storage's.
    pub async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.store.webhook(id).await
    }

    /// Changes an endpoint; how it then is.
    ///
    /// # Errors
    /// `Missing`; storage's.
    pub async fn change_webhook(
        &self,
        id: WebhookId,
        change: &WebhookChange,
    ) -> Result<Webhook, StoreError> {
        let changed = self
            .store
            .change_webhook(id, change, self.clock.now())
            .await?;
        self.webhooks.wake();
        self.look_at_webhooks().await;
        Ok(changed)
    }

    /// Gives an endpoint a new secret; the one before counts beside it for `overlap`.
    /// How it then is.
    ///
    /// # Errors
    /// `Missing`; storage's.
    pub async fn rotate_webhook_secret(
        &self,
        webhook: &Webhook,
        overlap: Duration,
    ) -> Result<Webhook, StoreError> {
        let now = self.clock.now();
        let former = (!overlap.is_zero()).then(|| FormerSecret {
            secret: webhook.secret.clone(),
            ends_at: after(now, overlap),
        });
        let secret = WebhookSecret::new(secret_bytes());
        self.store
            .rotate_webhook_secret(webhook.id, &secret, former.as_ref(), now)
            .await
    }

    /// Removes an endpoint with all that was told to it.
    ///
    /// # Errors
    /// `Missing`; storage's.
    pub async fn remove_webhook(&self, id: WebhookId) -> Result<(), StoreError> {
        self.store.remove_webhook(id).await?;
        self.look_at_webhooks().await;
        Ok(())
    }

    /// So that the next scrape knows them. What is done is done, whether or not this
    /// works.
    async fn look_at_webhooks(&self) {
        if let Err(error) = self.sample_webhooks().await {
            tracing::debug!(%error, "what waits for webhooks could not be looked at");
        }
    }

    /// Tells an endpoint a ping: it is tried once, at once.
    ///
    /// # Errors
    /// `Missing`; `InUse` when it is disabled; storage's.
    pub async fn ping_webhook(&self, id: WebhookId) -> Result<WebhookDelivery, StoreError> {
        let delivery = self.store.ping_webhook(id).await?;
        self.webhooks.wake();
        Ok(delivery)
    }

    /// What was and is to be told to an endpoint, the newest first.
    ///
    /// # Errors
    /// Storage's.
    pub async fn webhook_deliveries(
        &self,
        webhook: WebhookId,
        filter: &WebhookDeliveryFilter,
        page: &Page<WebhookDeliveryId>,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        self.store.webhook_deliveries(webhook, filter, page).await
    }

    /// One of them.
    ///
    /// # Errors
    /// Storage's.
    pub async fn webhook_delivery(
        &self,
        id: WebhookDeliveryId,
    ) -> Result<Option<WebhookDelivery>, StoreError> {
        self.store.webhook_delivery(id).await
    }

    /// What was and is to be told of a message, the oldest first.
    ///
    /// # Errors
    /// Storage's.
    pub async fn webhook_deliveries_of(
        &self,
        message: MessageId,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        self.store.webhook_deliveries_of(message).await
    }

    /// Tells something once more, from the first try on; how it then is.
    ///
    /// # Errors
    /// `Missing`; storage's.
    pub async fn retry_webhook_delivery(
        &self,
        id: WebhookDeliveryId,
    ) -> Result<WebhookDelivery, StoreError> {
        let delivery = self.store.retry_webhook_delivery(id).await?;
        self.webhooks.wake();
        Ok(delivery)
    }

    /// Tells an endpoint once more what was given up and happened at `since` or later;
    /// how many.
    ///
    /// # Errors
    /// `Missing`; storage's.
    pub async fn retry_failed_webhooks(
        &self,
        id: WebhookId,
        since: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut queued = 0;
        loop {
            let step = self
                .store
                .retry_failed_webhooks(id, since, RETRY_STEP)
                .await?;
            self.webhooks.wake();
            queued += step;
            if step < RETRY_STEP {
                return Ok(queued);
            }
        }
    }
}
