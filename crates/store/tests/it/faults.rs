//! The disk is full, the file is locked, the log is large: nothing half-written, and recovery by itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use memoryscope_domain::change::Change;
use memoryscope_domain::preference::Kind;
use memoryscope_engine::port::{Select, Store, StoreError};
use memoryscope_store::{SqliteConfig, SqliteStore};
use rusqlite::Connection;

use crate::make::{commit, head, load, memory, memory_of, numbers, set, shelf, tenant};

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(&SqliteConfig::file(path)).unwrap()
}

/// Another process holds the write lock for longer than anybody waits, then lets go.
#[tokio::test]
async fn a_locked_file_is_unavailable_until_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locked.db");
    let a = tenant("a");
    let store = open(&path);
    commit(&store, set(&a, 1, Vec::new())).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let result = commit(&store, set(&a, 2, Vec::new())).await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    assert_eq!(head(&store, &a).await.seq.0, 1);
    other.execute_batch("ROLLBACK").unwrap();
    commit(&store, set(&a, 3, Vec::new())).await.unwrap();
    assert_eq!(head(&store, &a).await.seq.0, 2);
}

/// The table is gone: errors, not panics, and no caller is left waiting.
#[tokio::test]
async fn a_mutilated_schema_is_an_error_for_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mutilated.db");
    let a = tenant("a");
    let store = Arc::new(open(&path));
    Connection::open(&path).unwrap().execute_batch("DROP TABLE audit_events").unwrap();
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
    let walk = store.load(&crate::make::load_of(&a, Select::Verification)).await;
    assert!(matches!(walk, Err(StoreError::Corrupt(_))), "{walk:?}");
    assert_eq!(head(&*store, &a).await.seq.0, 0);
}

/// The log is moved into the database while the writer goes on, so it does not grow for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.db");
    let a = tenant("a");
    let store = Arc::new(open(&path));
    let text = "x".repeat(60_000);
    let tasks: Vec<_> = (0..8_u128)
        .map(|task| {
            let (store, a, text) = (Arc::clone(&store), a.clone(), text.clone());
            tokio::spawn(async move {
                for number in (task..1_600).step_by(8) {
                    let large = memory_of(&a, number, "ann", Kind::Preferences, "music", &text);
                    commit(&*store, set(&a, number, vec![Change::InsertMemory(large)])).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let log = std::fs::metadata(dir.path().join("long.db-wal")).unwrap().len();
    let database = std::fs::metadata(&path).unwrap().len();
    assert!(log < 80 << 20, "the log has {log} bytes");
    assert!(database > 80 << 20, "the database has {database} bytes");
    assert_eq!(head(&*store, &a).await.seq.0, 1_600);
    store.checkpoint().await.unwrap();
    assert_eq!(std::fs::metadata(dir.path().join("long.db-wal")).unwrap().len(), 0);
}

/// A caller who gives up does not disturb the others, and what was sent may still be written.
#[tokio::test]
async fn a_caller_may_give_up() {
    let store = SqliteStore::open(&SqliteConfig::memory()).unwrap();
    let a = tenant("a");
    for number in 1..=50 {
        let insert = commit(&store, set(&a, number, vec![Change::InsertMemory(memory(&a, number))]));
        let _ = tokio::time::timeout(Duration::from_nanos(1), insert).await;
    }
    commit(&store, set(&a, 100, Vec::new())).await.unwrap();
    let snapshot = load(&store, &a, Select::Preferences(shelf())).await;
    assert_eq!(numbers(&snapshot).len() as u64 + 1, snapshot.head.seq.0);
}
