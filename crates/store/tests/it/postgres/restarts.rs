//! The database is stopped as by a crash and started again while everybody writes.

use std::sync::Arc;
use std::time::Duration;

use memoryscope_engine::port::Store as _;

use super::writers::Writers;
use crate::cluster;
use crate::make::tenant;

const TASKS: usize = 8;

/// How often it is stopped. A campaign sets more.
fn rounds() -> u64 {
    std::env::var("MEMORYSCOPE_TEST_RESTARTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_database_crashes() {
    let Some(cluster) = cluster::private(cluster::Encrypted::No) else { return };
    let database = cluster.empty_database().await;
    let store = Arc::new(database.open().await);
    let writers = Writers::start(vec![Arc::clone(&store)], ["a", "b"].map(tenant).into(), TASKS).await;
    let cluster = Arc::new(cluster);
    for round in 0..rounds() {
        writers.go_on(50 + round * 7 % 40).await;
        // Some find it back soon, some are told that it is away.
        let away = Duration::from_millis(if round % 3 == 1 { 8_000 } else { 50 });
        let restarting = Arc::clone(&cluster);
        let restart = tokio::task::spawn_blocking(move || {
            restarting.stop_at_once();
            std::thread::sleep(away);
            restarting.start();
        });
        restart.await.unwrap();
        let recovered = writers.recover(20).await;
        println!("round {round}: working again after {} ms", recovered.as_millis());
        store.probe().await.unwrap();
    }
    writers.stop().await;
}
