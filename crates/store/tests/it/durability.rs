//! What is in the file when nobody said goodbye, and what the versions say.

use std::path::Path;

use memoryscope_domain::change::{Change, Expect};
use memoryscope_domain::memory::{Memory, State, StoredMemory};
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::port::{Select, Store, StoreError};
use memoryscope_store::{SqliteConfig, SqliteStore};
use rusqlite::Connection;

use crate::make::{self, commit, commit_all, head, load, memory, memory_id, numbers, set, shelf, tenant};

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(&SqliteConfig::file(path)).unwrap()
}

/// A copy of the files as a killed process would leave them.
fn crash_image(path: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        std::fs::copy(name(path), name(to)).unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_without_a_goodbye() {
    let dir = tempfile::tempdir().unwrap();
    let (path, image) = (dir.path().join("live.db"), dir.path().join("image.db"));
    let a = tenant("a");
    let store = open(&path);
    for number in 1..=50 {
        commit(&store, set(&a, number, vec![Change::InsertMemory(memory(&a, number))])).await.unwrap();
        if number % 10 == 0 {
            crash_image(&path, &image);
            let copy = open(&image);
            assert_eq!(head(&copy, &a).await, head(&store, &a).await);
            assert_eq!(numbers(&load(&copy, &a, Select::Preferences(shelf())).await).len() as u128, number);
            let walk = load(&copy, &a, Select::Verification).await.facts.verification.unwrap();
            assert!(walk.ok, "{walk:?}");
        }
    }
    drop(store);
    let again = open(&path);
    assert_eq!(head(&again, &a).await.seq.0, 50);
    assert_eq!(commit(&again, set(&a, 51, Vec::new())).await.unwrap().seq.0, 51);
}

/// The log's tail as a power cut may leave it: torn anywhere, the file holds a beginning of what was committed.
#[tokio::test]
async fn a_torn_log_leaves_a_whole_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let (path, image) = (dir.path().join("live.db"), dir.path().join("image.db"));
    let a = tenant("a");
    let store = open(&path);
    store.checkpoint().await.unwrap();
    for number in 1..=12 {
        commit(&store, set(&a, number, vec![Change::InsertMemory(memory(&a, number))])).await.unwrap();
    }
    let whole = std::fs::metadata(dir.path().join("live.db-wal")).unwrap().len();
    for cut in (0..whole).step_by(3_001) {
        crash_image(&path, &image);
        let wal = std::fs::OpenOptions::new().write(true).open(dir.path().join("image.db-wal")).unwrap();
        wal.set_len(cut).unwrap();
        let copy = open(&image);
        let snapshot = load(&copy, &a, Select::Preferences(shelf())).await;
        assert_eq!(numbers(&snapshot).len() as u64, snapshot.head.seq.0);
        let walk = load(&copy, &a, Select::Verification).await.facts.verification.unwrap();
        assert!(walk.ok, "{walk:?}");
        drop(copy);
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", image.display()));
        }
    }
}

#[tokio::test]
async fn a_row_that_this_program_did_not_write_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broken.db");
    let a = tenant("a");
    let store = open(&path);
    let changes = (1..=6).map(|number| Change::InsertMemory(memory(&a, number))).collect();
    commit_all(&store, &a, changes).await;
    commit_all(&store, &tenant("b"), vec![Change::InsertGrant(make::grant(&tenant("b"), 1))]).await;
    drop(store);

    let conn = Connection::open(&path).unwrap();
    let id = |number: u128| memory_id(number).uuid().as_bytes().to_vec();
    for (sql, number) in [
        ("UPDATE memories SET document = '{' WHERE id = ?1", 1),
        ("UPDATE memories SET body = x'07' WHERE id = ?1", 2),
        ("UPDATE memories SET body = x'' WHERE id = ?1", 3),
        ("UPDATE memories SET document = replace(document, 't_a', 't_b') WHERE id = ?1", 4),
        ("UPDATE memories SET version = -1 WHERE id = ?1", 5),
    ] {
        assert_eq!(conn.execute(sql, [id(number)]).unwrap(), 1);
    }
    conn.execute_batch(
        "UPDATE read_grants SET document = '[]'; UPDATE audit_heads SET hash = x'00' WHERE tenant = 't_b'",
    )
    .unwrap();
    drop(conn);

    let store = open(&path);
    for number in 1..=5 {
        let select = Select::Memories(vec![memory_id(number)]);
        let result = store.load(&make::load_of(&a, select)).await;
        let Err(StoreError::Corrupt(why)) = result else { panic!("{number}: {result:?}") };
        assert!(!why.contains("like"), "no content in errors: {why}");
    }
    assert_eq!(numbers(&load(&store, &a, Select::Memories(vec![memory_id(6)])).await), [6]);
    let b = tenant("b");
    assert!(matches!(commit(&store, set(&b, 1, Vec::new())).await, Err(StoreError::Corrupt(_))));
    commit(&store, set(&a, 1, Vec::new())).await.unwrap();
}

