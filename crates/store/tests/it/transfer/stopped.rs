//! Stopped at every place, and called again.

use std::ops::ControlFlow;
use std::rc::Rc;

use memoryscope_domain::change::Change;
use memoryscope_engine::port::StoreError;
use memoryscope_store::transfer::{Progress, Report};

use super::{Kept, copy, copy_while, filled};
use crate::make::{commit, memory, set, tenant};

/// Small pages, so that there are many places to stop at.
const PAGE_ROWS: usize = 8;

/// Copies until the n-th progress that `counts`; none when it came to its end before.
async fn until(from: &Kept, to: &Kept, nth: usize, counts: impl Fn(&Progress<'_>) -> bool) -> Option<Report> {
    let mut seen = 0;
    let stop = &mut |progress: Progress<'_>| {
        seen += usize::from(counts(&progress));
        if seen == nth { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    match copy_while(from, to, PAGE_ROWS, stop).await {
        Ok(report) => Some(report),
        Err(StoreError::Unavailable(why)) if why.contains("stopped") => None,
        Err(why) => panic!("{why}"),
    }
}

fn is_page(progress: &Progress<'_>) -> bool {
    matches!(progress, Progress::Copied { .. })
}

async fn is_refused(kept: &Kept) {
    let why = kept.open().await.map(|_| ()).unwrap_err().to_string();
    assert!(why.contains("only a part of a copy is in it"), "{why}");
}

/// For every page: stopped behind it, refused to whoever wants to use it, and brought to its end.
async fn stopped_everywhere(from: &Kept, fresh: impl AsyncFn(usize) -> Rc<Kept>) {
    let contents = from.contents().await;
    let mut nth = 0;
    loop {
        nth += 1;
        let to = fresh(nth).await;
        let whole = until(from, &to, nth, is_page).await;
        if whole.is_none() {
            is_refused(&to).await;
            let report = copy(from, &to).await.unwrap();
            assert!(report.is_good() && report.moved.is_empty(), "{nth}: {report:?}");
        }
        assert_eq!(contents, to.contents().await, "{nth}");
        drop(to.open().await.unwrap());
        if let Some(report) = whole {
            assert!(report.is_good() && nth > 20, "{nth}: {report:?}");
            return;
        }
    }
}

#[tokio::test]
async fn from_sqlite_to_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let from = Kept::sqlite(dir.path(), "from.db");
    filled(&from).await;
    stopped_everywhere(&from, async |nth| Rc::new(Kept::sqlite(dir.path(), &format!("{nth}.db")))).await;
}

#[tokio::test]
async fn from_sqlite_to_postgres() {
    let Some(to) = Kept::postgres().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (Kept::sqlite(dir.path(), "from.db"), Rc::new(to));
    filled(&from).await;
    stopped_everywhere(&from, async |_| {
        to.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
        Rc::clone(&to)
    })
    .await;
}

#[tokio::test]
async fn from_postgres_to_sqlite() {
    let Some(from) = Kept::postgres().await else { return };
    let dir = tempfile::tempdir().unwrap();
    filled(&from).await;
    stopped_everywhere(&from, async |nth| Rc::new(Kept::sqlite(dir.path(), &format!("{nth}.db")))).await;
}

/// Everything has arrived, and is compared and walked: what is stopped there is not whole yet either.
#[tokio::test]
async fn at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let from = Kept::sqlite(dir.path(), "from.db");
    filled(&from).await;
    let mut targets = vec![Kept::sqlite(dir.path(), "to.db")];
    targets.extend(Kept::postgres().await);
    for to in targets {
        assert!(until(&from, &to, 3, |at| matches!(at, Progress::Compared { .. })).await.is_none());
        is_refused(&to).await;
        assert!(until(&from, &to, 3, |at| matches!(at, Progress::Chain(..))).await.is_none());
        is_refused(&to).await;
        assert!(copy(&from, &to).await.unwrap().is_good());
        assert_eq!(from.contents().await, to.contents().await);
    }
}

