//! One try to tell one thing to one endpoint.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hongyan_domain::WebhookId;
use hongyan_domain::webhook::{ClaimedDelivery, Posted, Tried, Webhook};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use url::Url;

use super::schedule::{Answer, decide, wait_of};
use crate::Engine;
use crate::post::sign::signed;
use crate::post::{PostError, guard};

/// How long an endpoint has to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// So much of an answer is read, for the connection's sake: nothing is done with it.
const ANSWER_READ: usize = 64 * 1024;

impl Engine {
    /// Posts one thing and notes what came of it; the endpoint's id.
    pub(super) async fn post_webhook(
        &self,
        webhook: Arc<Webhook>,
        claimed: ClaimedDelivery,
    ) -> WebhookId {
        let id = webhook.id;
        let delivery = &claimed.delivery;
        let body = match self.webhook_body(&webhook, delivery).await {
            Ok(body) => body,
            Err(error) => {
                // Its lease ends by itself, and it is told then.
                tracing::warn!(webhook = %id, delivery = %delivery.id, %error, "what a webhook tells could not be read");
                return id;
            }
        };
        let (at, began) = (self.clock.now(), Instant::now());
        let answer = self.ask_endpoint(&webhook, &claimed, body).await;
        let tried = Tried {
            at,
            elapsed_ms: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
            status: answer.status,
            error: answer.error.clone(),
        };
        let (now, chance) = (self.clock.now(), self.chance.unit());
        let posted = decide(&webhook, delivery, answer, tried, now, chance);
        self.note_posted(&webhook, &claimed, &posted);
        let settled = self
            .store
            .settle_webhook(delivery.id, claimed.lease_token, &posted)
            .await;
        if let Err(error) = settled {
            // As above: told twice, under the same id.
            tracing::warn!(webhook = %id, delivery = %delivery.id, %error, "what came of a webhook could not be noted");
        }
        id
    }

    async fn ask_endpoint(
        &self,
        webhook: &Webhook,
        claimed: &ClaimedDelivery,
        body: String,
    ) -> Answer {
        let failed = |error: String| Answer {
            error: Some(error),
            ..Answer::default()
        };
        let is_private = Url::parse(&webhook.url).is_ok_and(|url| guard::is_private(&url));
        if is_private && !self.webhooks.settings.allow_private {
            return failed(guard::REFUSED.to_owned());
        }
        let now = self.clock.now();
        let keys: Vec<&[u8]> = webhook
            .secrets(now)
            .map(|secret| secret.key().as_slice())
            .collect();
        let request = self
            .webhooks
            .client(&webhook.url)
            .post(&webhook.url)
            .timeout(PATIENCE)
            .header(CONTENT_TYPE, "application/json");
        let id = claimed.delivery.id.to_string();
        let request = signed(request, &keys, &id, now, &body).body(body);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return failed(PostError::from(error).to_string()),
        };
        let status = response.status();
        let wait = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| wait_of(value.to_str().ok()?, now));
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > ANSWER_READ {
                break;
            }
        }
        let error = if status.is_success() {
            None
        } else if status.is_redirection() {
            Some(format!(
                "it answered with status {}: redirects are not followed, so set the address they lead to",
                status.as_u16()
            ))
        } else {
            Some(PostError::Status(status.as_u16()).to_string())
        };
        Answer {
            status: Some(status.as_u16()),
            error,
            wait,
        }
    }

    fn note_posted(&self, webhook: &Webhook, claimed: &ClaimedDelivery, posted: &Posted) {
        self.metrics.webhooks.note(webhook.id, posted);
        let (id, delivery) = (webhook.id, claimed.delivery.id);
        match (&posted.tried.error, posted.again_at) {
            (None, _) => tracing::debug!(webhook = %id, %delivery, "told"),
            (Some(error), Some(_)) => {
                tracing::info!(webhook = %id, %delivery, error, "an endpoint did not take what it was told, trying again");
            }
            (Some(error), None) => {
                tracing::warn!(webhook = %id, %delivery, error, "an endpoint did not take what it was told, which is given up");
            }
        }
        if let Some(why) = posted.disable {
            tracing::warn!(webhook = %id, %why, "an endpoint is told nothing more until somebody enables it");
        }
    }
}
