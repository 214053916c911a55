//! Clearing away the messages of removed accounts, their callbacks, people, consents
//! and files, and what broadcasts have kept that are over. An account can have
//! millions; removing it makes them invisible at once, and the writer deletes them when
//! it has nothing else to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, OptionalExtension, params};

use super::broadcast;
use super::fault::Outcome;
use super::term::{self, Field};

/// Messages deleted in one step, which takes a few milliseconds.
const STEP: i64 = 200;

/// Whether there is something to clear away.
#[derive(Debug, Clone, Default)]
pub(super) struct Purge(Arc<AtomicBool>);

impl Purge {
    pub(super) fn is_due(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn order(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Until it is ordered again or the database is opened again.
    pub(super) fn put_off(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Files deleted in one step: each can have ten megabytes.
const FILES: i64 = 2;

/// Deletes some messages of one removed account; notes when nothing is left.
pub(super) fn step(db: &Connection, purge: &Purge) -> Outcome<()> {
    let account: Option<i64> = db
        .prepare_cached("-- purge.account\nSELECT id FROM removed_account LIMIT 1")?
        .query_one([], |row| row.get(0))
        .optional()?;
    let Some(account) = account else {
        if !broadcast::clear_away(db)? {
            purge.put_off();
        }
        return Ok(());
    };
    let mut messages = db.prepare_cached(
        "-- purge.messages\n\
         SELECT seq, openid, reference FROM message WHERE account = ?1 LIMIT ?2",
    )?;
    let messages = messages
        .query_map(params![account, STEP], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<Vec<(i64, String, Option<String>)>, _>>()?;
    if messages.is_empty() && !others(db, account)? {
        db.prepare_cached("-- purge.done\nDELETE FROM removed_account WHERE id = ?1")?
            .execute([account])?;
    }
    for (seq, openid, reference) in messages {
        remove(db, seq, &openid, reference.as_deref())?;
    }
    Ok(())
}

/// Deletes some rows of what else a removed account had; whether there were any.
/// With the plus sign rows are found by their numbers, not among all of the
/// account.
fn others(db: &Connection, account: i64) -> Outcome<bool> {
    macro_rules! some {
        ($table:literal, $account:literal, $key:literal) => {
            concat!(
                "-- purge.",
                $table,
                "\nDELETE FROM ",
                $table,
                " WHERE ",
                $account,
                " = ?1 AND ",
                $key,
                " IN (SELECT ",
                $key,
                " FROM ",
                $table,
                " WHERE account = ?1 LIMIT ?2)"
            )
        };
    }
    for table in [
        some!("forward", "+account", "id"),
        some!("callback", "+account", "seq"),
        some!("awaited", "+account", "seq"),
        some!("early_receipt", "+account", "seq"),
        some!("consent", "account", "openid"),
        some!("service_window", "account", "openid"),
        some!("contact", "account", "openid"),
        some!("app_user_openid", "account", "openid"),
        some!("tally", "+account", "message"),
    ] {
        if db.prepare_cached(table)?.execute([account, STEP])? > 0 {
            return Ok(true);
        }
    }
    let files = some!("media", "+account", "seq");
    Ok(db.prepare_cached(files)?.execute([account, FILES])? > 0)
}

/// Removes a message that is over with all that lies beside it.
pub(super) fn remove(
    db: &Connection,
    seq: i64,
    openid: &str,
    reference: Option<&str>,
) -> Outcome<()> {
    for table in [
        "-- purge.attempts\nDELETE FROM attempt WHERE seq = ?1",
        "-- purge.receipt\nDELETE FROM awaited WHERE seq = ?1",
        "-- purge.outcome\nDELETE FROM outcome WHERE seq = ?1",
        "-- purge.message\nDELETE FROM message WHERE seq = ?1",
    ] {
        db.prepare_cached(table)?.execute([seq])?;
    }
    term::forget(db, seq, Field::OpenId, openid)?;
    if let Some(reference) = reference {
        term::forget(db, seq, Field::Reference, reference)?;
    }
    Ok(())
}
