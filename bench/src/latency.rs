//! How long messages take from the answer that accepts them to their arrival.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::arrivals::{self, Arrivals};
use crate::cpu::Cpu;
use crate::failure::Failure;
use crate::figures::{Rate, Spread};
use crate::load::{self, Amount, Done, Until};
use crate::measure::{Measure, post_batches};
use crate::script::{BATCH, InTurn};

/// `high` messages a second, few beside what is in the queue.
const HIGH_PACE: f64 = 250.0;

/// `high` messages are sent so long at most: then a queue of a million is still
/// more than half full.
const HIGH_TIME: Duration = Duration::from_secs(10);

/// Posts messages at half the rate at which they were delivered while others were
/// accepted.
pub(crate) async fn at_half_load(
    measure: &Measure<'_>,
    whole: f64,
    accepted: &mut Vec<u128>,
    arrived: &mut Arrivals,
) -> Result<(Rate, Spread), Failure> {
    let stage = &measure.stage;
    let before = Cpu::read(stage, measure.postgres)?;
    let amount = Amount {
        lanes: measure.flags.producers,
        until: Until::Time(measure.flags.time * 2),
        pace: Some(whole / 2.0),
    };
    let done = post(measure, amount, "normal").await?;
    accepted.extend(&done.ids);
    arrivals::wait(stage, accepted.len() as u64).await?;
    arrivals::settled(stage).await?;
    let rate = before.rate(stage, &done, 1)?;
    let mut waits = Waits::new(&done);
    arrived.read(stage, |id, at| waits.note(id, at)).await?;
    Ok((rate, Spread::of(waits.times_ms)))
}

/// Fills the queue with `low` messages, lets the account go and posts `high` ones
/// as long as there are low ones left.
pub(crate) async fn high_among_low(
    measure: &Measure<'_>,
    accepted: &mut Vec<u128>,
    arrived: &mut Arrivals,
) -> Result<Spread, Failure> {
    let stage = &measure.stage;
    stage.hold().await?;
    let low = post_batches(measure, measure.case.messages / BATCH, "low").await?;
    let before = arrivals::total(stage).await?;
    accepted.extend(&low.ids);
    stage.release().await?;
    // The account may take a moment to begin; that is not what is measured.
    arrivals::wait(stage, before + 1).await?;
    let enough = Arc::new(AtomicBool::new(false));
    let amount = Amount {
        lanes: measure.flags.producers,
        until: Until::Told(HIGH_TIME, Arc::clone(&enough)),
        pace: Some(HIGH_PACE),
    };
    let all_low = before + low.ids.len() as u64;
    let (high, ()) = tokio::try_join!(post(measure, amount, "high"), async {
        arrivals::wait(stage, all_low).await?;
        enough.store(true, Ordering::Relaxed);
        Ok(())
    })?;
    accepted.extend(&high.ids);
    arrivals::wait(stage, accepted.len() as u64).await?;
    arrivals::settled(stage).await?;
    let mut waits = Waits::new(&high);
    let mut last_low = Timestamp::MIN;
    let low_ids: std::collections::HashSet<u128> = low.ids.iter().copied().collect();
    arrived
        .read(stage, |id, at| {
            waits.note(id, at);
            if low_ids.contains(&id) {
                last_low = last_low.max(at);
            }
        })
        .await?;
    Ok(Spread::of(waits.before(last_low)))
}

async fn post(measure: &Measure<'_>, amount: Amount, priority: &str) -> Result<Done, Failure> {
    let stage = &measure.stage;
    let addresses = stage.addresses();
    let script = InTurn::singles(addresses[0], &stage.key, &stage.messages(priority));
    load::run("messages", &addresses, amount, script).await
}

/// Which messages arrived how long after they were accepted.
pub(crate) struct Waits {
    accepted_at: HashMap<u128, Timestamp>,
    times_ms: Vec<f64>,
    /// When the message of each of these times was accepted.
    began: Vec<Timestamp>,
}

impl Waits {
    /// None has arrived yet.
    pub(crate) fn new(done: &Done) -> Self {
        let ids = done.ids.iter().copied();
        Self {
            accepted_at: ids.zip(done.at.iter().copied()).collect(),
            times_ms: Vec::new(),
            began: Vec::new(),
        }
    }

    /// Messages of others are passed over. One that arrived before its answer did
    /// has not waited.
    pub(crate) fn note(&mut self, id: u128, at: Timestamp) {
        if let Some(&began) = self.accepted_at.get(&id) {
            let waited = at.duration_since(began).as_secs_f64() * 1e3;
            self.times_ms.push(waited.max(0.0));
            self.began.push(began);
        }
    }

    /// All of them, in milliseconds.
    pub(crate) fn all(self) -> Vec<f64> {
        self.times_ms
    }

    /// Of messages that were accepted before that moment.
    fn before(self, moment: Timestamp) -> Vec<f64> {
        let all = self.times_ms.into_iter().zip(self.began);
        all.filter(|&(_, began)| began < moment)
            .map(|(time, _)| time)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_from_the_answer_to_the_arrival() {
        let at = |ms: i64| Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap();
        let done = Done {
            answered: 3,
            elapsed: Duration::ZERO,
            ids: vec![1, 2, 3],
            at: vec![at(0), at(10), at(20)],
        };
        let mut waits = Waits::new(&done);
        for (id, ms) in [(2, 8), (1, 5), (9, 6), (3, 50)] {
            waits.note(id, at(ms));
        }
        assert_eq!(waits.times_ms, [0.0, 5.0, 30.0]);
        assert_eq!(waits.before(at(20)), [0.0, 5.0]);
    }
}
