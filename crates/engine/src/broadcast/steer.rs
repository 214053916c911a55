//! What people do to broadcasts: complete, start, pause, resume, cancel.

use hongyan_domain::BroadcastId;
use hongyan_domain::broadcast::{Audience, Broadcast, BroadcastState};
use hongyan_domain::port::StoreError;
use hongyan_domain::template::Violation;

use crate::Engine;

/// What became of a wish.
#[derive(Debug, Clone, PartialEq)]
pub enum Steered {
    /// It is so, now or before: the broadcast as it stands.
    Done(Broadcast),
    /// In the state it is in that cannot be.
    InState(Broadcast),
    /// It does not start: people of the sample break these rules.
    Unfit(Broadcast, Vec<Violation>),
    /// No such broadcast.
    Missing,
}

impl Engine {
    /// Says that the audience of an uploaded broadcast is complete. It then begins,
    /// if it is to begin by itself and its time has come. One whose upload broke off
    /// fails instead: half an audience is none.
    ///
    /// # Errors
    /// Storage's.
    pub async fn complete_broadcast(&self, id: BroadcastId) -> Result<Steered, StoreError> {
        let Some(found) = self.store.broadcast(id).await? else {
            return Ok(Steered::Missing);
        };
        match found.state {
            BroadcastState::Loading if found.spec.audience != Audience::Upload => {
                Ok(Steered::InState(found))
            }
            BroadcastState::Loading if found.load_cursor.is_some() => {
                let why = "an upload of its audience broke off, or was not at its end when the audience was called complete; make it anew";
                self.fail_broadcast(id, why).await
            }
            BroadcastState::Loading => self.audience_is_complete(id, false).await,
            BroadcastState::Canceled | BroadcastState::Failed => Ok(Steered::InState(found)),
            _ => Ok(Steered::Done(found)),
        }
    }

    /// The audience is taken in; `checked` = a sample of it was looked at.
    pub(super) async fn audience_is_complete(
        &self,
        id: BroadcastId,
        checked: bool,
    ) -> Result<Steered, StoreError> {
        let from = [BroadcastState::Loading];
        let moved = self.shift(id, &from, BroadcastState::Ready, None).await?;
        let Some(ready) = moved else {
            return self.as_others_left_it(id).await;
        };
        if self.is_due_to_start(&ready) {
            return self.begin(ready, checked).await;
        }
        Ok(Steered::Done(ready))
    }

    /// Whether a broadcast begins by itself now.
    pub(super) fn is_due_to_start(&self, broadcast: &Broadcast) -> bool {
        let send_at = broadcast.spec.send_at;
        broadcast.state == BroadcastState::Ready
            && broadcast.spec.starts_by_itself
            && broadcast.problem.is_none()
            && send_at.is_none_or(|at| at <= self.clock.now())
    }

    /// Starts a broadcast that is ready, whatever its `send_at`.
    ///
    /// # Errors
    /// Storage's.
    pub async fn start_broadcast(&self, id: BroadcastId) -> Result<Steered, StoreError> {
        match self.store.broadcast(id).await? {
            None => Ok(Steered::Missing),
            Some(found) => match found.state {
                BroadcastState::Ready => self.begin(found, false).await,
                BroadcastState::Running => Ok(Steered::Done(found)),
                _ => Ok(Steered::InState(found)),
            },
        }
    }

    /// Begins a broadcast that is ready, unless the sample shows people whose data
    /// breaks rules.
    pub(super) async fn begin(
        &self,
        ready: Broadcast,
        checked: bool,
    ) -> Result<Steered, StoreError> {
        if !ready.spec.skips_invalid && !checked {
            let violations = self.check_audience(&ready).await?;
            if let Some(first) = violations.first() {
                let problem = format!(
                    "it does not start, because people of a sample break rules, such as {}: {}",
                    first.pointer, first.message
                );
                let from = [BroadcastState::Ready];
                let noted = self
                    .shift(ready.id, &from, BroadcastState::Ready, Some(&problem))
                    .await?;
                return match noted {
                    Some(noted) => Ok(Steered::Unfit(noted, violations)),
                    None => self.as_it_stands(ready.id).await,
                };
            }
        }
        let from = [BroadcastState::Ready];
        match self
            .shift(ready.id, &from, BroadcastState::Running, None)
            .await?
        {
            Some(running) => Ok(Steered::Done(running)),
            None => self.as_others_left_it(ready.id).await,
        }
    }

