//! People made in bulk and not touched since: they exist as numbers only.

use std::ops::Range;

use super::account::Grant;
use crate::model::Subscription;

/// People made by one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Their numbers.
    pub(crate) numbers: Range<u32>,
    /// Whether they follow the account.
    pub(crate) follows: bool,
    /// When they were made, milliseconds.
    pub(crate) at: i64,
    /// What each of them consented to.
    pub(crate) accepts: Vec<Accepted>,
}

/// A consent that everybody of a batch gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) template_id: Box<str>,
    /// Messages each of them allows; any number where the template is long-term.
    pub(crate) count: u32,
    /// Messages used up by place in the batch; as long as the last place that
    /// used one.
    used: Vec<u32>,
}

/// What a bulk person who becomes a member takes along.
#[derive(Debug, Default)]
pub(crate) struct Luggage {
    pub(crate) follows: bool,
    pub(crate) at: i64,
    pub(crate) newest: u32,
    pub(crate) grants: Vec<(Box<str>, Grant)>,
}

/// All bulk people of an account. A person costs four bytes from the first
/// delivery on, and four more for each consent that was used.
#[derive(Debug, Default)]
pub(crate) struct BulkPeople {
    batches: Vec<Batch>,
    /// Those who follow and are no members of their own.
    followers: u64,
    promoted: Bits,
    /// Newest delivery by number; as long as the highest number that has one.
    newest: Vec<u32>,
}

impl Accepted {
    pub(crate) fn new(template_id: &str, count: u32) -> Self {
        Self {
            template_id: template_id.into(),
            count,
            used: Vec::new(),
        }
    }

    fn grant(&self, place: u32, subscription: Subscription) -> Grant {
        match subscription {
            Subscription::OneTime => {
                let used = self.used.get(place as usize).copied().unwrap_or(0);
                Grant {
                    count: self.count - used.min(self.count),
                    open: false,
                }
            }
            Subscription::LongTerm => Grant {
                count: 0,
                open: self.count > 0,
            },
        }
    }
}

impl BulkPeople {
    /// How many were made, members of their own included.
    pub(crate) fn count(&self) -> u32 {
        self.batches.last().map_or(0, |batch| batch.numbers.end)
    }

    pub(crate) fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// Adds people behind those that exist.
    pub(crate) fn add(&mut self, batch: Batch) {
        if batch.follows {
            self.followers += batch.numbers.len() as u64;
        }
        self.batches.push(batch);
    }

    /// Followers that are no members of their own.
    pub(crate) fn followers(&self) -> u64 {
        self.followers
    }

    fn batch(&self, number: u32) -> Option<&Batch> {
        let at = self
            .batches
            .partition_point(|batch| batch.numbers.end <= number);
        self.batches.get(at)
    }

    pub(crate) fn follows(&self, number: u32) -> bool {
        self.batch(number).is_some_and(|batch| batch.follows)
    }

    /// When the person was made.
    pub(crate) fn since(&self, number: u32) -> i64 {
        self.batch(number).map_or(0, |batch| batch.at)
    }

    /// The consent to a template of that subscription.
    pub(crate) fn grant(
        &self,
        number: u32,
        template_id: &str,
        subscription: Subscription,
    ) -> Option<Grant> {
        let batch = self.batch(number)?;
        let accepted = batch
            .accepts
            .iter()
            .find(|one| *one.template_id == *template_id)?;
        Some(accepted.grant(number - batch.numbers.start, subscription))
    }

    /// Uses one message of a consent up.
    pub(crate) fn spend(&mut self, number: u32, template_id: &str) {
        let at = self
            .batches
            .partition_point(|batch| batch.numbers.end <= number);
        let Some(batch) = self.batches.get_mut(at) else {
            return;
        };
        let place = (number - batch.numbers.start) as usize;
        let accepted = batch
            .accepts
            .iter_mut()
            .find(|one| *one.template_id == *template_id);
        if let Some(accepted) = accepted {
            if accepted.used.len() <= place {
                accepted.used.resize(place + 1, 0);
            }
            accepted.used[place] = accepted.used[place].saturating_add(1);
        }
    }

