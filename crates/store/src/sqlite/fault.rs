use std::io;

use hongyan_domain::port::StoreError;
use rusqlite::ErrorCode;

use crate::codes::UnknownCode;
use crate::seal::Unsealable;

/// A [`StoreError`] on its way out: what `?` makes of the errors met inside.
#[derive(Debug)]
pub(super) struct Fault(StoreError);

pub(super) type Outcome<T> = Result<T, Fault>;

impl Fault {
    pub(super) fn taken(what: impl Into<String>) -> Self {
        Self(StoreError::Taken { what: what.into() })
    }

    pub(super) fn missing(what: impl Into<String>) -> Self {
        Self(StoreError::Missing { what: what.into() })
    }

    pub(super) fn in_use(what: impl Into<String>) -> Self {
        Self(StoreError::InUse { what: what.into() })
    }

    pub(super) fn unavailable(reason: impl Into<String>) -> Self {
        Self(StoreError::Unavailable {
            reason: reason.into(),
        })
    }

    pub(super) fn corrupt(reason: impl Into<String>) -> Self {
        Self(StoreError::Corrupt {
            reason: reason.into(),
        })
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        fault.0
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let passing = matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::ReadOnly
                    | ErrorCode::PermissionDenied
                    | ErrorCode::FileLockingProtocolFailed
                    | ErrorCode::OutOfMemory
            )
        );
        let reason = error.to_string();
        Self(if passing {
            StoreError::Unavailable { reason }
        } else {
            StoreError::Corrupt { reason }
        })
    }
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
        Self(StoreError::Unavailable {
            reason: error.to_string(),
        })
    }
}
