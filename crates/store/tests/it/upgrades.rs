//! Databases of every schema that there ever was, with data in them, are brought up to date and lose nothing.
//!
//! `fixtures/NNNN/{sqlite,postgres}.sql` are dumps of what [`fixture::fill`] left when NNNN was the newest schema. A
//! new migration comes with its own two, which are written by the program itself:
//!
//! ```text
//! MEMORYSCOPE_WRITE_FIXTURES=1 cargo nextest run -p memoryscope-store -E 'test(upgrades::the_newest_schema)'
//! ```
//!
//! The older ones are what released programs wrote, and are never written again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::memory::{Key, REVIEW, SubjectRef};
use memoryscope_domain::record::RecordKind;
use memoryscope_domain::words::TermKey;
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::port::{Load, ObjectSelect, RecordPage, Rights, Select, Store, WantedRecords};
use memoryscope_store::transfer::{Kind, TABLES};
use memoryscope_store::{PostgresStore, SqliteConfig, SqliteStore};

use crate::cluster;
use crate::contents::{self, Contents};
use crate::fixture::{self, MEMORIES, TENANTS};
use crate::make::{self, NOW, commit, grant, load_of, memory_id, objects, set, shelf, tenant, time, whole};

/// The folder of a schema's dumps.
fn folder(number: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{number:04}"))
}

/// Every schema, the newest last, with the text of its migration.
fn schemas(engine: &str) -> Vec<(u32, String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let schema = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (number, name) = name.split_once('_').unwrap();
        (number.parse().unwrap(), name.to_owned(), std::fs::read_to_string(path).unwrap())
    };
    files.iter().map(schema).collect()
}

/// The numbers of all schemas, the newest last.
fn numbers() -> Vec<u32> {
    schemas("sqlite").into_iter().map(|(number, _, _)| number).collect()
}

fn newest() -> u32 {
    *numbers().last().unwrap()
}

/// The numbers of the schemas that are newer than this one.
fn newer_than(number: u32) -> Vec<u32> {
    numbers().into_iter().filter(|other| *other > number).collect()
}

fn dump(engine: &str, number: u32) -> String {
    let path = folder(number).join(format!("{engine}.sql"));
    std::fs::read_to_string(&path).unwrap_or_else(|why| {
        panic!(
            "{}: {why}. A migration comes with a dump of its own: see the head of this file",
            path.display()
        )
    })
}

