//! One chain per tenant, without gaps, whoever writes.

use std::sync::Arc;

use memoryscope_domain::audit_chain::{Checkpoint, CheckpointKey, Code, Head, Seq, SignedCheckpoint, link};
use memoryscope_domain::change::{Change, ChangeSet};
use memoryscope_engine::port::{Select, Store};

use crate::make::{commit, draft, head, load, memory, numbers, set, shelf, tenant, time};

pub(super) async fn commits_are_chained_and_numbered(store: Arc<dyn Store>) {
    let a = tenant("a");
    let mut expected = Head::GENESIS;
    for number in 1..=5 {
        let change_set = set(&a, number, vec![Change::InsertMemory(memory(&a, number))]);
        let entry = link(&expected, &change_set.entry);
        let private = change_set.private.clone();
        let receipt = commit(&*store, change_set).await.unwrap();
        assert_eq!(receipt.seq, entry.seq);
        expected = entry.head();
        assert_eq!(head(&*store, &a).await, expected);
        let stored = load(&*store, &a, Select::Entry(entry.id)).await.facts.entries.swap_remove(0);
        assert_eq!((stored.entry, stored.private), (entry, Some(private)));
    }
}

pub(super) async fn entries_are_paged_and_picked(store: Arc<dyn Store>) {
    let a = tenant("a");
    for number in 1..=7_u128 {
        let operation = if number % 2 == 0 { Code::MEMORY_READ } else { Code::MEMORY_WRITE };
        let entry = draft(&a, number, operation);
        commit(&*store, ChangeSet { entry, ..set(&a, number, Vec::new()) }).await.unwrap();
    }
    let page = async |after, operations: &[Code], limit| {
        let operations = operations.to_vec();
        let facts = load(&*store, &a, Select::Entries { after: Seq(after), operations, limit }).await.facts;
        (facts.entries.iter().map(|stored| stored.entry.seq.0).collect::<Vec<_>>(), facts.more)
    };
    assert_eq!(page(0, &[], 10).await, (vec![1, 2, 3, 4, 5, 6, 7], false));
    assert_eq!(page(2, &[], 3).await, (vec![3, 4, 5], true));
    assert_eq!(page(4, &[], 3).await, (vec![5, 6, 7], false));
    assert_eq!(page(0, &[Code::MEMORY_READ], 2).await, (vec![2, 4], true));
    assert_eq!(page(4, &[Code::MEMORY_READ, Code::MEMORY_LIST], 9).await, (vec![6], false));
    assert_eq!(page(u64::MAX, &[], 9).await, (vec![], false));
}

pub(super) async fn an_entry_is_found_by_its_id(store: Arc<dyn Store>) {
    let [a, b] = ["a", "b"].map(tenant);
    commit(&*store, set(&a, 1, Vec::new())).await.unwrap();
    let id = draft(&a, 1, Code::MEMORY_READ).id;
    assert_eq!(load(&*store, &a, Select::Entry(id)).await.facts.entries.len(), 1);
    assert!(load(&*store, &b, Select::Entry(id)).await.facts.entries.is_empty());
}

pub(super) async fn a_walk_finds_the_chain_whole(store: Arc<dyn Store>) {
    let a = tenant("a");
    let empty = load(&*store, &a, Select::Verification).await.facts.verification.unwrap();
    assert!(empty.ok && empty.entries == 0);
    let key = CheckpointKey::from_bytes(&[5; 32]);
    let mut signed: Vec<SignedCheckpoint> = Vec::new();
    for number in 1..=30 {
        let changes = if number % 10 == 0 {
            let prev_checkpoint = signed.last().map(|last| last.checkpoint.hash());
            let head = head(&*store, &a).await;
            signed.push(key.sign(Checkpoint { tenant: a.clone(), head, time: time(1), prev_checkpoint }));
            signed.last().cloned().map(Change::InsertCheckpoint).into_iter().collect()
        } else {
            Vec::new()
        };
        commit(&*store, set(&a, number, changes)).await.unwrap();
    }
    let facts = load(&*store, &a, Select::Verification).await.facts;
    let walk = facts.verification.unwrap();
    assert!(walk.ok, "{walk:?}");
    assert_eq!((walk.entries, walk.head, walk.checkpoints), (30, head(&*store, &a).await, 3));
    assert_eq!(facts.checkpoints, signed);
    assert!(facts.entries.is_empty());
}

/// So many tasks commit once each, all at once; the chain has no gap, and every answer names another place.
async fn at_once(store: Arc<dyn Store>, tasks: u128) {
    let a = tenant("a");
    let tasks: Vec<_> = (1..=tasks)
        .map(|number| {
            let (store, a) = (Arc::clone(&store), a.clone());
            tokio::spawn(async move {
                let insert = set(&a, number, vec![Change::InsertMemory(memory(&a, number))]);
                commit(&*store, insert).await.unwrap().seq.0
            })
        })
        .collect();
    let count = tasks.len() as u64;
    let mut seqs = Vec::new();
    for task in tasks {
        seqs.push(task.await.unwrap());
    }
    seqs.sort_unstable();
    assert!(seqs.iter().copied().eq(1..=count), "{seqs:?}");
    let walk = load(&*store, &a, Select::Verification).await.facts.verification.unwrap();
    assert!(walk.ok && walk.entries == count, "{walk:?}");
    let snapshot = load(&*store, &a, Select::Preferences(shelf())).await;
    assert_eq!(numbers(&snapshot).len() as u64, count);
}

pub(super) async fn many_writers_make_one_chain(store: Arc<dyn Store>) {
    at_once(store, 640).await;
}

pub(super) async fn twelve_first_commits_make_one_chain(store: Arc<dyn Store>) {
    at_once(store, 12).await;
}

/// While one memory a commit is written, every load sees as many memories as its head has places.
pub(super) async fn a_load_is_as_of_one_commit(store: Arc<dyn Store>) {
    let a = tenant("a");
    let writer = {
        let (store, a) = (Arc::clone(&store), a.clone());
        tokio::spawn(async move {
            for number in 1..=200 {
                let insert = set(&a, number, vec![Change::InsertMemory(memory(&a, number))]);
                commit(&*store, insert).await.unwrap();
            }
        })
    };
    let mut seen = 0;
    while seen < 200 {
        let snapshot = load(&*store, &a, Select::Preferences(shelf())).await;
        let count = numbers(&snapshot).len() as u64;
        assert_eq!(count, snapshot.head.seq.0);
        assert!(count >= seen);
        seen = count;
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

pub(super) async fn a_store_says_that_it_works(store: Arc<dyn Store>) {
    let health = store.probe().await.unwrap();
    assert_eq!(health.schema.0, health.schema.1);
}
