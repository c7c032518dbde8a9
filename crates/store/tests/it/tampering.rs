//! What somebody changes in the database is what a walk finds, whatever it is: never a failure of the walk.

use memoryscope_domain::audit_chain::{Code, Reason};
use memoryscope_domain::change::Change;
use memoryscope_engine::port::{Select, Store};
use memoryscope_store::{SqliteConfig, SqliteStore};

use crate::cluster;
use crate::make::{commit, first, load, memory, send, set, tenant};

/// Words of the statements below that the engines spell each in its own way: on SQLite, on PostgreSQL.
const WORDS: [(&str, &str, &str); 5] = [
    ("ZEROS_16", "zeroblob(16)", "decode(repeat('00', 16), 'hex')"),
    ("ZEROS_32", "zeroblob(32)", "decode(repeat('00', 32), 'hex')"),
    ("ONE_BYTE", "x'00'", r"'\x00'::bytea"),
    ("NO_BYTES", "x''", "''::bytea"),
    ("NO_TEXT", "CAST(x'ff' AS TEXT)", r"convert_from('\xff'::bytea, 'SQL_ASCII')"),
];

/// A store, and another way into its database.
struct Bench {
    store: Box<dyn Store>,
    place: Place,
}

enum Place {
    File(tempfile::TempDir),
    Database { damaging: Box<tokio_postgres::Client>, _database: cluster::Database },
}

impl Bench {
    async fn sqlite() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&SqliteConfig::file(dir.path().join("store.db"))).unwrap();
        Some(Self { store: Box::new(store), place: Place::File(dir) })
    }

    /// None where there is no PostgreSQL.
    async fn postgres() -> Option<Self> {
        let database = cluster::shared().await?.database().await;
        let store = Box::new(database.open().await);
        let damaging = Box::new(database.connect_for_damage().await);
        Some(Self { store, place: Place::Database { damaging, _database: database } })
    }

    async fn edit(&self, statements: &str) {
        let spelt = |of: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
            WORDS.iter().fold(statements.to_owned(), |text, word| text.replace(word.0, of(word)))
        };
        match &self.place {
            Place::File(dir) => {
                let conn = rusqlite::Connection::open(dir.path().join("store.db")).unwrap();
                conn.execute_batch(&spelt(|word| word.1)).unwrap();
            }
            Place::Database { damaging, .. } => damaging.batch_execute(&spelt(|word| word.2)).await.unwrap(),
        }
    }

    /// As if nothing had been written.
    async fn empty(&self) {
        let tables = cluster::EMPTY.trim_start_matches("TRUNCATE ").split(", ");
        let statements: Vec<String> = tables.map(|table| format!("DELETE FROM {table}")).collect();
        self.edit(&statements.join(";")).await;
    }

    /// What a walk says of a chain of five entries after these statements were run on its database.
    async fn after(&self, statements: &str) -> Option<(u64, Reason)> {
        self.empty().await;
        let a = tenant("a");
        for number in 1..=5 {
            commit(&*self.store, set(&a, number, vec![Change::InsertMemory(memory(&a, number))]))
                .await
                .unwrap();
        }
        self.edit(statements).await;
        assert_eq!(self.store.tenants(None, 9).await.unwrap(), std::slice::from_ref(&a), "{statements}");
        self.walk().await
    }

    async fn walk(&self) -> Option<(u64, Reason)> {
        let found = load(&*self.store, &tenant("a"), Select::Verification).await.facts.verification.unwrap();
        found.first_broken.map(|broken| (broken.seq.0, broken.reason))
    }
}

/// Makes one test of each case on each store.
macro_rules! on_both {
    ($($case:ident)*) => {
        on_both!(@store sqlite $($case)*);
        on_both!(@store postgres $($case)*);
    };
    (@store $store:ident $($case:ident)*) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let Some(bench) = super::Bench::$store().await else { return };
                    super::$case(&bench).await;
                }
            )*
        }
    };
}

on_both! {
    what_was_left_alone_holds
    a_changed_private_text_is_found
    columns_that_hide_an_entry_are_found
    a_chain_without_its_head_is_found
    what_cannot_be_read_is_found
    a_long_chain_is_walked_to_its_end
    tenants_are_found_by_their_heads_and_by_their_entries
}

async fn what_was_left_alone_holds(bench: &Bench) {
    assert_eq!(bench.after("SELECT 1").await, None);
    bench.empty().await;
    assert_eq!(bench.walk().await, None);
    // As erasure leaves it.
    assert_eq!(bench.after("UPDATE audit_events SET private = NULL; DELETE FROM subject_keys").await, None);
}

