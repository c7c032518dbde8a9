//! What PostgreSQL says, in the words of the port.

use std::error::Error as _;

use memoryscope_engine::port::StoreError;
use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

use crate::common::failure::{self, EngineError};

/// PostgreSQL's failure, or ours.
pub(crate) type Failure = failure::Failure<Problem>;

/// What PostgreSQL or its connection says.
#[derive(Debug)]
pub(crate) enum Problem {
    /// This.
    Said(Error),
    /// Nothing that came in time.
    Late,
}

/// No answer came in time.
pub(super) const LATE: Failure = Failure::Engine(Problem::Late);

/// What helps against a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The transaction was undone because of another one: do all of it again.
    Repeat,
    /// The connection is lost, and with it the answer: connect again, and ask what became of it.
    Reconnect,
    /// The surroundings are at fault (disk, limits, rights): nothing that is tried at once will do better.
    Wait,
    /// What was asked is at fault, or what stands there.
    Nothing,
}

/// SQLSTATE classes whose cause lies in the surroundings: connection, transaction state, rights, database, resources,
/// limits of an object's state, the operator, the system, its configuration.
const SURROUNDINGS: [&str; 10] = ["08", "25", "28", "3D", "53", "55", "57", "58", "F0", "42501"];

impl Failure {
    /// What helps.
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Engine(problem) => problem.remedy(),
            Self::Store(StoreError::Unavailable(_)) => Remedy::Wait,
            Self::Store(_) => Remedy::Nothing,
        }
    }

    /// Whether the server itself said, on a connection that stands, that the transaction is undone.
    pub(super) fn is_undone(&self) -> bool {
        let why = match self {
            Self::Engine(Problem::Said(why)) => why,
            Self::Engine(Problem::Late) => return false,
            Self::Store(_) => return true,
        };
        let severity = why.as_db_error().and_then(tokio_postgres::error::DbError::parsed_severity);
        severity == Some(Severity::Error) && !why.code().is_some_and(is_lost)
    }
}

impl Problem {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Late => Remedy::Reconnect,
            Self::Said(why) => match why.code() {
                Some(code)
                    if *code == SqlState::T_R_SERIALIZATION_FAILURE
                        || *code == SqlState::T_R_DEADLOCK_DETECTED =>
                {
                    Remedy::Repeat
                }
                Some(code) if is_lost(code) => Remedy::Reconnect,
                Some(code) if SURROUNDINGS.iter().any(|class| code.code().starts_with(class)) => Remedy::Wait,
                Some(_) => Remedy::Nothing,
                None => Remedy::Reconnect,
            },
        }
    }
}

/// The connection, the server or its start: after these nothing is heard of the transaction any more.
fn is_lost(code: &SqlState) -> bool {
    code.code().starts_with("08")
        || *code == SqlState::ADMIN_SHUTDOWN
        || *code == SqlState::CRASH_SHUTDOWN
        || *code == SqlState::CANNOT_CONNECT_NOW
}

/// What went wrong, without values: a message of PostgreSQL may quote them, except where it speaks of the
/// surroundings.
fn describe(why: &Error) -> String {
    let Some(db) = why.as_db_error() else {
        let mut text = why.to_string();
        let mut source = why.source();
        while let Some(inner) = source {
            text = format!("{text}: {inner}");
            source = inner.source();
        }
        return text;
    };
    let code = db.code().code();
    if SURROUNDINGS.iter().any(|class| code.starts_with(class)) || code.starts_with("40") {
        return format!("{} (SQLSTATE {code})", db.message());
    }
    let place = db.constraint().or_else(|| db.table()).unwrap_or("a statement");
    format!("PostgreSQL refused it: SQLSTATE {code}, {place}")
}

impl From<Error> for Failure {
    fn from(why: Error) -> Self {
        Self::Engine(Problem::Said(why))
    }
}

impl EngineError for Problem {
    fn describe(self) -> StoreError {
        let remedy = self.remedy();
        match self {
            Self::Late => StoreError::Unavailable("the database did not answer in time".to_owned()),
            Self::Said(why) if remedy == Remedy::Nothing => StoreError::Corrupt(describe(&why)),
            Self::Said(why) => StoreError::Unavailable(describe(&why)),
        }
    }
}
