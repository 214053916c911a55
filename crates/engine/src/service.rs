//! The loops that run in the background, started and stopped together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::Engine;

/// How often tokens are looked after.
const CREDENTIAL_PAUSE: Duration = Duration::from_secs(1);

/// The least pause between two looks at the tokens.
const NEED_PAUSE: Duration = Duration::from_millis(20);

/// How often late messages are ended, and how many go at a time.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);
const SWEEP_STEP: usize = 1000;

/// How often what other nodes changed is looked for without a hint.
const FOLLOW_PAUSE: Duration = Duration::from_millis(700);

/// The pause after storage could not be asked.
const FOLLOW_AGAIN: Duration = Duration::from_millis(200);

/// How often what is too old is removed.
const FORGET_PAUSE: Duration = Duration::from_secs(60);

/// The running loops.
#[must_use = "the loops stop when asked to, not when this is dropped"]
pub struct Running {
    stop_dispatch: Arc<Notify>,
    dispatcher: JoinHandle<()>,
    stop_others: watch::Sender<bool>,
    others: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Starts the loops: sending, renewing tokens, following other nodes,
    /// sweeping, removing what is old, looking how full the queue is, joining early
    /// receipts, forwarding callbacks, posting webhooks, listing followers, counting calls against
    /// allowances, moving broadcasts on.
    pub fn start(&self) -> Running {
        let stop_dispatch = Arc::new(Notify::new());
        let dispatcher = tokio::spawn(self.clone().dispatch(Arc::clone(&stop_dispatch)));
        let (stop_others, mut stop) = watch::channel(false);
        let others = vec![
            tokio::spawn(self.clone().look_after_credentials(stop.clone())),
            tokio::spawn(self.clone().keep_history(stop.clone())),
            tokio::spawn(self.clone().look_after_templates(stop.clone())),
            tokio::spawn(until(stop.clone(), self.clone().follow_others())),
            tokio::spawn(until(stop.clone(), self.clone().sweep_for_ever())),
            tokio::spawn(until(stop.clone(), self.clone().forget_for_ever())),
            tokio::spawn(until(stop.clone(), self.clone().sample_queue_for_ever())),
            tokio::spawn(until(stop.clone(), self.clone().join_receipts_for_ever())),
            tokio::spawn(until(stop.clone(), self.clone().forward_for_ever())),
            tokio::spawn(until(stop.clone(), self.clone().post_webhooks_for_ever())),
            tokio::spawn(until(stop.clone(), self.clone().tend_broadcasts_for_ever())),
            tokio::spawn(until(stop.clone(), self.clone().sync_followers_for_ever())),
            tokio::spawn(
                self.clone()
                    .tend_quotas_for_ever(async move { ordered(&mut stop).await }),
            ),
        ];
        Running {
            stop_dispatch,
            dispatcher,
            stop_others,
            others,
        }
    }

    /// Looks after the tokens, at what others changed, at early receipts and at
    /// syncs of followers once, as the background does all the time: for tests.
    pub async fn maintain(&self) {
        if let Err(error) = self.follow().await {
            tracing::warn!(%error, "what others changed could not be looked at");
        }
        self.maintain_credentials().await;
        self.join_receipts().await;
        self.move_syncs().await;
    }

    /// Renews tokens every now and then, and at once where one is missed. Ends
    /// between two looks: a token that was asked for is also kept.
    async fn look_after_credentials(self, mut stop: watch::Receiver<bool>) {
        loop {
            self.maintain_credentials().await;
            let rest = tokio::time::sleep(CREDENTIAL_PAUSE);
            tokio::select! {
                () = rest => {}
                () = self.credentials.is_needed() => {
                    // Where asking just failed, being missed does not help.
                    tokio::time::sleep(NEED_PAUSE).await;
                }
                () = ordered(&mut stop) => return,
            }
        }
    }

    async fn follow_others(self) {
        loop {
            let result = tokio::select! {
                hint = self.store.hint() => self.heed(hint).await,
                () = tokio::time::sleep(FOLLOW_PAUSE) => self.follow().await,
            };
            if let Err(error) = result {
                tracing::debug!(%error, "what others changed could not be looked at");
                tokio::time::sleep(FOLLOW_AGAIN).await;
            }
        }
    }

    async fn sweep_for_ever(self) {
        loop {
            self.expire_late().await;
            tokio::time::sleep(SWEEP_PAUSE).await;
        }
    }

    async fn forget_for_ever(self) {
        loop {
            let removed = self.forget_old().await;
            if removed > 0 {
                tracing::info!(messages = removed, "old messages were removed");
            }
            tokio::time::sleep(FORGET_PAUSE).await;
        }
    }

    /// Ends messages whose time is over although nobody claims for their
    /// accounts, a step at a time.
    pub(crate) async fn expire_late(&self) {
        loop {
            match self.store.expire(SWEEP_STEP).await {
                Ok(late) => {
                    let all = late.len() < SWEEP_STEP;
                    self.metrics.swept.inc_by(late.len() as u64);
                    self.waiters.wake(late.into_iter());
                    if all {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "messages that are too late could not be ended");
                    return;
                }
            }
        }
    }
}

/// Ends when the stop is ordered (or nobody is left to order it).
pub(crate) async fn ordered(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopped| *stopped).await;
}

/// Runs a loop whose steps may be broken off until the stop.
async fn until(mut stop: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = ordered(&mut stop) => {}
    }
}

impl Running {
    /// Stops claiming, lets the sends under way end and be written down, for at
    /// most `at_most`; what is not done by then ends with its lease. Whether all
    /// was done.
    pub async fn stop(self, at_most: Duration) -> bool {
        // A permit is kept for a loop that is not waiting at this moment.
        self.stop_dispatch.notify_one();
        let Self {
            dispatcher,
            stop_others,
            others,
            ..
        } = self;
        let all = async {
            let done = dispatcher.await.is_ok();
            // Tokens are looked after until the last send is over.
            let _ = stop_others.send(true);
            for other in others {
                let _ = other.await;
            }
            done
        };
        tokio::time::timeout(at_most, all).await.unwrap_or(false)
    }
}
