//! Access tokens: two families that know nothing of each other.
//!
//! Sources: "获取接口调用凭据" (classic) and "获取稳定版接口调用凭据" (stable).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::clock::beijing_day;
use crate::refusal::{self, Refusal};

/// Life of a new token.
pub(crate) const LIFE_MS: i64 = 7200 * 1000;
/// How long an old token stays valid beside its successor, and how near to its
/// end a stable token is replaced.
pub(crate) const OVERLAP_MS: i64 = 300 * 1000;
/// Forced refreshes a day.
const FORCED_PER_DAY: u32 = 20;
/// Least distance of two forced refreshes.
const FORCED_GAP_MS: i64 = 30 * 1000;
/// Dead tokens remembered per account, so that they are told apart from garbage.
const RETIRED_KEPT: usize = 256;

/// Which call issued a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenFamily {
    Classic,
    Stable,
}

/// One issued token.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) text: Box<str>,
    /// Position of its account.
    pub(crate) account: u32,
    pub(crate) family: TokenFamily,
    pub(crate) issued_at: i64,
    pub(crate) forced: bool,
    expires_at: AtomicI64,
    /// When a successor pushes it out.
    cutoff: AtomicI64,
}

impl Token {
    pub(crate) fn new(
        text: &str,
        account: u32,
        family: TokenFamily,
        issued_at: i64,
        expires_at: i64,
        forced: bool,
    ) -> Self {
        Self {
            text: text.into(),
            account,
            family,
            issued_at,
            forced,
            expires_at: AtomicI64::new(expires_at),
            cutoff: AtomicI64::new(i64::MAX),
        }
    }

    pub(crate) fn expires_at(&self) -> i64 {
        self.expires_at.load(Ordering::Relaxed)
    }

    fn check(&self, now: i64) -> Result<(), Refusal> {
        if now >= self.expires_at() {
            Err(refusal::TOKEN_EXPIRED)
        } else if now >= self.cutoff.load(Ordering::Relaxed) {
            Err(refusal::INVALID_CREDENTIAL)
        } else {
            Ok(())
        }
    }

    fn cut_at(&self, at: i64) {
        self.cutoff.fetch_min(at, Ordering::Relaxed);
    }
}

/// All tokens of all accounts by their text.
#[derive(Debug, Default)]
pub(crate) struct TokenStore(RwLock<HashMap<Box<str>, Arc<Token>>>);

impl TokenStore {
    /// The account a token speaks for: 40014 for a string never issued, 42001
    /// past its life, 40001 once a successor has pushed it out.
    pub(crate) fn verify(&self, text: &str, now: i64) -> Result<u32, Refusal> {
        let tokens = self.0.read();
        let token = tokens.get(text).ok_or(refusal::INVALID_TOKEN)?;
        token.check(now)?;
        Ok(token.account)
    }

    fn insert(&self, token: Arc<Token>) {
        self.0.write().insert(token.text.clone(), token);
    }

    fn forget(&self, text: &str) {
        self.0.write().remove(text);
    }
}

/// What a call for a stable token leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StableDecision {
    /// The current token goes out again.
    Repeat { text: Box<str>, expires_in_s: i64 },
    /// A new one must be issued.
    Issue { forced: bool },
}

/// The tokens of one account.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    classic: Option<Arc<Token>>,
    classic_before: Option<Arc<Token>>,
    stable: Option<Arc<Token>>,
    stable_before: Option<Arc<Token>>,
    forced_day: i64,
    forced_today: u32,
    forced_at: Option<i64>,
    retired: VecDeque<Arc<Token>>,
}

impl Keyring {
    /// What `stable_token` must do now.
    ///
    /// A forced refresh that comes too soon after the last changes nothing and
    /// answers the current token; the 21st of a day is refused with 45009.
    pub(crate) fn decide_stable(&self, force: bool, now: i64) -> Result<StableDecision, Refusal> {
        let alive = self
            .stable
            .as_ref()
            .filter(|token| token.check(now).is_ok());
        if force {
            let today = if self.forced_day == beijing_day(now) {
                self.forced_today
            } else {
                0
            };
            if today >= FORCED_PER_DAY {
                return Err(refusal::DAILY_QUOTA);
            }
            if self.forced_at.is_none_or(|at| now - at >= FORCED_GAP_MS) {
                return Ok(StableDecision::Issue { forced: true });
            }
        }
        Ok(match alive {
            Some(token) if token.expires_at() - now >= OVERLAP_MS => StableDecision::Repeat {
                text: token.text.clone(),
                expires_in_s: (token.expires_at() - now) / 1000,
            },
            Some(_) | None => StableDecision::Issue { forced: false },
        })
    }

    /// Takes a new token in and ends the older ones of its family as the rules say.
    pub(crate) fn adopt(&mut self, token: Token, store: &TokenStore) {
        let token = Arc::new(token);
        let now = token.issued_at;
        store.insert(Arc::clone(&token));
        let dropped = match token.family {
            TokenFamily::Classic => {
                if let Some(before) = &self.classic_before {
                    before.cut_at(now);
                }
                if let Some(current) = &self.classic {
                    current.cut_at(now + OVERLAP_MS);
                }
                let current = self.classic.replace(token);
                std::mem::replace(&mut self.classic_before, current)
            }
            TokenFamily::Stable => {
                self.end_stable(&token, now);
                let current = self.stable.replace(token);
                std::mem::replace(&mut self.stable_before, current)
            }
        };
        self.retired.extend(dropped);
        while self.retired.len() > RETIRED_KEPT {
            if let Some(oldest) = self.retired.pop_front() {
                store.forget(&oldest.text);
            }
        }
    }

