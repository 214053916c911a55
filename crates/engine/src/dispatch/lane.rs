//! A lane: one account's way to WeChat, with its limits.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hongyan_domain::account::AccountSettings;
use hongyan_domain::clock::from_millisecond;
use jiff::Timestamp;

/// One account's sends under way, its rate, and when to look at its queue.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    in_flight: AtomicUsize,
    /// Millisecond since 1970 when the queue is worth a look; 0 = at once.
    look_at: AtomicI64,
    /// Somebody said that something is due while a claim was under way.
    hinted: AtomicBool,
    /// Millisecond since 1970 before which nothing is sent: WeChat found the
    /// account too fast.
    rests_until: AtomicI64,
    /// A claim found no room; the next send that ends wakes the dispatcher.
    starved: AtomicBool,
    bucket: Mutex<Bucket>,
}

/// A token bucket.
#[derive(Debug, Default)]
struct Bucket {
    tokens: f64,
    filled_at: Option<Timestamp>,
}

impl Bucket {
    fn fill(&mut self, rate: f64, now: Timestamp) {
        // Starts with a tenth of a second's worth, so that the first second
        // does not see twice the rate; and never holds more, so that what was
        // not used is not made up for in a burst. Slow rates hold two, or every
        // look that comes late would cost a part of one.
        let start = (rate / 10.0).max(1.0);
        let most = start.max(2.0);
        self.tokens = match self.filled_at {
            None => start,
            Some(then) => {
                let passed = (now.as_millisecond() - then.as_millisecond()).max(0);
                (self.tokens + rate * f64::from(i32::try_from(passed).unwrap_or(i32::MAX)) / 1000.0)
                    .min(most)
            }
        };
        self.filled_at = Some(now);
    }
}

impl Lane {
    /// How many sends are under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Nothing more is sent before `until`; the first to say so counts.
    pub(crate) fn rest_until(&self, until: Timestamp, now: Timestamp) {
        if !self.rests(now) {
            self.rests_until
                .store(until.as_millisecond(), Ordering::SeqCst);
        }
    }

    pub(crate) fn rests(&self, now: Timestamp) -> bool {
        self.rests_until.load(Ordering::SeqCst) > now.as_millisecond()
    }

    pub(crate) fn look_at_once(&self) {
        self.hinted.store(true, Ordering::SeqCst);
    }

