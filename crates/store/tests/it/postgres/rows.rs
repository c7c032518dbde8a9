//! Rows that this program did not write, requests that no operation makes, and what the versions say.

use std::sync::Arc;
use std::time::Duration;

use memoryscope_domain::change::Change;
use memoryscope_domain::memory::{Memory, State, StoredMemory};
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::port::{Select, Store, StoreError};

use crate::cluster;
use crate::make::{self, commit, commit_all, head, load, memory, memory_id, numbers, send, set, tenant};

#[tokio::test]
async fn a_row_that_this_program_did_not_write_is_an_error() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let store = database.open().await;
    let [a, b] = ["a", "b"].map(tenant);
    commit_all(&store, &a, (1..=6).map(|number| Change::InsertMemory(memory(&a, number))).collect()).await;
    commit_all(&store, &b, vec![Change::InsertGrant(make::grant(&b, 1))]).await;

    let client = database.connect().await;
    for (sql, number) in [
        ("UPDATE memories SET document = '{' WHERE id = $1", 1),
        ("UPDATE memories SET body = '\\x07' WHERE id = $1", 2),
        ("UPDATE memories SET body = '' WHERE id = $1", 3),
        ("UPDATE memories SET document = replace(document, 't_a', 't_b') WHERE id = $1", 4),
        ("UPDATE memories SET version = -1 WHERE id = $1", 5),
    ] {
        let id = memory_id(number).uuid().as_bytes().to_vec();
        assert_eq!(client.execute(sql, &[&id]).await.unwrap(), 1);
    }
    let sql =
        "UPDATE read_grants SET document = '[]'; UPDATE audit_heads SET hash = '\\x00' WHERE tenant = 't_b'";
    client.batch_execute(sql).await.unwrap();

    for number in 1..=5 {
        let select = Select::Memories(vec![memory_id(number)]);
        let result = store.load(&make::load_of(&a, select)).await;
        let Err(StoreError::Corrupt(why)) = result else { panic!("{number}: {result:?}") };
        assert!(!why.contains("like"), "no content in errors: {why}");
    }
    assert_eq!(numbers(&load(&store, &a, Select::Memories(vec![memory_id(6)])).await), [6]);
    assert!(matches!(commit(&store, set(&b, 1, Vec::new())).await, Err(StoreError::Corrupt(_))));
    commit(&store, set(&a, 1, Vec::new())).await.unwrap();
}

/// A change set that no operation makes is refused and does no harm to its neighbours.
#[tokio::test]
async fn misuse_is_refused() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let store = database.open().await;
    let [a, b] = ["a", "b"].map(tenant);
    let foreign = set(&a, 1, vec![Change::InsertMemory(memory(&b, 1))]);
    let twice = set(&a, 2, vec![Change::InsertMemory(memory(&a, 1)), Change::InsertMemory(memory(&a, 1))]);
    for misuse in [foreign, twice] {
        assert!(matches!(commit(&store, misuse).await, Err(StoreError::Corrupt(_))));
    }
    // An audit id that stands in the chain already breaks the transaction; the others of its batch are replayed.
    commit(&store, set(&a, 7, Vec::new())).await.unwrap();
    let same_id = commit(&store, set(&a, 7, Vec::new()));
    let (one, two, three) =
        tokio::join!(commit(&store, set(&a, 8, Vec::new())), same_id, commit(&store, set(&a, 9, Vec::new())));
    assert!(one.is_ok() && three.is_ok());
    let Err(StoreError::Corrupt(why)) = &two else { panic!("{two:?}") };
    assert!(why.contains("23505") && why.contains("audit_events_by_id"), "{why}");
    assert_eq!(head(&store, &a).await.seq.0, 3);
}