    /// A wish to begin, where somebody else was faster: the background, another node, or
    /// a person. That it goes is what was wished for.
    async fn as_others_left_it(&self, id: BroadcastId) -> Result<Steered, StoreError> {
        Ok(match self.as_it_stands(id).await? {
            Steered::InState(found)
                if matches!(
                    found.state,
                    BroadcastState::Ready
                        | BroadcastState::Running
                        | BroadcastState::Paused
                        | BroadcastState::Finished
                ) =>
            {
                Steered::Done(found)
            }
            other => other,
        })
    }

    /// Lets a running broadcast rest.
    ///
    /// # Errors
    /// Storage's.
    pub async fn pause_broadcast(&self, id: BroadcastId) -> Result<Steered, StoreError> {
        let from = [BroadcastState::Running];
        self.steer(id, &from, BroadcastState::Paused).await
    }

    /// Lets a resting broadcast go on.
    ///
    /// # Errors
    /// Storage's.
    pub async fn resume_broadcast(&self, id: BroadcastId) -> Result<Steered, StoreError> {
        let from = [BroadcastState::Paused];
        self.steer(id, &from, BroadcastState::Running).await
    }

    /// Stops a broadcast for good.
    ///
    /// # Errors
    /// Storage's.
    pub async fn cancel_broadcast(&self, id: BroadcastId) -> Result<Steered, StoreError> {
        let from = [
            BroadcastState::Loading,
            BroadcastState::Ready,
            BroadcastState::Running,
            BroadcastState::Paused,
        ];
        self.steer(id, &from, BroadcastState::Canceled).await
    }

    /// Ends a broadcast whose audience cannot be taken in.
    pub(super) async fn fail_broadcast(
        &self,
        id: BroadcastId,
        why: &str,
    ) -> Result<Steered, StoreError> {
        tracing::warn!(broadcast_id = %id, why, "a broadcast failed");
        let from = [BroadcastState::Loading];
        match self
            .shift(id, &from, BroadcastState::Failed, Some(why))
            .await?
        {
            Some(failed) => Ok(Steered::InState(failed)),
            None => self.as_it_stands(id).await,
        }
    }

    async fn steer(
        &self,
        id: BroadcastId,
        from: &[BroadcastState],
        to: BroadcastState,
    ) -> Result<Steered, StoreError> {
        if let Some(moved) = self.shift(id, from, to, None).await? {
            return Ok(Steered::Done(moved));
        }
        Ok(match self.store.broadcast(id).await? {
            None => Steered::Missing,
            Some(found) if found.state == to => Steered::Done(found),
            Some(found) => Steered::InState(found),
        })
    }

    /// Moves a broadcast and takes in how it then stands.
    pub(super) async fn shift(
        &self,
        id: BroadcastId,
        from: &[BroadcastState],
        to: BroadcastState,
        problem: Option<&str>,
    ) -> Result<Option<Broadcast>, StoreError> {
        let at = self.clock.now();
        let moved = self.store.move_broadcast(id, from, to, problem, at).await?;
        if let Some(moved) = &moved {
            tracing::info!(broadcast_id = %id, state = %moved.state, problem, "a broadcast moved on");
            self.heed_broadcast(moved);
        }
        Ok(moved)
    }

    async fn as_it_stands(&self, id: BroadcastId) -> Result<Steered, StoreError> {
        Ok(match self.store.broadcast(id).await? {
            Some(found) => Steered::InState(found),
            None => Steered::Missing,
        })
    }
}
