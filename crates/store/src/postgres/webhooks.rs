//! The owner's endpoints, and what is told to them.

use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::port::{Idempotency, Page, StoreError, WebhookStore};
use hongyan_domain::webhook::{
    ClaimedDelivery, FormerSecret, Posted, Webhook, WebhookChange, WebhookDelivery,
    WebhookDeliveryFilter, WebhookDepth, WebhookSecret,
};
use hongyan_domain::{MessageId, WebhookDeliveryId, WebhookId};
use jiff::Timestamp;

use super::fault::Fault;
use super::row::millis;
use super::webhook::Sealed;
use super::{PostgresStore, idempotency, outgoing, webhook};
use crate::webhook::{DeliveryRow, by_endpoint, seal_former, seal_secret};

#[async_trait]
impl WebhookStore for PostgresStore {
    async fn add_webhook(
        &self,
        webhook: &Webhook,
        idempotency: Option<&Idempotency>,
    ) -> Result<(), StoreError> {
        let answer = idempotency
            .map(|kept| idempotency::seal(&self.seal, kept))
            .transpose()?;
        let former = webhook.former_secret.as_ref();
        let new = &Sealed {
            webhook,
            secret: seal_secret(&self.seal, webhook.id, &webhook.secret).map_err(Fault::from)?,
            former: seal_former(&self.seal, webhook.id, former).map_err(Fault::from)?,
        };
        let answer = answer.as_ref();
        self.link
            .run(|db, again| async move {
                webhook::add(&db, new, answer, self.by_hand(), again).await
            })
            .await
    }

    async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        let rows = self
            .link
            .look(|db| async move { webhook::all(&db).await })
            .await?;
        rows.into_iter().map(|row| row.open(&self.seal)).collect()
    }

    async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let row = self
            .link
            .look(|db| async move { webhook::find(&db, id).await })
            .await?;
        row.map(|row| row.open(&self.seal)).transpose()
    }

    async fn change_webhook(
        &self,
        id: WebhookId,
        change: &WebhookChange,
        at: Timestamp,
    ) -> Result<Webhook, StoreError> {
        self.link
            .run(|db, _| async move { webhook::change(&db, id, change, millis(at)).await })
            .await?
            .open(&self.seal)
    }

    async fn rotate_webhook_secret(
        &self,
        id: WebhookId,
        secret: &WebhookSecret,
        former: Option<&FormerSecret>,
        at: Timestamp,
    ) -> Result<Webhook, StoreError> {
        let secret = &seal_secret(&self.seal, id, secret).map_err(Fault::from)?;
        let former = &seal_former(&self.seal, id, former).map_err(Fault::from)?;
        self.link
            .run(|db, _| async move { webhook::rotate(&db, id, secret, former, millis(at)).await })
            .await?
            .open(&self.seal)
    }

    async fn remove_webhook(&self, id: WebhookId) -> Result<(), StoreError> {
        self.link
            .run(|db, again| async move { webhook::remove(&db, id, again).await })
            .await
    }

    async fn ping_webhook(&self, id: WebhookId) -> Result<WebhookDelivery, StoreError> {
        self.link
            .run(|db, _| async move { outgoing::ping(&db, id, self.by_hand()).await })
            .await?
            .understand()
    }

    async fn claim_webhooks(
        &self,
        each: usize,
        busy: &[(WebhookId, usize)],
        lease: Duration,
    ) -> Result<Vec<(Webhook, Vec<ClaimedDelivery>)>, StoreError> {
        let (claimed, webhooks) = self
            .link
            .look(|db| async move {
                let claimed = outgoing::claim(&db, each, busy, lease, self.by_hand()).await?;
                let webhooks = match claimed.as_slice() {
                    [] => Vec::new(),
                    _ => webhook::all(&db).await?,
                };
                Ok((claimed, webhooks))
            })
            .await?;
        Ok(by_endpoint(&self.seal, webhooks, claimed))
    }

    async fn settle_webhook(
        &self,
        id: WebhookDeliveryId,
        lease_token: i64,
        posted: &Posted,
    ) -> Result<bool, StoreError> {
        self.link
            .run(|db, again| async move {
                // Where the token is used up the second time, the first try did it.
                Ok(outgoing::settle(&db, id, lease_token, posted).await? || again)
            })
            .await
    }

    async fn webhook_deliveries(
        &self,
        webhook: WebhookId,
        filter: &WebhookDeliveryFilter,
        page: &Page<WebhookDeliveryId>,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let rows = self
            .link
            .look(|db| async move { outgoing::list(&db, webhook, filter, page).await })
            .await?;
        rows.into_iter().map(DeliveryRow::understand).collect()
    }

    async fn webhook_delivery(
        &self,
        id: WebhookDeliveryId,
    ) -> Result<Option<WebhookDelivery>, StoreError> {
        let row = self
            .link
            .look(|db| async move { outgoing::one(&db, id).await })
            .await?;
        row.map(DeliveryRow::understand).transpose()
    }

    async fn webhook_deliveries_of(
        &self,
        message: MessageId,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let rows = self
            .link
            .look(|db| async move { outgoing::of_message(&db, message).await })
            .await?;
        rows.into_iter().map(DeliveryRow::understand).collect()
    }

    async fn retry_webhook_delivery(
        &self,
        id: WebhookDeliveryId,
    ) -> Result<WebhookDelivery, StoreError> {
        self.link
            .run(|db, _| async move { outgoing::retry(&db, id, self.by_hand()).await })
            .await?
            .understand()
    }

    async fn retry_failed_webhooks(
        &self,
        webhook: WebhookId,
        since: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.link
            .run(|db, _| async move {
                outgoing::retry_failed(&db, webhook, millis(since), limit, self.by_hand()).await
            })
            .await
    }

    async fn webhook_depths(&self) -> Result<Vec<WebhookDepth>, StoreError> {
        self.link
            .look(|db| async move { outgoing::depths(&db).await })
            .await
    }

    async fn forget_webhook_deliveries(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.link
            .look(|db| async move { outgoing::forget(&db, millis(before), limit).await })
            .await
    }
}
