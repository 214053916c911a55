//! Writing down what became of messages, many at a time.

use std::sync::Arc;
use std::time::Duration;

use hongyan_domain::delivery::{Decision, Settlement};
use hongyan_domain::port::{Settled, StoreError};
use tokio::sync::mpsc;

use crate::Engine;

impl Engine {
    /// Settles what the senders report until the last of them is gone.
    pub(super) async fn settle_all(self, mut results: mpsc::Receiver<Settlement>) {
        let most = self.dispatcher.settings.settle_batch;
        let mut batch = Vec::with_capacity(most);
        while results.recv_many(&mut batch, most).await > 0 {
            self.write_down(std::mem::take(&mut batch)).await;
        }
    }

    /// Writes outcomes down, again and again while storage is not available:
    /// what WeChat answered must not be forgotten.
    pub(super) async fn write_down(&self, settlements: Vec<Settlement>) {
        let mut open = settlements;
        while !open.is_empty() {
            open = self.write_down_once(open).await;
        }
    }

    /// Those that must be written again under a newer lease.
    async fn write_down_once(&self, mut settlements: Vec<Settlement>) -> Vec<Settlement> {
        let hands = &self.dispatcher.hands;
        let mut pause = Duration::from_millis(100);
        let (settlements, settled) = loop {
            hands.renew(&mut settlements);
            let shared: Arc<[Settlement]> = settlements.into();
            match self.store.settle(Arc::clone(&shared)).await {
                Ok(settled) => break (shared, settled),
                Err(StoreError::Unavailable { reason }) => {
                    tracing::error!(
                        %reason, outcomes = shared.len(),
                        "outcomes cannot be written down, trying again"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                    settlements = shared.to_vec();
                }
                Err(error) if shared.len() == 1 => {
                    let lost = &shared[0];
                    let message_id = lost.message;
                    tracing::error!(%error, %message_id, "an outcome is lost");
                    hands.let_go(message_id, lost.lease_token);
                    return Vec::new();
                }
                // One of them is at fault; the others must not be lost with it.
                Err(_) => {
                    for settlement in shared.iter() {
                        Box::pin(self.write_down(vec![settlement.clone()])).await;
                    }
                    return Vec::new();
                }
            }
        };
        let mut again = Vec::new();
        for (settlement, settled) in settlements.iter().zip(settled) {
            let newer = hands.let_go(settlement.message, settlement.lease_token);
            match (settled, newer) {
                (Settled::Written, _) => {}
                (Settled::LeaseLost, Some(lease_token)) => again.push(Settlement {
                    lease_token,
                    // They were written with the lost lease.
                    attempts: Vec::new(),
                    ..settlement.clone()
                }),
                (Settled::LeaseLost, None) => {
                    self.metrics.lease_losses.inc();
                    tracing::warn!(
                        message_id = %settlement.message,
                        "settled too late: somebody else holds the message"
                    );
                }
            }
        }
        for settlement in settlements.iter() {
            if let Decision::Reroute(next) = &settlement.decision {
                self.dispatcher.wake_account(next.account);
            }
        }
        self.waiters.wake(
            settlements
                .iter()
                .filter_map(|settlement| match settlement.decision {
                    Decision::Settle { .. } => Some(settlement.message),
                    Decision::RetryAt { .. } | Decision::Park { .. } | Decision::Reroute(_) => None,
                }),
        );
        again
    }
}