/// A tenant whose only change set lost has no chain, and is no tenant.
#[tokio::test]
async fn a_loser_makes_no_tenant() {
    let store = SqliteStore::open(&SqliteConfig::memory()).unwrap();
    let mut loser = set(&tenant("a"), 1, Vec::new());
    loser.expects.push(Expect::ActivePolicy(Some("h".to_owned())));
    assert!(matches!(commit(&store, loser).await, Err(StoreError::Conflict(_))));
    assert!(store.tenants(None, 9).await.unwrap().is_empty());
}

/// A change set that no operation makes is refused and does no harm to its neighbours.
#[tokio::test]
async fn misuse_is_refused() {
    let store = SqliteStore::open(&SqliteConfig::memory()).unwrap();
    let [a, b] = ["a", "b"].map(tenant);
    let foreign = set(&a, 1, vec![Change::InsertMemory(memory(&b, 1))]);
    let twice = set(&a, 2, vec![Change::InsertMemory(memory(&a, 1)), Change::InsertMemory(memory(&a, 1))]);
    let mut entry = set(&a, 3, Vec::new());
    entry.entry.tenant = b.clone();
    for misuse in [foreign, twice, entry] {
        assert!(matches!(commit(&store, misuse).await, Err(StoreError::Corrupt(_))));
    }
    // An audit id that stands in the chain already breaks the transaction; the others of its batch are replayed.
    commit(&store, set(&a, 7, Vec::new())).await.unwrap();
    let same_id = commit(&store, set(&a, 7, Vec::new()));
    let (one, two, three) =
        tokio::join!(commit(&store, set(&a, 8, Vec::new())), same_id, commit(&store, set(&a, 9, Vec::new())));
    assert!(one.is_ok() && three.is_ok());
    assert!(matches!(two, Err(StoreError::Corrupt(_))), "{two:?}");
    assert_eq!(head(&store, &a).await.seq.0, 3);
}

fn number(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap())
}

/// The versions table says of each replaced version from and until which commit it stood.
#[tokio::test]
async fn versions_say_when_they_stood() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("versions.db");
    let (store, model) = (open(&path), MemoryStore::new());
    let a = tenant("a");
    let first = memory(&a, 1);
    let sealed = Memory { state: State::Sealed, version: 2, ..first.clone() };
    let released = Memory { state: State::Restricted, version: 3, ..first.clone() };
    let other = memory(&a, 2);
    let changes = vec![
        Change::InsertMemory(first),
        Change::ReplaceMemory(sealed),
        Change::InsertMemory(other.clone()),
        Change::ReplaceMemory(released),
        Change::EraseMemory(other.tombstone()),
    ];
    commit_all(&store, &a, changes.clone()).await;
    commit_all(&model, &a, changes).await;

    let conn = Connection::open(&path).unwrap();
    let mut statement = conn
        .prepare(
            "SELECT version, valid_from_seq, valid_to_seq, document, body FROM memory_versions
             WHERE tenant = 't_a' AND id = ?1 ORDER BY version",
        )
        .unwrap();
    for id in [1, 2] {
        let rows = statement.query_map([memory_id(id).uuid().as_bytes().to_vec()], |row| {
            let texts: (Option<String>, Option<Vec<u8>>) = (row.get(3)?, row.get(4)?);
            Ok((number(row, 0)?, number(row, 1)?, number(row, 2)?, texts))
        });
        let expected = model.versions(&a, memory_id(id));
        let rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), expected.len());
        for ((version, from, until, texts), (memory, valid_from, valid_to)) in rows.into_iter().zip(expected)
        {
            assert_eq!((version, from, until), (memory.version, valid_from.0, valid_to.0));
            match texts {
                (Some(document), Some(body)) => {
                    assert_eq!(StoredMemory::read(&document, &body).unwrap(), *memory);
                }
                texts => assert_eq!((texts, id), ((None, None), 2)),
            }
        }
    }
    let current: Vec<(u64, u64)> = conn
        .prepare("SELECT version, valid_from_seq FROM memories ORDER BY id")
        .unwrap()
        .query_map([], |row| Ok((number(row, 0)?, number(row, 1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(current, [(3, 4), (2, 5)]);
}
