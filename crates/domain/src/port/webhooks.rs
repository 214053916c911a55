use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Idempotency, Page, StoreError};
use crate::ids::{MessageId, WebhookDeliveryId, WebhookId};
use crate::webhook::{
    ClaimedDelivery, FormerSecret, Posted, Webhook, WebhookChange, WebhookDelivery,
    WebhookDeliveryFilter, WebhookDepth, WebhookSecret,
};

/// The owner's endpoints, and what is told to them.
///
/// What is to be told is written down by the methods that make it happen: those that
/// settle, end, take back or give up messages, take callbacks, answers and receipts in,
/// and move broadcasts. They do it in the same step, for each endpoint that is not
/// disabled then and wants it.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Adds an endpoint; its secrets are sealed. With `idempotency` the answer to the
    /// caller is kept in the same step. `InUse` where there are [`crate::webhook::MOST_WEBHOOKS`].
    async fn add_webhook(
        &self,
        webhook: &Webhook,
        idempotency: Option<&Idempotency>,
    ) -> Result<(), StoreError>;

    /// All endpoints, oldest first. There are few.
    async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError>;

    /// One endpoint.
    async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError>;

    /// Changes an endpoint at `at`; how it then is. One that is disabled by hand and was
    /// disabled before keeps its reason. `Missing`.
    async fn change_webhook(
        &self,
        id: WebhookId,
        change: &WebhookChange,
        at: Timestamp,
    ) -> Result<Webhook, StoreError>;

    /// Replaces an endpoint's secret at `at`; `former` is what still counts beside it
    /// from then on. How it then is. `Missing`.
    async fn rotate_webhook_secret(
        &self,
        id: WebhookId,
        secret: &WebhookSecret,
        former: Option<&FormerSecret>,
        at: Timestamp,
    ) -> Result<Webhook, StoreError>;

    /// Removes an endpoint. What was told to it is invisible at once, and cleared away
    /// by [`WebhookStore::forget_webhook_deliveries`]. `Missing`.
    async fn remove_webhook(&self, id: WebhookId) -> Result<(), StoreError>;

    /// Tells an endpoint a ping, due now. `Missing`; `InUse` when it is disabled.
    async fn ping_webhook(&self, id: WebhookId) -> Result<WebhookDelivery, StoreError>;

    /// Hands out what is due, held for `lease`: to each endpoint that is not disabled
    /// and does not rest at most `each`, less the number in `busy` for it, the longest
    /// due first. Endpoints for which nothing is due are left out.
    async fn claim_webhooks(
        &self,
        each: usize,
        busy: &[(WebhookId, usize)],
        lease: Duration,
    ) -> Result<Vec<(Webhook, Vec<ClaimedDelivery>)>, StoreError>;

    /// Notes how a try ended, and what follows for the endpoint: a try that was taken
    /// ends its failing, one that was not begins it. Whether it counted; nothing happens
    /// if the lease has passed to another.
    async fn settle_webhook(
        &self,
        id: WebhookDeliveryId,
        lease_token: i64,
        posted: &Posted,
    ) -> Result<bool, StoreError>;

    /// What was and is to be told to an endpoint, the newest first.
    async fn webhook_deliveries(
        &self,
        webhook: WebhookId,
        filter: &WebhookDeliveryFilter,
        page: &Page<WebhookDeliveryId>,
    ) -> Result<Vec<WebhookDelivery>, StoreError>;

    /// One of them.
    async fn webhook_delivery(
        &self,
        id: WebhookDeliveryId,
    ) -> Result<Option<WebhookDelivery>, StoreError>;

    /// What was and is to be told of a message, the oldest first.
    async fn webhook_deliveries_of(
        &self,
        message: MessageId,
    ) -> Result<Vec<WebhookDelivery>, StoreError>;

    /// Tells something once more, due now, from the first try on; who holds it loses
    /// it. How it then is. `Missing`.
    async fn retry_webhook_delivery(
        &self,
        id: WebhookDeliveryId,
    ) -> Result<WebhookDelivery, StoreError>;

    /// Tells an endpoint once more what was given up and happened at `since` or later,
    /// the oldest first, at most `limit`; how many. `Missing`.
    async fn retry_failed_webhooks(
        &self,
        webhook: WebhookId,
        since: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError>;

    /// What waits for the endpoints, for those for which something does.
    async fn webhook_depths(&self) -> Result<Vec<WebhookDepth>, StoreError>;

    /// Removes what was written down before `before` and is over or waits for an endpoint
    /// that is disabled, and what was told to endpoints that are gone, the oldest first, at
    /// most `limit`; returns how many.
    async fn forget_webhook_deliveries(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError>;
}
