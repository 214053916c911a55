//! Who uses which template: counted in memory, written down every few seconds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use hongyan_domain::message::Message;
use hongyan_domain::template::TemplateUse;
use hongyan_domain::{AccountId, KeyId};
use hongyan_wechat::TemplateId;

use crate::Engine;

/// A template, and how one caller used it.
pub(crate) type Used = (AccountId, TemplateId, TemplateUse);

/// What was counted since it was last written down. It has no more entries than
/// there are templates times API keys.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<HashMap<User, TemplateUse>>);

/// A template, and the key of one caller.
type User = (AccountId, TemplateId, Option<KeyId>);

/// The uses of messages that are taken in.
pub(crate) fn uses_of(messages: &[Message]) -> Vec<Used> {
    // Mostly one template and one key: a search is short.
    let mut uses: Vec<Used> = Vec::with_capacity(1);
    for message in messages {
        let Some(id) = message.content.template_id() else {
            continue;
        };
        let same = |(account, known, used): &&mut Used| {
            *account == message.account && known == id && used.key == message.created_by
        };
        match uses.iter_mut().find(same) {
            Some((_, _, used)) => {
                used.messages += 1;
                used.last_at = used.last_at.max(message.created_at);
            }
            None => {
                let used = TemplateUse {
                    key: message.created_by,
                    messages: 1,
                    last_at: message.created_at,
                };
                uses.push((message.account, id.clone(), used));
            }
        }
    }
    uses
}

impl Uses {
    /// Counts them.
    pub(crate) fn add(&self, uses: Vec<Used>) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (account, id, more) in uses {
            match counted.entry((account, id, more.key)) {
                Entry::Vacant(place) => {
                    place.insert(more);
                }
                Entry::Occupied(mut known) => {
                    let known = known.get_mut();
                    known.messages += more.messages;
                    known.last_at = known.last_at.max(more.last_at);
                }
            }
        }
    }

    fn take(&self) -> Vec<Used> {
        let counted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let counted = counted.into_iter();
        counted
            .map(|((account, id, _), used)| (account, id, used))
            .collect()
    }
}

impl Engine {
    /// Writes down who used which template. What storage does not take at this moment
    /// is kept for the next time.
    pub async fn flush_template_uses(&self) {
        let uses = self.catalogue.uses.take();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = self.store.note_template_uses(&uses).await {
            tracing::debug!(%error, "who uses which template could not be written down yet");
            self.catalogue.uses.add(uses);
        }
    }
}
