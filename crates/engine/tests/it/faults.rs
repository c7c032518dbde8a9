//! A store that fails, and many requests at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use memoryscope_domain::change::{ChangeSet, PolicyDocument};
use memoryscope_domain::govern::Decided;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::Key;
use memoryscope_domain::policy::Policy;
use memoryscope_domain::record::RecordKind;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::engine::Engine;
use memoryscope_engine::fakes;
use memoryscope_engine::jobs;
use memoryscope_engine::op::create::Create;
use memoryscope_engine::op::read::Read;
use memoryscope_engine::port::{Due, Health, Load, Receipt, Snapshot, Store, StoreError};
use memoryscope_engine::refusal::Refusal;

use super::support::{World, likes, no_reads, read_of, tenant, user, word};

/// A memory store whose next commits fail.
#[derive(Debug)]
struct Faulty {
    world: Arc<memoryscope_engine::memory_store::MemoryStore>,
    failing: AtomicUsize,
    error: StoreError,
    commits: AtomicUsize,
    /// Whose commits fail; everybody's where none is named.
    whose: Option<TenantId>,
}

#[async_trait]
impl Store for Faulty {
    async fn load(&self, load: &Load) -> Result<Snapshot, StoreError> {
        self.world.load(load).await
    }

    async fn commit(&self, decided: Decided<ChangeSet>) -> Result<Receipt, StoreError> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        let met = self.whose.as_ref().is_none_or(|tenant| *tenant == decided.get().tenant);
        let fails = self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if met && fails.is_ok() {
            return Err(self.error.clone());
        }
        self.world.commit(decided).await
    }

    async fn policy(&self, tenant: &TenantId, hash: &str) -> Result<Option<PolicyDocument>, StoreError> {
        self.world.policy(tenant, hash).await
    }

    async fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        self.world.tenants(after, limit).await
    }

    async fn tenants_pending(
        &self,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.world.tenants_pending(after, limit).await
    }

    async fn tenants_due(&self, due: &Due, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        self.world.tenants_due(due, limit).await
    }

    async fn tenants_with(
        &self,
        key: Key,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.world.tenants_with(key, after, limit).await
    }

    async fn tenants_awaiting(
        &self,
        kind: RecordKind,
        by: Timestamp,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.world.tenants_awaiting(kind, by, after, limit).await
    }

    async fn probe(&self) -> Result<Health, StoreError> {
        self.world.probe().await
    }
}

fn faulty(world: &World, failing: usize, error: StoreError) -> (Arc<Engine>, Arc<Faulty>) {
    faulty_for(world, failing, error, None)
}

fn faulty_for(
    world: &World,
    failing: usize,
    error: StoreError,
    whose: Option<TenantId>,
) -> (Arc<Engine>, Arc<Faulty>) {
    let world = world.store.clone();
    let (failing, commits) = (AtomicUsize::new(failing), AtomicUsize::new(0));
    let store = Arc::new(Faulty { world, failing, error, commits, whose });
    let (engine, clock) = fakes::engine(Arc::<Faulty>::clone(&store));
    clock.advance_micros(1);
    // Seeds count from 0 in every engine: this one's are other ones than the world's.
    (0..1_000).for_each(|_| drop(fakes::context(&engine, None)));
    (engine, store)
}

fn conflict() -> StoreError {
    StoreError::Conflict("a test")
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("a test".to_owned())
}

