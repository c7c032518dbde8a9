//! The stores that twins are kept in.

use std::sync::Arc;

use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::port::Store;
use memoryscope_store::sqlite::{SqliteConfig, SqliteStore};

use crate::cluster::{self, Database};

/// Which engine.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

/// Two stores, and what goes with them.
pub(super) struct Kept {
    stores: [Arc<dyn Store>; 2],
    _databases: Vec<Database>,
}

/// An empty store in memory.
pub(super) fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

fn sqlite() -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(&SqliteConfig::memory().readers(1)).expect("a store in memory"))
}

impl Kept {
    /// Two empty stores; none where there is no PostgreSQL.
    pub(super) async fn two(kind: Kind) -> Option<Self> {
        let plain = |stores| Some(Self { stores, _databases: Vec::new() });
        match kind {
            Kind::Memory => plain([memory(), memory()]),
            Kind::Sqlite => plain([sqlite(), sqlite()]),
            Kind::Postgres => {
                let cluster = cluster::shared().await?;
                let databases = vec![cluster.database().await, cluster.database().await];
                let stores: [Arc<dyn Store>; 2] =
                    [Arc::new(databases[0].open().await), Arc::new(databases[1].open().await)];
                Some(Self { stores, _databases: databases })
            }
        }
    }

    pub(super) fn store(&self, at: usize) -> Arc<dyn Store> {
        Arc::clone(&self.stores[at])
    }
}
