//! Callers who wait for the outcome of a message.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hongyan_domain::MessageId;
use tokio::sync::Notify;

/// Who waits for which message on this node.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<HashMap<MessageId, (Arc<Notify>, usize)>>);

/// A place in the queue of waiting; leaves it when dropped.
pub(crate) struct Waiting<'a> {
    waiters: &'a Waiters,
    id: MessageId,
    pub(crate) notify: Arc<Notify>,
}

impl Waiters {
    pub(crate) fn join(&self, id: MessageId) -> Waiting<'_> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (notify, count) = map.entry(id).or_default();
        *count += 1;
        Waiting {
            waiters: self,
            id,
            notify: Arc::clone(notify),
        }
    }

    /// Wakes those who wait for any of these messages.
    pub(crate) fn wake(&self, ids: impl Iterator<Item = MessageId>) {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.is_empty() {
            return;
        }
        for id in ids {
            if let Some((notify, _)) = map.get(&id) {
                notify.notify_waiters();
            }
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut map = self
            .waiters
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = map.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                map.remove(&self.id);
            }
        }
    }
}
