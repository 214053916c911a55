//! A lane: one account's way to WeChat, with its limits.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hongyan_domain::account::AccountSettings;
use hongyan_domain::clock::from_millisecond;
use hongyan_domain::message::Priority;
use jiff::Timestamp;

use super::pace::{Pace, Signal};

/// How often a lane without room for others looks for urgent messages that nobody
/// told it of: scheduled ones, and those other nodes took in.
const URGENT_LOOK: i64 = 50;

/// One account's sends under way, its rate and pace, and when to look at its queue.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    in_flight: AtomicUsize,
    /// Millisecond since 1970 when the queue is worth a look; 0 = at once.
    look_at: AtomicI64,
    /// Somebody said that something is due while a claim was under way.
    hinted: AtomicBool,
    /// Somebody said that something urgent is due.
    urgent: AtomicBool,
    /// Millisecond since 1970 of the last look for urgent messages alone.
    urgent_looked_at: AtomicI64,
    /// Millisecond since 1970 before which nothing is sent: WeChat found the
    /// account too fast.
    rests_until: AtomicI64,
    /// Millisecond since 1970 until which a message tries a breaker that holds its
    /// kind; the others wait for what it learns.
    tries_until: AtomicI64,
    /// A claim found no room; the next send that ends wakes the dispatcher.
    starved: AtomicBool,
    bucket: Mutex<Bucket>,
    pace: Mutex<Pace>,
}

/// How many messages may be claimed now, and how urgent they must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permits {
    pub(crate) count: usize,
    pub(crate) least: Priority,
}

/// Places of so many that only urgent messages take: whatever is under way and
/// however slow WeChat answers, an urgent one goes out at once.
fn kept_for_urgent(most: usize) -> usize {
    if most < 2 {
        0
    } else {
        (most / 16).clamp(1, 32)
    }
}

