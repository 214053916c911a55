//! Removing what is too old, in small steps.

use std::time::{Duration, Instant};

use hongyan_domain::clock::from_millisecond;
use jiff::Timestamp;

use crate::Engine;

/// What is kept, and for how long.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetentionSettings {
    /// How long messages that are over are kept with their attempts; `None` =
    /// for ever.
    pub messages: Option<Duration>,
    /// How long callbacks are kept; `None` = for ever.
    pub callbacks: Option<Duration>,
    /// How long it is kept what webhooks were told; `None` = for ever.
    pub webhooks: Option<Duration>,
}

/// Messages or answers removed in one step.
const STEP: usize = 500;

/// How long the counts by the minute are kept.
const HISTORY_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// After a step, the loop rests so many times as long as the step took: removing
/// may take a fifth of what storage can do and no more.
const REST: u32 = 4;

impl Engine {
    /// Removes everything that is too old; returns how many messages.
    pub async fn forget_old(&self) -> usize {
        self.step_by_step("old idempotency answers", || {
            self.store.forget_old_responses(STEP)
        })
        .await;
        let now = self.clock.now().as_millisecond();
        let before = |kept_for: Duration| {
            let kept_ms = i64::try_from(kept_for.as_millis()).unwrap_or(i64::MAX);
            from_millisecond(now.saturating_sub(kept_ms))
        };
        self.step_by_step("sessions that ended", || {
            self.store.forget_sessions(self.clock.now(), STEP)
        })
        .await;
        self.step_by_step("old counts", || {
            self.store.forget_history(before(HISTORY_KEPT), STEP)
        })
        .await;
        // What was told to endpoints that are gone goes at any age.
        let old = self
            .retention
            .webhooks
            .map_or(Timestamp::UNIX_EPOCH, before);
        self.step_by_step("what webhooks were told", || {
            self.store.forget_webhook_deliveries(old, STEP)
        })
        .await;
        if let Some(before) = self.retention.callbacks.map(before) {
            self.step_by_step("old callbacks", || {
                self.store.forget_callbacks(before, STEP)
            })
            .await;
        }
        let Some(before) = self.retention.messages.map(before) else {
            return 0;
        };
        let removed = self
            .step_by_step("old messages", || self.store.forget_finished(before, STEP))
            .await;
        self.step_by_step("old broadcasts", || {
            self.store.forget_broadcasts(before, STEP)
        })
        .await;
        removed
    }

    async fn step_by_step<F>(&self, what: &str, mut step: impl FnMut() -> F) -> usize
    where
        F: Future<Output = Result<usize, hongyan_domain::port::StoreError>>,
    {
        let mut removed = 0;
        loop {
            let began = Instant::now();
            match step().await {
                Ok(count) => {
                    removed += count;
                    if count < STEP {
                        return removed;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "{what} could not be removed");
                    return removed;
                }
            }
            tokio::time::sleep(began.elapsed() * REST).await;
        }
    }
}