    fn end_stable(&mut self, successor: &Token, now: i64) {
        if successor.forced {
            let day = beijing_day(now);
            self.forced_today = if self.forced_day == day {
                self.forced_today + 1
            } else {
                1
            };
            self.forced_day = day;
            self.forced_at = Some(now);
            for token in [&self.stable, &self.stable_before].into_iter().flatten() {
                token.cut_at(now);
            }
        } else if let Some(current) = self
            .stable
            .as_ref()
            .filter(|token| token.check(now).is_ok())
        {
            current
                .expires_at
                .fetch_max(now + OVERLAP_MS, Ordering::Relaxed);
        }
    }

    /// The tokens that a snapshot must keep, oldest first within a family.
    pub(crate) fn living(&self) -> impl Iterator<Item = &Token> {
        [
            &self.classic_before,
            &self.classic,
            &self.stable_before,
            &self.stable,
        ]
        .into_iter()
        .flatten()
        .map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        ring: Keyring,
        store: TokenStore,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                ring: Keyring::default(),
                store: TokenStore::default(),
            }
        }

        fn issue(&mut self, text: &str, family: TokenFamily, now: i64, forced: bool) {
            let token = Token::new(text, 0, family, now, now + LIFE_MS, forced);
            self.ring.adopt(token, &self.store);
        }

        fn code(&self, text: &str, now: i64) -> i32 {
            self.store
                .verify(text, now)
                .map_or_else(|refusal| refusal.code, |_| 0)
        }
    }

    #[test]
    fn a_classic_token_outlives_its_successor_by_five_minutes() {
        let mut bench = Bench::new();
        bench.issue("a", TokenFamily::Classic, 0, false);
        bench.issue("b", TokenFamily::Classic, 1_000, false);
        assert_eq!(bench.code("a", 1_000 + OVERLAP_MS - 1), 0);
        assert_eq!(bench.code("a", 1_000 + OVERLAP_MS), 40001);
        assert_eq!(bench.code("b", 1_000 + OVERLAP_MS), 0);
        assert_eq!(bench.code("b", 1_000 + LIFE_MS), 42001);
        assert_eq!(bench.code("never", 0), 40014);
    }

    #[test]
    fn only_the_last_but_one_classic_token_lives() {
        let mut bench = Bench::new();
        for (at, text) in ["a", "b", "c"].into_iter().enumerate() {
            bench.issue(text, TokenFamily::Classic, at as i64, false);
        }
        assert_eq!(
            [bench.code("a", 3), bench.code("b", 3), bench.code("c", 3)],
            [40001, 0, 0]
        );
    }

    #[test]
    fn the_families_are_independent() {
        let mut bench = Bench::new();
        bench.issue("s", TokenFamily::Stable, 0, false);
        for (at, text) in ["a", "b", "c"].into_iter().enumerate() {
            bench.issue(text, TokenFamily::Classic, at as i64, false);
        }
        bench.issue("t", TokenFamily::Stable, 10, true);
        assert_eq!(bench.code("s", 11), 40001);
        assert_eq!(
            [
                bench.code("b", 11),
                bench.code("c", 11),
                bench.code("t", 11)
            ],
            [0, 0, 0]
        );
    }

    #[test]
    fn a_stable_token_is_repeated_and_renewed_with_overlap() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.ring.decide_stable(false, 0),
            Ok(StableDecision::Issue { forced: false })
        );
        bench.issue("s", TokenFamily::Stable, 0, false);
        let edge = LIFE_MS - OVERLAP_MS;
        assert_eq!(
            bench.ring.decide_stable(false, edge),
            Ok(StableDecision::Repeat {
                text: "s".into(),
                expires_in_s: 300
            })
        );
        let late = edge + 200_000;
        assert_eq!(
            bench.ring.decide_stable(false, late),
            Ok(StableDecision::Issue { forced: false })
        );
        bench.issue("t", TokenFamily::Stable, late, false);
        assert_eq!(bench.code("s", late + OVERLAP_MS - 1), 0);
        assert_ne!(bench.code("s", late + OVERLAP_MS), 0);
        assert_eq!(bench.code("t", late + OVERLAP_MS), 0);
    }

    #[test]
    fn forcing_is_limited_by_distance_and_day() {
        let mut bench = Bench::new();
        let mut now = 0;
        for count in 0..FORCED_PER_DAY {
            assert_eq!(
                bench.ring.decide_stable(true, now),
                Ok(StableDecision::Issue { forced: true })
            );
            bench.issue(&format!("t{count}"), TokenFamily::Stable, now, true);
            let soon = bench.ring.decide_stable(true, now + FORCED_GAP_MS - 1);
            if count + 1 < FORCED_PER_DAY {
                let text = format!("t{count}").into();
                assert_eq!(
                    soon,
                    Ok(StableDecision::Repeat {
                        text,
                        expires_in_s: 7170
                    })
                );
            }
            now += FORCED_GAP_MS;
        }
        assert_eq!(
            bench.ring.decide_stable(true, now),
            Err(refusal::DAILY_QUOTA)
        );
        let tomorrow = now + crate::clock::DAY_MS;
        assert_eq!(
            bench.ring.decide_stable(true, tomorrow),
            Ok(StableDecision::Issue { forced: true })
        );
    }

    #[test]
    fn dead_tokens_are_forgotten_in_the_end() {
        let mut bench = Bench::new();
        for at in 0..(RETIRED_KEPT as i64 + 10) {
            bench.issue(&format!("t{at}"), TokenFamily::Classic, at, false);
        }
        assert_eq!(bench.code("t0", 300), 40014);
        assert_eq!(bench.store.0.read().len(), RETIRED_KEPT + 2);
    }
}
