//! The check of some people before anybody is told anything.

use hongyan_domain::broadcast::{Broadcast, CHUNK, Recipient};
use hongyan_domain::port::StoreError;
use hongyan_domain::template::{Overflow, Violation};

use super::make::Maker;
use super::script::Script;
use crate::Engine;

/// People looked at.
const SAMPLE: usize = 100;

/// Chunks they are taken from: each must be read whole.
const CHUNKS: usize = 10;

/// Violations told.
const TOLD: usize = 20;

/// At most [`SAMPLE`] places among `count`, the first and others at even distances.
pub(super) fn places(count: usize) -> impl Iterator<Item = usize> {
    spread(count, SAMPLE)
}

fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let taken = count.min(most);
    (0..taken).map(move |number| number * count / taken.max(1))
}

impl Engine {
    /// Looks at some of the people of a broadcast that is complete: what is wrong
    /// with them.
    pub(super) async fn check_audience(
        &self,
        broadcast: &Broadcast,
    ) -> Result<Vec<Violation>, StoreError> {
        let script = match Script::read(broadcast.account, &broadcast.spec) {
            Ok(script) => script,
            Err(unreadable) => return Ok(unreadable),
        };
        let mut sample = Vec::new();
        for chunk in spread(broadcast.chunks as usize, CHUNKS) {
            let number = u32::try_from(chunk).unwrap_or(u32::MAX);
            let people = self.store.recipients(broadcast.id, number).await?;
            let from_each = SAMPLE.div_ceil(CHUNKS.min(broadcast.chunks as usize));
            for place in spread(people.len(), from_each) {
                // Only the last chunk of a file may be smaller than this.
                sample.push((chunk * CHUNK + place, people[place].clone()));
            }
        }
        self.check_sample(&script, broadcast.spec.overflow, &sample)
            .await
    }

    /// What is wrong with these people, each with their place in the audience; some
    /// of it, where there is much.
    pub(super) async fn check_sample(
        &self,
        script: &Script,
        overflow: Overflow,
        sample: &[(usize, Recipient)],
    ) -> Result<Vec<Violation>, StoreError> {
        let maker = match Maker::new(self, script, overflow).await? {
            Ok(maker) => maker,
            Err(problem) => return Ok(vec![problem.into_violation()]),
        };
        let mut violations = Vec::new();
        for (place, person) in sample {
            for found in maker.wrong_with(person) {
                violations.push(named(found, *place, person));
                if violations.len() == TOLD {
                    return Ok(violations);
                }
            }
        }
        Ok(violations)
    }
}

/// A violation with the person it is about.
fn named(found: Violation, place: usize, person: &Recipient) -> Violation {
    let (number, who) = (place + 1, person.to.as_str());
    Violation {
        pointer: format!("/audience/recipients/{place}{}", found.pointer),
        rule: found.rule,
        message: format!("person {number} ({who}): {}", found.message),
        message_zh: format!("第 {number} 人（{who}）：{}", found.message_zh),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_begin_at_the_first_and_reach_far() {
        assert_eq!(spread(0, 3).count(), 0);
        assert_eq!(spread(2, 3).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(spread(1000, 4).collect::<Vec<_>>(), [0, 250, 500, 750]);
        assert_eq!(places(1_000_000).count(), SAMPLE);
    }
}
