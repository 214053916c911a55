//! The signature over a token and a few texts.

use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

/// WeChat's signature: the SHA-1 of the token and the parts, sorted by their bytes and joined without a
/// separator, in lower-case hex.
///
/// The parts of `signature` are timestamp and nonce, those of `msg_signature` also the encrypted text, all
/// as they stand in the query and the body. Sorting by number or ignoring case gives another result.
#[must_use]
pub fn signature(token: &str, parts: &[&str]) -> String {
    let mut sorted = Vec::with_capacity(parts.len() + 1);
    sorted.push(token);
    sorted.extend_from_slice(parts);
    sorted.sort_unstable();
    let mut hash = Sha1::new();
    for part in sorted {
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// Whether a signature is right. Takes the same time wherever it is wrong.
#[must_use]
pub fn signature_matches(token: &str, parts: &[&str], given: &str) -> bool {
    signature(token, parts)
        .as_bytes()
        .ct_eq(given.as_bytes())
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_bytes_whatever_the_order_given() {
        let expected = "f464b24fc39322e44b38aa78f5edd27bd1441696";
        assert_eq!(signature("AAAAA", &["1714036504", "1514711492"]), expected);
        assert_eq!(signature("1514711492", &["AAAAA", "1714036504"]), expected);
        // A capital sorts before a small letter, and "98" behind "176".
        assert_eq!(
            signature("Bq7xKp2026push", &["1767225600", "98765432"]),
            "6ac9374bfa36b5dfd53ae2198e8f6dc743fc62cf"
        );
    }

    #[test]
    fn only_the_whole_signature_matches() {
        let right = signature("token", &["1", "2"]);
        assert!(signature_matches("token", &["1", "2"], &right));
        let upper = right.to_ascii_uppercase();
        for wrong in ["", "0", &right[1..], &upper, &format!("{right}0")] {
            assert!(!signature_matches("token", &["1", "2"], wrong), "{wrong}");
        }
        assert!(!signature_matches("other", &["1", "2"], &right));
        assert!(!signature_matches("token", &["1", "3"], &right));
    }
}
