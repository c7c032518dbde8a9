//! What SQLite says, in the words of the port.

use memoryscope_engine::port::StoreError;
use rusqlite::{Error, ErrorCode};

/// Whether the surroundings are at fault (disk, file, lock, memory) and not what was asked: nothing that is tried at
/// once will do better, and the same request may succeed later.
pub(super) fn is_environment(why: &Error) -> bool {
    matches!(
        why.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::NoLargeFileSupport
                | ErrorCode::OperationInterrupted
        )
    )
}

/// Whether a connection that said so is better opened again: what it remembers of the file may be wrong.
pub(super) fn wants_reopening(why: &Error) -> bool {
    matches!(
        why.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::DatabaseCorrupt
        )
    )
}

/// SQLite's error as the port's. SQLite's messages name tables and columns, never values.
pub(super) fn store_error(why: &Error) -> StoreError {
    if is_environment(why) {
        StoreError::Unavailable(why.to_string())
    } else if why.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) {
        StoreError::Corrupt("what is stored contradicts itself: run `memoryscope audit verify`".to_owned())
    } else {
        StoreError::Corrupt(why.to_string())
    }
}

/// Either kind of failure inside a statement's use.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite's.
    Sqlite(Error),
    /// Ours.
    Store(StoreError),
}

impl From<Error> for Failure {
    fn from(why: Error) -> Self {
        Self::Sqlite(why)
    }
}

impl From<StoreError> for Failure {
    fn from(why: StoreError) -> Self {
        Self::Store(why)
    }
}

impl From<memoryscope_domain::memory::Unreadable> for Failure {
    fn from(why: memoryscope_domain::memory::Unreadable) -> Self {
        Self::Store(why.into())
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Sqlite(why) => store_error(&why),
            Failure::Store(why) => why,
        }
    }
}
