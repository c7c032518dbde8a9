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

const PLAIN: &str = "policy_version: plain\nextends: builtin/default\nrules: []\n";
const NO_STYLE: &str = "policy_version: no_style\nextends: builtin/default\nrules:\n  \
    - {id: no_impacts, when: {memory.type: impact}, then: {allow_read: false, reason: later}}\n";

#[test]
fn two_policies_are_compared_over_what_was_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    lived(folder);
    std::fs::write(folder.join("plain.yaml"), PLAIN).expect("a policy");
    std::fs::write(folder.join("no_style.yaml"), NO_STYLE).expect("a policy");
    let same = run(folder, &["policy", "diff", "plain.yaml", "plain.yaml", "--last", "1000"]).expect(0);
    assert_eq!(same.out, "0 of 15 recorded decisions change\n");
    let diff = ["policy", "diff", "plain.yaml", "no_style.yaml", "--last", "1000"];
    let said = run(folder, &diff).expect(1).out;
    assert!(said.contains("memory.query") && said.contains("memory.reconstruct"), "{said}");
    let described = run(folder, &[&diff[..], &["--json"]].concat()).expect(1).json();
    let recorded = &described["recorded"];
    assert_eq!((&recorded["evaluated"], &recorded["not_replayable"]), (&json!(15), &json!(0)));
    let changes = recorded["changes"].as_array().expect("changes");
    assert_eq!(changes.len() as u64, recorded["changed"].as_u64().expect("a count"));
    assert!(
        changes.iter().any(|one| one["operation"] == "memory.query" && one["removed"] == 1),
        "{changes:#?}"
    );
    assert!(changes.iter().all(|one| one["added"] == 0), "{changes:#?}");
    // Nothing was written, neither by looking nor by comparing.
    run(folder, &["replay", "--all"]).expect(0);
    let neither = run(folder, &["policy", "diff", "plain.yaml", "no_style.yaml"]).expect(2);
    assert!(neither.err.contains("--last <N>"), "{neither:#?}");
}

#[test]
fn warnings_fail_a_lint() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let shadowed = "policy_version: p\nextends: builtin/default\nrules:\n  \
        - {id: a, when: {memory.type: event}, then: {allow_read: false}}\n  \
        - {id: b, when: {memory.type: event, memory.state: active}, then: {allow_read: true}}\n";
    std::fs::write(folder.join("p.yaml"), shadowed).expect("a policy");
    std::fs::write(folder.join("plain.yaml"), PLAIN).expect("a policy");
    run(folder, &["policy", "check", "p.yaml"]).expect(0);
    let said = run(folder, &["policy", "lint", "p.yaml"]).expect(1).out;
    assert!(said.contains('b'), "{said}");
    run(folder, &["policy", "lint", "plain.yaml"]).expect(0);
}
