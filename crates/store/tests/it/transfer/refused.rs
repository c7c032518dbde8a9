//! What a copy does not touch.

use std::ops::ControlFlow;

use memoryscope_store::transfer::Progress;
use memoryscope_store::{PostgresConfig, PostgresStore, SqliteConfig, SqliteStore};

use super::{Kept, copy, copy_while, filled};
use crate::make::{commit, set, tenant};

async fn refusal(from: &Kept, to: &Kept) -> String {
    copy(from, to).await.map(|report| format!("{report:?}")).unwrap_err().to_string()
}

/// One place of each kind, by name.
async fn each(folder: &std::path::Path, name: &str) -> Vec<Kept> {
    let mut each = vec![Kept::sqlite(folder, name)];
    each.extend(Kept::postgres().await);
    each
}

#[tokio::test]
async fn a_source_that_is_missing_empty_or_unfinished() {
    let dir = tempfile::tempdir().unwrap();
    let [absent, to, foreign] =
        ["absent.db", "to.db", "foreign.db"].map(|name| Kept::sqlite(dir.path(), name));
    let why = refusal(&absent, &to).await;
    assert!(why.contains("the source") && why.contains("there is no database at"), "{why}");
    foreign.execute("CREATE TABLE theirs (a)").await;
    assert!(refusal(&foreign, &to).await.contains("another program"));
    assert!(!dir.path().join("absent.db").exists() && !dir.path().join("to.db").exists());
    let from = Kept::sqlite(dir.path(), "from.db");
    filled(&from).await;
    for part in each(dir.path(), "part.db").await {
        let stop = &mut |_: Progress<'_>| ControlFlow::Break(());
        assert!(copy_while(&from, &part, 5, stop).await.is_err());
        let why = refusal(&part, &to).await;
        assert!(why.contains("the source") && why.contains("only a part of a copy"), "{why}");
    }
    let why = refusal(&from, &from).await;
    assert!(why.contains("the target itself"), "{why}");
    if let Some(empty) = Kept::postgres().await {
        let why = refusal(&empty, &to).await;
        assert!(why.contains("the source") && why.contains("memoryscope migrate"), "{why}");
    }
}

#[tokio::test]
async fn a_target_with_something_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let from = Kept::sqlite(dir.path(), "from.db");
    filled(&from).await;
    for to in each(dir.path(), "to.db").await {
        filled(&to).await;
        let before = to.contents().await;
        let why = refusal(&from, &to).await;
        assert!(why.contains("the target") && why.contains("there is data in it already"), "{why}");
        assert_eq!(to.contents().await, before);
        drop(to.open().await.unwrap());
    }
    for to in each(dir.path(), "foreign.db").await {
        to.execute("CREATE TABLE policies (theirs INTEGER)").await;
        let why = refusal(&from, &to).await;
        assert!(why.contains("another program") || why.contains("42P07"), "{why}");
    }
}

