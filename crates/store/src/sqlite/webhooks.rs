//! The owner's endpoints, and what is told to them.

use std::time::Duration;

use async_trait::async_trait;
use hongyan_domain::clock::after;
use hongyan_domain::port::{Idempotency, Page, StoreError, WebhookStore};
use hongyan_domain::webhook::{
    ClaimedDelivery, FormerSecret, Posted, Webhook, WebhookChange, WebhookDelivery,
    WebhookDeliveryFilter, WebhookDepth, WebhookSecret,
};
use hongyan_domain::{MessageId, WebhookDeliveryId, WebhookId};
use jiff::Timestamp;

use super::fault::Fault;
use super::row::millis;
use super::webhook::{self, Sealed};
use super::{SqliteStore, idempotency, outgoing, retention};
use crate::webhook::{DeliveryRow, by_endpoint, seal_former, seal_secret};

#[async_trait]
impl WebhookStore for SqliteStore {
    async fn add_webhook(
        &self,
        webhook: &Webhook,
        idempotency: Option<&Idempotency>,
    ) -> Result<(), StoreError> {
        let answer = idempotency
            .map(|kept| idempotency::seal(&self.seal, kept))
            .transpose()?;
        let former = webhook.former_secret.as_ref();
        let new = Sealed {
            secret: seal_secret(&self.seal, webhook.id, &webhook.secret).map_err(Fault::from)?,
            former: seal_former(&self.seal, webhook.id, former).map_err(Fault::from)?,
            webhook: webhook.clone(),
        };
        let now = millis(self.clock.now());
        self.write(1, move |db| {
            idempotency::keep_new(db, answer.as_ref(), now)?;
            webhook::add(db, &new)
        })
        .await
    }

    async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        let rows = self.read(webhook::all).await?;
        rows.into_iter().map(|row| row.open(&self.seal)).collect()
    }

    async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let row = self.read(move |db| webhook::find(db, id)).await?;
        row.map(|row| row.open(&self.seal)).transpose()
    }

    async fn change_webhook(
        &self,
        id: WebhookId,
        change: &WebhookChange,
        at: Timestamp,
    ) -> Result<Webhook, StoreError> {
        let change = change.clone();
        self.write(1, move |db| webhook::change(db, id, &change, millis(at)))
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
        let secret = seal_secret(&self.seal, id, secret).map_err(Fault::from)?;
        let former = seal_former(&self.seal, id, former).map_err(Fault::from)?;
        self.write(1, move |db| {
            webhook::rotate(db, id, &secret, &former, millis(at))
        })
        .await?
        .open(&self.seal)
    }

    async fn remove_webhook(&self, id: WebhookId) -> Result<(), StoreError> {
        self.write(1, move |db| webhook::remove(db, id)).await
    }

    async fn ping_webhook(&self, id: WebhookId) -> Result<WebhookDelivery, StoreError> {
        let now = millis(self.clock.now());
        self.write(1, move |db| outgoing::ping(db, id, now))
            .await?
            .understand()
    }

    async fn claim_webhooks(
        &self,
        each: usize,
        busy: &[(WebhookId, usize)],
        lease: Duration,
    ) -> Result<Vec<(Webhook, Vec<ClaimedDelivery>)>, StoreError> {
        let now = self.clock.now();
        let (now, until) = (millis(now), millis(after(now, lease)));
        let busy = busy.to_vec();
        // Mostly nothing is due, which a reader can tell.
        let ready = self
            .read(move |db| outgoing::rooms(db, each, &busy, now))
            .await?;
        if ready.is_empty() {
            return Ok(Vec::new());
        }
        let rooms: Vec<(WebhookId, usize)> =
            ready.iter().map(|(row, room)| (row.id, *room)).collect();
        let rows = rooms.iter().map(|(_, room)| room).sum();
        let claimed = self
            .write(rows, move |db| outgoing::claim(db, &rooms, now, until))
            .await?;
        let webhooks = ready.into_iter().map(|(row, _)| row).collect();
        Ok(by_endpoint(&self.seal, webhooks, claimed))
    }

    async fn settle_webhook(
        &self,
        id: WebhookDeliveryId,
        lease_token: i64,
        posted: &Posted,
    ) -> Result<bool, StoreError> {
        let posted = posted.clone();
        self.write(1, move |db| outgoing::settle(db, id, lease_token, &posted))
            .await
    }

    async fn webhook_deliveries(
        &self,
        webhook: WebhookId,
        filter: &WebhookDeliveryFilter,
        page: &Page<WebhookDeliveryId>,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let (filter, page) = (*filter, *page);
        let rows = self
            .read(move |db| outgoing::list(db, webhook, filter, page))
            .await?;
        rows.into_iter().map(DeliveryRow::understand).collect()
    }

    async fn webhook_delivery(
        &self,
        id: WebhookDeliveryId,
    ) -> Result<Option<WebhookDelivery>, StoreError> {
        let row = self.read(move |db| outgoing::told(db, id)).await?;
        row.map(DeliveryRow::understand).transpose()
    }

    async fn webhook_deliveries_of(
        &self,
        message: MessageId,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let rows = self.read(move |db| outgoing::told_of(db, message)).await?;
        rows.into_iter().map(DeliveryRow::understand).collect()
    }

    async fn retry_webhook_delivery(
        &self,
        id: WebhookDeliveryId,
    ) -> Result<WebhookDelivery, StoreError> {
        let now = millis(self.clock.now());
        self.write(1, move |db| outgoing::retry(db, id, now))
            .await?
            .understand()
    }

    async fn retry_failed_webhooks(
        &self,
        webhook: WebhookId,
        since: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let now = millis(self.clock.now());
        self.write(limit, move |db| {
            outgoing::retry_failed(db, webhook, millis(since), limit, now)
        })
        .await
    }

    async fn webhook_depths(&self) -> Result<Vec<WebhookDepth>, StoreError> {
        self.read(outgoing::depths).await
    }

    async fn forget_webhook_deliveries(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let old = self
            .read(move |db| outgoing::old(db, millis(before), limit))
            .await?;
        let count = old.len();
        self.write(count.max(1), move |db| {
            outgoing::forget(db, &old)?;
            retention::give_back_space(db)
        })
        .await?;
        Ok(count)
    }
}