    /// Makes the person a member of its own; once.
    pub(crate) fn promote(
        &mut self,
        number: u32,
        subscription: impl Fn(&str) -> Subscription,
    ) -> Option<Luggage> {
        if self.promoted.get(number) {
            return None;
        }
        let batch = self.batch(number)?;
        let place = number - batch.numbers.start;
        let grants = batch.accepts.iter().map(|one| {
            let subscription = subscription(&one.template_id);
            (one.template_id.clone(), one.grant(place, subscription))
        });
        let luggage = Luggage {
            follows: batch.follows,
            at: batch.at,
            newest: self.newest(number),
            grants: grants.collect(),
        };
        if luggage.follows {
            self.followers -= 1;
        }
        self.promoted.set(number);
        Some(luggage)
    }

    /// The next number from `from` on that may follow: of a batch that does
    /// not, only those who became members.
    pub(crate) fn next_candidate(&self, mut from: u32) -> Option<u32> {
        loop {
            let batch = self.batch(from)?;
            if batch.follows {
                return Some(from);
            }
            let end = batch.numbers.end;
            match self.promoted.next(from, end) {
                Some(found) => return Some(found),
                None => from = end,
            }
        }
    }

    pub(crate) fn is_promoted(&self, number: u32) -> bool {
        self.promoted.get(number)
    }

    /// Newest delivery; 0 is none.
    pub(crate) fn newest(&self, number: u32) -> u32 {
        self.newest.get(number as usize).copied().unwrap_or(0)
    }

    pub(crate) fn set_newest(&mut self, number: u32, seq: u32) {
        let number = number as usize;
        if self.newest.len() <= number {
            self.newest.resize(number + 1, 0);
        }
        self.newest[number] = seq;
    }
}

/// A set of numbers, one bit each.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn get(&self, number: u32) -> bool {
        let word = self.0.get(number as usize / 64);
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    fn set(&mut self, number: u32) {
        let at = number as usize / 64;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] |= 1 << (number % 64);
    }

    /// The first member of the set from `from` on, before `end`.
    fn next(&self, from: u32, end: u32) -> Option<u32> {
        let first = from as usize / 64;
        for (at, word) in self.0.iter().enumerate().skip(first) {
            let word = if at == first {
                word & (u64::MAX << (from % 64))
            } else {
                *word
            };
            if word != 0 {
                let found = at as u32 * 64 + word.trailing_zeros();
                return (found < end).then_some(found);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(numbers: Range<u32>, follows: bool, accepts: Vec<Accepted>) -> Batch {
        Batch {
            numbers,
            follows,
            at: 7,
            accepts,
        }
    }

    #[test]
    fn consents_of_a_batch_are_used_up_one_by_one() {
        let mut people = BulkPeople::default();
        people.add(batch(0..3, true, Vec::new()));
        people.add(batch(3..9, true, vec![Accepted::new("t", 2)]));
        let left = |people: &BulkPeople, number| {
            people
                .grant(number, "t", Subscription::OneTime)
                .map(|grant| grant.count)
        };
        assert_eq!([left(&people, 2), left(&people, 3)], [None, Some(2)]);
        people.spend(5, "t");
        people.spend(5, "t");
        assert_eq!([left(&people, 5), left(&people, 4)], [Some(0), Some(2)]);
        let long = people.grant(5, "t", Subscription::LongTerm).unwrap();
        assert!(long.open);
        let luggage = people.promote(4, |_| Subscription::OneTime).unwrap();
        assert_eq!((luggage.at, luggage.grants[0].1.count), (7, 2));
        assert!(people.promote(4, |_| Subscription::OneTime).is_none());
        assert_eq!(people.followers(), 8);
    }

    #[test]
    fn a_batch_that_does_not_follow_is_skipped_but_for_its_members() {
        let mut people = BulkPeople::default();
        people.add(batch(0..1_000_000, false, Vec::new()));
        people.add(batch(1_000_000..1_000_002, true, Vec::new()));
        assert_eq!(people.followers(), 2);
        assert_eq!(people.next_candidate(0), Some(1_000_000));
        people.promote(70_000, |_| Subscription::OneTime);
        assert_eq!(people.next_candidate(0), Some(70_000));
        assert_eq!(people.next_candidate(70_001), Some(1_000_000));
        assert_eq!(people.next_candidate(1_000_002), None);
    }
}
