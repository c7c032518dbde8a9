//! Spirals that were found.

use std::sync::Arc;

use memoryscope_domain::change::Change;
use memoryscope_domain::scope::Partition;
use memoryscope_domain::spiral::ThoughtPatternArtifact;
use memoryscope_engine::port::{Load, Select, Store};

use crate::make::{NOW, commit, load_of, set, spiral, tenant, time};

async fn commit_one(store: &dyn Store, number: u128, changes: Vec<Change>) {
    commit(store, set(&tenant("a"), number, changes)).await.unwrap();
}

/// The spirals of these scopes, by scope, as they are at a time.
async fn held(store: &dyn Store, name: &str, at: i64, scopes: &[u8]) -> Vec<ThoughtPatternArtifact> {
    let spirals = scopes.iter().map(|scope| Partition([*scope; 16])).collect();
    let load = Load { now: time(at), spirals, ..load_of(&tenant(name), Select::Nothing) };
    let mut held = store.load(&load).await.unwrap().spirals;
    held.sort_by_key(|spiral| spiral.partition);
    held
}

pub(super) async fn a_scope_has_at_most_one_spiral(store: Arc<dyn Store>) {
    let a = tenant("a");
    let (first, other, newer) = (spiral(&a, 1, NOW + 5), spiral(&a, 2, NOW + 5), spiral(&a, 1, NOW + 9));
    let insert = |spiral: &ThoughtPatternArtifact| Change::InsertSpiral(spiral.clone());
    commit_one(&*store, 1, vec![insert(&first), insert(&other)]).await;
    assert_eq!(held(&*store, "a", NOW, &[1, 2, 3]).await, [first, other.clone()]);
    commit_one(&*store, 2, vec![insert(&newer)]).await;
    assert_eq!(held(&*store, "a", NOW, &[1]).await, std::slice::from_ref(&newer));
    assert_eq!(held(&*store, "a", NOW, &[]).await, []);
    assert_eq!(held(&*store, "b", NOW, &[1, 2]).await, []);
    commit_one(
        &*store,
        9,
        vec![Change::ForgetSpiral(other.partition), Change::ForgetSpiral(other.partition)],
    )
    .await;
    assert_eq!(held(&*store, "a", NOW, &[1, 2]).await, [newer]);
}

pub(super) async fn what_has_expired_is_no_spiral(store: Arc<dyn Store>) {
    let a = tenant("a");
    let made = spiral(&a, 1, NOW);
    commit_one(&*store, 3, vec![Change::InsertSpiral(made.clone())]).await;
    assert_eq!(held(&*store, "a", NOW - 1, &[1]).await, [made]);
    assert_eq!(held(&*store, "a", NOW, &[1]).await, []);
}
