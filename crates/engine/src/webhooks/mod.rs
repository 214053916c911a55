//! Webhooks: the owner's programs are told what happened.
//!
//! What is to be told lies in storage since it happened. The loop here takes it out
//! under leases, a few at a time for each endpoint, so that a slow one holds up nobody
//! but itself.

mod manage;
mod post;
mod schedule;
mod told;

pub use manage::{SECRET_OVERLAP, WebhookUrlFault};
pub use told::{Told, WebhookWords};

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use hongyan_domain::WebhookId;
use hongyan_domain::webhook::{ClaimedDelivery, Webhook};
use tokio::sync::Notify;

use crate::Engine;
use crate::post::{Clients, guard};

/// Posted to one endpoint at once at most. There are at most
/// [`hongyan_domain::webhook::MOST_WEBHOOKS`] of them.
const AT_ONCE: usize = 8;

/// Held so long while it is being posted: the longest post and then some.
const LEASE: Duration = Duration::from_secs(40);

/// How often is looked for what is due without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How webhooks are posted.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebhookSettings {
    /// Whether they may go to private networks and to this machine. Whoever may add an
    /// endpoint could otherwise reach through us what only we can reach.
    pub allow_private: bool,
}

/// What is held of it in memory.
#[derive(Debug)]
pub(crate) struct Webhooks {
    settings: WebhookSettings,
    anywhere: Clients,
    guarded: reqwest::Client,
    woken: Notify,
    words: OnceLock<WebhookWords>,
}

impl Webhooks {
    pub(crate) fn new(settings: WebhookSettings) -> Self {
        Self {
            settings,
            anywhere: Clients::new(),
            guarded: guard::client(),
            woken: Notify::new(),
            words: OnceLock::new(),
        }
    }

    fn client(&self, url: &str) -> &reqwest::Client {
        if self.settings.allow_private {
            self.anywhere.of(url)
        } else {
            &self.guarded
        }
    }

    /// Something may be due.
    fn wake(&self) {
        self.woken.notify_one();
    }
}

/// How many are being posted to each endpoint.
#[derive(Default)]
struct Busy(HashMap<WebhookId, usize>);

impl Busy {
    fn begin(&mut self, webhook: WebhookId) {
        *self.0.entry(webhook).or_default() += 1;
    }

    /// Notes the end of one; whether it is time to fetch more for the endpoint.
    fn end(&mut self, webhook: WebhookId) -> bool {
        let Some(count) = self.0.get_mut(&webhook) else {
            return true;
        };
        *count -= 1;
        let left = *count;
        if left == 0 {
            self.0.remove(&webhook);
        }
        left <= AT_ONCE / 2
    }

    fn list(&self) -> Vec<(WebhookId, usize)> {
        self.0.iter().map(|(id, count)| (*id, *count)).collect()
    }
}

impl Engine {
    /// Sets the words in which programs are told things; until then nothing is posted.
    /// Said again, it changes nothing.
    pub fn set_webhook_words(&self, words: WebhookWords) {
        let _ = self.webhooks.words.set(words);
    }

    /// Posts what is to be told, for as long as it is let.
    pub(crate) async fn post_webhooks_for_ever(self) {
        let mut busy = Busy::default();
        let mut under_way = FuturesUnordered::new();
        loop {
            for (webhook, delivery) in self.claim_webhooks(&busy.list()).await {
                busy.begin(webhook.id);
                under_way.push(self.post_webhook(webhook, delivery));
            }
            let look = tokio::time::sleep(LOOK_EVERY);
            tokio::pin!(look);
            loop {
                tokio::select! {
                    Some(webhook) = under_way.next() => if busy.end(webhook) { break },
                    () = self.webhooks.woken.notified() => break,
                    () = &mut look => break,
                }
            }
        }
    }

    /// Posts everything that is due once; how many were posted.
    pub async fn post_webhooks_due(&self) -> usize {
        let due = self.claim_webhooks(&[]).await;
        let count = due.len();
        futures_util::stream::iter(due)
            .for_each_concurrent(AT_ONCE, async |(webhook, delivery)| {
                self.post_webhook(webhook, delivery).await;
            })
            .await;
        count
    }

    async fn claim_webhooks(
        &self,
        busy: &[(WebhookId, usize)],
    ) -> Vec<(Arc<Webhook>, ClaimedDelivery)> {
        if self.webhooks.words.get().is_none() {
            return Vec::new();
        }
        match self.store.claim_webhooks(AT_ONCE, busy, LEASE).await {
            Ok(claimed) => claimed
                .into_iter()
                .flat_map(|(webhook, deliveries)| {
                    let webhook = Arc::new(webhook);
                    deliveries
                        .into_iter()
                        .map(move |delivery| (Arc::clone(&webhook), delivery))
                })
                .collect(),
            Err(error) => {
                tracing::warn!(%error, "webhooks could not be taken up");
                Vec::new()
            }
        }
    }
}
