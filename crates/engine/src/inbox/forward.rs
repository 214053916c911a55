//! Callbacks on their way to the owner's own programs, exactly as WeChat sent
//! them: query, type and body, so that WeChat's signature still verifies.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use hongyan_domain::callback::{Callback, Forward, Forwarded};
use hongyan_domain::clock::after;
use hongyan_domain::retry::RetryPolicy;
use hongyan_wechat::AppSecret;
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::Notify;

use crate::Engine;
use crate::post::sign::signed;
use crate::post::{Clients, PostError, read};

/// How long a backend has to take a forwarded callback.
const PATIENCE: Duration = Duration::from_secs(10);

/// Held so long while it is being tried.
const LEASE: Duration = Duration::from_secs(30);

/// Tried at once at most.
const AT_ONCE: usize = 16;

/// 1 s, 2 s, 4 s … at most 10 minutes apart, for about three hours.
const POLICY: RetryPolicy = RetryPolicy {
    first_pause: Duration::from_secs(1),
    longest_pause: Duration::from_secs(600),
    max_attempts: 28,
};

/// Who carries callbacks.
#[derive(Debug)]
pub(crate) struct Courier {
    clients: Clients,
    woken: Notify,
}

impl Courier {
    pub(crate) fn new() -> Self {
        Self {
            clients: Clients::new(),
            woken: Notify::new(),
        }
    }

    /// Something may be due.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Sends a callback as WeChat sent it; what the program answers.
    pub(super) async fn deliver(
        &self,
        url: &str,
        callback: &Callback,
        patience: Duration,
    ) -> Result<String, PostError> {
        let content_type = callback.content_type.as_deref();
        self.post_raw(url, &callback.query, content_type, &callback.body, patience)
            .await
            .map(|(_, said)| said)
    }

    async fn post_raw(
        &self,
        url: &str,
        query: &str,
        content_type: Option<&str>,
        body: &Bytes,
        patience: Duration,
    ) -> Result<(u16, String), PostError> {
        let joint = if url.contains('?') { '&' } else { '?' };
        let request = self
            .clients
            .of(url)
            .post(format!("{url}{joint}{query}"))
            .timeout(patience)
            .header(CONTENT_TYPE, content_type.unwrap_or("text/xml"))
            .body(body.clone());
        read(request.send().await?).await
    }

    /// Asks a program in JSON, signed by the rules of Standard Webhooks with the
    /// account's callback token as the key; what it answers.
    pub(super) async fn ask(
        &self,
        url: &str,
        id: &str,
        at: Timestamp,
        token: Option<&AppSecret>,
        question: &serde_json::Value,
        patience: Duration,
    ) -> Result<String, PostError> {
        let body = question.to_string();
        let request = self
            .clients
            .of(url)
            .post(url)
            .timeout(patience)
            .header(CONTENT_TYPE, "application/json");
        let keys: Vec<&[u8]> = token.iter().map(|key| key.expose().as_bytes()).collect();
        let request = signed(request, &keys, id, at, &body);
        let (_, said) = read(request.body(body).send().await?).await?;
        Ok(said)
    }
}

impl Engine {
    /// Carries callbacks to the owner's programs, for as long as it is let.
    pub(crate) async fn forward_for_ever(self) {
        loop {
            let carried = self.forward_due().await;
            if carried == 0 {
                let rest = tokio::time::sleep(Duration::from_secs(1));
                tokio::select! {
                    () = self.courier.woken.notified() => {}
                    () = rest => {}
                }
            }
        }
    }

    /// Tries every forwarding that is due once; how many were tried.
    pub async fn forward_due(&self) -> usize {
        let due = match self.store.claim_forwards(AT_ONCE, LEASE).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "callbacks could not be taken up for forwarding");
                return 0;
            }
        };
        let count = due.len();
        futures_util::stream::iter(due)
            .for_each_concurrent(AT_ONCE, |forward| self.forward(forward))
            .await;
        count
    }

    async fn forward(&self, forward: Forward) {
        let content_type = forward.content_type.as_deref();
        let taken = self
            .courier
            .post_raw(
                &forward.url,
                &forward.query,
                content_type,
                &forward.body,
                PATIENCE,
            )
            .await;
        let attempts = forward.attempts.saturating_add(1);
        let account = self.registry.by_id(forward.account);
        let name = account
            .as_ref()
            .map_or("", |account| account.name().as_str());
        let ended = match taken {
            Ok((status, _)) => Forwarded::Done { status },
            Err(error) if attempts >= POLICY.max_attempts => {
                tracing::warn!(account = name, callback_id = %forward.callback, %error, "forwarding a callback is given up");
                Forwarded::GivenUp {
                    error: error.to_string(),
                }
            }
            Err(error) => {
                let pause = POLICY.pause(attempts, self.chance.unit());
                tracing::info!(account = name, callback_id = %forward.callback, %error, ?pause, "a callback could not be forwarded, trying again");
                Forwarded::Again {
                    at: after(self.clock.now(), pause),
                    error: error.to_string(),
                }
            }
        };
        self.metrics.of(forward.account).note_forward(&ended);
        let settled = self
            .store
            .settle_forward(forward.id, forward.lease_token, &ended)
            .await;
        if let Err(error) = settled {
            // Its lease ends by itself, and it is sent once more.
            tracing::warn!(account = name, callback_id = %forward.callback, %error, "a forwarding could not be noted");
        }
    }
}
