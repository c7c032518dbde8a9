//! What a load brings of persons' rights.

use memoryscope_domain::audit_chain::KeyedDigest;
use memoryscope_domain::memory::SubjectRef;

/// What is wanted of persons' rights, beside memories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// The persons whose consents are wanted ([`memoryscope_domain::govern::Facts::consents`]).
    pub persons: Vec<SubjectRef>,
    /// Whether the tenant's own key is wanted, and whether anything was erased ([`memoryscope_domain::govern::Facts::suppressed`]).
    pub erased: bool,
    /// The digests of which is asked whether they are left of something that was erased; only with `erased`.
    pub digests: Vec<KeyedDigest>,
}
