//! What was derived from a memory, and that nobody is born into a family unseen.

use std::sync::Arc;

use memoryscope_domain::change::{Change, ChangeSet, Expect};
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::memory::{Memory, State};
use memoryscope_domain::object::Derivation;
use memoryscope_engine::port::{Select, Store, StoreError};

use crate::make::{child, commit, commit_all, event, load, memory_id, send, set, tenant};

fn asserted(tenant: &TenantId, number: u128, parents: &[u128]) -> Change {
    Change::InsertMemory(child(tenant, number, parents, Derivation::Asserted))
}

/// 1 ── 2 ── 4, 1 ── 3 ── 4, 9 ── 3, and 8 that is nobody's.
async fn kin(store: &dyn Store, tenant: &TenantId) {
    let mut changes: Vec<Change> =
        [1, 8, 9].map(|number| Change::InsertMemory(event(tenant, number, 1))).into();
    changes.push(Change::InsertMemory(child(tenant, 2, &[1], Derivation::Computed)));
    changes.extend([asserted(tenant, 3, &[1, 9]), asserted(tenant, 4, &[2, 3])]);
    commit_all(store, tenant, changes).await;
}

/// The numbers of the descendants, of the supporters, and how many children each has.
async fn family(store: &dyn Store, tenant: &TenantId, of: u128, limit: usize) -> String {
    let facts = load(store, tenant, Select::Family { id: memory_id(of), limit }).await.facts;
    let numbers = |memories: &[Arc<Memory>]| {
        let mut numbers: Vec<u128> = memories.iter().map(|memory| memory.id.uuid().as_u128()).collect();
        numbers.sort_unstable();
        numbers
    };
    let children: Vec<(u128, u64)> =
        facts.family.children.iter().map(|(id, count)| (id.uuid().as_u128(), *count)).collect();
    let (below, beside) = (numbers(&facts.family.descendants), numbers(&facts.family.supporters));
    let partial = if facts.family.is_partial { " partial" } else { "" };
    format!("{:?} {below:?} {beside:?} {children:?}{partial}", numbers(&facts.memories))
}

pub(super) async fn kin_is_found_over_all_generations(store: Arc<dyn Store>) {
    let a = tenant("a");
    kin(&*store, &a).await;
    kin(&*store, &tenant("b")).await;
    let check = async |of, expect: &str| assert_eq!(family(&*store, &a, of, 100).await, expect);
    check(1, "[1] [2, 3, 4] [9] [(1, 2), (2, 1), (3, 1), (4, 0)]").await;
    check(9, "[9] [3, 4] [1, 2] [(3, 1), (4, 0), (9, 1)]").await;
    check(4, "[4] [] [2, 3] [(4, 0)]").await;
    check(8, "[8] [] [] [(8, 0)]").await;
    check(7, "[] [] [] []").await;
}

pub(super) async fn a_family_is_bounded(store: Arc<dyn Store>) {
    let a = tenant("a");
    kin(&*store, &a).await;
    assert!(family(&*store, &a, 1, 2).await.ends_with(" partial"));
    assert!(!family(&*store, &a, 1, 3).await.ends_with(" partial"));
}

fn expecting(tenant: &TenantId, number: u128, parent: u128, count: u64) -> ChangeSet {
    let expect = Expect::Children { parent: memory_id(parent), count };
    ChangeSet { expects: vec![expect], ..set(tenant, number, Vec::new()) }
}

pub(super) async fn who_is_born_meanwhile_is_a_conflict(store: Arc<dyn Store>) {
    let a = tenant("a");
    kin(&*store, &a).await;
    commit(&*store, expecting(&a, 1, 1, 2)).await.unwrap();
    commit(&*store, expecting(&a, 2, 4, 0)).await.unwrap();
    commit(&*store, set(&a, 3, vec![asserted(&a, 5, &[1])])).await.unwrap();
    let stale = commit(&*store, expecting(&a, 4, 1, 2)).await;
    assert!(matches!(stale, Err(StoreError::Conflict("a memory's children"))), "{stale:?}");
    commit(&*store, expecting(&a, 5, 1, 3)).await.unwrap();
}

/// A revocation that saw no children, and a child that saw its parent active, sent at once: one of them starts over.
pub(super) async fn a_birth_and_a_revocation_are_never_both_first(store: Arc<dyn Store>) {
    for round in 0..8_u128 {
        let t = tenant(&format!("r{round}"));
        commit_all(&*store, &t, vec![Change::InsertMemory(event(&t, 1, 1))]).await;
        let revoked = Memory { state: State::Revoked, version: 2, ..event(&t, 1, 1) };
        let revocation =
            ChangeSet { changes: vec![Change::ReplaceMemory(revoked)], ..expecting(&t, 1, 1, 0) };
        let parent_is_active = Expect::Memory { id: memory_id(1), version: 1 };
        let birth = ChangeSet { expects: vec![parent_is_active], ..set(&t, 2, vec![asserted(&t, 2, &[1])]) };
        let (first, second) = if round % 2 == 0 {
            tokio::join!(send(&*store, revocation), send(&*store, birth))
        } else {
            tokio::join!(send(&*store, birth), send(&*store, revocation))
        };
        assert_eq!([&first, &second].iter().filter(|sent| sent.is_ok()).count(), 1, "{first:?} {second:?}");
    }
}

pub(super) async fn the_erased_is_nobodys_child(store: Arc<dyn Store>) {
    let a = tenant("a");
    kin(&*store, &a).await;
    let erased = child(&a, 3, &[1, 9], Derivation::Asserted).tombstone();
    commit(&*store, set(&a, 1, vec![Change::EraseMemory(erased)])).await.unwrap();
    assert_eq!(family(&*store, &a, 1, 9).await, "[1] [2, 4] [3] [(1, 1), (2, 1), (4, 0)]");
    assert_eq!(family(&*store, &a, 9, 9).await, "[9] [] [] [(9, 0)]");
}
