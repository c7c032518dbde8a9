//! How a whole chain is asked for.

use memoryscope_domain::ids::TenantId;
use memoryscope_domain::memory::SubjectRef;
use memoryscope_domain::policy::Filter;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::port::{Load, Select};

/// A load that walks a tenant's chain and reads nothing else.
pub(crate) fn verification(tenant: &TenantId) -> Load {
    Load {
        tenant: tenant.clone(),
        now: Timestamp::from_unix_micros(0),
        select: Select::Verification,
        filter: Filter::Nothing,
        subject: SubjectRef::TENANT,
        idempotency: None,
    }
}
