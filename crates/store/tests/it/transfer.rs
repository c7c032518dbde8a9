//! A copy of one database into another: whole, wherever it was stopped; and never into what is not its own.

mod refused;
mod stopped;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::port::{Store, StoreError};
use memoryscope_store::transfer::{Kind, Place, Progress, Report, TABLES, Transfer};
use memoryscope_store::{SqliteConfig, SqliteStore};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::cluster::{self, Database};
use crate::contents::{self, Contents};
use crate::fixture;
use crate::parity;

/// A database of one test.
pub(crate) enum Kept {
    Sqlite(PathBuf),
    Postgres(Database),
}

impl Kept {
    pub(crate) fn sqlite(folder: &Path, name: &str) -> Self {
        Self::Sqlite(folder.join(name))
    }

    /// With no schema in it; none where there is no PostgreSQL.
    pub(crate) async fn postgres() -> Option<Self> {
        Some(Self::Postgres(cluster::shared().await?.empty_database().await))
    }

    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Sqlite(path) => Place::Sqlite(path.clone()),
            Self::Postgres(database) => Place::Postgres(Box::new(database.config())),
        }
    }

    pub(crate) async fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(match self {
            Self::Sqlite(path) => Box::new(SqliteStore::open(&SqliteConfig::file(path))?),
            Self::Postgres(database) => {
                Box::new(memoryscope_store::PostgresStore::open(&database.config()).await?)
            }
        })
    }

    pub(crate) async fn contents(&self) -> Contents {
        match self {
            Self::Sqlite(path) => contents::of_sqlite(path),
            Self::Postgres(database) => contents::of_postgres(&database.connect().await).await,
        }
    }

    /// Runs a statement past the store.
    pub(crate) async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(path) => rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap(),
            Self::Postgres(database) => database.connect().await.batch_execute(sql).await.unwrap(),
        }
    }
}

/// Copies all of it.
pub(crate) async fn copy(from: &Kept, to: &Kept) -> Result<Report, StoreError> {
    copy_while(from, to, 500, &mut |_| ControlFlow::Continue(())).await
}

pub(crate) async fn copy_while(
    from: &Kept,
    to: &Kept,
    page_rows: usize,
    progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Report, StoreError> {
    Transfer::new(from.place(), to.place()).page_rows(page_rows).run(progress).await
}

/// A database with something in every table.
pub(crate) async fn filled(kept: &Kept) {
    let store = kept.open().await.unwrap();
    fixture::fill(&*store).await;
}

#[tokio::test]
async fn the_list_is_that_of_both_migrations() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    SqliteStore::migrate(&SqliteConfig::file(&path)).unwrap();
    let conn = rusqlite::Connection::open(&path).unwrap();
    let mut listed: Vec<(String, String, String, i64)> = Vec::new();
    for table in &TABLES {
        for (column, place) in table.columns.iter().zip(0..) {
            let kind = match column.kind {
                Kind::Text => "text",
                Kind::Bytes => "bytes",
                Kind::Number => "number",
            };
            let key = if place <= i64::try_from(table.key).unwrap() { place + 1 } else { 0 };
            listed.push((table.name.to_owned(), column.name.to_owned(), kind.to_owned(), key));
        }
    }
    listed.sort();
    let sql = "SELECT t.name, c.name, CASE c.type WHEN 'TEXT' THEN 'text' WHEN 'BLOB' THEN 'bytes'
                      WHEN 'INTEGER' THEN 'number' ELSE c.type END, c.pk
               FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
               WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite_%' AND t.name <> 'schema_migrations'";
    let mut statement = conn.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    let mut found: Vec<(String, String, String, i64)> = rows.unwrap().map(Result::unwrap).collect();
    found.sort();
    assert_eq!(listed, found);

    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let sql = "SELECT t.relname::text, a.attname::text,
                      CASE a.atttypid WHEN 'text'::regtype THEN 'text' WHEN 'bytea'::regtype THEN 'bytes'
                      WHEN 'bigint'::regtype THEN 'number' ELSE a.atttypid::regtype::text END,
                      coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0)::bigint
               FROM pg_class AS t JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0
               JOIN pg_index AS i ON i.indrelid = t.oid AND i.indisprimary
               WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r'
               AND t.relname NOT IN ('schema_lock', 'schema_migrations')";
    let rows = database.connect().await.query(sql, &[]).await.unwrap();
    let mut found: Vec<(String, String, String, i64)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    found.sort();
    assert_eq!(listed, found);
}

/// There and back again, whatever was done before.
#[test]
fn random_stores_go_round_and_come_back_equal() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() };
    let steps = prop::collection::vec(parity::step(), 20..60);
    let round = async |steps: &[parity::Step]| {
        let dir = tempfile::tempdir().unwrap();
        let there = Kept::postgres().await?;
        let [from, back] = ["from.db", "back.db"].map(|name| Kept::sqlite(dir.path(), name));
        let store = from.open().await.unwrap();
        let model = MemoryStore::new();
        for (step, number) in steps.iter().zip(0..) {
            parity::both(&model, &*store, number, step).await;
        }
        drop(store);
        for (one, other, page_rows) in [(&from, &there, 3), (&there, &back, 4)] {
            let report = copy_while(one, other, page_rows, &mut |_| ControlFlow::Continue(())).await.unwrap();
            assert!(report.is_good() && report.moved.is_empty(), "{report:?}");
        }
        let contents = from.contents().await;
        assert_eq!(contents, there.contents().await);
        assert_eq!(contents, back.contents().await);
        // It goes on as the one that it comes from would.
        let store = back.open().await.unwrap();
        for (step, number) in steps.iter().zip(1_000..) {
            let (expected, answer) = parity::both(&model, &*store, number, step).await;
            assert_eq!(expected, answer, "{step:?}");
        }
        Some(())
    };
    TestRunner::new(config)
        .run(&steps, |steps| {
            runtime.block_on(round(&steps));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn what_is_copied_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let [from, to] = ["from.db", "to.db"].map(|name| Kept::sqlite(dir.path(), name));
    filled(&from).await;
    let (mut copied, mut compared, mut counted) = (0, 0, None);
    let listen = &mut |progress: Progress<'_>| {
        match progress {
            Progress::Counted { rows, done } => counted = Some((rows, done)),
            Progress::Copied { rows, .. } => copied += rows,
            Progress::Compared { rows, .. } => compared += rows,
            Progress::Again(_) | Progress::Chain(..) => {}
        }
        ControlFlow::Continue(())
    };
    let report = copy_while(&from, &to, 7, listen).await.unwrap();
    assert!(report.is_good(), "{report:?}");
    let rows: u64 = report.tables.iter().map(|table| table.source).sum();
    assert_eq!((counted, copied, compared), (Some((rows, 0)), rows, rows));
    for table in &report.tables {
        assert!(table.source > 0, "{} is empty, and proves nothing", table.table);
        assert_eq!((table.source, table.source), (table.target, table.written), "{}", table.table);
    }
    let store = to.open().await.unwrap();
    let tenants = store.tenants(None, 100).await.unwrap();
    assert_eq!(tenants, report.chains.iter().map(|(tenant, _)| tenant.clone()).collect::<Vec<_>>());
    for (tenant, found) in &report.chains {
        assert_eq!(found.head, crate::make::head(&*store, tenant).await);
    }
}