#[tokio::test]
async fn conflicts_are_tried_again_and_not_for_ever() {
    let world = World::new();
    let create = Create { user: user("ann"), items: vec![likes("tea")] };
    let (engine, _) = faulty(&world, limits::COMMIT_ATTEMPTS_MAX - 1, conflict());
    engine.run(&fakes::context(&engine, Some("ann")), &create).await.unwrap();
    assert_eq!(world.length().await, 1, "once");

    let (engine, store) = faulty(&world, usize::MAX, conflict());
    let refusal = engine.run(&fakes::context(&engine, Some("ann")), &create).await.unwrap_err();
    assert_eq!(word(&refusal), "Contended");
    assert_eq!(store.commits.load(Ordering::SeqCst), limits::COMMIT_ATTEMPTS_MAX);
    assert_eq!(world.length().await, 1);
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_answered() {
    let world = World::new();
    world.create("ann", vec![likes("tea")]).await;
    let (engine, store) = faulty(&world, usize::MAX, unavailable());
    let ann = fakes::context(&engine, Some("ann"));
    let read = engine.run(&ann, &read_of("ann")).await.unwrap_err();
    assert!(matches!(read, Refusal::Unavailable(_)));
    let denied = engine.run(&ann, &Read { purpose: None, ..read_of("ann") }).await.unwrap_err();
    assert!(matches!(denied, Refusal::Unavailable(_)), "nor is a denial");
    let create = Create { user: user("ann"), items: vec![likes("jazz")] };
    assert!(matches!(engine.run(&ann, &create).await.unwrap_err(), Refusal::Unavailable(_)));
    assert_eq!(store.commits.load(Ordering::SeqCst), 3, "it is not for the engine to wait for the disk");
    assert_eq!(world.length().await, 1);
    store.failing.store(0, Ordering::SeqCst);
    engine.run(&ann, &create).await.unwrap();
    assert_eq!(world.list("ann").await.len(), 2, "it works again as soon as the store does");
}

#[tokio::test]
async fn what_the_store_cannot_be_is_a_bug() {
    let world = World::new();
    let (engine, _) = faulty(&world, usize::MAX, StoreError::Corrupt("a test".to_owned()));
    let refusal = engine.run(&fakes::context(&engine, Some("ann")), &read_of("ann")).await.unwrap_err();
    assert_eq!(word(&refusal), "bug: a test");
}

#[tokio::test]
async fn a_tenant_in_trouble_does_not_keep_the_others_memories() {
    let world = World::new();
    let other = TenantId::parse("t_a_first").unwrap();
    let mut cx = world.cx("ann");
    cx.principal.tenant = other.clone();
    let create = Create { user: user("ann"), items: vec![likes("tea")] };
    world.run(cx, create).await.unwrap();
    world.create("ann", vec![likes("tea")]).await;
    assert!(other < tenant());
    let broken = StoreError::Corrupt("a test".to_owned());
    let (engine, _) = faulty_for(&world, usize::MAX, broken, Some(other));
    let clock = memoryscope_engine::fakes::HandClock::new();
    clock.advance_days(40);
    let mut ports = engine.ports().clone();
    ports.clock = Arc::new(clock);
    let engine = Engine::new(ports, Policy::builtin());
    assert_eq!(word(&jobs::expire_all(&engine).await.unwrap_err()), "bug: a test");
    assert_eq!(world.said().await, "MEMORY_EXPIRE allowed - 1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twelve_first_requests_at_once_all_succeed() {
    for same_user in [true, false] {
        let world = World::new();
        let requests: Vec<_> = (0..12)
            .map(|n| {
                let world = world.clone();
                let name = if same_user { "ann".to_owned() } else { format!("user {n}") };
                tokio::spawn(async move {
                    if n % 2 == 0 {
                        world.create(&name, vec![likes("tea")]).await;
                    } else {
                        world.read(&name).await.expect("a read");
                    }
                })
            })
            .collect();
        for request in requests {
            request.await.unwrap();
        }
        assert_eq!(world.length().await, 12);
        let found = world.verification().await;
        assert!(found.ok, "{:?}", found.first_broken);
        let mut subjects: Vec<_> = Vec::new();
        for stored in world.chain().await {
            subjects.push(stored.entry.parse().unwrap().draft.subject);
        }
        subjects.sort();
        subjects.dedup();
        assert_eq!(subjects.len(), if same_user { 1 } else { 12 }, "one key for each person");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_policy_that_changes_meanwhile_decides() {
    let world = World::new();
    world.create("ann", vec![likes("tea")]).await;
    let reads: Vec<_> = (0..40)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.read("ann").await.is_ok() })
        })
        .collect();
    world.activate(no_reads("p2")).await;
    for read in reads {
        read.await.unwrap();
    }
    let mut active = "builtin-1".to_owned();
    for stored in world.chain().await {
        let draft = stored.entry.parse().unwrap().draft;
        assert_eq!(
            *draft.policy.version, *active,
            "{} was decided by the policy of its place",
            draft.operation
        );
        if draft.operation.as_str() == "POLICY_ACTIVATE" {
            active = "p2".to_owned();
        }
        let allowed = draft.decision.name() == "allowed";
        assert!(draft.operation.as_str() != "MEMORY_READ" || allowed == (active == "builtin-1"));
    }
}
