//! What SQLite says, in the words of the port.

use memoryscope_engine::port::StoreError;
use rusqlite::{Error, ErrorCode};

use crate::common::failure::{self, EngineError};

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

/// SQLite's failure, or ours.
pub(crate) type Failure = failure::Failure<Error>;

/// SQLite's messages name tables and columns, never values.
impl EngineError for Error {
    fn describe(self) -> StoreError {
        if is_environment(&self) {
            StoreError::Unavailable(self.to_string())
        } else if self.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) {
            StoreError::Corrupt(
                "what is stored contradicts itself: run `memoryscope audit verify`".to_owned(),
            )
        } else {
            StoreError::Corrupt(self.to_string())
        }
    }
}

impl From<Error> for Failure {
    fn from(why: Error) -> Self {
        Self::Engine(why)
    }
}
