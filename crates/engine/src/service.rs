//! The loops that run in the background, started and stopped together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::Engine;

/// How often tokens are looked after.
const CREDENTIAL_PAUSE: Duration = Duration::from_secs(1);

/// The least pause between two looks at the tokens.
const NEED_PAUSE: Duration = Duration::from_millis(20);

/// How often late messages are ended; how many such rounds pass between two
/// looks for old idempotency answers; and how many of either go at a time: small
/// steps that do not hold up the sending.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);
const FORGET_EVERY: u32 = 10;
const SWEEP_STEP: usize = 1000;

/// The running loops.
#[must_use = "the loops stop when asked to, not when this is dropped"]
pub struct Running {
    stop_dispatch: Arc<Notify>,
    dispatcher: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Starts the loops: sending, renewing tokens, sweeping.
    pub fn start(&self) -> Running {
        let stop_dispatch = Arc::new(Notify::new());
        let dispatcher = tokio::spawn(self.clone().dispatch(Arc::clone(&stop_dispatch)));
        let others = vec![
            tokio::spawn(self.clone().look_after_credentials()),
            tokio::spawn(self.clone().sweep_for_ever()),
        ];
        Running {
            stop_dispatch,
            dispatcher,
            others,
        }
    }

    /// Looks after the tokens once, as the background does all the time: for
    /// tests.
    pub async fn maintain(&self) {
        self.maintain_credentials().await;
    }

    /// Renews tokens every now and then, and at once where one is missed.
    async fn look_after_credentials(self) {
        loop {
            self.maintain_credentials().await;
            let rest = tokio::time::sleep(CREDENTIAL_PAUSE);
            tokio::select! {
                () = rest => {}
                () = self.credentials.is_needed() => {
                    // Where asking just failed, being missed does not help.
                    tokio::time::sleep(NEED_PAUSE).await;
                }
            }
        }
    }

    async fn sweep_for_ever(self) {
        let mut rounds = 0_u32;
        loop {
            self.expire_late().await;
            if rounds.is_multiple_of(FORGET_EVERY) {
                self.forget_old_responses().await;
            }
            rounds = rounds.wrapping_add(1);
            tokio::time::sleep(SWEEP_PAUSE).await;
        }
    }

    /// Ends messages whose time is over although nobody claims for their
    /// accounts, a step at a time.
    pub(crate) async fn expire_late(&self) {
        loop {
            match self.store.expire(SWEEP_STEP).await {
                Ok(late) => {
                    let all = late.len() < SWEEP_STEP;
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

    /// Removes answers that are too old, a step at a time.
    async fn forget_old_responses(&self) {
        loop {
            match self.store.forget_old_responses(SWEEP_STEP).await {
                Ok(removed) if removed == SWEEP_STEP => tokio::task::yield_now().await,
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "old idempotency answers could not be removed");
                    return;
                }
            }
        }
    }
}

impl Running {
    /// Stops claiming, lets the sends under way end and be written down, for at
    /// most `at_most`; what is not done by then ends with its lease. Whether all
    /// was done.
    pub async fn stop(self, at_most: Duration) -> bool {
        // A permit is kept for a loop that is not waiting at this moment.
        self.stop_dispatch.notify_one();
        let done = tokio::time::timeout(at_most, self.dispatcher).await.is_ok();
        for other in self.others {
            other.abort();
        }
        done
    }
}