async fn a_changed_private_text_is_found(bench: &Bench) {
    let differs = Some((3, Reason::PrivateDiffers));
    for private in [
        "replace(private, 'private 3', 'private 4')",
        "replace(private, 'keeper', 'other')",
        "private || ' '",
        "'{}'",
        "'{\"user_id\":\"\"}'",
        "''",
        "'no object'",
        "NO_TEXT",
        "(SELECT e.private FROM audit_events AS e WHERE e.seq = 4)",
    ] {
        let statement = format!("UPDATE audit_events SET private = {private} WHERE seq = 3");
        assert_eq!(bench.after(&statement).await, differs, "{private}");
    }
    for keys in [
        "DELETE FROM subject_keys",
        "UPDATE subject_keys SET key = ZEROS_32",
        "UPDATE subject_keys SET key = ONE_BYTE",
    ] {
        assert_eq!(bench.after(keys).await, Some((1, Reason::PrivateDiffers)), "{keys}");
    }
}

async fn columns_that_hide_an_entry_are_found(bench: &Bench) {
    let differs = Some((3, Reason::IndexDiffers));
    for set in [
        format!("operation = '{}'", Code::MEMORY_READ),
        "operation = ''".to_owned(),
        "operation = NO_TEXT".to_owned(),
        "id = ZEROS_16".to_owned(),
        "id = ONE_BYTE".to_owned(),
    ] {
        let statement = format!("UPDATE audit_events SET {set} WHERE seq = 3");
        assert_eq!(bench.after(&statement).await, differs, "{set}");
    }
}

async fn a_chain_without_its_head_is_found(bench: &Bench) {
    for (statement, seq, reason) in [
        ("DELETE FROM audit_heads", 1, Reason::HeadDiffers),
        ("UPDATE audit_heads SET seq = -1", 6, Reason::HeadDiffers),
        ("UPDATE audit_heads SET hash = ONE_BYTE", 6, Reason::HeadDiffers),
        ("UPDATE audit_heads SET hash = ZEROS_32", 5, Reason::HeadDiffers),
        ("DELETE FROM audit_events", 1, Reason::CutTail),
    ] {
        assert_eq!(bench.after(statement).await, Some((seq, reason)), "{statement}");
    }
}

async fn what_cannot_be_read_is_found(bench: &Bench) {
    for (statement, seq, reason) in [
        ("UPDATE audit_events SET seq = -3 WHERE seq = 3", 3, Reason::Gap),
        ("UPDATE audit_events SET seq = -5 WHERE seq = 5", 5, Reason::Reordered),
        ("UPDATE audit_events SET seq = -9223372036854775808 WHERE seq = 5", 5, Reason::Reordered),
        ("UPDATE audit_events SET seq = 9223372036854775807 WHERE seq = 5", 5, Reason::Gap),
        ("UPDATE audit_events SET seq = 0 WHERE seq = 1", 1, Reason::Gap),
        ("UPDATE audit_events SET hash = ONE_BYTE WHERE seq = 3", 3, Reason::Edited),
        ("UPDATE audit_events SET prev_hash = NO_BYTES WHERE seq = 3", 3, Reason::Edited),
        ("UPDATE audit_events SET text = NO_TEXT WHERE seq = 3", 3, Reason::Edited),
        ("INSERT INTO checkpoints VALUES ('t_a', 1, -1, NO_TEXT)", 0, Reason::CheckpointInvalid),
        ("INSERT INTO checkpoints VALUES ('t_a', 1, 4, '{}')", 4, Reason::CheckpointInvalid),
    ] {
        assert_eq!(bench.after(statement).await, Some((seq, reason)), "{statement}");
    }
}

/// Longer than what a store reads at once.
async fn a_long_chain_is_walked_to_its_end(bench: &Bench) {
    let a = tenant("a");
    send(&*bench.store, first(set(&a, 1, Vec::new()))).await.unwrap();
    let commits = (2..=1_100).map(|number| send(&*bench.store, set(&a, number, Vec::new())));
    for receipt in futures_util::future::join_all(commits).await {
        receipt.unwrap();
    }
    assert_eq!(bench.walk().await, None);
    bench.edit("UPDATE audit_events SET private = '{}' WHERE seq = 1090").await;
    assert_eq!(bench.walk().await, Some((1_090, Reason::PrivateDiffers)));
    bench.edit("UPDATE audit_events SET operation = '' WHERE seq = 1024").await;
    assert_eq!(bench.walk().await, Some((1_024, Reason::IndexDiffers)));
    bench.edit("DELETE FROM audit_events WHERE seq = 513").await;
    assert_eq!(bench.walk().await, Some((513, Reason::Gap)));
}

async fn tenants_are_found_by_their_heads_and_by_their_entries(bench: &Bench) {
    let all = ["a", "b", "c", "d", "e"].map(tenant);
    for tenant in &all {
        commit(&*bench.store, set(tenant, 1, Vec::new())).await.unwrap();
        commit(&*bench.store, set(tenant, 2, Vec::new())).await.unwrap();
    }
    let edit = "DELETE FROM audit_heads WHERE tenant IN ('t_a', 't_d');
                DELETE FROM audit_events WHERE tenant IN ('t_c', 't_d') AND seq = 1;
                DELETE FROM audit_events WHERE tenant = 't_e'";
    bench.edit(edit).await;
    for limit in 1..=6 {
        let mut found = Vec::new();
        loop {
            let page = bench.store.tenants(found.last(), limit).await.unwrap();
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, all, "{limit}");
    }
}
