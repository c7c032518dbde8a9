//! A store that fails when it is told to.

use std::sync::Mutex;

use async_trait::async_trait;
use memoryscope_domain::change::{ChangeSet, PolicyDocument};
use memoryscope_domain::govern::Decided;
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::memory::Key;
use memoryscope_domain::record::RecordKind;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::port::{Due, Health, Load, Receipt, Snapshot, Store, StoreError};
use tokio::sync::Semaphore;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The disk is full.
    Unavailable,
    /// Others are always faster.
    Contended,
    /// A row that nobody wrote.
    Corrupt,
    /// There is more than a read takes.
    Endless,
    /// A commit takes until the gate opens.
    Gated,
    /// The disk is full after so many commits.
    After(usize),
}

/// The memory store, with faults.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: MemoryStore,
    fault: Mutex<Fault>,
    /// Commits that have come as far as the gate.
    pub(crate) waiting: Semaphore,
    pub(crate) gate: Semaphore,
}

impl Faulty {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        let (waiting, gate) = (Semaphore::new(0), Semaphore::new(0));
        Self { inner, fault: Mutex::new(Fault::None), waiting, gate }
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().expect("no test panics here") = fault;
    }

    fn fault(&self) -> Fault {
        *self.fault.lock().expect("no test panics here")
    }
}

#[async_trait]
impl Store for Faulty {
    async fn load(&self, load: &Load) -> Result<Snapshot, StoreError> {
        let mut snapshot = self.inner.load(load).await?;
        match self.fault() {
            Fault::Endless => snapshot.facts.more = true,
            Fault::Corrupt => return Err(StoreError::Corrupt("a memory: Syntax at column 7".to_owned())),
            _ => {}
        }
        Ok(snapshot)
    }

    async fn commit(&self, decided: Decided<ChangeSet>) -> Result<Receipt, StoreError> {
        match self.fault() {
            Fault::Unavailable => return Err(StoreError::Unavailable("the disk is full".to_owned())),
            Fault::Contended => return Err(StoreError::Conflict("a memory")),
            Fault::Gated => {
                self.waiting.add_permits(1);
                self.gate.acquire().await.expect("the gate is never closed").forget();
            }
            Fault::After(0) => return Err(StoreError::Unavailable("the disk is full".to_owned())),
            Fault::After(left) => self.set(Fault::After(left - 1)),
            _ => {}
        }
        self.inner.commit(decided).await
    }

    async fn policy(&self, tenant: &TenantId, hash: &str) -> Result<Option<PolicyDocument>, StoreError> {
        self.inner.policy(tenant, hash).await
    }

    async fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        self.inner.tenants(after, limit).await
    }

    async fn tenants_pending(
        &self,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.inner.tenants_pending(after, limit).await
    }

    async fn tenants_due(&self, due: &Due, limit: usize) -> Result<Vec<TenantId>, StoreError> {
        self.inner.tenants_due(due, limit).await
    }

    async fn tenants_with(
        &self,
        key: Key,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.inner.tenants_with(key, after, limit).await
    }

    async fn tenants_awaiting(
        &self,
        kind: RecordKind,
        by: Timestamp,
        after: Option<&TenantId>,
        limit: usize,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.inner.tenants_awaiting(kind, by, after, limit).await
    }

    async fn probe(&self) -> Result<Health, StoreError> {
        match self.fault() {
            Fault::Unavailable => Err(StoreError::Unavailable("the disk is full".to_owned())),
            _ => self.inner.probe().await,
        }
    }
}
