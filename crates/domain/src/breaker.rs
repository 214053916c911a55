//! The breaker of an account: when it opens, whom it holds, when it is tried.

use std::time::Duration;

use hongyan_wechat::ErrClass;
use jiff::Timestamp;

use crate::account::Breaker;
use crate::clock::after;
use crate::delivery::Refusal;
use crate::message::Kind;

/// The pause before the first try; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(60);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Whose fault a refusal is that no other message of the same account would escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocks {
    /// Nothing of the account goes out.
    Account,
    /// Messages of that kind do not; others may.
    Kind,
}

/// What a code that refuses a message of a kind blocks; `None` = that message alone.
#[must_use]
pub fn blocks(refusal: &Refusal, kind: Kind) -> Option<Blocks> {
    let code = refusal.errcode;
    match (code.class(), code.0) {
        (ErrClass::IpNotAllowed, _) => Some(Blocks::Account),
        // Frozen, banned, closed, stopped by the supervisor, no longer ours.
        (ErrClass::AccountBlocked, 40200 | 45501 | 50002 | 50004 | 50007 | 61003 | 200_011) => {
            Some(Blocks::Account)
        }
        // Of a mini program it says that openid and appid do not belong together.
        (ErrClass::AccountBlocked, 43104) if kind == Kind::Subscribe => None,
        // One person's authorisation, a test not open to all, one type of
        // customer-service message.
        (ErrClass::AccountBlocked, 50001 | 50003 | 48008) => None,
        (ErrClass::AccountBlocked, _) => Some(Blocks::Kind),
        _ => None,
    }
}

impl Breaker {
    /// Whether messages of this kind wait.
    #[must_use]
    pub fn holds(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Whether all messages wait.
    #[must_use]
    pub fn holds_all(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The breaker after WeChat refused a message of `kind`, whose call began at
    /// `began`, with a code that [`blocks`].
    #[must_use]
    pub fn after_refusal(
        former: Option<&Self>,
        blocks: Blocks,
        kind: Kind,
        refusal: &Refusal,
        began: Timestamp,
        now: Timestamp,
    ) -> Self {
        let held = former.filter(|known| known.holds(kind));
        if let Some(known) = held
            && (blocks == Blocks::Kind || known.holds_all())
            && began < known.next_try_at
        {
            // It was under way when the breaker opened: no further try.
            return known.clone();
        }
        let mut breaker = Self {
            since: now,
            errcode: refusal.errcode.0,
            errmsg: refusal.errmsg.clone(),
            rid: refusal.rid.clone(),
            seen_ip: hongyan_wechat::seen_ip(&refusal.errmsg).map(|ip| ip.to_string()),
            kinds: match blocks {
                Blocks::Account => Vec::new(),
                Blocks::Kind => vec![kind],
            },
            tries: 0,
            next_try_at: after(now, FIRST_PAUSE),
        };
        let Some(former) = former else {
            return breaker;
        };
        breaker.since = former.since;
        if former.holds_all() {
            breaker.kinds.clear();
        } else if blocks == Blocks::Kind && !former.kinds.contains(&kind) {
            breaker.kinds.splice(..0, former.kinds.iter().copied());
            return breaker;
        } else if blocks == Blocks::Account {
            return breaker;
        } else {
            breaker.kinds.clone_from(&former.kinds);
        }
        breaker.tries = former.tries.saturating_add(1);
        let pause = FIRST_PAUSE
            .saturating_mul(1 << breaker.tries.min(16))
            .min(LONGEST_PAUSE);
        breaker.next_try_at = after(now, pause);
        breaker
    }

    /// The breaker after a message of `kind`, whose call began at `began`, came
    /// through to where WeChat judges its recipient; `None` = it is closed.
    #[must_use]
    pub fn after_passage(&self, kind: Kind, began: Timestamp) -> Option<Self> {
        let mut breaker = self.clone();
        // What was under way before it opened proves nothing.
        if began < self.since || !self.holds(kind) {
            return Some(breaker);
        }
        breaker.kinds.retain(|held| *held != kind);
        (!breaker.kinds.is_empty()).then_some(breaker)
    }
}

#[cfg(test)]
mod tests {
    use hongyan_wechat::ErrCode;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn refusal(code: i64) -> Refusal {
        Refusal {
            errcode: ErrCode(code),
            errmsg: String::new(),
            rid: None,
        }
    }

    fn opened(former: Option<&Breaker>, code: i64, kind: Kind, began: i64, now: i64) -> Breaker {
        let refusal = refusal(code);
        let blocks = blocks(&refusal, kind).unwrap();
        Breaker::after_refusal(former, blocks, kind, &refusal, at(began), at(now))
    }

    #[test]
    fn a_code_blocks_the_account_a_kind_or_one_message() {
        let of = |code, kind| blocks(&refusal(code), kind);
        assert_eq!(of(50002, Kind::Template), Some(Blocks::Account));
        assert_eq!(of(40164, Kind::Template), Some(Blocks::Account));
        assert_eq!(of(48001, Kind::CustomerService), Some(Blocks::Kind));
        assert_eq!(of(43104, Kind::OneTime), Some(Blocks::Kind));
        assert_eq!(of(43104, Kind::Subscribe), None);
        for code in [43004, 47003, 45009, 45011, -1, 48008, 0] {
            assert_eq!(of(code, Kind::Template), None, "{code}");
        }
    }

    #[test]
    fn tries_come_at_doubling_pauses_up_to_an_hour() {
        let mut breaker = opened(None, 50002, Kind::Template, 0, 0);
        assert!(breaker.holds(Kind::OneTime));
        assert_eq!((breaker.tries, breaker.next_try_at), (0, at(60)));
        // Those under way when it opened are no tries.
        breaker = opened(Some(&breaker), 50002, Kind::Template, 0, 1);
        assert_eq!((breaker.tries, breaker.next_try_at), (0, at(60)));
        let mut now = 60;
        for pause in [120, 240, 480, 960, 1920, 3600, 3600] {
            breaker = opened(Some(&breaker), 50002, Kind::Template, now, now);
            assert_eq!(breaker.next_try_at, at(now + pause));
            now += pause;
        }
        assert_eq!(breaker.since, at(0));
    }

    #[test]
    fn one_kind_without_its_right_does_not_hold_the_others() {
        let breaker = opened(None, 48001, Kind::CustomerService, 0, 0);
        assert!(breaker.holds(Kind::CustomerService) && !breaker.holds(Kind::Template));
        let both = opened(Some(&breaker), 48001, Kind::OneTime, 5, 5);
        assert_eq!(both.kinds, [Kind::CustomerService, Kind::OneTime]);
        let left = both.after_passage(Kind::OneTime, at(70)).unwrap();
        assert_eq!(left.kinds, [Kind::CustomerService]);
        assert_eq!(left.after_passage(Kind::CustomerService, at(70)), None);
        let all = opened(Some(&breaker), 50002, Kind::Template, 5, 5);
        assert!(all.holds_all());
        // A kind's refusal does not open what is held as a whole.
        assert!(opened(Some(&all), 48001, Kind::CustomerService, 6, 6).holds_all());
    }

    #[test]
    fn only_what_was_sent_since_closes_it() {
        let breaker = opened(None, 50002, Kind::Template, 0, 10);
        assert!(breaker.after_passage(Kind::Template, at(9)).is_some());
        assert_eq!(breaker.after_passage(Kind::Template, at(70)), None);
    }
}
