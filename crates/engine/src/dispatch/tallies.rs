//! The counts a message must fit into: frequency caps, and the window in which the
//! same words go to the same person once.

use std::time::Duration;

use hongyan_domain::account::Account;
use hongyan_domain::grant::Withheld;
use hongyan_domain::message::Message;
use hongyan_domain::port::Tally;
use hongyan_domain::timing::FrequencyCap;
use sha2::{Digest, Sha256};

/// The caps that count a message. Messages without a template are not capped.
fn caps<'a>(
    account: &'a Account,
    message: &'a Message,
) -> impl Iterator<Item = &'a FrequencyCap> + 'a {
    let template = message.content.template_id();
    account
        .settings
        .options
        .frequency_caps
        .iter()
        .filter(move |cap| {
            template.is_some()
                && (cap.template_id.is_none() || cap.template_id.as_ref() == template)
        })
}

/// Whether a message is counted at all.
pub(super) fn is_counted(account: &Account, message: &Message) -> bool {
    account.settings.options.deduplicate_seconds.is_some()
        || caps(account, message).next().is_some()
}

/// The counts a message of this account must fit into.
pub(super) fn of(account: &Account, message: &Message) -> Vec<Tally> {
    let person = message.to.as_str();
    let mut tallies: Vec<Tally> = caps(account, message)
        .map(|cap| {
            let whose = if cap.template_id.is_some() {
                "one"
            } else {
                "any"
            };
            let span = cap.within_seconds.to_string();
            let template = message.content.template_id().map_or("", |id| id.as_str());
            Tally {
                key: key(&["cap", whose, &span, person, template]),
                at_most: cap.at_most,
                within: Duration::from_secs(u64::from(cap.within_seconds)),
                reason: Withheld::TooOften,
            }
        })
        .collect();
    if let Some(seconds) = account.settings.options.deduplicate_seconds {
        // Texts and maps of texts always become JSON.
        let said = serde_json::to_string(&message.content).unwrap_or_default();
        tallies.push(Tally {
            key: key(&["words", person, &said]),
            at_most: 1,
            within: Duration::from_secs(u64::from(seconds)),
            reason: Withheld::SameContent,
        });
    }
    tallies
}

/// A digest of words, each with its length, so that no two lists make the same.
fn key(words: &[&str]) -> [u8; 16] {
    let mut digest = Sha256::new();
    for word in words {
        digest.update((word.len() as u64).to_be_bytes());
        digest.update(word.as_bytes());
    }
    let digest = digest.finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_where_words_do() {
        assert_eq!(key(&["cap", "a"]), key(&["cap", "a"]));
        assert_ne!(key(&["cap", "ab"]), key(&["capa", "b"]));
        assert_ne!(key(&["cap", "a"]), key(&["words", "a"]));
    }
}
