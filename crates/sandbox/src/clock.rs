//! The sandbox's own time.
//!
//! Everything that depends on time (token life, quotas by day, the
//! de-duplication window) asks this clock, so a test can let two hours pass in
//! one call. The clock only ever moves forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::UNIX_EPOCH;

use serde::Serialize;

/// What the virtual clock stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockBase {
    /// Real time plus whatever was added by [`crate::Sandbox::advance`].
    #[default]
    System,
    /// A fixed instant (milliseconds since 1970 UTC) that moves only by
    /// [`crate::Sandbox::advance`]: for tests that must not depend on real time.
    Manual(i64),
}

/// Virtual clock: a base plus an offset.
#[derive(Debug)]
pub(crate) struct Clock {
    base: ClockBase,
    offset_ms: AtomicI64,
}

/// What `GET /sandbox/v1/clock` shows.
#[derive(Debug, Clone, Serialize)]
pub struct ClockView {
    /// The sandbox's time, RFC 3339 in UTC.
    pub now: String,
    /// The sandbox's time in milliseconds since 1970.
    pub now_ms: i64,
    /// How far it runs ahead of its base, in milliseconds.
    pub offset_ms: i64,
}

/// Milliseconds of one day.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Beijing is eight hours ahead of UTC all year round.
const BEIJING_MS: i64 = 8 * 60 * 60 * 1000;

impl Clock {
    pub(crate) fn new(base: ClockBase) -> Self {
        Self {
            base,
            offset_ms: AtomicI64::new(0),
        }
    }

    /// The virtual time in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        let base = match self.base {
            ClockBase::Manual(at) => at,
            ClockBase::System => system_ms(),
        };
        base.saturating_add(self.offset_ms())
    }

    pub(crate) fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn set_offset(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    pub(crate) fn view(&self) -> ClockView {
        let now_ms = self.now_ms();
        ClockView {
            now: rfc3339(now_ms),
            now_ms,
            offset_ms: self.offset_ms(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the sandbox reads real time"
)]
fn system_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

/// RFC 3339 in UTC with milliseconds; instants beyond the calendar print as 1970.
pub(crate) fn rfc3339(ms: i64) -> String {
    let instant = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    format!("{instant:.3}")
}

/// Number of the Beijing day: daily quotas start anew with it.
pub(crate) fn beijing_day(ms: i64) -> i64 {
    ms.saturating_add(BEIJING_MS).div_euclid(DAY_MS)
}

/// Number of the Beijing month (`year * 12 + month`): the unit of the
/// allowances of `clear_quota` and of the change of industry.
pub(crate) fn beijing_month(ms: i64) -> i64 {
    let shifted = jiff::Timestamp::from_millisecond(ms.saturating_add(BEIJING_MS));
    let date = shifted
        .unwrap_or_default()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    i64::from(date.year()) * 12 + i64::from(date.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_clock_moves_only_when_told() {
        let clock = Clock::new(ClockBase::Manual(1_000));
        assert_eq!(clock.now_ms(), 1_000);
        clock.set_offset(250);
        assert_eq!(clock.now_ms(), 1_250);
    }

    #[test]
    fn the_day_changes_at_midnight_in_beijing() {
        // 2026-01-01 15:59:59.999 UTC is one millisecond before midnight there.
        let before = 1_767_283_199_999;
        assert_eq!(beijing_day(before) + 1, beijing_day(before + 1));
    }

    #[test]
    fn the_month_changes_with_beijing_too() {
        // 2026-01-31 16:00 UTC is 1 February in Beijing.
        let at = 1_769_875_200_000;
        assert_eq!(beijing_month(at - 1) + 1, beijing_month(at));
    }

    #[test]
    fn times_print_in_utc() {
        assert_eq!(rfc3339(1_635_156_704_000), "2021-10-25T10:11:44.000Z");
    }
}