/// So many free places are worth a claim: crumbs cost more than they bring.
fn worth_a_claim(most: usize) -> usize {
    (most / 4).clamp(1, 64)
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

    /// Something urgent is due.
    pub(crate) fn look_for_urgent(&self) {
        self.urgent.store(true, Ordering::SeqCst);
        self.look_at_once();
    }

    /// Takes in how a call ended. Whether the lane slows down.
    pub(crate) fn note(&self, signal: Signal, now: Timestamp) -> bool {
        self.with_pace(|pace| pace.note(signal, now))
    }

    /// The part of its speed the lane goes at, from 1/64 to 1.
    pub(crate) fn pace(&self, now: Timestamp) -> f64 {
        self.with_pace(|pace| pace.factor(now))
    }

    fn with_pace<T>(&self, work: impl FnOnce(&mut Pace) -> T) -> T {
        work(&mut self.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this is the one message that tries whether a kind goes out again.
    /// The others wait until then, at the latest.
    pub(crate) fn tries_kind(&self, now: Timestamp, until: Timestamp) -> Result<(), Timestamp> {
        let others = self.tries_until.load(Ordering::SeqCst);
        if others > now.as_millisecond() {
            return Err(from_millisecond(others));
        }
        self.tries_until
            .compare_exchange(
                others,
                until.as_millisecond(),
                Ordering::SeqCst,
                Ordering::SeqCst,
            )
            .map(|_| ())
            .map_err(from_millisecond)
    }

    /// How many sends may begin now, and of which priority at least. While many are
    /// under way, waits until a quarter of them can be replaced at once; urgent ones
    /// do not wait.
    pub(crate) fn permits(&self, settings: &AccountSettings, now: Timestamp) -> Permits {
        let pace = self.pace(now);
        let most = paced(settings.max_in_flight, pace);
        let for_all = most - kept_for_urgent(most);
        let free_for_all = || for_all.saturating_sub(self.in_flight.load(Ordering::SeqCst));
        let mut free = free_for_all();
        let mut least = Priority::Low;
        if free < worth_a_claim(most) {
            self.starved.store(true, Ordering::SeqCst);
            // A send may have ended between the look and the flag.
            free = free_for_all();
            if free < worth_a_claim(most) {
                least = Priority::High;
                free = if self.looks_for_urgent(now) {
                    most.saturating_sub(self.in_flight.load(Ordering::SeqCst))
                } else {
                    0
                };
            } else {
                self.starved.store(false, Ordering::SeqCst);
            }
        }
        let count = match settings.rate_per_second {
            Some(rate) if free > 0 => {
                let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
                bucket.fill(f64::from(rate) * pace, now);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "the bucket holds between 0 and u32::MAX tokens"
                )]
                let tokens = bucket.tokens as usize;
                free.min(tokens)
            }
            _ => free,
        };
        if count > 0 {
            self.urgent.store(false, Ordering::SeqCst);
        }
        Permits { count, least }
    }

    fn looks_for_urgent(&self, now: Timestamp) -> bool {
        let now = now.as_millisecond();
        let looks = self.urgent.load(Ordering::SeqCst)
            || now - self.urgent_looked_at.load(Ordering::SeqCst) >= URGENT_LOOK;
        if looks {
            self.urgent_looked_at.store(now, Ordering::SeqCst);
        }
        looks
    }

    /// Has the next send that ends wake the dispatcher.
    pub(crate) fn starve(&self) {
        self.starved.store(true, Ordering::SeqCst);
    }

    /// When a permit comes free by itself, not by a send's end.
    pub(crate) fn next_permit_at(&self, settings: &AccountSettings, now: Timestamp) -> Timestamp {
        let wait_ms = match settings.rate_per_second {
            _ if self.starved.load(Ordering::SeqCst) => URGENT_LOOK,
            Some(rate) => {
                let apart = 1000.0 / (f64::from(rate.max(1)) * self.pace(now));
                #[expect(clippy::cast_possible_truncation, reason = "at most a second")]
                let apart = apart.clamp(1.0, 1000.0) as i64;
                apart
            }
            None => 1000,
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

    /// One that was taken asks WeChat for nothing: another may go at once.
    pub(crate) fn give_back(&self) {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.tokens += 1.0;
    }

    /// A send ended. Whether the dispatcher waits for just that.
    pub(crate) fn finished_one(&self, max_in_flight: u32) -> bool {
        let before = self.in_flight.fetch_sub(1, Ordering::SeqCst);
        let most = paced(max_in_flight, self.with_pace(|pace| pace.last()));
        let for_all = most - kept_for_urgent(most);
        let free = for_all.saturating_sub(before.saturating_sub(1));
        free >= worth_a_claim(most) && self.starved.swap(false, Ordering::SeqCst)
    }
}

/// So many of the sends under way that are allowed, at this pace: at least one.
fn paced(max_in_flight: u32, pace: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most max_in_flight, which is far below 2^32"
    )]
    let most = (f64::from(max_in_flight) * pace).ceil() as usize;
    most.max(1)
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

    fn count(lane: &Lane, settings: &AccountSettings, ms: i64) -> usize {
        let permits = lane.permits(settings, at(ms));
        assert_eq!(permits.least, Priority::Low);
        permits.count
    }

    #[test]
    fn never_more_than_allowed_are_under_way() {
        let (lane, settings) = (Lane::default(), settings(None, 8));
        assert_eq!(count(&lane, &settings, 0), 7, "one place is kept");
        lane.take(7);
        assert_eq!(lane.permits(&settings, at(0)).least, Priority::High);
        assert!(!lane.finished_one(8), "one of eight is a crumb");
        assert!(lane.finished_one(8), "a quarter is worth a claim");
        assert_eq!(count(&lane, &settings, 0), 2);
    }

    #[test]
    fn an_urgent_message_finds_a_place_where_others_find_none() {
        let (lane, settings) = (Lane::default(), settings(None, 64));
        lane.take(count(&lane, &settings, 0));
        let urgent = |count| Permits {
            count,
            least: Priority::High,
        };
        assert_eq!(lane.permits(&settings, at(1000)), urgent(4));
        // Nothing was there; it is not asked for at every look.
        assert_eq!(lane.permits(&settings, at(1001)), urgent(0));
        lane.look_for_urgent();
        assert_eq!(lane.permits(&settings, at(1002)), urgent(4));
        lane.take(4);
        assert_eq!(lane.permits(&settings, at(2000)), urgent(0));
        let one = settings_of_one();
        assert_eq!(
            count(&Lane::default(), &one, 0),
            1,
            "nothing to keep of one"
        );
    }

    fn settings_of_one() -> AccountSettings {
        settings(None, 1)
    }

    #[test]
    fn a_lane_that_slows_down_sends_less_at_a_time_and_in_a_second() {
        let (lane, settings) = (Lane::default(), settings(Some(100), 64));
        assert!(lane.note(Signal::TooFast, at(0)));
        assert!((lane.pace(at(0)) - 0.5).abs() < f64::EPSILON);
        let mut sent = 0;
        for ms in (0..4000).step_by(7) {
            let permits = lane.permits(&settings, at(ms)).count;
            lane.take(permits);
            for _ in 0..permits {
                lane.finished_one(64);
            }
            sent += permits;
        }
        assert!((195..=205).contains(&sent), "{sent}");
    }

    #[test]
    fn one_message_at_a_time_tries_a_held_kind() {
        let lane = Lane::default();
        assert_eq!(lane.tries_kind(at(0), at(60)), Ok(()));
        assert_eq!(lane.tries_kind(at(1), at(61)), Err(at(60)));
        assert_eq!(lane.tries_kind(at(60), at(120)), Ok(()));
    }

    #[test]
    fn a_second_sees_no_more_than_the_rate() {
        let (lane, settings) = (Lane::default(), settings(Some(50), 1000));
        let mut sent = 0;
        for ms in (0..10_000).step_by(7) {
            let permits = lane.permits(&settings, at(ms)).count;
            lane.take(permits);
            sent += permits;
        }
        assert!((495..=505).contains(&sent), "{sent}");
    }

    #[test]
    fn an_idle_lane_saves_up_no_burst() {
        let (lane, settings) = (Lane::default(), settings(Some(50), 1000));
        lane.take(count(&lane, &settings, 0));
        assert!(count(&lane, &settings, 60_000) <= 5);
    }

    #[test]
    fn slow_rates_let_one_through_in_time() {
        let (lane, settings) = (Lane::default(), settings(Some(1), 10));
        assert_eq!(count(&lane, &settings, 0), 1);
        lane.take(1);
        assert_eq!(count(&lane, &settings, 999), 0);
        assert_eq!(count(&lane, &settings, 1000), 1);
    }
}
