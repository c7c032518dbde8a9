//! `memoryscope policy …`: checked and explained without a server, activated under one that runs.

use std::fs;
use std::path::Path;

use crate::memories::{create, reading};
use crate::process::{Server, run, sql};

const STRICT: &str = "policy_version: team_2026_01
extends: builtin/default
rules:
  - id: no_suggestions
    when:
      memory.type: preference
      request.purpose: recommendation
    then:
      allow_read: false
      reason: Nobody wants suggestions.
";

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("a file");
}

#[test]
fn check_names_every_mistake_and_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "good.yaml", STRICT);
    insta::assert_snapshot!(run(folder, &["policy", "check", "good.yaml"]).expect(0).out);
    let good = run(folder, &["policy", "check", "good.yaml", "--json"]).expect(0).json();
    assert_eq!((&good["valid"], &good["policy"]["policy_version"]), (&true.into(), &"team_2026_01".into()));
    write(
        folder,
        "bad.yaml",
        &STRICT.replace("allow_read", "allow_raed").replace("recommendation", "recomend"),
    );
    let bad = run(folder, &["policy", "check", "bad.yaml"]).expect(1);
    insta::assert_snapshot!(bad.out);
    let bad = run(folder, &["policy", "check", "bad.yaml", "--json"]).expect(1).json();
    assert_eq!((&bad["valid"], bad["errors"].as_array().map(Vec::len)), (&false.into(), Some(2)));
    assert_eq!(bad["errors"][0]["line"], 7, "{bad}");
    let none = run(folder, &["policy", "check", "none.yaml"]).expect(1);
    assert!(none.err.contains("cannot read none.yaml"), "{none:#?}");
}

#[test]
fn explain_says_what_is_decided_and_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "policy.yaml", STRICT);
    write(folder, "memory.yaml", "type: preference\nkind: preferences\nreadable_by_principal: true\n");
    let explain = ["policy", "explain", "policy.yaml", "--memory", "memory.yaml", "--purpose"];
    let denied = run(folder, &[&explain[..], &["recommendation"]].concat()).expect(0);
    assert!(denied.out.contains("no_suggestions"), "{denied:#?}");
    let effects = denied.out.split("\n\n").next().unwrap_or_default();
    insta::assert_snapshot!(effects);
    let allowed = run(folder, &[&explain[..], &["content_generation", "--json"]].concat()).expect(0).json();
    assert_eq!(allowed["trace"]["effects"]["allow_read"]["allowed"], true, "{allowed}");
    let strange = run(folder, &[&explain[..], &["fun"]].concat()).expect(1);
    assert!(strange.err.contains("--purpose must be one of: "), "{strange:#?}");
    let strange = run(folder, &[&explain[..], &["recommendation", "--role", "king"]].concat()).expect(1);
    assert!(strange.err.contains("--role must be one of: "), "{strange:#?}");
    write(folder, "memory.yaml", "type: preference\nkidn: preferences\n");
    let wrong = run(folder, &[&explain[..], &["recommendation"]].concat()).expect(1);
    assert!(wrong.err.contains("memory.yaml:2:1"), "{wrong:#?}");
}

#[test]
fn test_runs_a_table_of_cases() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "policy.yaml", STRICT);
    let case = |name: &str, allowed: bool| {
        format!(
            "  - name: {name}\n    request: {{purpose: recommendation}}\n    memory: {{type: preference, kind: \
             preferences, readable_by_principal: true}}\n    expect: {{allow_read: {allowed}}}\n"
        )
    };
    write(folder, "cases.yaml", &format!("cases:\n{}{}", case("closed", false), case("open", true)));
    let ours = run(folder, &["policy", "test", "cases.yaml", "--policy", "policy.yaml"]).expect(1);
    insta::assert_snapshot!(ours.out);
    let builtin = run(folder, &["policy", "test", "cases.yaml", "--json"]).expect(1).json();
    assert_eq!(
        (&builtin["failed"], &builtin["cases"][0]["name"]),
        (&1.into(), &"closed".into()),
        "{builtin}"
    );
    write(folder, "cases.yaml", &format!("cases:\n{}", case("closed", false)));
    run(folder, &["policy", "test", "cases.yaml", "--policy", "policy.yaml"]).expect(0);
}

