//! PostgreSQL stops as by a crash and starts again while clients write through two servers.
//!
//! Each client sends every write with an idempotency key, and again with the same key until it is acknowledged. In
//! the end every write is there, once. `scripts/postgres-restarts 50` does the same more often.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::cluster::Encrypted;
use crate::http::{Answer, Client};
use crate::memories::{Export, list, memory, reading};
use crate::places::Place;
use crate::process::{DEADLINE, Server, run, verify_with_python};

const CLIENTS: usize = 8;
/// In the suite; `MEMORYSCOPE_TEST_RESTARTS` asks for more.
const ROUNDS: u64 = 10;
/// After a start everything must work again within this time.
const RECOVERY: Duration = Duration::from_secs(10);

/// What all clients share.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    acknowledged: AtomicU64,
    /// Answers that said that the database is away.
    unavailable: AtomicU64,
}

impl Load {
    /// Waits until so many more writes were acknowledged; gives back how long that took.
    fn goes_on(&self, more: u64, within: Duration) -> Duration {
        let begun = Instant::now();
        let wanted = self.acknowledged.load(Ordering::Relaxed) + more;
        while self.acknowledged.load(Ordering::Relaxed) < wanted {
            assert!(begun.elapsed() < within, "it does not go on within {within:?}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        begun.elapsed()
    }

    /// One write after the other, each until it is acknowledged; gives back the ids.
    fn write(&self, user: &str, client: &mut Client) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        let mut number = 0;
        while !self.stop.load(Ordering::Relaxed) {
            number += 1;
            let id = self.once(client, user, &format!("{user}-{number}"));
            assert!(ids.insert(id), "two writes were given one id");
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(ids.len(), number);
        ids
    }

    /// The same request until it is acknowledged.
    fn once(&self, client: &mut Client, user: &str, key: &str) -> String {
        let body = memory(user, key).to_string();
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < DEADLINE, "{key} is never acknowledged");
            let answer =
                client.send("POST", "/memory", &headers, body.as_bytes()).expect("the server is there");
            match answer.status {
                201 => return answer.text("id"),
                503 => {
                    assert!(answer.header("retry-after").is_some(), "{answer:?}");
                    self.unavailable.fetch_add(1, Ordering::Relaxed);
                    std::thread::park_timeout(Duration::from_millis(20));
                }
                _ => panic!("{key}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)),
            }
        }
    }
}

/// How often it is stopped. A campaign sets more.
fn rounds() -> u64 {
    std::env::var("MEMORYSCOPE_TEST_RESTARTS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

#[test]
fn every_write_is_there_once_however_often_the_database_crashes() {
    let Some((place, cluster)) = Place::private_postgres(Encrypted::No) else { return };
    let servers = [Server::start(place.folder()), Server::start(place.folder())];
    let load = Load::default();
    let mut longest = Duration::ZERO;
    let written: BTreeMap<String, BTreeSet<String>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (user, load) = (format!("writer-{number}"), &load);
                let mut client = servers[number % servers.len()].client();
                let name = user.clone();
                (user, scope.spawn(move || load.write(&name, &mut client)))
            })
            .collect();
        for round in 0..rounds() {
            load.goes_on(20 + round * 7 % 40, DEADLINE);
            cluster.stop_at_once();
            if round % 8 == 1 {
                // Long enough for the servers to give up and say so.
                std::thread::park_timeout(Duration::from_secs(7));
            }
            cluster.start();
            longest = longest.max(load.goes_on(CLIENTS as u64 * 2, RECOVERY));
        }
        load.stop.store(true, Ordering::Relaxed);
        clients.into_iter().map(|(user, client)| (user, client.join().expect("a client"))).collect()
    });
    for server in &servers {
        server.ready();
    }
    println!(
        "{} writes acknowledged, {} times told that the database is away; longest recovery {longest:?}",
        load.acknowledged.load(Ordering::Relaxed),
        load.unavailable.load(Ordering::Relaxed),
    );
    for (number, (user, ids)) in written.iter().enumerate() {
        let mut client = servers[number % servers.len()].client();
        assert_eq!(list(&mut client, user), *ids, "{user}: lost, or twice");
        go_on(&mut client, user);
    }
    for server in servers {
        assert!(server.stop().0.success());
    }
    let verified = run(place.folder(), &["audit", "verify", "--json"]).expect(0);
    assert_eq!(verified.json()["ok"], true, "{}", verified.out);
    run(place.folder(), &["audit", "export", "--out", "export.jsonl"]).expect(0);
    verify_with_python(place.folder(), &["export.jsonl"]).expect(0);
    let text = std::fs::read_to_string(place.folder().join("export.jsonl")).expect("an export");
    assert_eq!(Export::read(&text).memories("MEMORY_WRITE"), written.into_values().flatten().collect());
}

/// Grants work again, too.
fn go_on(client: &mut Client, user: &str) -> Answer {
    let token = client.post("/memory/read", &reading(user)).expect(200).text("revocation_token");
    client.post("/memory/read/continue", &json!({"revocation_token": token})).expect(200)
}
