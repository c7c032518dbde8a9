//! A family that is too large for one commit, through kills and beside a second server: from the answer on nothing of it is read, and
//! in the end all of it has followed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::http::Client;
use crate::places::Place;
use crate::process::{Server, run, until};

const TENANT: &str = "t_default";
/// More than follow in one commit.
const CHILDREN: usize = 5_001;
const BATCH: usize = 1_000;

fn event(parents: &[&str]) -> Value {
    json!({
        "tenant_id": TENANT, "scope": {"scope_type": "user", "scope_id": "ada"}, "type": "event",
        "truth_mode": "factual_claim", "content": {"format": "text", "language": "en", "text": "Yes."},
        "provenance": {"derived_from": parents},
    })
}

fn one(client: &mut Client, parents: &[&str]) -> String {
    client.post("/v2/memories", &event(parents)).expect(201).text("id")
}

/// The root, its children, and below the first of these a chain of two.
fn large_family(client: &mut Client) -> (String, Vec<String>) {
    let root = one(client, &[]);
    let mut below = Vec::new();
    while below.len() < CHILDREN {
        let many = BATCH.min(CHILDREN - below.len());
        let mut item = event(&[&root]);
        item.as_object_mut().expect("an object").remove("tenant_id");
        let items = vec![item; many];
        let body = json!({"tenant_id": TENANT, "memories": items});
        let answer = client.post("/v2/memories/batch", &body).json();
        let stored = answer["results"].as_array().expect("results").iter();
        below.extend(stored.map(|result| result["id"].as_str().expect("stored").to_owned()));
    }
    for _ in 0..2 {
        let parent = below[if below.len() == CHILDREN { 0 } else { below.len() - 1 }].clone();
        below.push(one(client, &[&parent]));
    }
    (root, below)
}

fn is_pending(client: &mut Client, root: &str) -> bool {
    let answer = client.post(&format!("/v2/memories/{root}/revoke"), &json!({"tenant_id": TENANT}));
    answer.expect(200).json()["pending"].as_bool().expect("it says so")
}

/// Nothing of it is read: neither some of it by its id, nor any of it in lists.
fn nothing_is_read(client: &mut Client, below: &[String]) {
    let last = below.len() - 1;
    for id in [0, CHILDREN / 2, CHILDREN - 1, last - 1, last].map(|at| &below[at]) {
        for (purpose, user) in [("chat_response", "ada"), ("compliance_audit", "eve")] {
            for path in [format!("/v2/memories/{id}?"), format!("/v2/memories/{id}/history?")] {
                let headers = [("x-memoryscope-user", user), ("x-memoryscope-roles", "app")];
                let path = format!("{path}tenant_id={TENANT}&purpose={purpose}");
                assert_eq!(client.send("GET", &path, &headers, b"").expect("sent").status, 404, "{path}");
            }
        }
    }
    let body = json!({
        "tenant_id": TENANT, "scope": {"scope_type": "user", "scope_id": "ada"}, "purpose": "chat_response", "limit": 1000,
    });
    let answer = client.post("/v2/memories/query", &body).expect(200).json();
    let seen: BTreeSet<&str> =
        answer["memory_ids"].as_array().expect("ids").iter().filter_map(Value::as_str).collect();
    assert!(below.iter().all(|id| !seen.contains(id.as_str())));
}

/// What an auditor is shown of a memory's state.
fn state(client: &mut Client, id: &str) -> Option<String> {
    let path = format!("/v2/memories/{id}?tenant_id={TENANT}&purpose=compliance_audit");
    let headers = [("x-memoryscope-user", "eve"), ("x-memoryscope-roles", "auditor")];
    let answer = client.send("GET", &path, &headers, b"").expect("sent");
    (answer.status == 200).then(|| answer.json()["state"].as_str().expect("a state").to_owned())
}

fn followed(place: &Place, client: &mut Client, root: &str, below: &[String]) {
    until("all of it has followed", || (!is_pending(client, root)).then_some(()));
    for id in below {
        assert_eq!(state(client, id).as_deref(), Some("revoked"));
    }
    assert_eq!(run(place.folder(), &["audit", "verify"]).code, Some(0));
}

fn killed_between(place: &Place) {
    let server = Server::start(place.folder());
    let mut client = server.client();
    let (root, below) = large_family(&mut client);
    assert!(is_pending(&mut client, &root));
    server.kill();
    // Again and again, wherever it was.
    for _ in 0..2 {
        let server = Server::start(place.folder());
        nothing_is_read(&mut server.client(), &below);
        server.kill();
    }
    let server = Server::start(place.folder());
    followed(place, &mut server.client(), &root, &below);
}

#[test]
fn a_large_family_follows_through_kill_9() {
    killed_between(&Place::sqlite());
}

#[test]
fn a_large_family_follows_through_kill_9_on_postgresql() {
    Place::with_postgres(killed_between);
}

#[test]
fn two_servers_hide_it_at_once_and_both_let_it_follow() {
    Place::with_postgres(|place| {
        let servers = [Server::start(place.folder()), Server::start(place.folder())];
        let (mut first, mut second) = (servers[0].client(), servers[1].client());
        let (root, below) = large_family(&mut first);
        assert!(is_pending(&mut first, &root));
        nothing_is_read(&mut second, &below);
        nothing_is_read(&mut first, &below);
        followed(place, &mut second, &root, &below);
    });
}
