//! Why something was refused.

use crate::audit_chain::Verdict as Outcome;

/// Why something was refused, in a word that programs know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The policy denies it.
    PolicyDenied,
    /// The caller's role does not allow it.
    RoleDenied,
    /// There is no such grant, or not for this caller.
    UnknownToken,
    /// There is no such record, or not for this caller.
    Unknown,
    /// The grant was revoked.
    Revoked,
    /// The grant has expired.
    Expired,
    /// It was erased, and an import does not bring it back.
    Erased,
}

impl Reason {
    /// Its name in audit entries and answers.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PolicyDenied => "POLICY_DENIED",
            Self::RoleDenied => "ROLE_DENIED",
            Self::UnknownToken => "UNKNOWN_TOKEN",
            Self::Unknown => "NOT_FOUND",
            Self::Revoked => "REVOKED",
            Self::Expired => "EXPIRED",
            Self::Erased => "ERASED",
        }
    }

    /// What the audit chain calls the outcome: where existence itself is a secret, it is "not found".
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::UnknownToken | Self::Unknown => Outcome::NotFound,
            _ => Outcome::Denied,
        }
    }
}