/// A database as SQL: its tables, its migrations, its rows.
fn written(engine: &str, contents: &Contents) -> String {
    let sqlite = engine == "sqlite";
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let bytes = |hex: &str| if sqlite { format!("x'{hex}'") } else { format!("'\\x{hex}'") };
    let mut sql = String::new();
    let mut applied = String::new();
    for (number, name, migration) in schemas(engine) {
        sql.push_str(&migration);
        let checksum: String = <sha2::Sha256 as sha2::Digest>::digest(migration.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (name, checksum) = (text(&name), bytes(&checksum));
        writeln!(
            applied,
            "INSERT INTO schema_migrations VALUES ({number}, {name}, {checksum}, '2026-11-25T00:00:00Z');"
        )
        .unwrap();
    }
    sql.push_str(if sqlite {
        "\nCREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL, \
         applied TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))) STRICT;\nPRAGMA application_id = 1297302352;\n"
    } else {
        "\nCREATE TABLE schema_lock (id bigint PRIMARY KEY);\nINSERT INTO schema_lock VALUES (1);\n\
         CREATE TABLE schema_migrations (number bigint PRIMARY KEY, name text COLLATE \"C\" NOT NULL, \
         checksum bytea NOT NULL, applied text COLLATE \"C\" NOT NULL DEFAULT \
         to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'));\n"
    });
    sql.push_str(&applied);
    for table in &TABLES {
        for row in &contents[table.name] {
            let values: Vec<String> = table
                .columns
                .iter()
                .zip(row)
                .map(|(column, value)| match (column.kind, value) {
                    (_, None) => "NULL".to_owned(),
                    (Kind::Text, Some(value)) => text(value),
                    (Kind::Bytes, Some(value)) => bytes(value),
                    (Kind::Number, Some(value)) => value.clone(),
                })
                .collect();
            writeln!(sql, "INSERT INTO {} ({}) VALUES ({});", table.name, table.names(), values.join(", "))
                .unwrap();
        }
    }
    sql
}

/// The newest schema has a dump for each engine; where that is asked for, it is written.
#[tokio::test]
async fn the_newest_schema_has_its_dumps() {
    let write = std::env::var_os("MEMORYSCOPE_WRITE_FIXTURES").is_some();
    let check = |engine: &str, contents: &Contents| {
        let text = written(engine, contents);
        if write {
            std::fs::create_dir_all(folder(newest())).unwrap();
            std::fs::write(folder(newest()).join(format!("{engine}.sql")), text).unwrap();
            return;
        }
        assert!(!dump(engine, newest()).is_empty());
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = SqliteStore::open(&SqliteConfig::file(&path)).unwrap();
    fixture::fill(&store).await;
    drop(store);
    check("sqlite", &contents::of_sqlite(&path));
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let store = database.open().await;
    fixture::fill(&store).await;
    check("postgres", &contents::of_postgres(&database.connect().await).await);
}

/// Whether a store that was brought up to date answers as one whose life was lived today, and can go on.
async fn is_well(store: &dyn Store, schema: u32) {
    let model = MemoryStore::new();
    fixture::fill_as_of(&model, schema).await;
    assert_eq!(store.tenants(None, 100).await.unwrap(), TENANTS.map(tenant));
    for name in TENANTS {
        let tenant = tenant(name);
        let found = make::load(store, &tenant, Select::Verification).await.facts.verification.unwrap();
        let expected = make::load(&model, &tenant, Select::Verification).await.facts.verification.unwrap();
        assert!(found.ok && found.entries == expected.entries, "{name}: {found:?}");
        assert_eq!(found.checkpoints, expected.checkpoints);
        let mut selects = vec![
            Select::Memories((0..=MEMORIES + 2).chain(21..=33).chain(41..=43).map(memory_id).collect()),
            Select::Objects(objects()),
            Select::Objects(ObjectSelect { words: Some(vec![TermKey::of("event")]), ..objects() }),
            Select::Preferences(shelf()),
            Select::Expired { limit: 100 },
        ];
        let rights = Rights {
            persons: vec![SubjectRef([1; 16])],
            erased: true,
            digests: [1, 2, 3].map(make::digest).to_vec(),
        };
        let named = [(RecordKind::Session, "s1"), (RecordKind::Job, "j2"), (RecordKind::Job, "none")];
        let named = named.map(|(kind, id)| (kind, id.to_owned())).to_vec();
        let due = RecordPage::Due { kind: RecordKind::Job, by: time(NOW), limit: 9 };
        let records = WantedRecords { named, page: Some(due) };
        let with_rights = Load { rights, records, ..make::load_of(&tenant, Select::Nothing) };
        let (theirs, ours) =
            (store.load(&with_rights).await.unwrap(), model.load(&with_rights).await.unwrap());
        assert_eq!(format!("{:?}", theirs.facts), format!("{:?}", ours.facts), "{name}");
        selects.extend(
            (1..=4).map(|id| Select::Grant { token_hash: grant(&tenant, id).token_hash, memories: None }),
        );
        for select in selects {
            let mut found = make::load(store, &tenant, select.clone()).await;
            let expected = make::load(&model, &tenant, select).await;
            // Entries may have been written in another form; that they hold is what was walked.
            found.head = expected.head;
            assert_eq!(whole(&found), whole(&expected), "{name}");
        }
        for seq in 0..=make::head(&model, &tenant).await.seq.0 {
            let by_words = ObjectSelect { words: Some(vec![TermKey::of("event")]), ..objects() };
            for select in [objects(), by_words, ObjectSelect { scan: Some(2), ..objects() }] {
                let load = Load { as_of: Some(Seq(seq)), ..load_of(&tenant, Select::Objects(select)) };
                let mut found = store.load(&load).await.unwrap();
                let expected = model.load(&load).await.unwrap();
                found.head = expected.head;
                assert_eq!(whole(&found), whole(&expected), "{name} as of {seq}");
            }
        }
        for hash in ["h1", "h2", "h3"] {
            assert_eq!(
                store.policy(&tenant, hash).await.unwrap(),
                model.policy(&tenant, hash).await.unwrap()
            );
        }
        commit(store, set(&tenant, 99_000, Vec::new())).await.unwrap();
        let found = make::load(store, &tenant, Select::Verification).await.facts.verification.unwrap();
        assert!(found.ok && found.entries == expected.entries + 1, "{name}: {found:?}");
    }
    assert!(make::load(store, &tenant("a"), Select::Preferences(shelf())).await.facts.memories.len() == 1);
}

/// What every memory is found by: its id, its words, its tags.
fn keys(contents: &Contents) -> Vec<[Option<String>; 3]> {
    let table = TABLES.iter().find(|table| table.name == "memories").unwrap();
    let place = |name: &str| table.columns.iter().position(|column| column.name == name).unwrap();
    let places = ["tenant", "id", "words", "tags"].map(place);
    let mut keys: Vec<_> = contents["memories"].iter().map(|row| places.map(|at| row[at].clone())).collect();
    keys.sort();
    keys.into_iter()
        .map(|[tenant, id, words, tags]| [tenant.map(|t| t + &id.unwrap()), words, tags])
        .collect()
}

/// What waits for a review, as it is looked up.
fn waiting(contents: &Contents) -> Vec<Vec<Option<String>>> {
    let key: String = Key::waiting(REVIEW).0.iter().map(|byte| format!("{byte:02x}")).collect();
    let is_key = |cell: &Option<String>| cell.as_ref().is_some_and(|cell| cell.to_lowercase().contains(&key));
    let mut rows: Vec<_> =
        contents["memory_keys"].iter().filter(|row| row.iter().any(is_key)).cloned().collect();
    rows.sort();
    rows
}

/// The same where the life was lived today, and what waits for a review.
async fn keys_of_today(schema: u32) -> (Vec<[Option<String>; 3]>, usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("today.db");
    let store = SqliteStore::open(&SqliteConfig::file(&path)).unwrap();
    fixture::fill_as_of(&store, schema).await;
    drop(store);
    let found = contents::of_sqlite(&path);
    let (keys, waiting) = (keys(&found), waiting(&found).len());
    assert_eq!(waiting > 0, schema >= 2, "{schema}");
    let with_words = keys.iter().filter(|[_, words, _]| words.as_ref().is_some_and(|words| words.len() > 10));
    let with_tags = keys.iter().filter(|[_, _, tags]| tags.as_ref().is_some_and(|tags| tags.len() > 36));
    assert!(schema < 2 || with_words.count() >= 4 && with_tags.count() >= 8, "{keys:?}");
    (keys, waiting)
}

#[tokio::test]
async fn every_schema_of_sqlite_is_brought_up_to_date() {
    for number in numbers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch(&dump("sqlite", number)).unwrap();
        let config = SqliteConfig::file(&path);
        let applied = SqliteStore::migrate(&config).unwrap();
        assert_eq!(applied, newer_than(number));
        let found = contents::of_sqlite(&path);
        assert_eq!((keys(&found), waiting(&found).len()), keys_of_today(number).await, "{number}");
        is_well(&SqliteStore::open(&config.migrate(false)).unwrap(), number).await;
    }
}

#[tokio::test]
async fn every_schema_of_postgres_is_brought_up_to_date() {
    let Some(cluster) = cluster::shared().await else { return };
    for number in numbers() {
        let database = cluster.empty_database().await;
        database.connect().await.batch_execute(&dump("postgres", number)).await.unwrap();
        let applied = PostgresStore::migrate(&database.config()).await.unwrap();
        assert_eq!(applied, newer_than(number));
        let found = contents::of_postgres(&database.connect().await).await;
        assert_eq!((keys(&found), waiting(&found).len()), keys_of_today(number).await, "{number}");
        is_well(&PostgresStore::open(&database.config().migrate(false)).await.unwrap(), number).await;
    }
}

/// What the migration finds to wait for a review is what has the key where it was written with one.
#[tokio::test]
async fn what_waits_for_a_review_is_found_by_the_migration_as_it_is_kept() {
    let forget = "DELETE FROM memory_keys WHERE key = ";
    let key: String = Key::waiting(REVIEW).0.iter().map(|byte| format!("{byte:02x}")).collect();
    let migration = |engine: &str| {
        let (_, _, sql) = schemas(engine).into_iter().find(|(number, ..)| *number == 10).unwrap();
        sql
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("today.db");
    fixture::fill(&SqliteStore::open(&SqliteConfig::file(&path)).unwrap()).await;
    let kept = waiting(&contents::of_sqlite(&path));
    // Of each tenant one that was opened and two that are flagged, at least.
    assert!(kept.len() >= 6, "{kept:?}");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch(&format!("{forget}x'{key}'; {}", migration("sqlite"))).unwrap();
    drop(conn);
    assert_eq!(waiting(&contents::of_sqlite(&path)), kept);
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.empty_database().await;
    PostgresStore::migrate(&database.config()).await.unwrap();
    fixture::fill(&PostgresStore::open(&database.config()).await.unwrap()).await;
    let conn = database.connect().await;
    assert_eq!(waiting(&contents::of_postgres(&conn).await).len(), kept.len());
    conn.batch_execute(&format!("{forget}'\\x{key}'; {}", migration("postgres"))).await.unwrap();
    assert_eq!(waiting(&contents::of_postgres(&conn).await).len(), kept.len());
}
