//! Webhooks.

use reqwest::Method;

use super::{ApiError, Client, answered, call, segment};
use crate::{
    ChangeWebhook, List, NewWebhook, PageQuery, RetriedWebhook, RetryWebhook, RotateWebhookSecret,
    Webhook, WebhookDelivery, WebhookDeliveryDetail, WebhookDeliveryFilter, WebhookWithSecret,
};

impl Client {
    /// `POST /v1/webhooks`.
    ///
    /// # Errors
    /// See [`ApiError`]; so it is for every call below.
    pub async fn add_webhook(
        &self,
        webhook: &NewWebhook,
        idempotency_key: Option<&str>,
    ) -> Result<WebhookWithSecret, ApiError> {
        call(self.post("/v1/webhooks", idempotency_key).json(webhook)).await
    }

    /// `GET /v1/webhooks`, the oldest first.
    pub async fn webhooks(&self, page: &PageQuery) -> Result<List<Webhook>, ApiError> {
        call(self.get("/v1/webhooks").query(page)).await
    }

    /// `GET /v1/webhooks/{id}`.
    pub async fn webhook(&self, id: &str) -> Result<Webhook, ApiError> {
        call(self.get(&path(id, ""))).await
    }

    /// `PATCH /v1/webhooks/{id}`.
    pub async fn change_webhook(
        &self,
        id: &str,
        change: &ChangeWebhook,
    ) -> Result<Webhook, ApiError> {
        call(self.request(Method::PATCH, &path(id, "")).json(change)).await
    }

    /// `DELETE /v1/webhooks/{id}`.
    pub async fn remove_webhook(&self, id: &str) -> Result<(), ApiError> {
        answered(self.request(Method::DELETE, &path(id, "")))
            .await
            .map(drop)
    }

    /// `POST /v1/webhooks/{id}/rotate-secret`.
    pub async fn rotate_webhook_secret(
        &self,
        id: &str,
        wanted: &RotateWebhookSecret,
    ) -> Result<WebhookWithSecret, ApiError> {
        call(self.post(&path(id, "/rotate-secret"), None).json(wanted)).await
    }

    /// `POST /v1/webhooks/{id}/ping`.
    pub async fn ping_webhook(&self, id: &str) -> Result<WebhookDelivery, ApiError> {
        call(self.post(&path(id, "/ping"), None)).await
    }

    /// `POST /v1/webhooks/{id}/retry`.
    pub async fn retry_webhook(
        &self,
        id: &str,
        wanted: &RetryWebhook,
    ) -> Result<RetriedWebhook, ApiError> {
        call(self.post(&path(id, "/retry"), None).json(wanted)).await
    }

    /// `GET /v1/webhooks/{id}/deliveries`, the newest first.
    pub async fn webhook_deliveries(
        &self,
        id: &str,
        filter: &WebhookDeliveryFilter,
        page: &PageQuery,
    ) -> Result<List<WebhookDelivery>, ApiError> {
        let request = self.get(&path(id, "/deliveries"));
        call(request.query(filter).query(page)).await
    }

    /// `GET /v1/webhooks/{id}/deliveries/{delivery}`.
    pub async fn webhook_delivery(
        &self,
        id: &str,
        delivery: &str,
    ) -> Result<WebhookDeliveryDetail, ApiError> {
        let rest = format!("/deliveries/{}", segment(delivery));
        call(self.get(&path(id, &rest))).await
    }

    /// `POST /v1/webhooks/{id}/deliveries/{delivery}/retry`.
    pub async fn retry_webhook_delivery(
        &self,
        id: &str,
        delivery: &str,
    ) -> Result<WebhookDelivery, ApiError> {
        let rest = format!("/deliveries/{}/retry", segment(delivery));
        call(self.post(&path(id, &rest), None)).await
    }
}

fn path(id: &str, rest: &str) -> String {
    format!("/v1/webhooks/{}{rest}", segment(id))
}
