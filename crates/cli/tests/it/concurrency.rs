//! Many at once: first requests on an empty database, servers on one file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use crate::http::Client;
use crate::memories::{Export, create, list, reading};
use crate::places::Place;
use crate::process::{Server, run, verify_with_python};

/// Runs something so many times at once, and answers what came of each.
fn at_once<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (together, work) = (Barrier::new(count), &work);
    thread::scope(|scope| {
        let start = |number| {
            let together = &together;
            scope.spawn(move || {
                together.wait();
                work(number)
            })
        };
        let threads: Vec<_> = (0..count).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// The chain of the folder's database, which must hold for both verifiers.
fn chain(folder: &Path) -> Export {
    run(folder, &["audit", "verify"]).expect(0);
    run(folder, &["audit", "export", "--out", "export.jsonl"]).expect(0);
    verify_with_python(folder, &["export.jsonl"]).expect(0);
    let export = Export::read(&std::fs::read_to_string(folder.join("export.jsonl")).expect("an export"));
    let places = export.places();
    assert!(places.iter().copied().eq(1..=places.len() as u64), "gaps: {places:?}");
    export
}

fn first_requests(place: &Place) {
    let server = Server::start(place.folder());
    let ids = at_once(12, |number| {
        // The same person and others; each on a connection of its own.
        let user = if number % 2 == 0 { "ada".to_owned() } else { format!("user-{number}") };
        create(&mut server.client(), &user, &format!("thing {number}"))
    });
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 12);
    assert!(server.stop().0.success());
    let export = chain(place.folder());
    let firsts = export.entries.iter().filter(|entry| entry["seq"] == 1).count();
    assert_eq!(firsts, 1);
    assert_eq!(export.memories("MEMORY_WRITE"), ids.into_iter().collect());
}

#[test]
fn twelve_first_requests_at_once_make_one_chain() {
    first_requests(&Place::sqlite());
}

#[test]
fn twelve_first_requests_at_once_make_one_chain_on_postgresql() {
    Place::with_postgres(first_requests);
}

fn starts(place: &Place) {
    let servers = at_once(4, |_| Server::start(place.folder()));
    let ids = at_once(4, |number| create(&mut servers[number].client(), "ada", &format!("thing {number}")));
    for server in &servers {
        assert_eq!(list(&mut server.client(), "ada"), ids.iter().cloned().collect());
    }
    for server in servers {
        assert!(server.stop().0.success());
    }
    chain(place.folder());
}

#[test]
fn servers_that_start_at_once_on_no_database_all_start() {
    starts(&Place::sqlite());
}

#[test]
fn servers_that_start_at_once_on_an_empty_postgresql_all_start() {
    Place::with_postgres(starts);
}

fn two_servers(place: &Place) {
    const CLIENTS: usize = 8;
    const WRITES: usize = 40;
    let servers = [Server::start(place.folder()), Server::start(place.folder())];
    let ids: BTreeSet<String> = at_once(CLIENTS, |number| {
        let mut client = servers[number % 2].client();
        let write = |at| create(&mut client, "ada", &format!("thing {number} {at}"));
        (0..WRITES).map(write).collect::<Vec<_>>()
    })
    .into_iter()
    .flatten()
    .collect();
    assert_eq!(ids.len(), CLIENTS * WRITES);
    // Each sees what the other wrote, and what the other took back.
    let (mut one, mut other) = (servers[0].client(), servers[1].client());
    assert_eq!(list(&mut one, "ada"), ids);
    assert_eq!(list(&mut other, "ada"), ids);
    let token = one.post("/memory/read", &reading("ada")).expect(200).text("revocation_token");
    let grant = serde_json::json!({"revocation_token": token});
    other.post("/memory/revoke", &grant).expect(200);
    assert_eq!(one.post("/memory/read/continue", &grant).expect(403).code(), "REVOKED");
    forget(&mut other, &ids);
    assert!(list(&mut one, "ada").is_empty());
    for server in servers {
        assert!(server.stop().0.success());
    }
    assert_eq!(chain(place.folder()).memories("MEMORY_WRITE"), ids);
}

#[test]
fn two_servers_on_one_file_write_one_gapless_chain() {
    two_servers(&Place::sqlite());
}

#[test]
fn two_servers_on_one_postgresql_write_one_gapless_chain() {
    Place::with_postgres(two_servers);
}

fn forget(client: &mut Client, ids: &BTreeSet<String>) {
    for id in ids {
        client.send("DELETE", &format!("/memory/{id}?user_id=ada"), &[], b"").expect("an answer").expect(200);
    }
}
