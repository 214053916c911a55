//! The loop that moves broadcasts on: those this node works on, a step at a time,
//! each in its turn.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hongyan_domain::BroadcastId;
use hongyan_domain::broadcast::{Broadcast, BroadcastState};
use hongyan_domain::port::StoreError;

use super::script::Script;
use crate::Engine;

/// How long this node is the one that works on a broadcast without saying so again.
const LEASE: Duration = Duration::from_secs(5);

/// How often it says so, and looks what others did.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The pause while a broadcast waits for the queue to become shorter.
const QUEUE_PAUSE: Duration = Duration::from_millis(20);

/// The pause while the last messages of a broadcast are being sent.
const END_PAUSE: Duration = Duration::from_millis(200);

/// The pause after storage failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// What a step brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is nothing to be done until somebody does something.
    Idle,
    /// Something was done, and there is more.
    Busy,
    /// It stands otherwise than was believed: read it anew.
    Changed,
    /// The queue is long enough, or the next slot is far off.
    Waiting,
    /// Everything is made; the last messages are being sent.
    Ending,
}

/// What the loop holds.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    held: Vec<Broadcast>,
    looked_at: Option<Instant>,
    scripts: HashMap<BroadcastId, Arc<Script>>,
    pub(super) slots: HashMap<BroadcastId, jiff::Timestamp>,
}

impl Desk {
    /// The templates of a broadcast, read once.
    pub(super) fn script(&mut self, broadcast: &Broadcast) -> Option<Arc<Script>> {
        if let Some(script) = self.scripts.get(&broadcast.id) {
            return Some(Arc::clone(script));
        }
        // They were read before it was made.
        let script = Arc::new(Script::read(broadcast.account, &broadcast.spec).ok()?);
        self.scripts.insert(broadcast.id, Arc::clone(&script));
        Some(script)
    }

    fn hold(&mut self, broadcasts: Vec<Broadcast>) {
        let is_held = |id: &BroadcastId| broadcasts.iter().any(|one| one.id == *id);
        self.scripts.retain(|id, _| is_held(id));
        // Another node may have made chunks in between, or it rested.
        self.slots.retain(|id, _| {
            broadcasts
                .iter()
                .any(|one| one.id == *id && one.state == BroadcastState::Running)
        });
        self.held = broadcasts;
        self.looked_at = Some(Instant::now());
    }
}

impl Engine {
    /// Moves broadcasts on until the end of the gateway.
    pub(crate) async fn tend_broadcasts_for_ever(self) {
        let mut desk = Desk::default();
        loop {
            let pause = match self.tend_broadcasts(&mut desk).await {
                Ok(Step::Busy | Step::Changed) => Duration::ZERO,
                Ok(Step::Waiting) => QUEUE_PAUSE,
                Ok(Step::Ending) => END_PAUSE,
                Ok(Step::Idle) => LOOK_EVERY,
                Err(error) => {
                    tracing::warn!(%error, "broadcasts could not be moved on");
                    desk.looked_at = None;
                    FAILURE_PAUSE
                }
            };
            if pause.is_zero() {
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                () = self.broadcasts.work.notified() => desk.looked_at = None,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One step of each broadcast this node works on; what is the most there is to
    /// do.
    pub(crate) async fn tend_broadcasts(&self, desk: &mut Desk) -> Result<Step, StoreError> {
        if desk
            .looked_at
            .is_none_or(|looked| looked.elapsed() >= LOOK_EVERY)
        {
            desk.hold(self.store.lease_broadcasts(self.node, LEASE).await?);
        }
        let mut most = Step::Idle;
        let mut held = std::mem::take(&mut desk.held);
        let mut failed = None;
        for broadcast in &mut held {
            let step = match broadcast.state {
                BroadcastState::Loading => self.load_step(broadcast).await,
                BroadcastState::Ready if self.is_due_to_start(broadcast) => {
                    let begun = self.begin(broadcast.clone(), false).await;
                    begun.map(|_| Step::Changed)
                }
                BroadcastState::Running => Box::pin(self.run_step(desk, broadcast)).await,
                _ => Ok(Step::Idle),
            };
            match step {
                Ok(step) => {
                    if step == Step::Changed {
                        desk.looked_at = None;
                    }
                    most = most.max_of(step);
                }
                // The others are not to suffer from it.
                Err(error) => failed = Some(error),
            }
        }
        desk.held = held;
        match failed {
            Some(error) if most == Step::Idle => Err(error),
            Some(error) => {
                tracing::warn!(%error, "a broadcast could not be moved on");
                Ok(most)
            }
            None => Ok(most),
        }
    }
}

impl Step {
    fn max_of(self, other: Self) -> Self {
        let urgency = |step: Self| match step {
            Self::Idle => 0,
            Self::Ending => 1,
            Self::Waiting => 2,
            Self::Busy | Self::Changed => 3,
        };
        if urgency(other) > urgency(self) {
            other
        } else {
            self
        }
    }

    /// Whether there is more to do at once.
    pub(crate) fn goes_on(self) -> bool {
        matches!(self, Self::Busy | Self::Changed)
    }
}
