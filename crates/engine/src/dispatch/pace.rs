//! The pace of a lane: slower while WeChat is in trouble, and back step by step.

use std::time::Duration;

use hongyan_domain::clock::after;
use hongyan_domain::delivery::Outcome;
use hongyan_wechat::ErrClass;
use jiff::Timestamp;

/// The slowest pace.
const SLOWEST: f64 = 1.0 / 64.0;

/// The lane slows down once in this time at most: what is under way was sent at the
/// pace before.
const SLOW_DOWN_EVERY: Duration = Duration::from_secs(1);

/// After so long without trouble it goes a quarter faster.
const GROW_EVERY: Duration = Duration::from_secs(5);
const GROWTH: f64 = 1.25;

/// Trouble in more than one of so many calls of a second is a storm …
const ONE_IN: u32 = 5;
/// … where there were at least so many calls.
const CALLS_JUDGED: u32 = 10;

/// What a call says about the speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// WeChat does its work.
    Well,
    /// The account calls too fast (45011 and kin).
    TooFast,
    /// No answer, or "system error" (-1).
    Trouble,
}

impl From<&Outcome> for Signal {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Refused(refusal) => match refusal.errcode.class() {
                ErrClass::RateLimited => Self::TooFast,
                ErrClass::Busy => Self::Trouble,
                _ => Self::Well,
            },
            Outcome::NotSent { .. } | Outcome::Uncertain { .. } => Self::Trouble,
            Outcome::Accepted { .. } | Outcome::Interrupted | Outcome::Withheld(_) => Self::Well,
        }
    }
}

#[derive(Debug)]
pub(super) struct Pace {
    factor: f64,
    /// When it last changed, or there last was trouble.
    since: Option<Timestamp>,
    slowed_at: Option<Timestamp>,
    /// The second that is counted.
    second: i64,
    calls: u32,
    troubles: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            factor: 1.0,
            since: None,
            slowed_at: None,
            second: 0,
            calls: 0,
            troubles: 0,
        }
    }
}

impl Pace {
    /// Takes in how a call ended. Whether the pace was slowed down.
    pub(super) fn note(&mut self, signal: Signal, now: Timestamp) -> bool {
        if self.second != now.as_second() {
            (self.second, self.calls, self.troubles) = (now.as_second(), 0, 0);
        }
        self.calls += 1;
        self.troubles += u32::from(signal == Signal::Trouble);
        let storm = self.calls >= CALLS_JUDGED && self.troubles * ONE_IN > self.calls;
        let slows = match signal {
            Signal::Well => false,
            Signal::TooFast => true,
            Signal::Trouble => storm,
        };
        if !slows {
            return false;
        }
        self.grow(now);
        self.since = Some(now);
        if self
            .slowed_at
            .is_some_and(|at| after(at, SLOW_DOWN_EVERY) > now)
        {
            return false;
        }
        self.slowed_at = Some(now);
        self.factor = (self.factor / 2.0).max(SLOWEST);
        true
    }

    /// The pace at `now`, from 1/64 to 1.
    pub(super) fn factor(&mut self, now: Timestamp) -> f64 {
        self.grow(now);
        self.factor
    }

    /// The pace when it was last looked at.
    pub(super) fn last(&self) -> f64 {
        self.factor
    }

    fn grow(&mut self, now: Timestamp) {
        while self.factor < 1.0
            && let Some(since) = self.since
            && after(since, GROW_EVERY) <= now
        {
            self.factor = (self.factor * GROWTH).min(1.0);
            self.since = Some(after(since, GROW_EVERY));
        }
    }
}

#[cfg(test)]
mod tests {
    use hongyan_domain::clock::from_millisecond;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        from_millisecond(1_000_000 + ms)
    }

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn it_halves_once_a_second_down_to_a_sixty_fourth() {
        let mut pace = Pace::default();
        assert!(pace.note(Signal::TooFast, at(0)));
        assert!(!pace.note(Signal::TooFast, at(999)), "they were under way");
        assert!(near(pace.factor(at(999)), 0.5));
        for second in 1..20 {
            pace.note(Signal::TooFast, at(second * 1000));
        }
        assert!(near(pace.factor(at(19_000)), SLOWEST));
    }

    #[test]
    fn it_grows_by_a_quarter_every_five_quiet_seconds() {
        let mut pace = Pace::default();
        pace.note(Signal::TooFast, at(0));
        pace.note(Signal::Well, at(4000));
        assert!(near(pace.factor(at(4999)), 0.5));
        assert!(near(pace.factor(at(5000)), 0.625));
        assert!(near(pace.factor(at(10_000)), 0.78125));
        assert!(near(pace.factor(at(600_000)), 1.0));
        // Long quiet is not saved up against the next trouble.
        pace.note(Signal::TooFast, at(700_000));
        assert!(near(pace.factor(at(700_000)), 0.5));
    }

    #[test]
    fn some_trouble_is_no_storm() {
        let mut pace = Pace::default();
        for call in 0..100 {
            let signal = if call % 5 == 4 {
                Signal::Trouble
            } else {
                Signal::Well
            };
            pace.note(signal, at(0));
        }
        // The first calls of a second are too few to judge by.
        for _ in 0..9 {
            pace.note(Signal::Trouble, at(5000));
        }
        assert!(near(pace.factor(at(5000)), 1.0));
        assert!(pace.note(Signal::Trouble, at(5000)));
        assert!(near(pace.factor(at(5000)), 0.5));
    }
}