/// Winners of one batch may stand on each other: the versions are kept in their order.
#[tokio::test]
async fn versions_say_when_they_stood() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let (store, model) = (database.open().await, MemoryStore::new());
    let a = tenant("a");
    let first = memory(&a, 1);
    let sealed = Memory { state: State::Sealed, version: 2, ..first.clone() };
    let released = Memory { state: State::Restricted, version: 3, ..first.clone() };
    let other = memory(&a, 2);
    let changes = [
        Change::InsertMemory(first),
        Change::ReplaceMemory(sealed),
        Change::InsertMemory(other.clone()),
        Change::ReplaceMemory(released),
        Change::EraseMemory(other.tombstone()),
    ];
    let sets: Vec<_> =
        changes.into_iter().zip(1..).map(|(change, number)| set(&a, number, vec![change])).collect();
    // The first is in flight while the others arrive, and go into one transaction.
    let answers = futures_util::future::join_all(sets.iter().cloned().map(|set| send(&store, set))).await;
    for (answer, set) in answers.into_iter().zip(sets) {
        assert_eq!(answer.unwrap(), send(&model, set).await.unwrap());
    }

    let client = database.connect().await;
    let sql = "SELECT version, valid_from_seq, valid_to_seq, document, body FROM memory_versions
               WHERE tenant = 't_a' AND id = $1 ORDER BY version";
    for id in [1, 2] {
        let rows = client.query(sql, &[&memory_id(id).uuid().as_bytes().to_vec()]).await.unwrap();
        let expected = model.versions(&a, memory_id(id));
        assert_eq!(rows.len(), expected.len());
        for (row, (memory, valid_from, valid_to)) in rows.iter().zip(expected) {
            let [version, from, until] =
                [0, 1, 2].map(|column| u64::try_from(row.get::<_, i64>(column)).unwrap());
            assert_eq!((version, from, until), (memory.version, valid_from.0, valid_to.0));
            let texts: (Option<&str>, Option<&[u8]>) = (row.get(3), row.get(4));
            match texts {
                (Some(document), Some(body)) => {
                    assert_eq!(StoredMemory::read(document, body).unwrap(), *memory);
                }
                texts => assert_eq!((texts, id), ((None, None), 2)),
            }
        }
    }
    let rows = client.query("SELECT version, valid_from_seq FROM memories ORDER BY id", &[]).await.unwrap();
    let current: Vec<(i64, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(current, [(3, 4), (2, 5)]);
}

/// The table is gone: errors, not panics, and no caller is left waiting.
#[tokio::test]
async fn a_mutilated_schema_is_an_error_for_everybody() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let store = Arc::new(database.open().await);
    let a = tenant("a");
    database.connect().await.batch_execute("DROP TABLE audit_events").await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (store, a) = (Arc::clone(&store), a.clone());
            tokio::spawn(async move { commit(&*store, set(&a, number, Vec::new())).await })
        })
        .collect();
    for task in tasks {
        let result = tokio::time::timeout(Duration::from_secs(20), task).await.unwrap().unwrap();
        assert!(matches!(result, Err(StoreError::Corrupt(_))), "{result:?}");
    }
    let walk = store.load(&make::load_of(&a, Select::Verification)).await;
    assert!(matches!(walk, Err(StoreError::Corrupt(_))), "{walk:?}");
    assert_eq!(head(&*store, &a).await.seq.0, 0);
}

/// Somebody else holds a tenant's head, and every connection that reads is in use: waits have an end, and afterwards
/// everything goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_are_bounded() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let short = Duration::from_millis(300);
    let config = database.config().readers(1).statement_timeout(short).pool_timeout(short);
    let store = memoryscope_store::PostgresStore::open(&config).await.unwrap();
    let [a, b] = ["a", "b"].map(tenant);
    for tenant in [&a, &b] {
        commit(&store, set(tenant, 1, Vec::new())).await.unwrap();
    }
    let other = database.connect().await;
    other.batch_execute("BEGIN; SELECT seq FROM audit_heads WHERE tenant = 't_a' FOR UPDATE").await.unwrap();
    let blocked = commit(&store, set(&a, 2, Vec::new())).await;
    assert!(matches!(&blocked, Err(StoreError::Unavailable(why)) if why.contains("57014")), "{blocked:?}");
    commit(&store, set(&b, 2, Vec::new())).await.unwrap();
    assert_eq!(head(&store, &a).await.seq.0, 1);
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(commit(&store, set(&a, 3, Vec::new())).await.unwrap().seq.0, 2);

    other.batch_execute("BEGIN; LOCK TABLE memories IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let load = make::load_of(&a, Select::Memories(vec![memory_id(1)]));
    let loads = (0..6).map(|_| store.load(&load));
    for answer in futures_util::future::join_all(loads).await {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(head(&store, &a).await.seq.0, 2);
}