#[test]
fn an_activated_policy_decides_under_a_running_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let folder = folder.path();
    let mut client = server.client();
    create(&mut client, "ada", "tea");
    let token = client.post("/memory/read", &reading("ada")).expect(200).text("revocation_token");
    let grant = serde_json::json!({"revocation_token": token});

    write(folder, "wrong.yaml", "policy_version: x\nrules: 3\n");
    let refused = run(folder, &["policy", "activate", "wrong.yaml"]).expect(1);
    assert!(refused.err.contains("wrong.yaml:2:"), "{refused:#?}");
    client.post("/memory/read/continue", &grant).expect(200);

    write(folder, "strict.yaml", STRICT);
    let said = run(folder, &["policy", "activate", "strict.yaml"]).expect(0).out;
    assert!(said.starts_with("team_2026_01 decides for t_default from now on (audit entry log_"), "{said}");
    // The very next read, and the grant that the old policy gave.
    let denied = client.post("/memory/read", &reading("ada")).expect(403);
    assert_eq!(denied.code(), "POLICY_DENIED");
    assert_eq!(client.post("/memory/read/continue", &grant).expect(403).code(), "POLICY_DENIED");
    let trace = &denied.json()["error"]["details"]["policy_trace"];
    assert_eq!(trace["policy_version"], "team_2026_01", "{trace}");

    // It stays, whatever policy the next server begins with, and it can be taken back.
    assert!(server.stop().0.success());
    let server = Server::start(folder);
    let mut client = server.client();
    client.post("/memory/read", &reading("ada")).expect(403);
    let open = STRICT.replace("allow_read: false", "max_age_days: 90").replace("2026_01", "2026_02");
    write(folder, "open.yaml", &open);
    run(folder, &["policy", "activate", "open.yaml"]).expect(0);
    client.post("/memory/read/continue", &grant).expect(200);
    run(folder, &["audit", "verify"]).expect(0);
}

#[test]
fn a_server_begins_with_the_policy_that_it_is_given() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "strict.yaml", STRICT);
    let server = Server::start_with(folder.path(), &["--policy", "strict.yaml"]);
    let mut client = server.client();
    create(&mut client, "ada", "tea");
    client.post("/memory/read", &reading("ada")).expect(403);
    write(folder.path(), "wrong.yaml", &STRICT.replace("allow_read", "allow_raed"));
    let refused =
        run(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--policy", "wrong.yaml"]).expect(1);
    assert!(refused.err.contains("wrong.yaml:9:"), "{refused:#?}");
    assert!(refused.out.is_empty(), "{refused:#?}");
}

#[test]
fn a_damaged_active_policy_closes_and_is_repaired_by_activating_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "strict.yaml", STRICT);
    let activate = ["policy", "activate", "strict.yaml"];
    let none = run(folder, &activate).expect(1);
    assert_eq!(none.err.trim_end(), "error: there is no database at memoryscope.db");
    assert!(!folder.join("memoryscope.db").exists());
    run(folder, &["migrate"]).expect(0);
    run(folder, &activate).expect(0);
    let again = run(folder, &activate).expect(0).out;
    assert_eq!(again.trim_end(), "team_2026_01 decides for t_default already; nothing was written");
    assert_eq!(sql(folder, "memoryscope.db", "SELECT count(*) FROM audit_events"), "1");
    for damaged in ["'rules: 3'", "replace(text, 'false', 'true')"] {
        let edit = format!("UPDATE policies SET text = {damaged} WHERE version = 'team_2026_01'");
        sql(folder, "memoryscope.db", &edit);
        let server = Server::start(folder);
        let mut client = server.client();
        client.post("/memory/read", &reading("ada")).expect(503);
        run(folder, &["audit", "verify"]).expect(0);
        run(folder, &activate).expect(0);
        client.post("/memory/read", &reading("ada")).expect(403);
        assert!(server.stop().0.success());
    }
}
