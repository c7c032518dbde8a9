//! Tasks that write while something goes wrong, and what they were told, to hold the stores to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use memoryscope_domain::change::Change;
use memoryscope_domain::ids::TenantId;
use memoryscope_engine::port::{Select, Store as _, StoreError};
use memoryscope_store::PostgresStore;
use tokio::task::JoinHandle;

use super::{is_whole, stands};
use crate::make::{first, head, load_of, memory, memory_id, send, set};

/// When nothing is in its way any more, everything must work again within this time.
pub(super) const RECOVERY: Duration = Duration::from_secs(10);

/// What a task was told.
#[derive(Default)]
struct Told {
    /// Memories that were acknowledged: each one's tenant, number and place in the chain.
    acknowledged: Vec<(TenantId, u128, u64)>,
    /// Those of which nothing is known.
    open: Vec<(TenantId, u128)>,
}

struct Shared {
    stores: Vec<Arc<PostgresStore>>,
    tenants: Vec<TenantId>,
    next: AtomicU64,
    stop: AtomicBool,
    acknowledged: AtomicU64,
}

/// Tasks that write one memory after the other, each time for another tenant.
pub(super) struct Writers {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<Told>>,
}

impl Writers {
    /// So many tasks, which take the stores in turn.
    pub(super) async fn start(stores: Vec<Arc<PostgresStore>>, tenants: Vec<TenantId>, tasks: usize) -> Self {
        for tenant in &tenants {
            send(&*stores[0], first(set(tenant, 0, Vec::new()))).await.unwrap();
        }
        let shared = Arc::new(Shared {
            stores,
            tenants,
            next: AtomicU64::new(1),
            stop: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
        });
        let tasks = (0..tasks)
            .map(|task| {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { shared.run(task).await })
            })
            .collect();
        Self { shared, tasks }
    }

    /// Waits until so many more were acknowledged, however long that takes.
    pub(super) async fn go_on(&self, more: u64) {
        let wanted = self.shared.acknowledged.load(Ordering::Relaxed) + more;
        while self.shared.acknowledged.load(Ordering::Relaxed) < wanted {
            assert!(!self.tasks.iter().any(JoinHandle::is_finished), "a task failed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until so many more were acknowledged, now that nothing is in the way; gives back how long that took.
    pub(super) async fn recover(&self, more: u64) -> Duration {
        let begun = Instant::now();
        tokio::time::timeout(RECOVERY, self.go_on(more)).await.expect("it works again");
        begun.elapsed()
    }

    /// Stops, and holds every store to what was said: what was acknowledged is there, once, at the place that was named;
    /// what was not is there whole or not at all; and each tenant's chain holds that and nothing else.
    pub(super) async fn stop(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut told = Told::default();
        for task in self.tasks {
            let one = task.await.unwrap();
            told.acknowledged.extend(one.acknowledged);
            told.open.extend(one.open);
        }
        for store in &self.shared.stores {
            hold(store, &self.shared.tenants, &told).await;
        }
    }
}

impl Shared {
    async fn run(&self, task: usize) -> Told {
        let store = &*self.stores[task % self.stores.len()];
        let mut told = Told::default();
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let tenant = &self.tenants[usize::try_from(number).unwrap() % self.tenants.len()];
            let number = u128::from(number);
            let insert = set(tenant, number, vec![Change::InsertMemory(memory(tenant, number))]);
            match send(store, insert).await {
                Ok(receipt) => {
                    told.acknowledged.push((tenant.clone(), number, receipt.seq.0));
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                Err(StoreError::Unavailable(_)) => {
                    told.open.push((tenant.clone(), number));
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(why) => panic!("{why}"),
            }
            read(store, tenant, number).await;
        }
        told
    }
}

/// A read is answered rightly or not at all.
async fn read(store: &PostgresStore, tenant: &TenantId, number: u128) {
    match store.load(&load_of(tenant, Select::Memories(vec![memory_id(number)]))).await {
        Ok(snapshot) => {
            let found = &snapshot.facts.memories;
            assert!(found.iter().all(|found| **found == memory(tenant, number)), "{found:?}");
        }
        Err(StoreError::Unavailable(_)) => {}
        Err(why) => panic!("{why}"),
    }
}

async fn hold(store: &PostgresStore, tenants: &[TenantId], told: &Told) {
    let mut places: BTreeMap<&TenantId, Vec<u64>> = BTreeMap::new();
    let mut entries: BTreeMap<&TenantId, u64> = tenants.iter().map(|tenant| (tenant, 1)).collect();
    for (tenant, number, seq) in &told.acknowledged {
        assert_eq!(stands(store, tenant, *number).await, (true, true), "{number} was acknowledged");
        places.entry(tenant).or_default().push(*seq);
        *entries.get_mut(tenant).unwrap() += 1;
    }
    for (tenant, number) in &told.open {
        let (memory, entry) = stands(store, tenant, *number).await;
        assert_eq!(memory, entry, "{number} is half there");
        *entries.get_mut(tenant).unwrap() += u64::from(entry);
    }
    for (tenant, mut seqs) in places {
        let count = seqs.len();
        seqs.sort_unstable();
        seqs.dedup();
        assert_eq!(seqs.len(), count, "two were given one place");
        assert!(seqs.iter().all(|seq| *seq > 1 && *seq <= entries[tenant]), "{seqs:?}");
    }
    for (tenant, entries) in entries {
        assert_eq!(head(store, tenant).await.seq.0, entries, "nothing stands there twice");
        is_whole(store, tenant).await;
    }
}
