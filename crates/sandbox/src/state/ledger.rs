//! The numbered list of everything that was delivered, over the journal.

use std::io;

use crate::event::{DeliveryLine, Event};
use crate::journal::{Journal, Place, line};

/// Where one delivery is and what finds its neighbours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Place in the journal.
    pub(crate) at: u64,
    pub(crate) len: u32,
    /// When, in milliseconds; never decreases along the list.
    pub(crate) when: i64,
    /// The delivery before it to the same recipient; 0 is none.
    pub(crate) before: u32,
}

/// The journal and the index of its deliveries. One lock guards both, because
/// the order in the file is the order of the numbers.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) journal: Journal,
    entries: Vec<Entry>,
    scratch: Vec<u8>,
    /// Bytes of lines that are not deliveries: what a rewrite can save.
    pub(crate) state_bytes: u64,
}

/// What a written delivery got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) seq: u32,
    pub(crate) msgid: u64,
    pub(crate) at: i64,
}

impl Ledger {
    pub(crate) fn new(journal: Journal) -> Self {
        Self {
            journal,
            entries: Vec::new(),
            scratch: Vec::new(),
            state_bytes: 0,
        }
    }

    /// Writes a state change.
    pub(crate) fn record(&mut self, event: &Event) -> io::Result<()> {
        if self.journal.is_file() {
            let line = line(event);
            self.journal.append(&line)?;
            self.state_bytes += line.len() as u64;
        }
        Ok(())
    }

    /// Writes a state change that is only made up where there is a file for it.
    pub(crate) fn record_with(&mut self, event: impl FnOnce() -> Event) -> io::Result<()> {
        if self.journal.is_file() {
            self.record(&event())
        } else {
            Ok(())
        }
    }

    /// Numbers and writes a delivery. `before` is the recipient's last one.
    pub(crate) fn deliver(
        &mut self,
        mut delivery: DeliveryLine<'_>,
        msgid_base: u64,
        before: u32,
    ) -> io::Result<Written> {
        let seq = u32::try_from(self.entries.len() + 1).map_err(|_| {
            io::Error::other("the sandbox holds no more than 4 294 967 295 deliveries")
        })?;
        let last = self.entries.last().map_or(i64::MIN, |entry| entry.when);
        delivery.seq = seq;
        delivery.at = delivery.at.max(last);
        // Gaps, so that nobody relies on neighbouring numbers.
        delivery.msgid =
            msgid_base + u64::from(seq) * 8 + u64::from(seq.wrapping_mul(2_654_435_761) >> 29);
        self.scratch.clear();
        serde_json::to_writer(&mut self.scratch, &delivery)?;
        // Line feeds may stand between the tokens of the client's own JSON.
        for byte in &mut self.scratch {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        self.scratch.push(b'\n');
        let at = self.journal.append_delivery(&self.scratch)?;
        let len = self.scratch.len() as u32;
        self.entries.push(Entry {
            at,
            len,
            when: delivery.at,
            before,
        });
        Ok(Written {
            seq,
            msgid: delivery.msgid,
            at: delivery.at,
        })
    }

    /// Takes over a delivery that the journal already holds.
    pub(crate) fn restore(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Number of deliveries.
    pub(crate) fn count(&self) -> u32 {
        self.entries.len() as u32
    }

    /// The entry of a number from 1.
    pub(crate) fn entry(&self, seq: u32) -> Option<Entry> {
        self.entries.get((seq as usize).checked_sub(1)?).copied()
    }

    pub(crate) fn place(&self, entry: Entry) -> Place {
        self.journal.place(entry.at, entry.len)
    }

    /// The number of the last delivery before an instant.
    pub(crate) fn before_instant(&self, when: i64) -> u32 {
        self.entries.partition_point(|entry| entry.when < when) as u32
    }

    /// Points the index at the places of a rewritten file.
    pub(crate) fn relocate(&mut self, places: &[u64]) {
        for (entry, at) in self.entries.iter_mut().zip(places) {
            entry.at = *at;
        }
    }
}
