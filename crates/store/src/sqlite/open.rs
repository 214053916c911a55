//! Opening a database file: look first, touch later. Whatever is wrong with the
//! file, it is refused before anything is written to it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::OpenError;
use crate::seal::{Place, Seal};

/// Stands in the file's header as SQLite's `application_id` ("HYAN").
const APPLICATION_ID: i64 = 0x4859_414e;

/// The schema, step by step. The number of steps taken is the file's
/// `user_version`. Steps are only ever added at the end.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
];

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages the write-ahead log may grow by before they are folded into the
/// database, 16 MiB: pages that change often are folded once for many changes.
const CHECKPOINT_PAGES: i64 = 4000;

/// Page cache of the writer and of each reader, in KiB.
const WRITER_CACHE: i64 = 16 * 1024;
const READER_CACHE: i64 = 4 * 1024;

/// The sealed value that tells whether the key is the right one.
const PROBE: Place<'static> = Place {
    table: "meta",
    column: "value",
    row: b"seal_probe",
};
const PROBE_TEXT: &[u8] = b"hongyan";

/// A database that may be used.
pub(super) struct Opened {
    pub(super) writer: Connection,
    pub(super) readers: Vec<Connection>,
    /// Held as long as the store lives.
    pub(super) lock: Option<File>,
}

pub(super) fn open(
    path: &Path,
    exclusive: bool,
    create: bool,
    readers: usize,
    seal: &Seal,
) -> Result<Opened, OpenError> {
    if inspect(path)? == Found::Nothing && !create {
        return Err(OpenError::Absent {
            path: path.to_owned(),
        });
    }
    let lock = if exclusive { Some(lock(path)?) } else { None };
    make_file(path)?;
    let mut writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if writer
        .is_readonly("main")
        .map_err(|error| explain(path, &error))?
    {
        let reason = "it is read-only".to_owned();
        return Err(OpenError::Unwritable {
            path: path.to_owned(),
            reason,
        });
    }
    if !create && !is_ours(&writer, path)? {
        return Err(OpenError::Absent {
            path: path.to_owned(),
        });
    }
    check_probe(&writer, path, seal)?;
    settle_in(&writer).map_err(|error| explain(path, &error))?;
    migrate(&mut writer, path, seal)?;
    let readers = (0..readers)
        .map(|_| {
            let reader = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            reader
                .pragma_update(None, "cache_size", -READER_CACHE)
                .map_err(|error| explain(path, &error))?;
            Ok(reader)
        })
        .collect::<Result<_, OpenError>>()?;
    Ok(Opened {
        writer,
        readers,
        lock,
    })
}

/// What lies at a path.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// A database that is ours or still empty.
    Database,
}

/// Reads the file's header (SQLite file format, 1.3) without opening it as a
/// database, which could already change it.
fn inspect(path: &Path) -> Result<Found, OpenError> {
    let unwritable = |error: io::Error| OpenError::Unwritable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut header = Vec::with_capacity(100);
    match File::open(path) {
        Ok(file) => file
            .take(100)
            .read_to_end(&mut header)
            .map_err(unwritable)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(unwritable(error)),
    };
    if header.is_empty() {
        return Ok(Found::Nothing);
    }
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        let reason = "its first bytes are not those of SQLite".to_owned();
        return Err(OpenError::NotADatabase {
            path: path.to_owned(),
            reason,
        });
    }
    let number = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        i64::from(u32::from_be_bytes(bytes))
    };
    let (schema_cookie, version, application) = (number(40), number(60), number(68));
    // A database whose first transaction is still in the log looks empty here;
    // it is looked at again once it is open.
    if application != APPLICATION_ID && (application != 0 || schema_cookie != 0) {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        });
    }
    refuse_newer(path, version)?;
    Ok(Found::Database)
}

fn refuse_newer(path: &Path, found: i64) -> Result<(), OpenError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(())
}

