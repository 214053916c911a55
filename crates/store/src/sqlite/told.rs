//! Who has a message of a broadcast already: sorted hashes of openids in a few runs,
//! as told in the fifth migration.
//!
//! Two of a million people share a hash about once in thirty million broadcasts; one
//! of them would be passed over as the other.

use std::collections::BTreeSet;

use hongyan_wechat::OpenId;
use rusqlite::{Connection, params};

use super::fault::{Fault, Outcome};
use crate::digest;

/// Runs of one level that become one of the next.
const MERGED: i64 = 8;

/// What stands for a person.
pub(super) type Person = u64;

pub(super) fn person(openid: &OpenId) -> Person {
    digest::person(openid)
}

/// Those of `people` who have a message.
pub(super) fn among(
    db: &Connection,
    broadcast: i64,
    people: &BTreeSet<Person>,
) -> Outcome<BTreeSet<Person>> {
    let mut runs =
        db.prepare_cached("-- told.runs\nSELECT people FROM broadcast_told WHERE broadcast = ?1")?;
    let mut rows = runs.query([broadcast])?;
    let mut found = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let run = Run::of(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
        found.extend(people.iter().filter(|&&person| run.contains(person)));
    }
    Ok(found)
}

/// A run as it is stored.
struct Run<'a>(&'a [[u8; 8]]);

impl<'a> Run<'a> {
    fn of(bytes: &'a [u8]) -> Outcome<Self> {
        match bytes.as_chunks() {
            (people, []) => Ok(Self(people)),
            _ => Err(Fault::corrupt("a run of people is cut off")),
        }
    }

    fn contains(&self, person: Person) -> bool {
        // Big-endian numbers are ordered as their bytes.
        self.0.binary_search(&person.to_be_bytes()).is_ok()
    }
}

/// Notes that these people, none of whom had a message before, have one.
pub(super) fn note(db: &Connection, broadcast: i64, people: &BTreeSet<Person>) -> Outcome<()> {
    if people.is_empty() {
        return Ok(());
    }
    let run: Vec<u8> = people.iter().flat_map(|one| one.to_be_bytes()).collect();
    insert(db, broadcast, 0, &run)?;
    let mut level = 0;
    while merge(db, broadcast, level)? {
        level += 1;
    }
    Ok(())
}

fn insert(db: &Connection, broadcast: i64, level: i64, run: &[u8]) -> Outcome<()> {
    db.prepare_cached(
        "-- told.note\n\
         INSERT INTO broadcast_told (broadcast, level, people) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![broadcast, level, run])?;
    Ok(())
}

/// Makes one run of the next level of those of this one, if there are enough.
fn merge(db: &Connection, broadcast: i64, level: i64) -> Outcome<bool> {
    let count: i64 = db
        .prepare_cached(
            "-- told.count\n\
             SELECT count(*) FROM broadcast_told WHERE broadcast = ?1 AND level = ?2",
        )?
        .query_one([broadcast, level], |row| row.get(0))?;
    if count < MERGED {
        return Ok(false);
    }
    let mut people: Vec<[u8; 8]> = Vec::new();
    let mut runs = db.prepare_cached(
        "-- told.level\n\
         SELECT people FROM broadcast_told WHERE broadcast = ?1 AND level = ?2",
    )?;
    let mut rows = runs.query([broadcast, level])?;
    while let Some(row) = rows.next()? {
        let run = Run::of(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
        people.extend_from_slice(run.0);
    }
    drop(rows);
    // Finds the runs it is made of, and merges them.
    people.sort();
    db.prepare_cached(
        "-- told.merged\nDELETE FROM broadcast_told WHERE broadcast = ?1 AND level = ?2",
    )?
    .execute([broadcast, level])?;
    insert(db, broadcast, level + 1, people.as_flattened())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_known_over_all_levels() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(include_str!("migrations/0001.sql"))
            .unwrap();
        db.execute_batch(include_str!("migrations/0002.sql"))
            .unwrap();
        db.execute_batch(include_str!("migrations/0003.sql"))
            .unwrap();
        db.execute_batch(include_str!("migrations/0004.sql"))
            .unwrap();
        db.execute_batch(include_str!("migrations/0005.sql"))
            .unwrap();
        let hash = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for chunk in 0..200 {
            let people: BTreeSet<_> = (0..5).map(|n| hash(chunk * 5 + n)).collect();
            assert!(among(&db, 1, &people).unwrap().is_empty());
            note(&db, 1, &people).unwrap();
        }
        let all: BTreeSet<_> = (0..1000).map(hash).collect();
        assert_eq!(among(&db, 1, &all).unwrap(), all);
        assert!(among(&db, 2, &all).unwrap().is_empty());
        let runs: i64 = db
            .query_row("SELECT count(*) FROM broadcast_told", [], |row| row.get(0))
            .unwrap();
        assert_eq!(runs, 3 + 1, "200 are three of 64 and one of 8");
    }
}