/// A part of a copy of another database, which has the same tenants, is not mixed with this one.
#[tokio::test]
async fn a_part_of_another_copy() {
    let dir = tempfile::tempdir().unwrap();
    let [from, other] = ["from.db", "other.db"].map(|name| Kept::sqlite(dir.path(), name));
    filled(&from).await;
    let store = other.open().await.unwrap();
    for number in 500..600 {
        commit(&*store, set(&tenant("a"), number, Vec::new())).await.unwrap();
    }
    drop(store);
    for to in each(dir.path(), "to.db").await {
        let heads = &mut |progress: Progress<'_>| match progress {
            Progress::Copied { table: "audit_heads", .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        assert!(copy_while(&other, &to, 5, heads).await.is_err());
        let before = to.contents().await;
        let why = refusal(&from, &to).await;
        assert!(why.contains("a copy of another database") && why.contains("t_a"), "{why}");
        assert_eq!(to.contents().await, before);
        assert!(copy(&other, &to).await.unwrap().is_good());
    }
}

#[tokio::test]
async fn a_file_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let [from, to] = ["from.db", "to.db"].map(|name| Kept::sqlite(dir.path(), name));
    filled(&from).await;
    drop(to.open().await.unwrap());
    for (used, side) in [(&from, "the source"), (&to, "the target")] {
        let server = used.open().await.unwrap();
        let why = refusal(&from, &to).await;
        assert!(why.contains(side) && why.contains("stop its server first"), "{why}");
        commit(&*server, set(&tenant("empty"), 77, Vec::new())).await.map(|_| ()).unwrap();
        drop(server);
        if side == "the target" {
            break;
        }
        // A server cannot start while it is copied.
        let path = dir.path().join("from.db");
        let mut tried = Vec::new();
        let stop = &mut |_: Progress<'_>| {
            let conn = rusqlite::Connection::open(&path).unwrap();
            tried.push(conn.query_row("SELECT count(*) FROM audit_heads", [], |row| row.get::<_, i64>(0)));
            ControlFlow::Break(())
        };
        assert!(copy_while(&from, &to, 5, stop).await.is_err());
        assert!(tried[0].is_err(), "{tried:?}");
        std::fs::remove_file(dir.path().join("to.db")).unwrap();
        drop(to.open().await.unwrap());
    }
    // What a killed server left in its log comes over.
    let store = SqliteStore::open(&SqliteConfig::file(dir.path().join("from.db"))).unwrap();
    commit(&store, set(&tenant("late"), 1, Vec::new())).await.unwrap();
    for name in ["from.db", "from.db-wal"] {
        let killed = name.replacen("from", "killed", 1);
        std::fs::copy(dir.path().join(name), dir.path().join(killed)).unwrap();
    }
    drop(store);
    let [killed, fresh] = ["killed.db", "fresh.db"].map(|name| Kept::sqlite(dir.path(), name));
    assert!(copy(&killed, &fresh).await.unwrap().is_good());
    assert_eq!(from.contents().await, fresh.contents().await);
}

#[tokio::test]
async fn a_database_in_use() {
    let (Some(from), Some(to)) = (Kept::postgres().await, Kept::postgres().await) else { return };
    let (Kept::Postgres(source), Kept::Postgres(target)) = (&from, &to) else { return };
    filled(&from).await;
    for (used, side) in [(source, "the source"), (target, "the target")] {
        let server = used.open().await;
        server_is_seen(&server).await;
        let why = refusal(&from, &to).await;
        assert!(why.contains(side) && why.contains("it is in use (memoryscope"), "{why}");
    }
    // A server that starts while it is copied can read it and not write to it.
    let url = format!("{}?options=-c%20lock_timeout%3D50", source.url);
    let stop = &mut |_: Progress<'_>| ControlFlow::Break(());
    let config = PostgresConfig::url(&url).unwrap();
    let mut written = None;
    let mut write = |_: Progress<'_>| {
        let config = config.clone();
        let writing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = PostgresStore::open(&config).await.unwrap();
                commit(&server, set(&tenant("a"), 777, Vec::new())).await
            })
        });
        written = Some(writing.join().unwrap());
        stop(Progress::Counted { rows: 0, done: 0 })
    };
    let _ = PostgresStore::migrate(&target.config()).await;
    target.connect().await.batch_execute(crate::cluster::EMPTY).await.unwrap();
    assert!(copy_while(&from, &to, 5, &mut write).await.is_err());
    assert!(written.unwrap().is_err());
    assert!(copy(&from, &to).await.unwrap().is_good());
}

/// A connection that stays: servers make theirs when they need them.
async fn server_is_seen(server: &PostgresStore) {
    commit(server, set(&tenant("seen"), 1, Vec::new())).await.unwrap();
}

/// A server that had the empty target open before the copy began, and writes at its very end.
#[tokio::test]
async fn a_target_that_somebody_writes_to() {
    let Some(to) = Kept::postgres().await else { return };
    let Kept::Postgres(target) = &to else { return };
    let dir = tempfile::tempdir().unwrap();
    let from = Kept::sqlite(dir.path(), "from.db");
    filled(&from).await;
    let url = target.url.clone();
    let mut write = |progress: Progress<'_>| {
        if matches!(progress, Progress::Chain(1, _)) {
            let url = url.replacen("+psycopg", "", 1);
            let writing = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
                    let (client, driver) = connected.unwrap();
                    tokio::spawn(driver);
                    let sql = "INSERT INTO audit_heads VALUES ('t_z', 1, 'x')";
                    client.batch_execute(sql).await.unwrap();
                });
            });
            writing.join().unwrap();
        }
        ControlFlow::Continue(())
    };
    let why = copy_while(&from, &to, 500, &mut write).await.unwrap_err().to_string();
    assert!(why.contains("somebody has written to it meanwhile"), "{why}");
    assert!(to.open().await.is_err());
}
