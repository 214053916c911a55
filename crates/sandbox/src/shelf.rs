//! Delivery lines of a sandbox that lives in memory.
//!
//! The latest stand as they were written. Of older ones what was said is
//! dropped and who got which message is kept, in about 130 bytes each: that is
//! what tells a delivery from a second one.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexSet;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::{DELIVERY_TAG, DeliveryLine};
use crate::model::MessageKind;

/// Lines kept whole.
const RECENT: usize = 100_000;

/// All lines by number from 0.
#[derive(Debug)]
pub(crate) struct Shelf {
    older: Vec<Older>,
    recent: VecDeque<Bytes>,
    /// Appids and template ids, which repeat.
    names: IndexSet<Arc<str>>,
    /// How many lines stay whole.
    room: usize,
}

/// A line without what was said.
#[derive(Debug)]
struct Older {
    appid: u32,
    template_id: u32,
    /// The rest as a JSON array: names of fields would be half of it.
    rest: Box<[u8]>,
}

#[derive(Serialize, Deserialize)]
struct Rest<'a>(
    i64,
    #[serde(borrow)] Cow<'a, str>,
    MessageKind,
    u64,
    #[serde(borrow)] Option<Cow<'a, str>>,
    Option<u32>,
    bool,
);

/// A line on its way out.
#[derive(Debug, Clone)]
pub(crate) enum Taken {
    Whole(Bytes),
    Older {
        seq: u32,
        appid: Arc<str>,
        template_id: Arc<str>,
        rest: Box<[u8]>,
    },
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            older: Vec::new(),
            recent: VecDeque::new(),
            names: IndexSet::new(),
            room: RECENT,
        }
    }
}

impl Shelf {
    /// Puts a line behind the others and tells its number.
    pub(crate) fn push(&mut self, line: &[u8]) -> u64 {
        if self.recent.len() >= self.room
            && let Some(oldest) = self.recent.pop_front()
        {
            let older = self.thin(&oldest);
            self.older.push(older);
        }
        self.recent.push_back(Bytes::copy_from_slice(line));
        (self.older.len() + self.recent.len()) as u64 - 1
    }

    fn thin(&mut self, line: &[u8]) -> Older {
        // What was written here can be read here.
        let Ok(line) = serde_json::from_slice::<DeliveryLine<'_>>(line) else {
            return Older {
                appid: 0,
                template_id: 0,
                rest: Box::default(),
            };
        };
        let mut name = |text: &str| match self.names.get_index_of(text) {
            Some(at) => at as u32,
            None => self.names.insert_full(text.into()).0 as u32,
        };
        let (appid, template_id) = (name(&line.appid), name(&line.template_id));
        let rest = Rest(
            line.at,
            line.openid,
            line.kind,
            line.msgid,
            line.client_msg_id,
            line.scene,
            line.blocked,
        );
        Older {
            appid,
            template_id,
            rest: serde_json::to_vec(&rest).unwrap_or_default().into(),
        }
    }

    /// The line of a number.
    pub(crate) fn take(&self, number: u64) -> Option<Taken> {
        let number = usize::try_from(number).ok()?;
        if let Some(older) = self.older.get(number) {
            let name = |at: u32| self.names.get_index(at as usize).cloned();
            return Some(Taken::Older {
                // Deliveries are numbered from 1 without gaps.
                seq: number as u32 + 1,
                appid: name(older.appid)?,
                template_id: name(older.template_id)?,
                rest: older.rest.clone(),
            });
        }
        let recent = self.recent.get(number - self.older.len())?;
        Some(Taken::Whole(recent.clone()))
    }
}

impl Taken {
    /// The line with its line feed; the `data` of older ones is `null`.
    pub(crate) fn line(&self) -> Result<Bytes, serde_json::Error> {
        let (seq, appid, template_id, rest) = match self {
            Self::Whole(line) => return Ok(line.clone()),
            Self::Older {
                seq,
                appid,
                template_id,
                rest,
            } => (*seq, appid, template_id, rest),
        };
        let Rest(at, openid, kind, msgid, client_msg_id, scene, blocked) =
            serde_json::from_slice(rest)?;
        let line = DeliveryLine {
            t: DELIVERY_TAG,
            seq,
            at,
            appid: Cow::Borrowed(appid),
            openid,
            kind,
            template_id: Cow::Borrowed(template_id),
            msgid,
            client_msg_id,
            data: RawValue::NULL,
            url: None,
            miniprogram: None,
            scene,
            title: None,
            blocked,
            // Counts only where a journal is replayed.
            used: 0,
        };
        let mut line = serde_json::to_vec(&line)?;
        line.push(b'\n');
        Ok(line.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: u32) -> String {
        format!(
            "{{\"t\":\"d\",\"seq\":{seq},\"at\":5,\"appid\":\"wx1\",\"openid\":\"o{seq}\",\
             \"kind\":\"template\",\"template_id\":\"t\",\"msgid\":1152921504606846976,\
             \"client_msg_id\":\"m{seq}\",\"data\":{{\"a\":{{\"value\":\"b\"}}}},\
             \"url\":\"https://a\",\"used\":{seq}}}\n"
        )
    }

    #[test]
    fn older_lines_keep_who_got_what() {
        let mut shelf = Shelf {
            room: 2,
            ..Shelf::default()
        };
        for seq in 1..=4 {
            assert_eq!(shelf.push(line(seq).as_bytes()), u64::from(seq) - 1);
        }
        let read = |number| shelf.take(number).unwrap().line().unwrap();
        assert_eq!(read(2), line(3).as_bytes());
        let oldest = read(0);
        let oldest: DeliveryLine<'_> = serde_json::from_slice(&oldest).unwrap();
        assert_eq!((&*oldest.openid, &*oldest.appid), ("o1", "wx1"));
        assert_eq!(oldest.client_msg_id.as_deref(), Some("m1"));
        assert_eq!((oldest.msgid, oldest.seq), (1_152_921_504_606_846_976, 1));
        assert_eq!(oldest.data.get(), "null");
        assert!(shelf.take(4).is_none());
    }
}
