//! Where "now" comes from.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// A source of the current time. Everything that needs "now" is handed one,
/// so that tests can turn time by hand.
pub trait Clock: Send + Sync + std::fmt::Debug + 'static {
    /// The current time, rounded down to a millisecond: the unit we store.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the machine"
    )]
    fn now(&self) -> Timestamp {
        floor_to_millisecond(Timestamp::now())
    }
}

/// A clock that moves only when told to, for tests.
#[derive(Debug)]
pub struct ManualClock {
    millisecond: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `at`.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self {
            millisecond: AtomicI64::new(at.as_millisecond()),
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.millisecond.fetch_add(by, Ordering::SeqCst);
    }

    /// Puts the clock to `at`, backwards too.
    pub fn set(&self, at: Timestamp) {
        self.millisecond
            .store(at.as_millisecond(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        from_millisecond(self.millisecond.load(Ordering::SeqCst))
    }
}

/// The time of a millisecond count since 1970 as storage holds it; counts
/// outside the range of [`Timestamp`] (years -9999 to 9999) come back as the
/// nearest end of it.
#[must_use]
pub fn from_millisecond(count: i64) -> Timestamp {
    Timestamp::from_millisecond(count).unwrap_or(if count < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// `at` without the part below a millisecond.
#[must_use]
pub fn floor_to_millisecond(at: Timestamp) -> Timestamp {
    from_millisecond(at.as_millisecond())
}

/// `at` plus `by`, held at the end of the range instead of overflowing.
#[must_use]
pub fn after(at: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    from_millisecond(at.as_millisecond().saturating_add(by))
}

/// The next midnight in Beijing (UTC+8) after `now`, when WeChat's daily
/// quotas start again.
///
/// That the day turns at Beijing midnight is what operators report; WeChat's
/// quota page gives no hour.
#[must_use]
pub fn next_beijing_midnight(now: Timestamp) -> Timestamp {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    const BEIJING: i64 = 8 * 60 * 60 * 1000;
    let local = now.as_millisecond().saturating_add(BEIJING);
    let next = (local.div_euclid(DAY) + 1).saturating_mul(DAY);
    from_millisecond(next - BEIJING)
}

/// When to try again after the day's allowance turned out to be used up.
///
/// A minute past the next Beijing midnight, because clocks differ. Said within
/// the hour after midnight, the day may simply not have turned at WeChat yet:
/// then in five minutes.
#[must_use]
pub fn after_quota_reset(now: Timestamp) -> Timestamp {
    const MINUTE: Duration = Duration::from_secs(60);
    let since_midnight = now
        .as_second()
        .saturating_add(8 * 60 * 60)
        .rem_euclid(24 * 60 * 60);
    if since_midnight < 60 * 60 {
        after(now, 5 * MINUTE)
    } else {
        after(next_beijing_midnight(now), MINUTE)
    }
}

/// The day in Beijing that `now` falls on, as days since 1970-01-01: the key of
/// every daily count.
#[must_use]
pub fn beijing_day(now: Timestamp) -> i64 {
    now.as_second()
        .saturating_add(8 * 60 * 60)
        .div_euclid(24 * 60 * 60)
}

/// The month in Beijing that `now` falls in, such as `202611`: the key of monthly
/// counts.
#[must_use]
pub fn beijing_month(now: Timestamp) -> i64 {
    let local = jiff::tz::offset(8).to_datetime(now);
    i64::from(local.year()) * 100 + i64::from(local.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_beijing_month_turns_at_its_midnight() {
        assert_eq!(beijing_month(at("2026-11-30T15:59:59Z")), 202_611);
        assert_eq!(beijing_month(at("2026-11-30T16:00:00Z")), 202_612);
        assert_eq!(beijing_month(at("2026-12-31T16:00:00Z")), 202_701);
    }

    #[test]
    fn the_beijing_day_turns_at_sixteen_utc() {
        assert_eq!(
            next_beijing_midnight(at("2026-11-21T15:59:59.999Z")),
            at("2026-11-21T16:00:00Z")
        );
        assert_eq!(
            next_beijing_midnight(at("2026-11-21T16:00:00Z")),
            at("2026-11-22T16:00:00Z")
        );
        assert_eq!(
            beijing_day(at("2026-11-21T16:00:00Z")),
            beijing_day(at("2026-11-21T15:59:59Z")) + 1
        );
    }

    #[test]
    fn a_day_that_has_just_turned_is_not_given_up() {
        let reset = after_quota_reset(at("2026-11-21T15:59:59Z"));
        assert_eq!(reset, at("2026-11-21T16:01:00Z"));
        let reset = after_quota_reset(at("2026-11-21T16:01:00Z"));
        assert_eq!(reset, at("2026-11-21T16:06:00Z"));
        let reset = after_quota_reset(at("2026-11-21T17:00:00Z"));
        assert_eq!(reset, at("2026-11-22T16:01:00Z"));
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = ManualClock::new(at("2026-11-21T00:00:00Z"));
        let before = clock.now();
        assert_eq!(clock.now(), before);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now(), at("2026-11-21T00:00:01.5Z"));
    }
}
