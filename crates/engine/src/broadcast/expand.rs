//! From chunks of people to messages in the queue, no faster than they are sent.

use std::time::Duration;

use hongyan_domain::broadcast::{Broadcast, BroadcastState, CHUNK, Skipped};
use hongyan_domain::clock::{after, from_millisecond};
use hongyan_domain::message::{Message, State};
use hongyan_domain::port::{Expansion, MessageFilter, Page, StoreError};
use jiff::Timestamp;

use super::desk::{Desk, Step};
use super::make::Maker;
use crate::Engine;
use crate::metrics::Tally;
use crate::templates::uses_of;

/// While so many messages of the same or greater urgency are due at the account, no
/// more are made: a little over a second's worth at the rates one account has.
const WINDOW: usize = 4000;

/// With a rate of its own, the next chunk is made so long before its first slot.
const AHEAD: Duration = Duration::from_secs(2);

/// While other messages wait at the account, the end is looked for so often.
const LOOK_FOR_END: Duration = Duration::from_secs(5);

impl Engine {
    /// One step of a running broadcast.
    pub(super) async fn run_step(
        &self,
        desk: &mut Desk,
        broadcast: &mut Broadcast,
    ) -> Result<Step, StoreError> {
        if broadcast.expanded >= broadcast.chunks {
            return self.look_for_end(broadcast).await;
        }
        let now = self.clock.now();
        let slot = match broadcast.spec.rate_per_second {
            None => None,
            Some(_) => Some(self.next_slot(desk, broadcast).await?),
        };
        if slot.is_some_and(|slot| slot > after(now, AHEAD)) {
            return Ok(Step::Waiting);
        }
        let (account, priority) = (broadcast.account, broadcast.spec.priority);
        if self.store.backlog(account, priority, WINDOW).await? >= WINDOW {
            return Ok(Step::Waiting);
        }
        let Some(script) = desk.script(broadcast) else {
            return self.halt(broadcast, "its templates cannot be read").await;
        };
        let maker = match Maker::new(self, &script, broadcast.spec.overflow).await? {
            Ok(maker) => maker,
            Err(halt) => return self.halt(broadcast, &halt.sentence()).await,
        };
        let chunk = broadcast.expanded;
        let people = self.store.recipients(broadcast.id, chunk).await?;
        let slots = slot.map(|slot| Slots {
            first: slot.max(now),
            rate: broadcast.spec.rate_per_second.unwrap_or(1),
        });
        let at = |place| slots.as_ref().map(|slots| slots.at(place));
        let (messages, skipped) = maker.make(broadcast, &people, at).await?;
        if let Some(slots) = &slots {
            desk.slots.insert(broadcast.id, slots.at(messages.len()));
        }
        self.queue_chunk(broadcast, chunk, messages, skipped).await
    }

    async fn queue_chunk(
        &self,
        broadcast: &mut Broadcast,
        chunk: u32,
        messages: Vec<Message>,
        skipped: Vec<Skipped>,
    ) -> Result<Step, StoreError> {
        let tally = Tally::of(&messages);
        let uses = uses_of(&messages);
        let mut due: Vec<_> = messages
            .iter()
            .map(|message| (message.account, message.first_due_at()))
            .collect();
        due.sort_unstable();
        due.dedup_by_key(|(account, _)| *account);
        let passed_over = skipped.len() as u64;
        let expansion = Expansion {
            chunk,
            messages,
            skipped,
        };
        let Some(made) = self.store.expand(broadcast.id, &expansion).await? else {
            return Ok(Step::Changed);
        };
        // Those that were dropped as duplicates are few; counting them in is not
        // worth a second look.
        tally.note(&self.metrics);
        self.catalogue.uses.add(uses);
        broadcast.expanded += 1;
        broadcast.messages += made.messages as u64;
        broadcast.skipped += passed_over + made.duplicates as u64;
        let now = self.clock.now();
        for (account, at) in due {
            self.dispatcher.wake_account_at(account, at, now);
        }
        Ok(Step::Busy)
    }

    /// When the next message of a broadcast with a rate may go: after the last one
    /// made, whoever made it.
    async fn next_slot(
        &self,
        desk: &mut Desk,
        broadcast: &Broadcast,
    ) -> Result<Timestamp, StoreError> {
        if let Some(slot) = desk.slots.get(&broadcast.id) {
            return Ok(*slot);
        }
        let filter = MessageFilter {
            broadcast: Some(broadcast.id),
            ..MessageFilter::default()
        };
        let page = Page {
            limit: CHUNK,
            after: None,
        };
        let made = self.store.deliveries(&filter, page).await?;
        let last = made.iter().filter_map(|one| one.message.send_at).max();
        let slot = last.unwrap_or_else(|| self.clock.now());
        desk.slots.insert(broadcast.id, slot);
        Ok(slot)
    }

    /// A broadcast cannot go on by itself: it rests until somebody has seen to it.
    async fn halt(&self, broadcast: &Broadcast, problem: &str) -> Result<Step, StoreError> {
        tracing::warn!(broadcast_id = %broadcast.id, problem, "a broadcast cannot go on");
        let from = [BroadcastState::Running];
        self.shift(broadcast.id, &from, BroadcastState::Paused, Some(problem))
            .await?;
        Ok(Step::Changed)
    }

    /// Everything is made: it is over once no message of it is open.
    async fn look_for_end(&self, broadcast: &Broadcast) -> Result<Step, StoreError> {
        let (account, priority) = (broadcast.account, broadcast.spec.priority);
        let is_busy = self.store.backlog(account, priority, 1).await? > 0;
        // While the account is at work its last message is probably open, too.
        let good_for = if is_busy {
            LOOK_FOR_END
        } else {
            Duration::ZERO
        };
        let progress = self.progress_at_most(broadcast, good_for).await?;
        if progress.open() > 0 {
            return Ok(Step::Ending);
        }
        // That count may be older than the last messages made.
        let counts = self.store.broadcast_counts(broadcast.id).await?;
        if counts
            .iter()
            .any(|(state, count)| *state == State::Open && *count > 0)
        {
            return Ok(Step::Ending);
        }
        let from = [BroadcastState::Running];
        self.shift(broadcast.id, &from, BroadcastState::Finished, None)
            .await?;
        Ok(Step::Changed)
    }
}

/// When messages go that are spread evenly.
struct Slots {
    first: Timestamp,
    rate: u32,
}

impl Slots {
    fn at(&self, place: usize) -> Timestamp {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        let ms = place.saturating_mul(1000) / i64::from(self.rate.max(1));
        from_millisecond(self.first.as_millisecond().saturating_add(ms))
    }
}
