//! The database's clock, as a node sees it between two looks.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hongyan_domain::clock::{Clock, from_millisecond};
use jiff::Timestamp;

/// How far the clock may be ahead of the database and then waits for it instead
/// of going back. Whoever is further ahead was wrong before and goes back.
const HELD: i64 = 5_000;

/// Answers that took longer say too little about the time.
const SLOWEST_ANSWER: Duration = Duration::from_millis(500);

/// The time of the database: all nodes agree on it up to half the time of an
/// answer.
///
/// It goes on with the machine's monotonic clock from the database's last word,
/// so turning the machine's clock changes nothing.
#[derive(Debug)]
pub(super) struct DatabaseClock(Mutex<Anchor>);

#[derive(Debug)]
struct Anchor {
    /// When the database's time was `then`.
    at: Instant,
    then: i64,
    /// The last time that was told.
    told: i64,
}

impl DatabaseClock {
    /// A clock that begins with the answer to a question asked at `asked`.
    pub(super) fn new(millisecond: i64, asked: Instant) -> Self {
        let at = midway(asked);
        Self(Mutex::new(Anchor {
            at,
            then: millisecond,
            told: millisecond,
        }))
    }

    /// Takes note of another answer.
    pub(super) fn hear(&self, millisecond: i64, asked: Instant) {
        if asked.elapsed() > SLOWEST_ANSWER {
            return;
        }
        let mut anchor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        anchor.at = midway(asked);
        anchor.then = millisecond;
    }
}

/// The server looked at its clock somewhere between question and answer.
fn midway(asked: Instant) -> Instant {
    asked + asked.elapsed() / 2
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let mut anchor = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = i64::try_from(anchor.at.elapsed().as_millis()).unwrap_or(i64::MAX);
        let now = anchor.then.saturating_add(passed);
        if now > anchor.told || now < anchor.told.saturating_sub(HELD) {
            anchor.told = now;
        }
        from_millisecond(anchor.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(clock: &DatabaseClock) -> i64 {
        clock.now().as_millisecond()
    }

    #[test]
    fn small_steps_back_are_waited_for_and_large_ones_taken() {
        let begin = 1_800_000_000_000;
        let clock = DatabaseClock::new(begin, Instant::now());
        assert!((begin..begin + 1_000).contains(&millis(&clock)));
        clock.hear(begin + 60_000, Instant::now());
        let ahead = millis(&clock);
        assert!(ahead >= begin + 60_000);
        clock.hear(begin + 58_000, Instant::now());
        assert_eq!(millis(&clock), ahead, "it waits");
        clock.hear(begin, Instant::now());
        assert!(millis(&clock) < begin + 1_000, "it goes back");
    }

    #[test]
    fn half_the_time_of_the_answer_is_added() {
        let Some(asked) = Instant::now().checked_sub(Duration::from_millis(400)) else {
            return;
        };
        let clock = DatabaseClock::new(1_000_000, asked);
        let told = millis(&clock);
        assert!((1_000_200..1_000_400).contains(&told), "{told}");
        let Some(late) = Instant::now().checked_sub(Duration::from_secs(2)) else {
            return;
        };
        clock.hear(9_000_000, late);
        assert!(millis(&clock) < 1_001_000, "a late answer says nothing");
    }
}
