//! What stands for long keys in indexes, and the spans of time they are kept in.

use hongyan_domain::AccountId;
use hongyan_domain::callback::Callback;
use hongyan_wechat::OpenId;
use sha2::{Digest, Sha256};

/// Callbacks made within 2^20 ms (17 minutes) share a span of the index by which
/// repeats are known. WeChat repeats what got no answer after 5 s, three times.
pub(crate) const DEDUPE_SPAN_BITS: u32 = 20;
/// Callbacks that came within 2^22 ms (70 minutes) share a span of the index by
/// person.
pub(crate) const PERSON_SPAN_BITS: u32 = 22;

/// The first 16 bytes of SHA-256 over an account and a de-duplication key.
pub(crate) fn dedupe(account: AccountId, key: &str) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(account.0.to_be_bytes())
        .chain_update(key.as_bytes())
        .finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    first
}

/// The first 8 bytes of SHA-256 over an openid, as a number.
pub(crate) fn person(openid: &OpenId) -> u64 {
    let digest = Sha256::digest(openid.as_str().as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

/// The span a repeat of this callback is in.
pub(crate) fn dedupe_span(callback: &Callback) -> i64 {
    callback.created_at.as_millisecond() >> DEDUPE_SPAN_BITS
}

/// The text to keep beside a body: none where the body is that text.
pub(crate) fn separate_text(callback: &Callback) -> Option<&str> {
    (callback.text.as_bytes() != callback.body).then_some(callback.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_those_of_the_indexes() {
        let sqlite = include_str!("sqlite/migrations/0004.sql");
        let postgres = include_str!("postgres/migrations/0003.sql");
        for schema in [sqlite, postgres] {
            assert_eq!(
                schema
                    .matches(&format!("created_at >> {DEDUPE_SPAN_BITS}"))
                    .count(),
                1
            );
            assert_eq!(
                schema
                    .matches(&format!("received_at >> {PERSON_SPAN_BITS}"))
                    .count(),
                1
            );
        }
    }

    #[test]
    fn keys_of_two_accounts_never_meet() {
        assert_ne!(dedupe(AccountId(1), "k"), dedupe(AccountId(2), "k"));
        assert_ne!(dedupe(AccountId(1), "k"), dedupe(AccountId(1), "l"));
        let stored = dedupe(AccountId(1), "oPerson-7");
        assert_eq!(stored, dedupe(AccountId(1), "oPerson-7"));
    }
}
