//! Erased bytes leave the files.

use std::path::Path;

use memoryscope_domain::change::Change;
use memoryscope_domain::memory::{Memory, State, TagKey};
use memoryscope_domain::policy::Attribute;
use memoryscope_domain::preference::Kind;
use memoryscope_domain::words::TermKey;
use memoryscope_engine::port::Select;
use memoryscope_store::{SqliteConfig, SqliteStore};

use crate::make::{commit, commit_all, event, load, looking, memory_of, numbers, set, shelf, tenant};

/// How often a text stands in any file of a directory.
fn count(dir: &Path, text: &str) -> usize {
    count_bytes(dir, text.as_bytes())
}

fn count_bytes(dir: &Path, wanted: &[u8]) -> usize {
    let files = std::fs::read_dir(dir).unwrap();
    files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .map(|bytes| bytes.windows(wanted.len()).filter(|window| *window == wanted).count())
        .sum()
}

#[tokio::test]
async fn erased_content_is_in_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&SqliteConfig::file(dir.path().join("erased.db"))).unwrap();
    let a = tenant("a");
    let mut changes = Vec::new();
    for number in 1..=60 {
        // Some fit a page, some take many.
        let padding = "x".repeat(usize::try_from(number).unwrap() * 300);
        let (canary, owner) = (format!("CANARY-{number:03} {padding}"), format!("OWNER-{number:03}"));
        let first = memory_of(&a, number, &owner, Kind::Preferences, "music", &canary);
        let second = Memory { state: State::Restricted, version: 2, ..first.clone() };
        changes.extend([Change::InsertMemory(first), Change::ReplaceMemory(second)]);
    }
    commit_all(&store, &a, changes.clone()).await;
    store.checkpoint().await.unwrap();
    assert!(count(dir.path(), "CANARY-001") > 0 && count(dir.path(), "OWNER-060") > 0);

    let erasures = changes.into_iter().filter_map(|change| match change {
        Change::ReplaceMemory(second) if second.id.uuid().as_u128() % 3 > 0 => {
            Some(Change::EraseMemory(second.tombstone()))
        }
        _ => None,
    });
    for (erasure, number) in erasures.zip(50_000..) {
        crate::make::commit(&store, crate::make::set(&a, number, vec![erasure])).await.unwrap();
    }
    store.checkpoint().await.unwrap();
    for number in 1..=60 {
        let kept = number % 3 == 0;
        assert_eq!(count(dir.path(), &format!("CANARY-{number:03}")) > 0, kept, "{number}");
        assert_eq!(count(dir.path(), &format!("OWNER-{number:03}")) > 0, kept, "{number}");
    }
}

/// Neither the row nor the index keeps what a memory is found by, once it may not be found: no key of a word from the moment
/// that it is sealed or revoked, and no key at all once it is erased.
#[tokio::test]
async fn what_is_not_found_any_more_leaves_no_keys() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&SqliteConfig::file(dir.path().join("keys.db"))).unwrap();
    let a = tenant("a");
    let word = TermKey::of("lisbon");
    let tag = TagKey::of(Attribute::MemoryLabels, "grief").unwrap();
    let counted = async || {
        store.checkpoint().await.unwrap();
        (count_bytes(dir.path(), word.as_bytes()) > 0, count_bytes(dir.path(), tag.as_bytes()) > 0)
    };
    for (number, state) in [(1, State::Sealed), (2, State::Revoked)] {
        let first = looking(event(&a, number, 0), 2 | 4);
        let second = Memory { state, version: 2, ..first.clone() };
        let commits = [
            Change::InsertMemory(first),
            Change::ReplaceMemory(second.clone()),
            Change::EraseMemory(second.tombstone()),
        ];
        let mut told = Vec::new();
        for (change, at) in commits.into_iter().zip(number * 10..) {
            commit(&store, set(&a, at, vec![change])).await.unwrap();
            told.push(counted().await);
        }
        assert_eq!(told, [(true, true), (false, true), (false, false)], "{}", state.name());
    }
}

/// Nobody asks: the log is emptied soon after an erasure.
#[tokio::test]
async fn erased_content_leaves_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&SqliteConfig::file(dir.path().join("erased.db"))).unwrap();
    let a = tenant("a");
    let memory = memory_of(&a, 1, "ann", Kind::Preferences, "music", "CANARY");
    let changes = vec![Change::InsertMemory(memory.clone()), Change::EraseMemory(memory.tombstone())];
    commit_all(&store, &a, changes).await;
    assert!(numbers(&load(&store, &a, Select::Preferences(shelf())).await).is_empty());
    for _ in 0..100 {
        if count(dir.path(), "CANARY") == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the canary is still there");
}
