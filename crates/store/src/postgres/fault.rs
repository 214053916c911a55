use std::error::Error as _;
use std::io;

use hongyan_domain::port::StoreError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::codes::UnknownCode;
use crate::seal::Unsealable;

/// Why a step could not be done.
#[derive(Debug)]
pub(super) enum Fault {
    /// What the caller is told. The step took no effect.
    Told(StoreError),
    /// The connection broke. Whether the step took effect is not known.
    Lost(String),
    /// The server says nothing any more. Whether the step took effect is not
    /// known.
    Silent(String),
    /// It got in the way of another and took no effect: the same again can
    /// succeed.
    Conflict(String),
}

pub(super) type Outcome<T> = Result<T, Fault>;

impl Fault {
    pub(super) fn taken(what: impl Into<String>) -> Self {
        Self::Told(StoreError::Taken { what: what.into() })
    }

    pub(super) fn missing(what: impl Into<String>) -> Self {
        Self::Told(StoreError::Missing { what: what.into() })
    }

    pub(super) fn in_use(what: impl Into<String>) -> Self {
        Self::Told(StoreError::InUse { what: what.into() })
    }

    pub(super) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Told(StoreError::Unavailable {
            reason: reason.into(),
        })
    }

    pub(super) fn corrupt(reason: impl Into<String>) -> Self {
        Self::Told(StoreError::Corrupt {
            reason: reason.into(),
        })
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Told(error) => error,
            Fault::Lost(reason) | Fault::Silent(reason) | Fault::Conflict(reason) => {
                Self::Unavailable { reason }
            }
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let reason = describe(&error);
        let Some(code) = error.code() else {
            // Anything that did not come from the server as an answer leaves
            // open what the server did, unless it is our own mistake.
            return if broke(&error) {
                Self::Lost(reason)
            } else {
                Self::corrupt(reason)
            };
        };
        match code.code() {
            "40001" | "40P01" => Self::Conflict(reason),
            // Connection exceptions, and a server that ends or begins. A
            // transaction in the middle is undone then, but the answer to its
            // COMMIT may be what was lost.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Self::Lost(reason),
            text if text.starts_with("08") => Self::Lost(reason),
            // Read-only, resources (disk full), locks and time-outs, limits of
            // the system, rights that were withdrawn.
            "25006" | "55P03" | "57014" | "42501" => Self::unavailable(reason),
            text if text.starts_with("53") || text.starts_with("58") || text.starts_with("54") => {
                Self::unavailable(reason)
            }
            _ => Self::corrupt(reason),
        }
    }
}

fn broke(error: &Error) -> bool {
    error.is_closed()
        || error
            .source()
            .is_some_and(|source| source.downcast_ref::<io::Error>().is_some())
}

/// What went wrong, in the words of whoever said it.
pub(super) fn describe(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// The constraint that a statement would have broken by adding what is there
/// already.
pub(super) fn clash(error: &Error) -> Option<&str> {
    let said = error.as_db_error()?;
    (*said.code() == SqlState::UNIQUE_VIOLATION).then(|| said.constraint().unwrap_or_default())
}

/// Whether a statement refers to an account that is gone.
pub(super) fn refers_to_nothing(error: &Error) -> bool {
    error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION)
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::corrupt(error.to_string())
    }
}

impl From<hongyan_wechat::IdError> for Fault {
    fn from(error: hongyan_wechat::IdError) -> Self {
        Self::corrupt(error.to_string())
    }
}

impl From<Unsealable> for Fault {
    fn from(error: Unsealable) -> Self {
        Self::corrupt(error.to_string())
    }
}

impl From<UnknownCode> for Fault {
    fn from(error: UnknownCode) -> Self {
        Self::corrupt(error.to_string())
    }
}

/// Sealing failed for want of randomness.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::unavailable(error.to_string())
    }
}
