//! How fast something goes: calls of the last minute.

use jiff::Timestamp;

/// A minute is counted in so many parts.
const PARTS: usize = 12;
/// Each so many seconds long.
const PART: i64 = 5;

/// Counts calls of the last minute.
#[derive(Debug, Default, Clone)]
pub(super) struct Meter {
    parts: [u64; PARTS],
    /// The number of the newest part since 1970.
    newest: i64,
}

impl Meter {
    pub(super) fn note(&mut self, now: Timestamp) {
        self.turn(now);
        self.parts[place(self.newest)] += 1;
    }

    /// Calls of the last minute.
    pub(super) fn per_minute(&mut self, now: Timestamp) -> u64 {
        self.turn(now);
        self.parts.iter().sum()
    }

    fn turn(&mut self, now: Timestamp) {
        let part = now.as_second().div_euclid(PART);
        let passed = (part - self.newest).clamp(0, PARTS as i64);
        for step in 0..passed {
            self.parts[place(part - step)] = 0;
        }
        self.newest = self.newest.max(part);
    }
}

fn place(part: i64) -> usize {
    usize::try_from(part.rem_euclid(PARTS as i64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn a_minute_is_remembered_and_no_more() {
        let mut meter = Meter::default();
        for second in 0..120 {
            meter.note(at(second));
        }
        assert_eq!(meter.per_minute(at(119)), 60);
        let later = meter.per_minute(at(150));
        assert!((25..=30).contains(&later), "{later}");
        assert_eq!(meter.per_minute(at(180)), 0);
        assert_eq!(meter.per_minute(at(1_000_000)), 0);
    }
}
