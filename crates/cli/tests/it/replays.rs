//! `memoryscope replay` on a store whose decisions come out as they were, and on one that somebody changed.

use std::path::Path;

use serde_json::{Value, json};

use crate::http::Client;
use crate::process::{Server, run, sql};

fn scope() -> Value {
    json!({"scope_type": "user", "scope_id": "ada"})
}

/// An event of Ada's, by its id.
fn store(client: &mut Client, text: &str) -> String {
    let event = json!({
        "tenant_id": "t_default", "scope": scope(), "type": "event", "truth_mode": "factual_claim",
        "content": {"format": "text", "language": "en", "text": text},
    });
    client.post("/v2/memories", &event).expect(201).text("id")
}

fn ask(client: &mut Client, purpose: &str) {
    let asked = json!({"tenant_id": "t_default", "scope": scope(), "purpose": purpose});
    client.post("/v2/memories/query", &asked);
    client.post("/v2/reconstruct", &asked);
    let gate = json!({
        "tenant_id": "t_default", "scope": scope(), "tool": "order", "purpose": purpose, "evidence_ids": [],
    });
    client.post("/v2/tools/gate", &gate).expect(200);
}

/// A store in which fifteen decisions can be made again.
fn lived(folder: &Path) {
    let server = Server::start(folder);
    let mut client = server.client();
    let first = store(&mut client, "Please use bullet points when you explain Lisbon.");
    let purposes = ["chat_response", "safety_filtering", "compliance_audit"];
    purposes.iter().for_each(|purpose| ask(&mut client, purpose));
    store(&mut client, "I'm allergic to peanuts.");
    let seal = json!({"tenant_id": "t_default"});
    client.post(&format!("/v2/memories/{first}/seal"), &seal).expect(200);
    purposes[..2].iter().for_each(|purpose| ask(&mut client, purpose));
    assert!(server.stop().0.success());
}

#[test]
fn decisions_come_out_as_they_were_until_somebody_changes_what_they_saw() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    lived(folder);
    insta::assert_snapshot!(run(folder, &["replay"]).expect(0).out, @r"
    TENANT     REPLAYED  IDENTICAL  DIFFERING  INPUTS ERASED  NOT REPLAYABLE
    t_default  15        15         0          0              0
    ");
    let last = run(folder, &["replay", "--last", "4", "--json"]).expect(0).json();
    assert_eq!((&last["ok"], &last["tenants"][0]["identical"]), (&json!(true), &json!(4)));
    let all = run(folder, &["replay", "--all", "--json"]).expect(0).json();
    assert_eq!(all["tenants"][0]["replayed"], 15);
    // Whoever changes what a memory says that was read changes what is read again.
    sql(folder, "memoryscope.db", "UPDATE memory_versions SET valid_to_seq = 2 WHERE version = 1");
    let differing = run(folder, &["replay", "--json"]).expect(1).json();
    assert_eq!(differing["ok"], false);
    assert!(differing["tenants"][0]["differing"].as_u64() > Some(0), "{differing:#}");
    let told = run(folder, &["replay"]).expect(1).out;
    assert!(told.contains("DIFFER in ") && told.contains("such as log_"), "{told}");
    let said = run(folder, &["replay", "--tenant", "t_nobody"]).expect(1);
    assert!(said.err.contains("there is no chain of t_nobody"), "{said:#?}");
}
