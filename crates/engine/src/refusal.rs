//! The product's one error enum. Each edge maps it to its own wire once.

use memoryscope_domain::govern::{BeyondDecision, Reason};
use memoryscope_domain::ids::AuditId;
use memoryscope_domain::memory::Unreadable;
use memoryscope_domain::policy::Trace;
use memoryscope_domain::preference::Kind;
use memoryscope_domain::purpose::Purpose;

use crate::port::StoreError;

/// Why a request was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// The policy, or the caller's role, does not allow it. Audited.
    #[error("denied: {}", .denied.reason.code())]
    Denied {
        /// What may be told of it.
        denied: Box<Denied>,
        /// The audit entry that says so.
        access_log: AuditId,
    },
    /// It does not exist, or its existence is not the caller's to know; the two are never told apart. Audited.
    #[error("not found")]
    Hidden {
        /// The audit entry that says so.
        access_log: AuditId,
    },
    /// The grant was revoked or has expired. Audited.
    #[error("the grant is no longer good: {gone:?}")]
    Gone {
        /// How it ended.
        gone: Gone,
        /// The audit entry that says so.
        access_log: AuditId,
    },
    /// Something of it was erased before, and an import does not bring it back. Audited.
    #[error("erased before")]
    Erased {
        /// The audit entry that says so.
        access_log: AuditId,
    },
    /// Something else changed meanwhile, or the idempotency key belongs to another request.
    #[error("conflict: {0}")]
    Conflict(Conflict),
    /// More than a limit allows; names the limit.
    #[error("too large: at most {max} {limit}")]
    TooLarge {
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        max: u64,
    },
    /// The store can't be written or read now. Nothing was answered, because nothing could be audited.
    #[error("unavailable")]
    Unavailable(#[source] StoreError),
    /// A defect of this program: named, so that a log line can be found by it.
    #[error("bug: {0}")]
    Bug(String),
}

/// A denial, with what may be told of it.
#[derive(Debug, Clone)]
pub struct Denied {
    /// Why, for programs.
    pub reason: Reason,
    /// Which operation.
    pub operation: &'static str,
    /// What the request was for.
    pub purpose: Option<Purpose>,
    /// The kind of preference that it was about.
    pub kind: Option<Kind>,
    /// The policy's trace; none where a role was lacking.
    pub trace: Option<Trace>,
}

/// How a grant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It was revoked.
    Revoked,
    /// Its time was over.
    Expired,
}

/// What is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The idempotency key was used with another request.
    #[error("the Idempotency-Key was used with another request")]
    KeyReused,
    /// A request with the same idempotency key is being worked on.
    #[error("a request with the same Idempotency-Key is in progress")]
    InProgress,
    /// What the idempotency key made is no longer there to be shown.
    #[error("what this Idempotency-Key made is no longer there")]
    ResultGone,
    /// Others kept changing the same records.
    #[error("the records kept changing; try again")]
    Contended,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(what) => Self::Bug(what),
            StoreError::Conflict(_) => Self::Conflict(Conflict::Contended),
            StoreError::Unavailable(_) => Self::Unavailable(error),
        }
    }
}

impl From<Unreadable> for Refusal {
    fn from(error: Unreadable) -> Self {
        Self::Bug(error.to_string())
    }
}

impl From<BeyondDecision> for Refusal {
    fn from(error: BeyondDecision) -> Self {
        Self::Bug(error.to_string())
    }
}