/// Takes the lock that says "a gateway works on this file". It goes with the
/// process, however that ends.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let path_of_lock = PathBuf::from(name);
    let unwritable = |error: io::Error| OpenError::Unwritable {
        path: path_of_lock.clone(),
        reason: error.to_string(),
    };
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path_of_lock)
        .map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(unwritable(error)),
    }
}

/// Makes an empty file for its owner alone, as it will hold who was told what.
/// SQLite takes an empty file for an empty database and gives its own files
/// beside it the same mode.
fn make_file(path: &Path) -> Result<(), OpenError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(OpenError::Unwritable {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
        _ => Ok(()),
    }
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, OpenError> {
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        db.set_prepared_statement_cache_capacity(240);
        // Plans must not depend on values: else SQLite plans anew at nearly each
        // use of a prepared statement, which costs more than running it.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        db.pragma_update(None, "foreign_keys", true)?;
        db.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(db)
    };
    open().map_err(|error| explain(path, &error))
}

/// Whether the database has our tables (not: is still empty). Anything else is
/// refused.
fn is_ours(db: &Connection, path: &Path) -> Result<bool, OpenError> {
    let look = || -> rusqlite::Result<(i64, i64, i64)> {
        let application = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables = db.query_row(
            "-- open.tables\nSELECT count(*) FROM sqlite_schema",
            [],
            |row| row.get(0),
        )?;
        Ok((application, version, tables))
    };
    match look().map_err(|error| explain(path, &error))? {
        (APPLICATION_ID, version, _) => refuse_newer(path, version).map(|()| true),
        (0, _, 0) => Ok(false),
        _ => Err(OpenError::Foreign {
            path: path.to_owned(),
        }),
    }
}

fn check_probe(db: &Connection, path: &Path, seal: &Seal) -> Result<(), OpenError> {
    if !is_ours(db, path)? {
        return Ok(());
    }
    let probe: Vec<u8> = db
        .query_row(
            "-- open.probe\nSELECT value FROM meta WHERE name = 'seal_probe'",
            [],
            |row| row.get(0),
        )
        .map_err(|error| explain(path, &error))?;
    match seal.open(PROBE, &probe) {
        Ok(text) if text == PROBE_TEXT => Ok(()),
        _ => Err(OpenError::WrongKey {
            path: path.to_owned(),
        }),
    }
}

/// The settings of the writing connection. The first two only take effect in an
/// empty database.
fn settle_in(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "page_size", 4096)?;
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // Each commit is flushed to disk before it is acknowledged.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "cache_size", -WRITER_CACHE)?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    db.pragma_update_and_check(
        None,
        "journal_size_limit",
        CHECKPOINT_PAGES * 4096 * 2,
        |_| Ok(()),
    )
}

/// Takes the missing steps, each in a transaction with its number.
fn migrate(db: &mut Connection, path: &Path, seal: &Seal) -> Result<(), OpenError> {
    for (step, sql) in (1..).zip(MIGRATIONS) {
        let transaction = db
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(|error| explain(path, &error))?;
        let done: i64 = transaction
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|error| explain(path, &error))?;
        if done >= step {
            continue;
        }
        let first_probe = (step == 1)
            .then(|| seal.seal(PROBE, PROBE_TEXT))
            .transpose()
            .map_err(|error| unavailable(path, &error))?;
        let take = || -> rusqlite::Result<()> {
            transaction.execute_batch(sql)?;
            if let Some(probe) = first_probe {
                transaction.execute(
                    "-- open.keep_probe\nINSERT INTO meta (name, value) VALUES ('seal_probe', ?1)",
                    [probe],
                )?;
            }
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", step)
        };
        take()
            .and_then(|()| transaction.commit())
            .map_err(|error| explain(path, &error))?;
    }
    // Whoever made the database first chose the key.
    check_probe(db, path, seal)
}

fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, reason) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            OpenError::NotADatabase { path, reason }
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            OpenError::Unwritable { path, reason }
        }
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory,
        ) => OpenError::Unavailable { path, reason },
        // A statement that every database of ours understands was refused.
        _ => OpenError::NotADatabase { path, reason },
    }
}

fn unavailable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Unavailable {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
