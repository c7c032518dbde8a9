//! What the server does of itself: operations run by the system through the same `run()`.

use std::time::Duration;

use memoryscope_domain::ids::{RequestId, TenantId};
use memoryscope_domain::limits;
use memoryscope_domain::policy::Dialect;
use memoryscope_domain::principal::Principal;

use crate::context::Context;
use crate::engine::{Done, Engine};
use crate::op::expire::Expire;
use crate::op::order::{Changed, Order, Turn};
use crate::op::propagate::Propagate;
use crate::port::{Due, ExpiryRun};
use crate::refusal::Refusal;

/// Erases everything that has expired, tenant by tenant, a batch a commit. Answers how many memories it erased.
///
/// # Errors
/// When a tenant's batch is refused: the first such refusal, once every other tenant had its turn. What was erased stays
/// erased, and the next run goes on.
pub async fn expire_all(engine: &Engine) -> Result<usize, Refusal> {
    let mut run = ExpiryRun::default();
    let result = expire_tenants(engine, &mut run).await;
    run.failed = result.is_err();
    engine.meter().expired(run);
    result.map(|()| run.erased)
}

async fn expire_tenants(engine: &Engine, run: &mut ExpiryRun) -> Result<(), Refusal> {
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
        let erased_before = run.erased;
        for tenant in &tenants {
            match expire_tenant(engine, tenant, run).await {
                Ok(()) => {}
                Err(refusal @ Refusal::Unavailable(_)) => return Err(refusal),
                Err(refusal) => failed = failed.or(Some(refusal)),
            }
        }
        // The same tenants with nothing erased: what is due cannot be done, and trying again would not end.
        if tenants.is_empty() || (run.erased == erased_before && tenants == before) {
            return failed.map_or(Ok(()), Err);
        }
        before = tenants;
    }
}

/// Erases one tenant's expired memories, and counts them.
async fn expire_tenant(engine: &Engine, tenant: &TenantId, run: &mut ExpiryRun) -> Result<(), Refusal> {
    loop {
        let name = RequestId::minted(uuid::Uuid::from_bytes(engine.ports().ids.seed().0));
        let cx =
            engine.begin(Principal::system(tenant.clone()), name, Dialect::Core, engine.ports().clock.now());
        let erased = engine.run(&cx, &Expire).await?.output;
        run.erased += erased.count;
        if let Some(first) = erased.first_expired {
            let micros = u64::try_from(cx.now.micros_since(first)).unwrap_or(0);
            run.lag = run.lag.max(Duration::from_micros(micros));
        }
        if erased.count < limits::EXPIRY_BATCH_ITEMS {
            return Ok(());
        }
    }
}

/// Lets everything follow that is still to follow, tenant by tenant, a batch a commit. Answers how many memories changed.
///
/// Several servers may do so at once: each batch is whole, and who comes second finds it done.
///
/// # Errors
/// When a tenant's batch is refused: the first such refusal, once every other tenant had its turn. The next run goes on.
pub async fn follow_all(engine: &Engine) -> Result<usize, Refusal> {
    let (mut changed, mut failed, mut after) = (0, None, None);
    loop {
        let store = &engine.ports().store;
        let tenants = store.tenants_pending(after.as_ref(), limits::TENANTS_PAGE_ITEMS).await?;
        let Some(last) = tenants.last().cloned() else { return failed.map_or(Ok(changed), Err) };
        for tenant in &tenants {
            match follow_tenant(engine, tenant).await {
                Ok(of_tenant) => changed += of_tenant,
                Err(refusal @ Refusal::Unavailable(_)) => return Err(refusal),
                Err(refusal) => failed = failed.or(Some(refusal)),
            }
        }
        after = Some(last);
    }
}

/// Batch after batch, until nothing of the tenant's is left.
pub(crate) async fn follow_tenant(engine: &Engine, tenant: &TenantId) -> Result<usize, Refusal> {
    let mut changed = 0;
    loop {
        let name = RequestId::minted(uuid::Uuid::from_bytes(engine.ports().ids.seed().0));
        let cx =
            engine.begin(Principal::system(tenant.clone()), name, Dialect::Core, engine.ports().clock.now());
        let followed = engine.run(&cx, &Propagate).await?.output;
        changed += followed.changed;
        if followed.is_last {
            return Ok(changed);
        }
    }
}

/// Ends a job, or has it tried again, for who runs the tenant.
///
/// # Errors
/// As every operation.
pub async fn order(engine: &Engine, cx: &Context, op: &Order) -> Result<Done<Changed>, Refusal> {
    let done = engine.run(cx, op).await?;
    let Changed::Extraction(id) = done.output else { return Ok(done) };
    let name = RequestId::minted(uuid::Uuid::from_bytes(engine.ports().ids.seed().0));
    let tenant = cx.principal.tenant.clone();
    let own = engine.begin(Principal::system(tenant), name, Dialect::Items, engine.ports().clock.now());
    let turned = engine.run(&own, &Turn { id, wish: op.wish }).await?.output;
    let output = match turned {
        Some(job) => Changed::Done(job),
        None => Changed::Unknown,
    };
    Ok(Done { output, access_log: done.access_log, trace: done.trace, bridged: done.bridged })
}
