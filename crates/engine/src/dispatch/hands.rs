//! What this node has in its hands: claimed, and not yet written down.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use hongyan_domain::MessageId;
use hongyan_domain::delivery::Settlement;

/// The messages in hand with their newest lease tokens.
///
/// A lease can end under a send or an outcome that waits to be written: storage
/// was away for longer, or its clock was turned. If it is this node that claims
/// the message again, nobody else has it: the work goes on under the new lease,
/// and nothing is sent twice.
#[derive(Debug, Default)]
pub(super) struct Hands(Mutex<HashMap<MessageId, i64>>);

impl Hands {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<MessageId, i64>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a message that was claimed. `false` = it is in hand already, from
    /// now on under this lease token.
    pub(super) fn take(&self, id: MessageId, lease_token: i64) -> bool {
        self.with(|held| match held.entry(id) {
            Entry::Vacant(free) => {
                free.insert(lease_token);
                true
            }
            Entry::Occupied(mut known) => {
                known.insert(lease_token);
                false
            }
        })
    }

    /// Puts the newest lease tokens into settlements.
    pub(super) fn renew(&self, settlements: &mut [Settlement]) {
        self.with(|held| {
            for settlement in settlements {
                if let Some(newest) = held.get(&settlement.message) {
                    settlement.lease_token = *newest;
                }
            }
        });
    }

    /// Lets go of a message unless it was claimed again after `lease_token`;
    /// the newer lease token then.
    pub(super) fn let_go(&self, id: MessageId, lease_token: i64) -> Option<i64> {
        self.with(|held| match held.get(&id) {
            Some(&newest) if newest > lease_token => Some(newest),
            _ => {
                held.remove(&id);
                None
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_claimed_again_stays_in_hand_under_the_new_lease() {
        let hands = Hands::default();
        let id = MessageId::from_bytes([1; 16]);
        assert!(hands.take(id, 3));
        assert!(!hands.take(id, 4), "nobody else has it");
        assert_eq!(hands.let_go(id, 3), Some(4));
        assert_eq!(hands.let_go(id, 4), None);
        assert!(hands.take(id, 5));
    }
}
