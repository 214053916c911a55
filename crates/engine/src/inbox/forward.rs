//! Callbacks on their way to the owner's own programs, exactly as WeChat sent
//! them: query, type and body, so that WeChat's signature still verifies.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use hmac::{Hmac, Mac};
use hongyan_domain::callback::{Callback, Forward, Forwarded};
use hongyan_domain::clock::after;
use hongyan_domain::retry::RetryPolicy;
use hongyan_wechat::AppSecret;
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use sha2::Sha256;
use tokio::sync::Notify;

use crate::Engine;

/// How long a backend has to take a forwarded callback.
const PATIENCE: Duration = Duration::from_secs(10);

/// Held so long while it is being tried.
const LEASE: Duration = Duration::from_secs(30);

/// Tried at once at most.
const AT_ONCE: usize = 16;

/// The longest answer that is read.
const LONGEST_ANSWER: usize = 256 * 1024;

/// 1 s, 2 s, 4 s … at most 10 minutes apart, for about three hours.
const POLICY: RetryPolicy = RetryPolicy {
    first_pause: Duration::from_secs(1),
    longest_pause: Duration::from_secs(600),
    max_attempts: 28,
};

/// Who carries callbacks.
#[derive(Debug)]
pub(crate) struct Courier {
    http: reqwest::Client,
    /// For programs on this machine: whatever proxy is set is not meant for them.
    here: reqwest::Client,
    woken: Notify,
}

/// Why a program did not take what it was sent, without secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CourierError {
    /// It answered with another status than 2xx.
    #[error("it answered with status {0}")]
    Status(u16),
    /// It did not answer, or not in time.
    #[error("{0}")]
    NoAnswer(String),
    /// It answered at too great length.
    #[error("its answer is longer than 256 KiB")]
    TooLong,
}

impl From<reqwest::Error> for CourierError {
    fn from(error: reqwest::Error) -> Self {
        let what = if error.is_timeout() {
            "it did not answer in time"
        } else if error.is_connect() {
            "it could not be reached"
        } else {
            "the connection broke"
        };
        Self::NoAnswer(what.to_owned())
    }
}

impl Courier {
    pub(crate) fn new() -> Self {
        // reqwest takes the process's provider of cryptography; whoever came first
        // has set the same one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(Duration::from_secs(3))
                .user_agent(concat!("hongyan/", env!("CARGO_PKG_VERSION")))
        };
        Self {
            http: client().build().unwrap_or_default(),
            here: client().no_proxy().build().unwrap_or_default(),
            woken: Notify::new(),
        }
    }

    fn client(&self, url: &str) -> &reqwest::Client {
        let is_here = url::Url::parse(url).is_ok_and(|url| match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        });
        if is_here { &self.here } else { &self.http }
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
    ) -> Result<String, CourierError> {
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
    ) -> Result<(u16, String), CourierError> {
        let joint = if url.contains('?') { '&' } else { '?' };
        let request = self
            .client(url)
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
    ) -> Result<String, CourierError> {
        let body = question.to_string();
        let at = at.as_second().to_string();
        let mut request = self
            .client(url)
            .post(url)
            .timeout(patience)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", &at);
        if let Some(token) = token {
            let signature = sign(token.expose().as_bytes(), id, &at, &body);
            request = request.header("webhook-signature", format!("v1,{signature}"));
        }
        let (_, said) = read(request.body(body).send().await?).await?;
        Ok(said)
    }
}

/// HMAC-SHA256 over id, time and body (Standard Webhooks 1.0), base64.
fn sign(key: &[u8], id: &str, at: &str, body: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in [id, ".", at, ".", body] {
        mac.update(part.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

async fn read(mut response: reqwest::Response) -> Result<(u16, String), CourierError> {
    let status = response.status();
    if !status.is_success() {
        return Err(CourierError::Status(status.as_u16()));
    }
    let mut said = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if said.len() + chunk.len() > LONGEST_ANSWER {
            return Err(CourierError::TooLong);
        }
        said.extend_from_slice(&chunk);
    }
    Ok((status.as_u16(), String::from_utf8_lossy(&said).into_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_signed_as_standard_webhooks_are() {
        // Computed with openssl: printf 'evt_1.1700000000.{}' | openssl dgst -sha256 -hmac key -binary | base64
        assert_eq!(
            sign(b"key", "evt_1", "1700000000", "{}"),
            "qlxS+Rx59BdwbM0DVnBBVM2EZr7V1DuM8yaNlT+iZiY="
        );
    }
}
