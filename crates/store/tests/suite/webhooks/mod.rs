//! Webhooks: endpoints, what is written down for them, and how it goes out.

mod deliveries;
mod endpoints;
mod news;

use hongyan_domain::WebhookId;
use hongyan_domain::port::{Page, Store};
use hongyan_domain::webhook::{
    ClaimedDelivery, EventType, Posted, SECRET_BYTES, Tried, Webhook, WebhookDelivery,
    WebhookDeliveryFilter, WebhookSecret,
};

use super::{Kit, LEASE, cases};

impl Kit {
    /// An endpoint that wants everything.
    fn webhook(&self) -> Webhook {
        let fresh = self.fresh();
        Webhook {
            id: WebhookId::new(self.now(), fresh),
            url: format!("https://shop.example/{}", fresh[9]),
            description: String::new(),
            accounts: Vec::new(),
            events: Vec::new(),
            disabled: None,
            secret: WebhookSecret::new([fresh[9]; SECRET_BYTES]),
            former_secret: None,
            failing_since: None,
            rests_until: None,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// Adds an endpoint that was changed a little.
    async fn listening(&self, store: &dyn Store, change: impl FnOnce(&mut Webhook)) -> WebhookId {
        let mut webhook = self.webhook();
        change(&mut webhook);
        store.add_webhook(&webhook, None).await.unwrap();
        webhook.id
    }

    /// A try that was taken.
    fn taken(&self) -> Posted {
        Posted {
            tried: Tried {
                at: self.now(),
                elapsed_ms: 12,
                status: Some(204),
                error: None,
            },
            again_at: None,
            rests_until: None,
            disable: None,
        }
    }

    /// A try that failed and was the last.
    fn given_up(&self) -> Posted {
        let mut posted = self.taken();
        posted.tried.status = Some(500);
        posted.tried.error = Some("it answered with status 500".to_owned());
        posted
    }
}

/// All that is told to an endpoint, the oldest first.
async fn told(store: &dyn Store, webhook: WebhookId) -> Vec<WebhookDelivery> {
    let page = Page {
        limit: 1000,
        after: None,
    };
    let filter = WebhookDeliveryFilter::default();
    let found = store.webhook_deliveries(webhook, &filter, &page).await;
    let mut found = found.unwrap();
    found.reverse();
    found
}

async fn types(store: &dyn Store, webhook: WebhookId) -> Vec<EventType> {
    let told = told(store, webhook).await;
    told.into_iter().map(|one| one.event).collect()
}

/// Everything that can be handed out at once.
async fn claim(store: &dyn Store) -> Vec<ClaimedDelivery> {
    let claimed = store.claim_webhooks(100, &[], LEASE).await.unwrap();
    claimed.into_iter().flat_map(|(_, part)| part).collect()
}

async fn settle(store: &dyn Store, claimed: &ClaimedDelivery, posted: &Posted) -> bool {
    store
        .settle_webhook(claimed.delivery.id, claimed.lease_token, posted)
        .await
        .unwrap()
}
