//! What only a database that others share can break: lost connections, other servers, other schemas, restarts.

mod faults;
mod network;
mod restarts;
mod rows;
mod schema;
mod servers;
mod tls;
mod writers;

use memoryscope_domain::change::Change;
use memoryscope_domain::ids::TenantId;
use memoryscope_engine::port::{Select, Store};

use crate::make::{load, memory_id};

/// Whether the chain is whole, and every entry and memory of it is there.
async fn is_whole(store: &dyn Store, tenant: &TenantId) {
    let snapshot = load(store, tenant, Select::Verification).await;
    let walk = snapshot.facts.verification.unwrap();
    assert!(walk.ok && walk.entries == snapshot.head.seq.0, "{walk:?}");
}

/// Whether the memory of that number stands there, and whether the entry that says so does.
async fn stands(store: &dyn Store, tenant: &TenantId, number: u128) -> (bool, bool) {
    let memories = load(store, tenant, Select::Memories(vec![memory_id(number)])).await.facts.memories;
    let id = crate::make::set(tenant, number, Vec::<Change>::new()).entry.id;
    (!memories.is_empty(), !load(store, tenant, Select::Entry(id)).await.facts.entries.is_empty())
}
