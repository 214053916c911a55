//! The guard of `client_msg_id`: the same openid and id within ten minutes are
//! delivered once.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

/// How long a pair is remembered.
pub(crate) const WINDOW_MS: i64 = 10 * 60 * 1000;

/// Pairs seen lately, with the msgid of their first send.
///
/// Two generations of up to ten minutes each bound the memory to the sends of
/// twenty minutes without any per-entry clean-up. A pair is kept as two 64-bit
/// hashes under keys drawn per process, so a false match is out of the question.
#[derive(Debug, Default)]
pub(crate) struct Dedupe {
    hashers: (RandomState, RandomState),
    started_at: i64,
    recent: HashMap<(u64, u64), (i64, u64)>,
    older: HashMap<(u64, u64), (i64, u64)>,
}

impl Dedupe {
    fn key(&self, openid: &str, client_msg_id: &str) -> (u64, u64) {
        let pair = (openid, client_msg_id);
        (self.hashers.0.hash_one(pair), self.hashers.1.hash_one(pair))
    }

    /// The msgid of the first send of the pair inside the window.
    pub(crate) fn find(&self, openid: &str, client_msg_id: &str, now: i64) -> Option<u64> {
        let key = self.key(openid, client_msg_id);
        let (at, msgid) = self.recent.get(&key).or_else(|| self.older.get(&key))?;
        (now - at < WINDOW_MS).then_some(*msgid)
    }

    pub(crate) fn remember(&mut self, openid: &str, client_msg_id: &str, at: i64, msgid: u64) {
        if at - self.started_at >= WINDOW_MS {
            self.older = std::mem::take(&mut self.recent);
            self.started_at = at;
        }
        let key = self.key(openid, client_msg_id);
        self.recent.insert(key, (at, msgid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_for_the_same_pair() {
        let mut seen = Dedupe::default();
        seen.remember("o1", "m", 5, 77);
        assert_eq!(seen.find("o1", "m", 5 + WINDOW_MS - 1), Some(77));
        assert_eq!(seen.find("o1", "m", 5 + WINDOW_MS), None);
        assert_eq!(seen.find("o2", "m", 6), None);
        assert_eq!(seen.find("o1", "n", 6), None);
    }

    #[test]
    fn generations_turn_without_losing_the_window() {
        let mut seen = Dedupe::default();
        seen.remember("o", "a", WINDOW_MS * 10, 1);
        seen.remember("o", "b", WINDOW_MS * 11 - 1, 2);
        seen.remember("o", "c", WINDOW_MS * 11, 3);
        assert_eq!(seen.find("o", "b", WINDOW_MS * 11 + 1), Some(2));
        seen.remember("o", "d", WINDOW_MS * 12, 4);
        assert_eq!(seen.find("o", "b", WINDOW_MS * 12), None);
        assert_eq!(seen.recent.len() + seen.older.len(), 2);
    }
}
