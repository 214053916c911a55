//! The store on SQLite: one file, no server.
//!
//! One thread writes, a few read (see ADR 0002). Writing callers share
//! transactions and flushes; readers see the last commit and are in nobody's
//! way. `synchronous=FULL` in WAL mode: what was acknowledged survives the loss
//! of power.

mod accounts;
mod broadcast;
mod broadcasts;
mod callback;
mod console;
mod credentials;
mod expand;
mod fault;
mod followers;
mod forward;
mod history;
mod idempotency;
mod inbox;
mod keys;
mod ledger;
mod media;
mod menus;
mod messages;
mod news;
mod open;
mod outgoing;
mod people;
mod purge;
mod queue;
mod quotas;
mod reader;
mod receipt;
mod reroute;
mod retention;
mod row;
mod rules;
mod search;
mod settle;
mod tally;
mod template_changes;
mod templates;
mod term;
mod told;
mod users;
mod web;
mod webhook;
mod webhooks;
mod writer;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use hongyan_domain::clock::Clock;
use hongyan_domain::port::{Hint, Store, StoreError, Usage};
use rusqlite::{Connection, OptionalExtension};

use self::fault::Outcome;
use self::purge::Purge;
use self::reader::Readers;
use self::row::millis;
use self::writer::Writer;
use crate::error::OpenError;
use crate::seal::Seal;

/// Threads that read beside a gateway's writer; a visitor gets one.
const READERS: usize = 4;

/// How to open a database.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Whether to be the one gateway on this file: takes the lock
    /// `<file>.lock` and holds it. A visitor, such as a command that makes a
    /// key, leaves this out and may come while a gateway runs.
    pub exclusive: bool,
    /// Whether to make the database if there is none.
    pub create: bool,
    /// Tells what is due and when leases end.
    pub clock: Arc<dyn Clock>,
    /// Seals the secrets.
    pub seal: Seal,
}

/// The store in an SQLite file.
///
/// Dropping it lets the writes that wait finish, closes the file and gives the
/// lock back.
#[derive(Debug)]
pub struct SqliteStore {
    // Fields are dropped in this order: the writer is the last to close the
    // file, the lock is given back after that.
    readers: Readers,
    writer: Writer,
    purge: Purge,
    /// Behind the last message that the present round of retention looked at.
    swept_to: tokio::sync::Mutex<i64>,
    /// Behind the last early receipt that was looked at for its message.
    joined_to: tokio::sync::Mutex<i64>,
    clock: Arc<dyn Clock>,
    seal: Seal,
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the database at `path`, makes it if that is allowed, and brings its
    /// schema up to date. Blocks; opening a large database takes no longer than
    /// a small one.
    ///
    /// # Errors
    /// [`OpenError`]; the file is then as it was before.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self, OpenError> {
        let OpenOptions {
            exclusive,
            create,
            clock,
            seal,
        } = options;
        let readers = if exclusive { READERS } else { 1 };
        let opened = open::open(path, exclusive, create, readers, &seal)?;
        let unavailable = |reason: String| OpenError::Unavailable {
            path: path.to_owned(),
            reason,
        };
        let purge = Purge::default();
        if exclusive {
            end_leases(&opened.writer, millis(clock.now()))
                .map_err(|e| unavailable(e.to_string()))?;
        }
        if exclusive && has_leftovers(&opened.writer).map_err(|e| unavailable(e.to_string()))? {
            purge.order();
        }
        let readers = Readers::start(opened.readers).map_err(|e| unavailable(e.to_string()))?;
        let writer = Writer::start(opened.writer, purge.clone(), exclusive)
            .map_err(|e| unavailable(e.to_string()))?;
        Ok(Self {
            readers,
            writer,
            purge,
            swept_to: tokio::sync::Mutex::default(),
            joined_to: tokio::sync::Mutex::default(),
            clock,
            seal,
            _lock: opened.lock,
        })
    }

    async fn write<T, F>(&self, rows: usize, work: F) -> Result<T, StoreError>
    where
        F: Fn(&Connection) -> Outcome<T> + Send + 'static,
        T: Send + 'static,
    {
        self.writer.run(rows, work).await
    }

    async fn read<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> Outcome<T> + Send + 'static,
        T: Send + 'static,
    {
        self.readers.ask(question).await
    }
}

fn has_leftovers(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row(
        "-- store.leftovers\n\
         SELECT 1 FROM removed_account UNION ALL SELECT 1 FROM ended_broadcast LIMIT 1",
        [],
        |_| Ok(()),
    )
    .optional()
    .map(|found| found.is_some())
}

#[async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> Result<(), StoreError> {
        let now = millis(self.clock.now());
        self.write(1, move |db| {
            db.prepare_cached(
                "-- store.ping\nINSERT OR REPLACE INTO meta (name, value) VALUES ('pinged_at', ?1)",
            )?
            .execute([now.to_be_bytes()])?;
            Ok(())
        })
        .await
    }

    /// One gateway has the file to itself; what a command beside it changes is
    /// found by looking.
    async fn hint(&self) -> Hint {
        std::future::pending().await
    }

    fn usage(&self) -> Usage {
        let (writing, waiting_writes) = self.writer.usage();
        let (readers, reading, waiting_reads) = self.readers.usage();
        Usage {
            connections: 1 + readers,
            busy: writing + reading,
            waiting: waiting_writes + waiting_reads,
        }
    }

    async fn shutdown(&self) {
        self.writer.stop().await;
    }
}

/// Lets go of what a gateway held that ended without a word: this one has the
/// file to itself, so nobody else can still be at work. That the claims were
/// never settled stays noted.
fn end_leases(db: &Connection, now: i64) -> rusqlite::Result<()> {
    db.execute(
        "-- credentials.end_all_leases\nUPDATE credential_lease SET node = NULL",
        [],
    )?;
    db.execute(
        "-- broadcasts.end_all_leases\nUPDATE broadcast SET node = NULL WHERE node IS NOT NULL",
        [],
    )?;
    let ended = db
        .prepare(
            "-- queue.end_leases\n\
             UPDATE work SET due_at = ?1 WHERE claimed_at IS NOT NULL AND due_at > ?1",
        )?
        .execute([now])?;
    if ended > 0 {
        tracing::info!(
            messages = ended,
            "messages of a gateway that ended in the middle are taken up again"
        );
    }
    Ok(())
}
