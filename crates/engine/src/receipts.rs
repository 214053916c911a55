//! Receipts that come before their messages are settled, and those that do not
//! come.

use std::time::Duration;

use crate::Engine;

/// Joined at a time.
const STEP: usize = 500;

/// Settling takes some milliseconds; so long it is given before looking again.
const GATHER: Duration = Duration::from_millis(50);

/// How often early receipts are looked for without being told to: another node
/// may have settled their messages.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Engine {
    /// Joins receipts that came early with their messages as soon as those are
    /// settled.
    pub(crate) async fn join_receipts_for_ever(self) {
        loop {
            let left = self.join_receipts().await;
            let pause = if left { GATHER } else { LOOK_EVERY };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.early_receipts.notified() => tokio::time::sleep(GATHER).await,
            }
        }
    }

    /// Joins the early receipts whose messages are settled; whether some of these
    /// may be left.
    pub(crate) async fn join_receipts(&self) -> bool {
        loop {
            match self.store.join_early_receipts(STEP).await {
                Ok((joined, _)) if joined.is_empty() => return false,
                Ok((joined, left)) => {
                    let all = joined.len() < STEP;
                    self.waiters.wake(joined.into_iter());
                    if all {
                        return left;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "early receipts could not be joined with their messages");
                    return false;
                }
            }
        }
    }
}
