//! Making messages of a broadcast's chunks, and counting what became of them.

use std::collections::{BTreeMap, BTreeSet};

use hongyan_domain::BroadcastId;
use hongyan_domain::broadcast::{BroadcastState, Counts, Skipped, WhySkipped};
use hongyan_domain::message::State;
use hongyan_domain::port::{Expanded, Expansion};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Outcome;
use super::messages::{self, Incoming};
use super::row::number;
use super::told::{self, Person};
use crate::codes;

/// An [`Expansion`], with what was worked out before the writing thread was asked.
pub(super) struct Prepared {
    chunk: u32,
    messages: Vec<(Person, Incoming)>,
    skipped: Vec<Skipped>,
}

impl Prepared {
    pub(super) fn new(expansion: Expansion) -> Outcome<Self> {
        let messages = Incoming::all(expansion.messages)?
            .into_iter()
            .map(|incoming| (told::person(&incoming.message.to), incoming))
            .collect();
        Ok(Self {
            chunk: expansion.chunk,
            messages,
            skipped: expansion.skipped,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.messages.len() + self.skipped.len()
    }
}

pub(super) fn expand(
    db: &Connection,
    id: BroadcastId,
    expansion: &Prepared,
) -> Outcome<Option<Expanded>> {
    let seq: Option<i64> = db
        .prepare_cached(
            "-- expand.next\n\
             SELECT seq FROM broadcast \
             WHERE id = ?1 AND state = ?2 AND expanded = ?3 AND chunks > ?3",
        )?
        .query_one(
            params![
                id.as_bytes(),
                BroadcastState::Running.code(),
                expansion.chunk
            ],
            |row| row.get(0),
        )
        .optional()?;
    let Some(seq) = seq else { return Ok(None) };
    let people: BTreeSet<Person> = expansion.messages.iter().map(|(one, _)| *one).collect();
    let told = told::among(db, seq, &people)?;
    let mut new: BTreeSet<Person> = people.difference(&told).copied().collect();
    told::note(db, seq, &new)?;
    let (first, again): (Vec<_>, Vec<_>) = expansion
        .messages
        .iter()
        // The first message to a person takes them out.
        .partition(|one| new.remove(&one.0));
    messages::queue_all(db, first.iter().map(|(_, incoming)| incoming))?;
    let mut skip = db.prepare_cached(
        "-- expand.skip\n\
         INSERT INTO broadcast_skip (broadcast, who, why, detail) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for one in &expansion.skipped {
        skip.execute(params![seq, one.who, one.why.code(), one.detail])?;
    }
    let duplicate = WhySkipped::Duplicate.code();
    for (_, incoming) in &again {
        let who = incoming.message.to.as_str();
        skip.execute(params![seq, who, duplicate, None::<String>])?;
    }
    db.prepare_cached(
        "-- expand.done\nDELETE FROM broadcast_chunk WHERE broadcast = ?1 AND n = ?2",
    )?
    .execute(params![seq, expansion.chunk])?;
    db.prepare_cached(
        "-- expand.count\n\
         UPDATE broadcast SET expanded = expanded + 1, messages = messages + ?2, \
            skipped = skipped + ?3 \
         WHERE seq = ?1",
    )?
    .execute(params![
        seq,
        number(first.len()),
        number(again.len() + expansion.skipped.len())
    ])?;
    Ok(Some(Expanded {
        messages: first.len(),
        duplicates: again.len(),
    }))
}

pub(super) fn counts(db: &Connection, id: BroadcastId) -> Outcome<Counts> {
    // Both walk in the order of `seq`. SQLite would sort them all to group them.
    let mut states = db.prepare_cached(
        "-- expand.states\n\
         SELECT o.state FROM message m INDEXED BY message_broadcast \
         LEFT JOIN outcome o ON o.seq = m.seq WHERE m.broadcast = ?1",
    )?;
    let mut rows = states.query([id.as_bytes()])?;
    let mut counts = BTreeMap::<Option<i64>, u64>::new();
    while let Some(row) = rows.next()? {
        *counts.entry(row.get(0)?).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(code, count)| {
            let state = code.map_or(Ok(State::Open), codes::state)?;
            Ok((state, count))
        })
        .collect()
}
