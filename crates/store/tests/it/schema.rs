//! Opening: new files, old ones, foreign ones, newer ones, and two at once.

use std::path::Path;
use std::sync::{Arc, Barrier};

use memoryscope_engine::port::{Store, StoreError};
use memoryscope_store::{SqliteConfig, SqliteStore};
use rusqlite::Connection;

use crate::make::{commit, set, tenant};

fn refusal(path: &Path, config: impl FnOnce(SqliteConfig) -> SqliteConfig) -> String {
    match SqliteStore::open(&config(SqliteConfig::file(path))) {
        Err(why @ StoreError::Unavailable(_)) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_new_file_is_migrated_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.db");
    let config = SqliteConfig::file(&path);
    assert!(SqliteStore::migration_status(&config).unwrap().iter().all(|step| step.applied.is_none()));
    assert!(!path.exists());
    assert_eq!(SqliteStore::migrate(&config).unwrap(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert!(SqliteStore::migrate(&config).unwrap().is_empty());
    let status = SqliteStore::migration_status(&config).unwrap();
    assert!(status.iter().all(|step| step.applied.is_some()), "{status:?}");
    let store = SqliteStore::open(&config.migrate(false)).unwrap();
    commit(&store, set(&tenant("a"), 1, Vec::new())).await.unwrap();
    assert_eq!(store.probe().await.unwrap().schema, (12, 12));
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("private.db");
    let _store = SqliteStore::open(&SqliteConfig::file(&path)).unwrap();
    for name in ["private.db", "private.db-wal", "private.db-shm"] {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn an_old_schema_is_refused_where_it_may_not_be_migrated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.db");
    let absent = refusal(&path, |config| config.migrate(false));
    assert!(absent.contains("empty.db"), "{absent}");
    drop(Connection::open(&path).unwrap());
    std::fs::write(&path, "").unwrap();
    let empty = refusal(&path, |config| config.migrate(false));
    assert!(empty.contains("memoryscope migrate"), "{empty}");
}

#[test]
fn a_newer_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("newer.db");
    SqliteStore::migrate(&SqliteConfig::file(&path)).unwrap();
    let conn = Connection::open(&path).unwrap();
    conn.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (99, 'later', x'00')", [])
        .unwrap();
    for migrate in [true, false] {
        let why = refusal(&path, |config| config.migrate(migrate));
        assert!(why.contains("99") && why.contains("newer"), "{why}");
    }
    let status = SqliteStore::migration_status(&SqliteConfig::file(&path)).unwrap();
    assert_eq!(status.last().map(|step| (step.number, step.name.as_str())), Some((99, "later")));
}

#[test]
fn foreign_files_are_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("foreign.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(refusal(&path, |config| config).contains("another program"));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "these are notes and no database at all ".repeat(100)).unwrap();
    assert!(refusal(&text, |config| config).contains("not a SQLite database"));
    assert!(refusal(&dir.path().join("no/such/dir/x.db"), |config| config).contains("x.db"));
}

/// Twelve stores open one new file at once, and each commits: one schema, one chain.
#[test]
fn many_may_open_a_new_file_at_once() {
    for _ in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shared.db");
        let start = Arc::new(Barrier::new(12));
        let threads: Vec<_> = (1..=12)
            .map(|number| {
                let (path, start) = (path.clone(), Arc::clone(&start));
                std::thread::spawn(move || {
                    start.wait();
                    let store = SqliteStore::open(&SqliteConfig::file(path)).unwrap();
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(commit(&store, set(&tenant("a"), number, Vec::new()))).unwrap().seq.0
                })
            })
            .collect();
        let mut seqs: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        seqs.sort_unstable();
        assert!(seqs.iter().copied().eq(1..=12), "{seqs:?}");
    }
}
