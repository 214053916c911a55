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
}
