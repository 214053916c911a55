//! Writing down what became of messages, many at a time.

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
        if settlements.is_empty() {
            return;
        }
        let mut pause = Duration::from_millis(100);
        let settled = loop {
            match self.store.settle(settlements.clone()).await {
                Ok(settled) => break settled,
                Err(StoreError::Unavailable { reason }) => {
                    tracing::error!(
                        %reason, outcomes = settlements.len(),
                        "outcomes cannot be written down, trying again"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
                Err(error) if settlements.len() == 1 => {
                    let message_id = settlements[0].message;
                    tracing::error!(%error, %message_id, "an outcome is lost");
                    return;
                }
                // One of them is at fault; the others must not be lost with it.
                Err(_) => {
                    for settlement in settlements {
                        Box::pin(self.write_down(vec![settlement])).await;
                    }
                    return;
                }
            }
        };
        for (settlement, settled) in settlements.iter().zip(settled) {
            if settled == Settled::LeaseLost {
                tracing::warn!(message_id = %settlement.message, "settled too late: somebody else holds the message");
            }
        }
        self.waiters.wake(
            settlements
                .iter()
                .filter_map(|settlement| match settlement.decision {
                    Decision::Settle { .. } => Some(settlement.message),
                    Decision::RetryAt { .. } | Decision::Park { .. } => None,
                }),
        );
    }
}
