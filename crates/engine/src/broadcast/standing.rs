//! Whether messages of a broadcast may be sent now, known without asking storage
//! for each of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hongyan_domain::BroadcastId;
use hongyan_domain::broadcast::BroadcastState;
use hongyan_domain::clock::{after, from_millisecond};
use hongyan_domain::delivery::{Decision, History};
use hongyan_domain::message::{Message, State};
use jiff::Timestamp;

use crate::Engine;

/// How long what was read is believed: another node may have paused it since.
const BELIEVED_FOR: Duration = Duration::from_secs(1);

/// How long a message of a resting broadcast is held back at a time.
const REST: Duration = Duration::from_secs(5);

/// Broadcasts remembered at most.
const REMEMBERED: usize = 1000;

/// What is known about the broadcasts whose messages are being sent.
#[derive(Debug, Default)]
pub(super) struct Standings {
    known: Mutex<HashMap<BroadcastId, Standing>>,
    /// One looks, the others wait for what it finds.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    /// `None` = it is gone: its messages are messages like others.
    state: Option<BroadcastState>,
    rate: Option<u32>,
    read_at: Timestamp,
    /// The latest time a message was held back to.
    held_to: Timestamp,
}

impl Standings {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<BroadcastId, Standing>) -> T) -> T {
        work(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in how a broadcast stands.
    pub(super) fn note(
        &self,
        id: BroadcastId,
        state: Option<BroadcastState>,
        rate: Option<u32>,
        now: Timestamp,
    ) {
        self.with(|known| {
            if known.len() >= REMEMBERED && !known.contains_key(&id) {
                known.retain(|_, one| after(one.read_at, BELIEVED_FOR) > now);
            }
            let held_to = known.get(&id).map_or(now, |one| one.held_to);
            let standing = Standing {
                state,
                rate,
                read_at: now,
                held_to,
            };
            known.insert(id, standing);
        });
    }

    fn fresh(&self, id: BroadcastId, now: Timestamp) -> Option<Standing> {
        self.with(|known| known.get(&id).copied())
            .filter(|one| after(one.read_at, BELIEVED_FOR) > now && one.read_at <= now)
    }

    /// Until when the next message of a resting broadcast is held back: those of one
    /// that has a rate come back one after the other, or they would all go out in
    /// one moment once it goes on.
    fn hold_back(&self, id: BroadcastId, now: Timestamp) -> Timestamp {
        let earliest = after(now, REST);
        self.with(|known| {
            let Some(standing) = known.get_mut(&id) else {
                return earliest;
            };
            let apart = standing
                .rate
                .map_or(0, |rate| 1000 / i64::from(rate.max(1)));
            let next = from_millisecond(standing.held_to.as_millisecond() + apart);
            standing.held_to = next.max(earliest);
            standing.held_to
        })
    }
}

impl Engine {
    /// What is to be done with a claimed message because of its broadcast; `None` =
    /// it may be sent.
    pub(crate) async fn broadcast_verdict(
        &self,
        message: &Message,
        history: &History,
    ) -> Option<Decision> {
        let id = message.broadcast?;
        let now = self.clock.now();
        let standings = &self.broadcasts.standings;
        let state = match standings.fresh(id, now) {
            Some(standing) => standing.state,
            None => Box::pin(self.broadcast_state(id, now)).await,
        };
        match state {
            Some(BroadcastState::Canceled) => Some(Decision::Settle {
                // What may have gone out cannot be taken back.
                state: if history.may_have_gone_out() {
                    State::Unknown
                } else {
                    State::Canceled
                },
                msgid: None,
            }),
            Some(BroadcastState::Paused) => Some(Decision::RetryAt {
                at: standings.hold_back(id, now),
            }),
            _ => None,
        }
    }

    async fn broadcast_state(&self, id: BroadcastId, now: Timestamp) -> Option<BroadcastState> {
        let standings = &self.broadcasts.standings;
        let _alone = standings.looking.lock().await;
        if let Some(standing) = standings.fresh(id, now) {
            return standing.state;
        }
        match self.store.broadcast(id).await {
            Ok(found) => {
                let state = found.as_ref().map(|one| one.state);
                let rate = found.and_then(|one| one.spec.rate_per_second);
                standings.note(id, state, rate, now);
                state
            }
            Err(error) => {
                tracing::warn!(broadcast_id = %id, %error, "a broadcast could not be looked at; its messages wait");
                Some(BroadcastState::Paused)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        from_millisecond(1_000_000 + ms)
    }

    #[test]
    fn what_was_read_is_believed_for_a_second() {
        let standings = Standings::default();
        let id = BroadcastId::new(at(0), [1; 10]);
        standings.note(id, Some(BroadcastState::Running), None, at(0));
        assert!(standings.fresh(id, at(999)).is_some());
        assert!(standings.fresh(id, at(1000)).is_none());
    }

    #[test]
    fn what_has_a_rate_comes_back_at_that_rate() {
        let standings = Standings::default();
        let id = BroadcastId::new(at(0), [1; 10]);
        standings.note(id, Some(BroadcastState::Paused), Some(10), at(0));
        let times: Vec<_> = (0..3).map(|_| standings.hold_back(id, at(0))).collect();
        assert_eq!(times, [at(5000), at(5100), at(5200)]);
        standings.note(id, Some(BroadcastState::Paused), None, at(6000));
        assert_eq!(standings.hold_back(id, at(6000)), at(11_000));
    }
}
