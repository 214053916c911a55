use std::fmt;
use std::path::PathBuf;

/// Why a database could not be opened. In every case it was left as it was
/// found. Each text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is something else, or damaged.
    #[error(
        "{path} is not a database or is damaged ({reason}); restore it from a backup or name another file in [database] url",
        path = path.display()
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A sound database, but not one of ours.
    #[error(
        "{path} is a database of another program; name another file in [database] url",
        path = path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error(
        "{path} was written by a newer version of this program (schema {found}, this one knows {known}); start that version",
        path = path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest schema version of this program.
        known: i64,
    },
    /// There is no database and none was to be made.
    #[error(
        "there is no database at {path}; start the gateway once or correct [database] url",
        path = path.display()
    )]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// The file or its directory cannot be read or written.
    #[error(
        "{path} cannot be opened for writing ({reason}); check that its directory exists and that this user may write there",
        path = path.display()
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Another gateway holds it.
    #[error(
        "{path} is in use by another gateway; stop that one or name another file in [database] url",
        path = path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The secrets in it were sealed with another key.
    #[error(
        "the secrets in {path} were sealed with another key; name the key file that belongs to it in [secrets] key_file",
        path = path.display()
    )]
    WrongKey {
        /// The file.
        path: PathBuf,
    },
    /// Anything else the database said, such as that it is locked.
    #[error("{path} cannot be used at this moment: {reason}; try again", path = path.display())]
    Unavailable {
        /// The file.
        path: PathBuf,
        /// The database's words.
        reason: String,
    },
    /// The address of a PostgreSQL server cannot be understood.
    #[error(
        "[database] url cannot be used ({reason}); write it as postgres://user:password@host:port/database, with special characters percent-encoded"
    )]
    BadUrl {
        /// What is wrong with it, without what it holds.
        reason: String,
    },
    /// Nothing answers at the server's address.
    #[error(
        "{server} cannot be reached ({reason}); check that PostgreSQL is running there and that [database] url names its host and port"
    )]
    Unreachable {
        /// The server.
        server: Endpoint,
        /// The system's words.
        reason: String,
    },
    /// The server does not let this user in.
    #[error(
        "{server} refuses the login ({reason}); correct user and password in [database] url, or let this user in in pg_hba.conf"
    )]
    LoginRefused {
        /// The server.
        server: Endpoint,
        /// The server's words.
        reason: String,
    },
    /// The server has no such database.
    #[error(
        "{server} does not exist; make it (CREATE DATABASE) or correct its name in [database] url"
    )]
    NoDatabase {
        /// The server.
        server: Endpoint,
    },
    /// The user may not do what is needed.
    #[error(
        "{server}: the user lacks rights ({reason}); let it own the database or its schema (ALTER DATABASE .. OWNER TO ..)"
    )]
    NoRights {
        /// The server.
        server: Endpoint,
        /// The server's words.
        reason: String,
    },
    /// The server's version lacks what is needed.
    #[error("{server} is PostgreSQL {version}; version 14 or newer is needed")]
    ServerTooOld {
        /// The server.
        server: Endpoint,
        /// Its version.
        version: String,
    },
    /// The server takes no writes.
    #[error(
        "{server} takes no writes ({reason}); name the primary in [database] url, or several hosts with target_session_attrs=read-write"
    )]
    ReadOnlyServer {
        /// The server.
        server: Endpoint,
        /// Why.
        reason: String,
    },
    /// A later version of this program has changed the schema in a way that
    /// this one cannot work with.
    #[error(
        "{server} was brought up to date by a newer version of this program (schema {found}, for programs that know {compatible_from}; this one knows {known}); start that version"
    )]
    NewerSchema {
        /// The server.
        server: Endpoint,
        /// Its schema's version.
        found: i64,
        /// The oldest program that can work with it, as the schema it knows.
        compatible_from: i64,
        /// The newest schema version of this program.
        known: i64,
    },
    /// Our tables are not there, or those of an earlier version, and none were
    /// to be made.
    #[error(
        "{server} does not have the tables of this version (schema {found}, {known} is needed); start the gateway once or correct [database] url"
    )]
    NotMigrated {
        /// The server.
        server: Endpoint,
        /// The schema's version; 0 = none of our tables.
        found: i64,
        /// The schema version of this program.
        known: i64,
    },
    /// Another program has its tables where ours would be.
    #[error(
        "{server}: the schema {schema:?} holds tables of another program ({table:?} among them); give this one a database or a schema of its own (?options=-csearch_path%3Dname in [database] url)"
    )]
    ForeignTables {
        /// The server.
        server: Endpoint,
        /// The schema.
        schema: String,
        /// One of them.
        table: String,
    },
    /// The secrets in the database were sealed with another key.
    #[error(
        "the secrets in {server} were sealed with another key; name the key file that belongs to it in [secrets] key_file (the same one on every node)"
    )]
    SealedOtherwise {
        /// The server.
        server: Endpoint,
    },
    /// Anything else the server said, such as that it is starting.
    #[error("{server} cannot be used at this moment: {reason}; try again")]
    ServerUnavailable {
        /// The server.
        server: Endpoint,
        /// The server's words.
        reason: String,
    },
}

/// A database on a server, as far as it may be shown: no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Hosts with their ports, as in the URL.
    pub hosts: String,
    /// The database.
    pub database: String,
    /// Who wants to use it.
    pub user: String,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the database {:?} on {} (as user {:?})",
            self.database, self.hosts, self.user
        )
    }
}
