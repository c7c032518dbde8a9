//! A bad network between servers and their database: right answers or none, nothing lost, nothing left over.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use memoryscope_domain::change::Change;
use memoryscope_domain::ids::TenantId;
use memoryscope_engine::memory_store::MemoryStore;
use memoryscope_engine::port::{Select, Store as _, StoreError};
use memoryscope_store::PostgresStore;
use tokio::task::JoinHandle;

use super::faults::done;
use super::writers::{RECOVERY, Writers};
use super::{is_whole, stands};
use crate::cluster::{self, Database};
use crate::make::{first, load_of, memory, memory_id, send, set, tenant};
use crate::proxy::{Mode, Proxy};

const READERS: usize = 3;
const WRITERS: usize = 2;
/// How long a load waits here for a connection to be free.
const POOL: Duration = Duration::from_millis(400);
/// Longer than any statement takes, or any patience lasts.
const LONG: Duration = Duration::from_secs(30);

/// A database behind a bad network, and a store in front of it.
struct Setting {
    store: Arc<PostgresStore>,
    proxy: Proxy,
    database: Database,
}

impl Setting {
    /// With so much time for a statement and so much patience; none where there is no PostgreSQL.
    async fn new(statement: Duration, patience: Duration) -> Option<Self> {
        let database = cluster::shared().await?.database().await;
        let proxy = Proxy::start(database.port, 7).await;
        let config = database.config_behind(proxy.port(), "connect_timeout=1");
        let config = config.readers(READERS).writers(WRITERS).pool_timeout(POOL);
        let config = config.statement_timeout(statement).patience(patience);
        let store = Arc::new(PostgresStore::open(&config).await.unwrap());
        Some(Self { store, proxy, database })
    }

