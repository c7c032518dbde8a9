//! Several servers on one database.

use std::sync::Arc;
use std::time::Duration;

use memoryscope_domain::change::{Change, ChangeSet, Expect};
use memoryscope_domain::memory::Memory;
use memoryscope_engine::port::{Select, Store, StoreError};
use memoryscope_store::PostgresStore;

use super::is_whole;
use super::writers::Writers;
use crate::cluster;
use crate::make::{commit, head, load, memory, memory_id, numbers, set, shelf, tenant};
use crate::proxy::{Mode, Proxy};

/// Change sets of each server and tenant.
const SETS: u128 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_make_one_chain_per_tenant() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let servers = [Arc::new(database.open().await), Arc::new(database.open().await)];
    let mut tasks = Vec::new();
    for (server, first) in servers.iter().zip([1, 1 + SETS]) {
        for name in ["a", "b"] {
            for number in first..first + SETS {
                let (server, tenant) = (Arc::clone(server), tenant(name));
                let insert = set(&tenant, number, vec![Change::InsertMemory(memory(&tenant, number))]);
                tasks
                    .push((name, tokio::spawn(async move { commit(&*server, insert).await.unwrap().seq.0 })));
            }
        }
    }
    let mut seqs = [Vec::new(), Vec::new()];
    for (name, task) in tasks {
        seqs[usize::from(name == "b")].push(task.await.unwrap());
    }
    for (name, mut seqs) in ["a", "b"].into_iter().zip(seqs) {
        seqs.sort_unstable();
        assert!(seqs.into_iter().eq(1..=u64::try_from(SETS * 2).unwrap()), "{name}");
        let tenant = tenant(name);
        for server in &servers {
            is_whole(&**server, &tenant).await;
            let found = numbers(&load(&**server, &tenant, Select::Preferences(shelf())).await);
            assert_eq!(found.len() as u128, SETS * 2);
        }
    }
}

/// The same over links that are slow and that break, each server's its own: one gapless chain per tenant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_bad_links_make_one_chain_per_tenant() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let (mut links, mut servers) = (Vec::new(), Vec::new());
    for seed in [1, 2] {
        let link = Proxy::start(database.port, seed).await;
        let config = database.config_behind(link.port(), "connect_timeout=5");
        servers.push(Arc::new(PostgresStore::open(&config).await.unwrap()));
        links.push(link);
    }
    let tenants = ["a", "b", "c", "d", "e", "f"].map(tenant).into();
    let writers = Writers::start(servers, tenants, 8).await;
    writers.go_on(100).await;
    for modes in [
        [Mode::Reset(30), Mode::Reset(30)],
        [Mode::Slow(Duration::from_millis(20)), Mode::Reset(100)],
        [Mode::CutAfter(6_000), Mode::Slow(Duration::from_millis(20))],
    ] {
        let before: u64 = links.iter().map(Proxy::broken).sum();
        for (link, mode) in links.iter().zip(modes) {
            link.set(mode);
        }
        while links.iter().map(Proxy::broken).sum::<u64>() < before + 10 {
            writers.go_on(10).await;
        }
        links.iter().for_each(|link| link.set(Mode::Pass));
        writers.recover(20).await;
    }
    writers.stop().await;
}

