//! Revocations as those see them who read meanwhile, through another server of the same database.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::http::Client;
use crate::places::Place;
use crate::process::{Server, run};

const TENANT: &str = "t_default";

fn store(client: &mut Client, text: &str, parents: &[&str]) -> (String, Vec<String>) {
    let body = json!({
        "tenant_id": TENANT, "scope": {"scope_type": "user", "scope_id": "ada"}, "type": "event",
        "truth_mode": "factual_claim", "content": {"format": "text", "language": "en", "text": text},
        "provenance": {"derived_from": parents},
    });
    let answer = client.post("/v2/memories", &body).expect(201).json();
    let id = |value: &Value| value["id"].as_str().expect("an id").to_owned();
    (id(&answer), answer["derived"].as_array().expect("derived").iter().map(id).collect())
}

fn seen(client: &mut Client) -> BTreeSet<String> {
    let body = json!({
        "tenant_id": TENANT, "scope": {"scope_type": "user", "scope_id": "ada"},
        "purpose": "chat_response", "limit": 1000,
    });
    let answer = client.post("/v2/memories/query", &body).expect(200).json();
    let ids = answer["memory_ids"].as_array().expect("ids");
    ids.iter().map(|id| id.as_str().expect("an id").to_owned()).collect()
}

/// What began after a revocation was acknowledged shows nothing of it: neither by its id nor in a list, on whichever
/// server. What is asked while it is made shows all of the family or nothing.
fn revoked(place: &Place, servers: &[Server]) {
    let (first, last) = (&servers[0], &servers[servers.len() - 1]);
    for round in 0..6 {
        let mut writer = first.client();
        let (root, mut family) =
            store(&mut writer, &format!("Please use bullet points about Lisbon {round}."), &[]);
        let (child, below) = store(&mut writer, &format!("They said so in Porto {round}."), &[&root]);
        family.extend(below);
        family.extend([root.clone(), child]);
        let family: BTreeSet<String> = family.into_iter().collect();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut client = last.client();
                while !is_over.load(Ordering::SeqCst) {
                    let shown = seen(&mut client).intersection(&family).count();
                    assert!(shown == 0 || shown == family.len(), "{shown} of {}", family.len());
                }
            });
            let answer = writer.post(&format!("/v2/memories/{root}/revoke"), &json!({"tenant_id": TENANT}));
            let answer = answer.expect(200).json();
            let mut client = last.client();
            assert!(seen(&mut client).is_disjoint(&family), "round {round}");
            for id in &family {
                let path = format!("/v2/memories/{id}?tenant_id={TENANT}&purpose=chat_response");
                assert_eq!(
                    client.send("GET", &path, &[("x-memoryscope-user", "ada")], b"").expect("sent").status,
                    404
                );
            }
            assert_eq!(answer["propagated_to"].as_array().map(Vec::len), Some(family.len() - 1));
            is_over.store(true, Ordering::SeqCst);
            reader.join().expect("the reader saw the family whole or not at all");
        });
    }
    assert_eq!(run(place.folder(), &["audit", "verify"]).code, Some(0));
}

#[test]
fn nothing_is_read_of_what_was_revoked() {
    let place = Place::sqlite();
    revoked(&place, &[Server::start(place.folder())]);
}

#[test]
fn nothing_is_read_of_what_was_revoked_through_another_server() {
    Place::with_postgres(|place| {
        let servers = [Server::start(place.folder()), Server::start(place.folder())];
        revoked(place, &servers);
    });
}
