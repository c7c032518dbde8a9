//! What the server does of itself: operations run by the system through the same `run()`.

use memoryscope_domain::ids::{RequestId, TenantId};
use memoryscope_domain::limits;
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::principal::Principal;

use crate::engine::Engine;
use crate::op::expire::Expire;
use crate::port::Due;
use crate::refusal::Refusal;

/// Erases everything that has expired, tenant by tenant, a batch a commit. Answers how many memories it erased.
///
/// # Errors
/// When a tenant's batch is refused; what was erased before stays erased, and the next run goes on.
pub async fn expire_all(engine: &Engine) -> Result<usize, Refusal> {
    let mut erased = 0;
    let mut before: Vec<TenantId> = Vec::new();
    loop {
        let now = engine.ports().clock.now();
        let due = Due {
            memories_expired_by: now,
            grants_expired_before: now.plus_days(-limits::GRANT_KEPT_DAYS),
            idempotency_before: now.plus_days(-limits::IDEMPOTENCY_KEPT_DAYS),
        };
        let tenants = engine.ports().store.tenants_due(&due, limits::TENANTS_PAGE_ITEMS).await?;
        let mut erased_now = 0;
        for tenant in &tenants {
            erased_now += expire_tenant(engine, tenant).await?;
        }
        erased += erased_now;
        // The same tenants with nothing erased: what is due cannot be done, and trying again would not end.
        if tenants.is_empty() || (erased_now == 0 && tenants == before) {
            return Ok(erased);
        }
        before = tenants;
    }
}

/// Erases one tenant's expired memories.
async fn expire_tenant(engine: &Engine, tenant: &TenantId) -> Result<usize, Refusal> {
    let mut erased = 0;
    loop {
        let name = RequestId::minted(uuid::Uuid::from_bytes(engine.ports().ids.seed().0));
        let cx =
            engine.begin(Principal::system(tenant.clone()), name, Dialect::Core, engine.ports().clock.now());
        let count = engine.run(&cx, &Expire).await?.output;
        erased += count;
        if count < limits::EXPIRY_BATCH_ITEMS {
            return Ok(erased);
        }
    }
}