/// Everybody reads a memory, replaces what was read, and tries again on a conflict: no replacement is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_lose_no_replacement() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let servers = [Arc::new(database.open().await), Arc::new(database.open().await)];
    let a = tenant("a");
    commit(&*servers[0], set(&a, 1, vec![Change::InsertMemory(memory(&a, 1))])).await.unwrap();
    let tasks: Vec<_> = (0..8_u128)
        .map(|task| {
            let (server, a) = (Arc::clone(&servers[usize::from(task % 2 == 0)]), a.clone());
            tokio::spawn(async move {
                let mut done = 0;
                for number in 0..u128::MAX {
                    let snapshot = load(&*server, &a, Select::Memories(vec![memory_id(1)])).await;
                    let read = Memory::clone(&snapshot.facts.memories[0]);
                    let expects = vec![Expect::Memory { id: read.id, version: read.version }];
                    let next = Memory { version: read.version + 1, ..read };
                    let entry = 1_000 + task * 100_000 + number;
                    let replace = set(&a, entry, vec![Change::ReplaceMemory(next)]);
                    match commit(&*server, ChangeSet { expects, ..replace }).await {
                        Ok(_) => done += 1,
                        Err(StoreError::Conflict(_)) => {}
                        Err(why) => panic!("{why}"),
                    }
                    if done == 10 {
                        return;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let snapshot = load(&*servers[0], &a, Select::Memories(vec![memory_id(1)])).await;
    assert_eq!(snapshot.facts.memories[0].version, 81);
    assert_eq!(head(&*servers[1], &a).await.seq.0, 81);
    is_whole(&*servers[1], &a).await;
}

/// First commits of one new tenant from many servers at once: the row of its head is made once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_commits_of_a_tenant_may_come_from_everywhere() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let mut servers = Vec::new();
    for _ in 0..6 {
        servers.push(database.open().await);
    }
    for name in ["a", "b", "c", "d", "e"] {
        let tenant = tenant(name);
        let commits = servers.iter().zip(1..).map(|(server, number)| {
            let insert = set(&tenant, number, vec![Change::InsertMemory(memory(&tenant, number))]);
            commit(server, insert)
        });
        let answers = futures_util::future::join_all(commits).await;
        let mut seqs: Vec<u64> = answers.into_iter().map(|answer| answer.unwrap().seq.0).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
        is_whole(&servers[0], &tenant).await;
    }
}

/// A caller who gives up does not disturb the others, and leaves no connection in the middle of something.
#[tokio::test]
async fn a_caller_may_give_up() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let store = database.open().await;
    let a = tenant("a");
    let moment = std::time::Duration::from_nanos(1);
    for number in 1..=50 {
        let insert = commit(&store, set(&a, number, vec![Change::InsertMemory(memory(&a, number))]));
        let _ = tokio::time::timeout(moment, insert).await;
        let read = crate::make::load_of(&a, Select::Preferences(shelf()));
        let _ = tokio::time::timeout(moment, store.load(&read)).await;
    }
    commit(&store, set(&a, 100, Vec::new())).await.unwrap();
    let snapshot = load(&store, &a, Select::Preferences(shelf())).await;
    assert_eq!(numbers(&snapshot).len() as u64 + 1, snapshot.head.seq.0);
}

/// A plan that was made while the tables were empty still finds rows by their keys when they are not.
#[tokio::test]
async fn no_statement_walks_what_the_tenant_has() {
    let Some(cluster) = cluster::shared().await else { return };
    let database = cluster.database().await;
    let store = database.open().await;
    let a = tenant("a");
    for number in 1..=300 {
        let first = memory(&a, number);
        let second = Memory { version: 2, ..first.clone() };
        commit(&store, set(&a, number, vec![Change::InsertMemory(first)])).await.unwrap();
        commit(&store, set(&a, 1_000 + number, vec![Change::ReplaceMemory(second.clone())])).await.unwrap();
        load(&store, &a, Select::Memories(vec![second.id])).await;
        if number % 10 == 0 {
            let erase = Change::EraseMemory(second.tombstone());
            commit(&store, set(&a, 2_000 + number, vec![erase])).await.unwrap();
        }
    }
    drop(store);
    let client = database.connect().await;
    let sql = "SELECT indexrelname::text, idx_scan, idx_tup_read FROM pg_stat_user_indexes
               WHERE relname <> 'schema_migrations' AND idx_scan > 300";
    let mut rows = Vec::new();
    // A connection's counts are told when it ends, and that may take a moment.
    for _ in 0..100 {
        rows = client.query(sql, &[]).await.unwrap();
        if rows.len() >= 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(rows.len() >= 3, "heads, policies and memories are looked up");
    for row in rows {
        let (index, scans, read): (&str, i64, i64) = (row.get(0), row.get(1), row.get(2));
        assert!(read <= scans * 3, "{index}: {scans} scans read {read} rows");
    }
}