    pub(crate) fn look_by(&self, at: Timestamp) {
        self.look_at
            .fetch_min(at.as_millisecond(), Ordering::SeqCst);
    }

    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.hinted.load(Ordering::SeqCst)
            || self.look_at.load(Ordering::SeqCst) <= now.as_millisecond()
    }

    pub(crate) fn due_at(&self) -> Timestamp {
        if self.hinted.load(Ordering::SeqCst) {
            return from_millisecond(0);
        }
        from_millisecond(self.look_at.load(Ordering::SeqCst))
    }

    /// A claim begins: hints from now on concern what it may not see.
    pub(crate) fn looked(&self) {
        self.hinted.store(false, Ordering::SeqCst);
    }

    pub(crate) fn look_again_at(&self, at: Timestamp) {
        self.look_at.store(at.as_millisecond(), Ordering::SeqCst);
    }

    /// How many sends may begin now. While many are under way, waits until a
    /// quarter of them can be replaced at once: claims in crumbs cost more than
    /// they bring.
    pub(crate) fn permits(&self, settings: &AccountSettings, now: Timestamp) -> usize {
        let most = settings.max_in_flight as usize;
        let free = most.saturating_sub(self.in_flight.load(Ordering::SeqCst));
        if free < (most / 4).clamp(1, 64) {
            self.starved.store(true, Ordering::SeqCst);
            // A send may have ended between the look and the flag.
            let free = most.saturating_sub(self.in_flight.load(Ordering::SeqCst));
            if free < (most / 4).clamp(1, 64) {
                return 0;
            }
            self.starved.store(false, Ordering::SeqCst);
        }
        match settings.rate_per_second {
            None => free,
            Some(rate) => {
                let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
                bucket.fill(f64::from(rate), now);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "the bucket holds between 0 and u32::MAX tokens"
                )]
                let tokens = bucket.tokens as usize;
                free.min(tokens)
            }
        }
    }

    /// Has the next send that ends wake the dispatcher.
    pub(crate) fn starve(&self) {
        self.starved.store(true, Ordering::SeqCst);
    }

    /// When a permit comes free by itself, not by a send's end.
    pub(crate) fn next_permit_at(&self, settings: &AccountSettings, now: Timestamp) -> Timestamp {
        let wait_ms = match settings.rate_per_second {
            Some(rate) if !self.starved.load(Ordering::SeqCst) => {
                (1000 / i64::from(rate.max(1))).clamp(1, 1000)
            }
            _ => 1000,
        };
        from_millisecond(now.as_millisecond() + wait_ms)
    }

    /// So many sends begin.
    pub(crate) fn take(&self, count: usize) {
        self.in_flight.fetch_add(count, Ordering::SeqCst);
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        #[expect(clippy::cast_precision_loss, reason = "claims are far below 2^52")]
        let count = count as f64;
        bucket.tokens = (bucket.tokens - count).max(0.0);
    }

    /// A send ended. Whether the dispatcher waits for just that.
    pub(crate) fn finished_one(&self, max_in_flight: u32) -> bool {
        let before = self.in_flight.fetch_sub(1, Ordering::SeqCst);
        let most = max_in_flight as usize;
        let free = most.saturating_sub(before.saturating_sub(1));
        free >= (most / 4).clamp(1, 64) && self.starved.swap(false, Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use hongyan_domain::account::{AccountKind, AccountOptions, TokenMode};
    use hongyan_wechat::AppSecret;

    use super::*;

    fn settings(rate_per_second: Option<u32>, max_in_flight: u32) -> AccountSettings {
        AccountSettings {
            name: "a".parse().unwrap(),
            kind: AccountKind::OfficialAccount,
            appid: "wx1".parse().unwrap(),
            secret: AppSecret::new("s"),
            original_id: None,
            token_mode: TokenMode::Stable,
            callback: None,
            rate_per_second,
            max_in_flight,
            disabled: false,
            options: AccountOptions::default(),
        }
    }

    fn at(ms: i64) -> Timestamp {
        from_millisecond(1_000_000 + ms)
    }

    #[test]
    fn never_more_than_allowed_are_under_way() {
        let (lane, settings) = (Lane::default(), settings(None, 8));
        assert_eq!(lane.permits(&settings, at(0)), 8);
        lane.take(8);
        assert_eq!(lane.permits(&settings, at(0)), 0);
        assert!(!lane.finished_one(8), "one of eight is a crumb");
        assert!(lane.finished_one(8), "a quarter is worth a claim");
        assert_eq!(lane.permits(&settings, at(0)), 2);
    }

    #[test]
    fn a_second_sees_no_more_than_the_rate() {
        let (lane, settings) = (Lane::default(), settings(Some(50), 1000));
        let mut sent = 0;
        for ms in (0..10_000).step_by(7) {
            let permits = lane.permits(&settings, at(ms));
            lane.take(permits);
            sent += permits;
        }
        assert!((495..=505).contains(&sent), "{sent}");
    }

    #[test]
    fn an_idle_lane_saves_up_no_burst() {
        let (lane, settings) = (Lane::default(), settings(Some(50), 1000));
        lane.take(lane.permits(&settings, at(0)));
        assert!(lane.permits(&settings, at(60_000)) <= 5);
    }

    #[test]
    fn slow_rates_let_one_through_in_time() {
        let (lane, settings) = (Lane::default(), settings(Some(1), 10));
        assert_eq!(lane.permits(&settings, at(0)), 1);
        lane.take(1);
        assert_eq!(lane.permits(&settings, at(999)), 0);
        assert_eq!(lane.permits(&settings, at(1000)), 1);
    }
}
