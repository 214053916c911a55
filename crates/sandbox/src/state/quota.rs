//! Daily and per-minute allowances of one account.

use crate::clock::beijing_day;
use crate::refusal::{self, Refusal};

/// Calls of one path on one Beijing day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DailyCell {
    pub(crate) day: i64,
    pub(crate) used: u64,
    /// Set by the control API; otherwise the path's default counts.
    pub(crate) limit: Option<u64>,
}

impl DailyCell {
    /// Calls counted on the day of `now`.
    pub(crate) fn used_at(&self, now: i64) -> u64 {
        if self.day == beijing_day(now) {
            self.used
        } else {
            0
        }
    }

    /// Refuses with 45009 where nothing is left of the day.
    pub(crate) fn check(&self, default: u64, now: i64) -> Result<(), Refusal> {
        if self.used_at(now) >= self.limit.unwrap_or(default) {
            return Err(refusal::DAILY_QUOTA);
        }
        Ok(())
    }

    /// Counts one call and tells the new number, or refuses it with 45009.
    pub(crate) fn charge(&mut self, default: u64, now: i64) -> Result<u64, Refusal> {
        self.check(default, now)?;
        self.used = self.used_at(now) + 1;
        self.day = beijing_day(now);
        Ok(self.used)
    }

    /// Takes over a number from the journal.
    pub(crate) fn restore(&mut self, day: i64, used: u64, exact: bool) {
        if exact || day > self.day {
            self.day = day;
            self.used = used;
        } else if day == self.day {
            self.used = self.used.max(used);
        }
    }
}

/// Calls of one path in one minute.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MinuteCell {
    minute: i64,
    used: u32,
    /// Set by the control API; otherwise the path's default counts, if any.
    pub(crate) limit: Option<u32>,
}

impl MinuteCell {
    /// Counts one call, or refuses it with 45011.
    pub(crate) fn charge(&mut self, default: Option<u32>, now: i64) -> Result<(), Refusal> {
        let Some(limit) = self.limit.or(default) else {
            return Ok(());
        };
        let minute = now.div_euclid(60_000);
        if self.minute != minute {
            self.minute = minute;
            self.used = 0;
        }
        if self.used >= limit {
            return Err(refusal::MINUTE_QUOTA);
        }
        self.used += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::DAY_MS;

    #[test]
    fn a_day_ends_the_daily_limit() {
        let mut cell = DailyCell::default();
        assert_eq!(cell.charge(2, 0), Ok(1));
        assert_eq!(cell.charge(2, 1), Ok(2));
        assert_eq!(cell.charge(2, 2), Err(refusal::DAILY_QUOTA));
        assert_eq!(cell.used_at(2), 2);
        assert_eq!(cell.charge(2, DAY_MS), Ok(1));
        cell.limit = Some(0);
        assert_eq!(cell.charge(2, DAY_MS), Err(refusal::DAILY_QUOTA));
    }

    #[test]
    fn lines_out_of_order_never_lower_the_number_unless_exact() {
        let mut cell = DailyCell::default();
        cell.restore(3, 5, false);
        cell.restore(3, 4, false);
        cell.restore(2, 9, false);
        assert_eq!((cell.day, cell.used), (3, 5));
        cell.restore(3, 0, true);
        assert_eq!((cell.day, cell.used), (3, 0));
    }

    #[test]
    fn a_minute_ends_the_minute_limit() {
        let mut cell = MinuteCell::default();
        assert_eq!(cell.charge(Some(1), 59_998), Ok(()));
        assert_eq!(cell.charge(Some(1), 59_999), Err(refusal::MINUTE_QUOTA));
        assert_eq!(cell.charge(Some(1), 60_000), Ok(()));
        assert_eq!(cell.charge(None, 60_000), Ok(()));
        cell.limit = Some(0);
        assert_eq!(cell.charge(None, 120_000), Err(refusal::MINUTE_QUOTA));
    }
}