    /// Waits until the database has no more connections than that.
    async fn connections_shrink_to(&self, most: usize) {
        let most = i64::try_from(most).unwrap();
        let shrunk = async {
            while self.database.connections().await.0 > most {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(RECOVERY, shrunk).await.expect("no connection is left over");
    }

    /// Nothing is left over: no connection too many, none too few to be had, and none at all after the store.
    async fn ends_clean(self) {
        self.connections_shrink_to(READERS + WRITERS).await;
        Held::all(&self.store, &self.database).await.let_go().await;
        let Self { store, proxy, database } = self;
        let store = Arc::into_inner(store).expect("nobody else has the store");
        tokio::task::spawn_blocking(move || drop(store)).await.unwrap();
        let gone = async {
            while database.connections().await.0 > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(RECOVERY, gone).await.expect("no connection outlives the store");
        drop(proxy);
    }
}

/// All connections that read, each in use by a load that waits for a lock.
struct Held {
    loads: Vec<JoinHandle<Result<(), StoreError>>>,
    other: tokio_postgres::Client,
}

impl Held {
    async fn all(store: &Arc<PostgresStore>, database: &Database) -> Self {
        let other = database.connect().await;
        other.batch_execute("BEGIN; LOCK TABLE memories IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let loads = (0..READERS).map(|_| {
            let store = Arc::clone(store);
            tokio::spawn(async move { read(&store).await })
        });
        let loads = loads.collect();
        let readers = i64::try_from(READERS).unwrap();
        let waiting = async {
            while database.connections().await.1 < readers {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(RECOVERY, waiting).await.expect("every connection reads");
        Self { loads, other }
    }

    /// What waited is answered.
    async fn let_go(self) {
        self.other.batch_execute("ROLLBACK").await.unwrap();
        for load in self.loads {
            load.await.unwrap().unwrap();
        }
    }
}

async fn read(store: &PostgresStore) -> Result<(), StoreError> {
    store.load(&load_of(&tenant("a"), Select::Memories(vec![memory_id(1)]))).await.map(|_| ())
}

async fn write(store: &PostgresStore, tenant: &TenantId, number: u128) -> Result<(), StoreError> {
    let insert = set(tenant, number, vec![Change::InsertMemory(memory(tenant, number))]);
    send(store, insert).await.map(|_| ())
}

/// A number that was not tried yet.
fn next(tried: &mut Vec<u128>) -> u128 {
    tried.push(tried.len() as u128 + 1);
    tried.len() as u128
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_link_gives_right_answers() {
    let Some(setting) = Setting::new(LONG, LONG).await else { return };
    let expected = done(&MemoryStore::new(), &tenant("a")).await;
    setting.proxy.set(Mode::Slow(Duration::from_millis(50)));
    assert_eq!(done(&*setting.store, &tenant("a")).await, expected);
    assert_eq!(setting.proxy.broken(), 0);
    setting.proxy.set(Mode::Pass);
    setting.ends_clean().await;
}

/// Links end in the middle of results, wherever that is, are reset, and cannot be made again for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_on_links_that_break() {
    let Some(setting) = Setting::new(LONG, Duration::from_secs(2)).await else { return };
    let tenants = ["a", "b", "c"].map(tenant).into();
    let writers = Writers::start(vec![Arc::clone(&setting.store)], tenants, 6).await;
    let cuts = [1_000, 1_500, 2_500, 4_000, 7_000, 12_000, 20_000].map(Mode::CutAfter);
    let resets = [100, 50, 20].map(Mode::Reset);
    for mode in cuts.into_iter().chain([Mode::Refuse]).chain(resets) {
        let before = setting.proxy.broken();
        setting.proxy.set(mode);
        while setting.proxy.broken() < before + 12 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        setting.proxy.set(Mode::Pass);
        let recovered = writers.recover(20).await;
        println!("{mode:?}: working again after {} ms", recovered.as_millis());
        setting.connections_shrink_to(READERS + WRITERS).await;
    }
    writers.stop().await;
    setting.ends_clean().await;
}

/// Nothing answers, and nobody is told. Calls end all the same, and what they left is whole or absent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_swallows_everything_is_unavailable_until_it_is_back() {
    let statement = Duration::from_secs(1);
    // A connection to be free, an answer on one that was idle, a new connection and its first answer, each of the last
    // three waited for twice as long as is set. And as long again for a machine with other work.
    let bound = 2 * (POOL + 2 * statement + 4 * Duration::from_secs(1));
    let Some(setting) = Setting::new(statement, Duration::from_millis(500)).await else { return };
    let tenants = ["a", "b", "c", "d"].map(tenant);
    for tenant in &tenants {
        send(&*setting.store, first(set(tenant, 0, Vec::new()))).await.unwrap();
    }
    let mut tried = Vec::new();
    for _ in 0..2 {
        setting.proxy.set(Mode::BlackHole);
        let mut calls = Vec::new();
        for tenant in &tenants {
            for _ in 0..3 {
                let (store, tenant, number) = (Arc::clone(&setting.store), tenant.clone(), next(&mut tried));
                calls.push(tokio::spawn(async move { write(&store, &tenant, number).await }));
                let store = Arc::clone(&setting.store);
                calls.push(tokio::spawn(async move { read(&store).await }));
            }
        }
        let store = Arc::clone(&setting.store);
        calls.push(tokio::spawn(async move { store.probe().await.map(|_| ()) }));
        let answers = tokio::time::timeout(bound, join_all(calls)).await.expect("every wait has an end");
        for answer in answers {
            let answer = answer.unwrap();
            assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        }
        setting.proxy.set(Mode::Pass);
        let back = async {
            for tenant in &tenants {
                while let Err(why) = write(&setting.store, tenant, next(&mut tried)).await {
                    assert!(matches!(why, StoreError::Unavailable(_)), "{why}");
                }
            }
            read(&setting.store).await.unwrap();
        };
        tokio::time::timeout(RECOVERY, back).await.expect("it works again");
    }
    for tenant in &tenants {
        for number in &tried {
            let (memory, entry) = stands(&*setting.store, tenant, *number).await;
            assert_eq!(memory, entry, "{number} is half there");
        }
        is_whole(&*setting.store, tenant).await;
    }
    assert!(setting.proxy.connections() > 2 * WRITERS as u64, "connections were made anew");
}

/// Whoever finds every connection in use is told so, and the others are not disturbed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_is_used_up_is_unavailable_until_it_is_not() {
    let Some(setting) = Setting::new(LONG, LONG).await else { return };
    for _ in 0..3 {
        let held = Held::all(&setting.store, &setting.database).await;
        for answer in join_all((0..6).map(|_| read(&setting.store))).await {
            let Err(StoreError::Unavailable(why)) = answer else { panic!("{answer:?}") };
            assert!(why.contains("every connection"), "{why}");
        }
        held.let_go().await;
        for answer in join_all((0..READERS).map(|_| read(&setting.store))).await {
            answer.unwrap();
        }
    }
    setting.ends_clean().await;
}
