//! What somebody changes in the file is what a walk finds, whatever it is: never a failure of the walk.

use memoryscope_domain::audit_chain::{Code, Reason};
use memoryscope_domain::change::Change;
use memoryscope_engine::port::{Select, Store as _};
use memoryscope_store::{SqliteConfig, SqliteStore};

use crate::make::{commit, load, memory, set, tenant};

/// What a walk says of a chain of five entries after a statement was run on its file.
async fn after(statement: &str) -> Option<(u64, Reason)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = SqliteStore::open(&SqliteConfig::file(&path)).unwrap();
    let a = tenant("a");
    for number in 1..=5 {
        commit(&store, set(&a, number, vec![Change::InsertMemory(memory(&a, number))])).await.unwrap();
    }
    rusqlite::Connection::open(&path).unwrap().execute_batch(statement).unwrap();
    assert_eq!(store.tenants(None, 9).await.unwrap(), std::slice::from_ref(&a), "{statement}");
    let found = load(&store, &a, Select::Verification).await.facts.verification.unwrap();
    found.first_broken.map(|broken| (broken.seq.0, broken.reason))
}

#[tokio::test]
async fn what_was_left_alone_holds() {
    assert_eq!(after("SELECT 1").await, None);
    // As erasure leaves it.
    assert_eq!(after("UPDATE audit_events SET private = NULL; DELETE FROM subject_keys").await, None);
}

#[tokio::test]
async fn a_changed_private_text_is_found() {
    let differs = Some((3, Reason::PrivateDiffers));
    for private in [
        "replace(private, 'private 3', 'private 4')",
        "replace(private, 'keeper', 'other')",
        "private || ' '",
        "'{}'",
        "'{\"user_id\":\"\"}'",
        "''",
        "'no object'",
        "CAST(x'ff' AS TEXT)",
        "(SELECT e.private FROM audit_events AS e WHERE e.seq = 4)",
    ] {
        let statement = format!("UPDATE audit_events SET private = {private} WHERE seq = 3");
        assert_eq!(after(&statement).await, differs, "{private}");
    }
    for keys in ["DELETE FROM subject_keys", "UPDATE subject_keys SET key = zeroblob(32)"] {
        assert_eq!(after(keys).await, Some((1, Reason::PrivateDiffers)), "{keys}");
    }
    assert_eq!(after("UPDATE subject_keys SET key = x'00'").await, Some((1, Reason::PrivateDiffers)));
}

#[tokio::test]
async fn columns_that_hide_an_entry_are_found() {
    let differs = Some((3, Reason::IndexDiffers));
    for set in [
        format!("operation = '{}'", Code::MEMORY_READ),
        "operation = ''".to_owned(),
        "operation = CAST(x'ff' AS TEXT)".to_owned(),
        "id = zeroblob(16)".to_owned(),
        "id = x'00'".to_owned(),
    ] {
        let statement = format!("UPDATE audit_events SET {set} WHERE seq = 3");
        assert_eq!(after(&statement).await, differs, "{set}");
    }
}

#[tokio::test]
async fn a_chain_without_its_head_is_found() {
    assert_eq!(after("DELETE FROM audit_heads").await, Some((1, Reason::HeadDiffers)));
    assert_eq!(after("UPDATE audit_heads SET seq = -1").await, Some((6, Reason::HeadDiffers)));
    assert_eq!(after("UPDATE audit_heads SET hash = x'00'").await, Some((6, Reason::HeadDiffers)));
    assert_eq!(after("DELETE FROM audit_events").await, Some((1, Reason::CutTail)));
}

#[tokio::test]
async fn what_cannot_be_read_is_found() {
    for (statement, seq, reason) in [
        ("UPDATE audit_events SET seq = -3 WHERE seq = 3", 3, Reason::Gap),
        ("UPDATE audit_events SET seq = -5 WHERE seq = 5", 5, Reason::Reordered),
        ("UPDATE audit_events SET seq = 0 WHERE seq = 1", 1, Reason::Gap),
        ("UPDATE audit_events SET hash = x'00' WHERE seq = 3", 3, Reason::Edited),
        ("UPDATE audit_events SET prev_hash = x'' WHERE seq = 3", 3, Reason::Edited),
        ("UPDATE audit_events SET text = CAST(x'ff' AS TEXT) WHERE seq = 3", 3, Reason::Edited),
        ("INSERT INTO checkpoints VALUES ('t_a', 1, -1, CAST(x'ff' AS TEXT))", 0, Reason::CheckpointInvalid),
    ] {
        assert_eq!(after(statement).await, Some((seq, reason)), "{statement}");
    }
}

#[tokio::test]
async fn tenants_are_found_by_their_heads_and_by_their_entries() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = SqliteStore::open(&SqliteConfig::file(&path)).unwrap();
    let all = ["a", "b", "c", "d", "e"].map(tenant);
    for tenant in &all {
        commit(&store, set(tenant, 1, Vec::new())).await.unwrap();
        commit(&store, set(tenant, 2, Vec::new())).await.unwrap();
    }
    let edit = "DELETE FROM audit_heads WHERE tenant IN ('t_a', 't_d');
                DELETE FROM audit_events WHERE tenant IN ('t_c', 't_d') AND seq = 1;
                DELETE FROM audit_events WHERE tenant = 't_e'";
    rusqlite::Connection::open(&path).unwrap().execute_batch(edit).unwrap();
    for limit in 1..=6 {
        let mut found = Vec::new();
        loop {
            let page = store.tenants(found.last(), limit).await.unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, all, "{limit}");
    }
}
