//! The database is stopped as by a crash and started again while everybody writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use memoryscope_domain::change::Change;
use memoryscope_engine::port::{Store, StoreError};
use memoryscope_store::PostgresStore;

use super::{is_whole, stands};
use crate::cluster;
use crate::make::{commit, head, memory, set, tenant};

const TASKS: u64 = 8;
/// After a start everything must work again within this time.
const RECOVERY: Duration = Duration::from_secs(10);

/// How often it is stopped. A campaign sets more.
fn rounds() -> u64 {
    std::env::var("MEMORYSCOPE_TEST_RESTARTS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

struct Load {
    store: Arc<PostgresStore>,
    next: AtomicU64,
    stop: AtomicBool,
    acknowledged: AtomicU64,
}

impl Load {
    /// Writes one memory after the other; gives back which were acknowledged, each with its place, and which were not.
    async fn run(&self) -> (Vec<(u128, u64)>, Vec<u128>) {
        let a = tenant("a");
        let (mut acknowledged, mut open) = (Vec::new(), Vec::new());
        while !self.stop.load(Ordering::Relaxed) {
            let number = u128::from(self.next.fetch_add(1, Ordering::Relaxed));
            match commit(&*self.store, set(&a, number, vec![Change::InsertMemory(memory(&a, number))])).await
            {
                Ok(receipt) => {
                    acknowledged.push((number, receipt.seq.0));
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                Err(StoreError::Unavailable(_)) => {
                    open.push(number);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(why) => panic!("{why}"),
            }
        }
        (acknowledged, open)
    }

    /// Waits until so many more were acknowledged; gives back how long that took.
    async fn goes_on(&self, more: u64) -> Duration {
        let begun = Instant::now();
        let wanted = self.acknowledged.load(Ordering::Relaxed) + more;
        while self.acknowledged.load(Ordering::Relaxed) < wanted {
            assert!(begun.elapsed() < RECOVERY, "it does not go on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        begun.elapsed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_database_crashes() {
    let Some(cluster) = cluster::private(cluster::Encrypted::No) else { return };
    let database = cluster.empty_database().await;
    let store = Arc::new(database.open().await);
    let load = Arc::new(Load {
        store: Arc::clone(&store),
        next: AtomicU64::new(1),
        stop: AtomicBool::new(false),
        acknowledged: AtomicU64::new(0),
    });
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let load = Arc::clone(&load);
            tokio::spawn(async move { load.run().await })
        })
        .collect();
    let cluster = Arc::new(cluster);
    for round in 0..rounds() {
        load.goes_on(50 + round * 7 % 40).await;
        // Some find it back soon, some are told that it is away.
        let away = Duration::from_millis(if round % 3 == 1 { 8_000 } else { 50 });
        let restarting = Arc::clone(&cluster);
        let restart = tokio::task::spawn_blocking(move || {
            restarting.stop_at_once();
            std::thread::sleep(away);
            restarting.start();
        });
        restart.await.unwrap();
        let recovered = load.goes_on(20).await;
        println!("round {round}: working again after {} ms", recovered.as_millis());
        store.probe().await.unwrap();
    }
    load.stop.store(true, Ordering::Relaxed);
    let a = tenant("a");
    let (mut places, mut unknown) = (Vec::new(), 0);
    for task in tasks {
        let (acknowledged, open) = task.await.unwrap();
        for (number, seq) in acknowledged {
            assert_eq!(stands(&*store, &a, number).await, (true, true), "{number} was acknowledged");
            places.push(seq);
        }
        for number in open {
            let (memory, entry) = stands(&*store, &a, number).await;
            assert_eq!(memory, entry, "{number} is half there");
            unknown += u64::from(entry);
        }
    }
    is_whole(&*store, &a).await;
    places.sort_unstable();
    let count = places.len() as u64;
    places.dedup();
    assert_eq!(places.len() as u64, count, "two were given one place");
    assert_eq!(head(&*store, &a).await.seq.0, count + unknown);
}
