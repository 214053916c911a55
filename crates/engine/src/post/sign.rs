//! Signatures by which a program knows that we sent it something (Standard Webhooks
//! 1.0).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use reqwest::RequestBuilder;
use sha2::Sha256;

/// Adds the headers of a signed request. One signature for each key: more than one
/// while a key is being changed, none where there is no key.
pub(crate) fn signed(
    request: RequestBuilder,
    keys: &[&[u8]],
    id: &str,
    at: Timestamp,
    body: &str,
) -> RequestBuilder {
    let at = at.as_second().to_string();
    let signatures: Vec<String> = keys
        .iter()
        .map(|key| signature(key, id, &at, body))
        .collect();
    let request = request
        .header("webhook-id", id)
        .header("webhook-timestamp", at);
    if signatures.is_empty() {
        request
    } else {
        request.header("webhook-signature", signatures.join(" "))
    }
}

/// HMAC-SHA256 over id, time and body.
fn signature(key: &[u8], id: &str, at: &str, body: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in [id, ".", at, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_others_compute() {
        // openssl: printf 'evt_1.1700000000.{}' | openssl dgst -sha256 -hmac key -binary | base64
        assert_eq!(
            signature(b"key", "evt_1", "1700000000", "{}"),
            "v1,qlxS+Rx59BdwbM0DVnBBVM2EZr7V1DuM8yaNlT+iZiY="
        );
    }

    #[test]
    fn while_a_key_is_changed_both_sign() {
        let client = reqwest::Client::new();
        let made = |keys: &[&[u8]]| {
            let at = Timestamp::from_second(1_700_000_000).unwrap();
            let request = signed(client.post("http://127.0.0.1/"), keys, "evt_1", at, "{}");
            let request = request.build().unwrap();
            let header = request.headers().get("webhook-signature");
            header.map(|value| value.to_str().unwrap().to_owned())
        };
        let both = made(&[b"new", b"old"]).unwrap();
        let (new, old) = both.split_once(' ').unwrap();
        assert_eq!(Some(new.to_owned()), made(&[b"new"]));
        assert_eq!(Some(old.to_owned()), made(&[b"old"]));
        assert_eq!(made(&[]), None);
    }
}
