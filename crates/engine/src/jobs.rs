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
/// When a tenant's batch is refused: the first such refusal, once every other tenant had its turn. What was erased stays
/// erased, and the next run goes on.
pub async fn expire_all(engine: &Engine) -> Result<usize, Refusal> {
    let mut erased = 0;
    let mut before: Vec<TenantId> = Vec::new();
    let mut failed = None;
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
            match expire_tenant(engine, tenant, &mut erased_now).await {
                Ok(()) => {}
                Err(refusal @ Refusal::Unavailable(_)) => return Err(refusal),
                Err(refusal) => failed = failed.or(Some(refusal)),
            }
        }
        erased += erased_now;
        // The same tenants with nothing erased: what is due cannot be done, and trying again would not end.
        if tenants.is_empty() || (erased_now == 0 && tenants == before) {
            return failed.map_or(Ok(erased), Err);
        }
        before = tenants;
    }
}

/// Erases one tenant's expired memories, and counts them.
async fn expire_tenant(engine: &Engine, tenant: &TenantId, erased: &mut usize) -> Result<(), Refusal> {
    loop {
        let name = RequestId::minted(uuid::Uuid::from_bytes(engine.ports().ids.seed().0));
        let cx =
            engine.begin(Principal::system(tenant.clone()), name, Dialect::Core, engine.ports().clock.now());
        let count = engine.run(&cx, &Expire).await?.output;
        *erased += count;
        if count < limits::EXPIRY_BATCH_ITEMS {
            return Ok(());
        }
    }
}