/// Stopped behind each page of every part, until nothing is left to do.
#[tokio::test]
async fn page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let [from, to] = ["from.db", "to.db"].map(|name| Kept::sqlite(dir.path(), name));
    filled(&from).await;
    let mut parts = 1;
    let report = loop {
        match until(&from, &to, 1, is_page).await {
            Some(report) => break report,
            None => parts += 1,
        }
    };
    assert!(report.is_good() && parts > 20, "{parts}: {report:?}");
    assert!(report.tables.iter().all(|table| table.written == 0), "the last part found all of it there");
    assert_eq!(from.contents().await, to.contents().await);
}

/// Between two parts the server was started again: those who wrote are copied anew, and nobody else.
async fn moved_between(from: Kept, to: Kept) {
    filled(&from).await;
    let chains = |progress: &Progress<'_>| matches!(progress, Progress::Copied { table: "audit_heads", .. });
    assert!(until(&from, &to, 2, chains).await.is_none());
    let store = from.open().await.unwrap();
    let a = tenant("a");
    let was = crate::make::head(&*store, &a).await.seq.0;
    commit(&*store, set(&a, 900, vec![Change::EraseMemory(memory(&a, 13).tombstone())])).await.unwrap();
    commit(&*store, set(&a, 901, vec![Change::InsertMemory(memory(&a, 90))])).await.unwrap();
    commit(&*store, set(&tenant("new"), 1, Vec::new())).await.unwrap();
    drop(store);
    let mut told = Vec::new();
    let listen = &mut |progress: Progress<'_>| {
        if let Progress::Again(moved) = progress {
            told.push(moved.clone());
        }
        ControlFlow::Continue(())
    };
    let report = copy_while(&from, &to, PAGE_ROWS, listen).await.unwrap();
    assert!(report.is_good(), "{report:?}");
    assert_eq!(report.moved, told);
    let [moved] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((&moved.tenant, moved.was, moved.is), (&a, was, was + 2));
    assert_eq!(from.contents().await, to.contents().await);
    let events = report.tables.iter().find(|table| table.table == "audit_events").unwrap();
    assert!(events.written < events.source, "{events:?}");
}

#[tokio::test]
async fn a_sqlite_source_may_go_on_between_two_parts() {
    let dir = tempfile::tempdir().unwrap();
    moved_between(Kept::sqlite(dir.path(), "from.db"), Kept::sqlite(dir.path(), "to.db")).await;
}

#[tokio::test]
async fn a_postgres_source_may_go_on_between_two_parts() {
    let (Some(from), Some(to)) = (Kept::postgres().await, Kept::postgres().await) else { return };
    moved_between(from, to).await;
}

#[tokio::test]
async fn what_differs_is_named_and_stays_closed() {
    let dir = tempfile::tempdir().unwrap();
    let mut targets = vec![Kept::sqlite(dir.path(), "to.db")];
    targets.extend(Kept::postgres().await);
    let from = Kept::sqlite(dir.path(), "from.db");
    filled(&from).await;
    for to in targets {
        let comparing = |progress: &Progress<'_>| matches!(progress, Progress::Compared { .. });
        assert!(until(&from, &to, 1, comparing).await.is_none());
        to.execute("UPDATE memories SET document = document || ' ' WHERE tenant = 't_b'").await;
        to.execute("UPDATE audit_events SET text = text || ' ' WHERE tenant = 't_a' AND seq = 7").await;
        to.execute("DELETE FROM checkpoints WHERE tenant = 't_b' AND number = 1").await;
        to.execute("INSERT INTO active_policy VALUES ('t_z', 'h')").await;
        let report = copy(&from, &to).await.unwrap();
        assert!(!report.is_good());
        let named: Vec<_> = report.differences.iter().map(|one| (one.tenant.as_str(), one.table)).collect();
        assert_eq!(named, [("t_a", "audit_events"), ("t_b", "memories"), ("t_b", "checkpoints")]);
        let broken: Vec<_> = report.chains.iter().filter(|(_, found)| !found.ok).collect();
        assert_eq!(broken.first().map(|(tenant, _)| tenant.as_str()), Some("t_a"), "{broken:?}");
        let policies = report.tables.iter().find(|table| table.table == "active_policy").unwrap();
        assert_eq!((policies.source, policies.target), (2, 3));
        is_refused(&to).await;
    }
}
