//! The loops that run in the background, started and stopped together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::Engine;

/// How often tokens are looked after.
const CREDENTIAL_PAUSE: Duration = Duration::from_secs(1);

/// How often old idempotency answers are removed, and how many at a time: small
/// steps that do not hold up the sending.
const SWEEP_PAUSE: Duration = Duration::from_secs(10);
const SWEEP_STEP: usize = 1000;

/// The running loops.
#[must_use = "the loops stop when asked to, not when this is dropped"]
pub struct Running {
    stop: Arc<Notify>,
    stop_dispatch: Arc<Notify>,
    dispatcher: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Starts the loops: sending, renewing tokens, sweeping.
    pub fn start(&self) -> Running {
        let stop = Arc::new(Notify::new());
        let stop_dispatch = Arc::new(Notify::new());
        let dispatcher = tokio::spawn(self.clone().dispatch(Arc::clone(&stop_dispatch)));
        let others = vec![
            tokio::spawn(repeat(
                Arc::clone(&stop),
                CREDENTIAL_PAUSE,
                self.clone(),
                |engine| Box::pin(async move { engine.maintain_credentials().await }),
            )),
            tokio::spawn(repeat(
                Arc::clone(&stop),
                SWEEP_PAUSE,
                self.clone(),
                |engine| Box::pin(async move { engine.sweep().await }),
            )),
        ];
        Running {
            stop,
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

    /// Removes what is too old, a step at a time.
    async fn sweep(&self) {
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
        self.stop.notify_waiters();
        let done = tokio::time::timeout(at_most, self.dispatcher).await.is_ok();
        for other in self.others {
            other.abort();
        }
        done
    }
}

type Step = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

async fn repeat(stop: Arc<Notify>, pause: Duration, engine: Engine, step: fn(Engine) -> Step) {
    let stopped = stop.notified();
    tokio::pin!(stopped);
    loop {
        step(engine.clone()).await;
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
