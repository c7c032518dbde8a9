//! `memoryscope audit …` on chains that hold and on chains that somebody changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::memories::{create, reading};
use crate::process::{Said, Server, python, run, sql, verify_with_python};

/// The names of what a table prints in a run of its own.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_hexdigit() {
            digits.push(c);
            continue;
        }
        out.push_str(if digits.len() >= 32 { "HEX" } else { &digits });
        digits.clear();
        out.push(c);
    }
    out.trim_end().to_owned()
}

/// A database with a chain of seven entries, whose server has ended.
fn a_chain() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let mut client = server.client();
    for number in 0..5 {
        create(&mut client, "ada", &format!("thing {number}"));
    }
    client.post("/memory/read", &reading("ada")).expect(200);
    let denied = serde_json::json!({"user_id": "ada", "scope": "preferences", "purpose": "schedule"});
    client.post("/memory/read", &denied).expect(403);
    assert!(server.stop().0.success());
    folder
}

fn tamper(folder: &Path, statement: &str) {
    sql(folder, "memoryscope.db", statement);
}

/// What the two verifiers say of an export of the chain as it is.
fn export_and_verify(folder: &Path, code: i32, kept: Option<&str>) -> (Said, Said) {
    run(folder, &["audit", "export", "--out", "export.jsonl"]).expect(code);
    let ours = ["audit", "verify", "--file", "export.jsonl", "--json"];
    let (mut ours, mut theirs) = (ours.to_vec(), vec!["export.jsonl"]);
    if let Some(kept) = kept {
        ours.extend(["--checkpoints", kept]);
        theirs.extend(["--checkpoint", kept]);
    }
    (run(folder, &ours), verify_with_python(folder, &theirs))
}

#[track_caller]
fn check_broken(folder: &Path, kept: Option<&str>, seq: u64, reason: &str) {
    let mut arguments = vec!["audit", "verify"];
    if let Some(kept) = kept {
        arguments.extend(["--checkpoints", kept]);
    }
    let told = run(folder, &arguments).expect(1);
    assert!(told.out.contains(&format!("BROKEN at {seq}: {reason}")), "{told:#?}");
    arguments.push("--json");
    let found = run(folder, &arguments).expect(1).json();
    assert_eq!((&found["ok"], &found["chains"][0]["first_broken_seq"]), (&false.into(), &seq.into()));
    // A chain that is broken in the store is exported broken.
    let exits = i32::from(kept.is_none());
    let (ours, theirs) = export_and_verify(folder, exits, kept);
    assert_eq!(ours.expect(1).json()["chains"][0]["first_broken_seq"], seq);
    let theirs = theirs.expect(1);
    assert!(theirs.out.contains(&format!("broken seq={seq} ")), "{theirs:#?}");
}

#[test]
fn a_chain_that_holds() {
    let folder = a_chain();
    let folder = folder.path();
    insta::assert_snapshot!(run(folder, &["audit", "verify"]).expect(0).out, @r"
    CHAIN      ENTRIES  CHECKPOINTS  STATE
    t_default  7        0            holds
    ");
    // Looking is in the log, too.
    let again = run(folder, &["audit", "verify", "--json"]).expect(0).json();
    assert_eq!((&again["ok"], &again["chains"][0]["entries"]), (&true.into(), &8.into()));
    insta::assert_snapshot!(run(folder, &["audit", "export", "--out", "export.jsonl"]).expect(0).out,
        @"9 entries of t_default written to export.jsonl");
    let mode = fs::metadata(folder.join("export.jsonl")).expect("an export").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "an export may hold private texts");
    let second = verify_with_python(folder, &["export.jsonl"]).expect(0);
    assert!(second.out.contains(": ok entries=9 "), "{}", second.out);
    // On standard output it is the same chain, grown by what was asked meanwhile.
    let on_stdout = run(folder, &["audit", "export"]).expect(0).out;
    let in_file = fs::read_to_string(folder.join("export.jsonl")).expect("an export");
    let entries: Vec<&str> = in_file.lines().skip(1).collect();
    let all: Vec<&str> = on_stdout.lines().skip(1).collect();
    assert!(all.starts_with(&entries), "{on_stdout}");
    assert!(!on_stdout.contains("\"private\"") && !on_stdout.contains("\\\"ada"), "{on_stdout}");
    let private = run(folder, &["audit", "export", "--private"]).expect(0).out;
    assert!(private.contains("\"private\"") && private.contains("\\\"ada\\\""), "{private}");
}

#[test]
fn checkpoints_are_signed_kept_and_held_to() {
    let folder = a_chain();
    let folder = folder.path();
    let sign = ["audit", "checkpoint", "--key", "key", "--out", "kept.jsonl"];
    let said = run(folder, &sign).expect(0).out;
    insta::assert_snapshot!(without_ids(&said), @"signed entry 7 with public key HEX");
    let public = said.trim_end().rsplit(' ').next().expect("a key").to_owned();
    let mode = fs::metadata(folder.join("key")).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    run(folder, &sign).expect(0);
    let kept = fs::read_to_string(folder.join("kept.jsonl")).expect("checkpoints");
    assert_eq!(kept.lines().count(), 2, "the second stands behind the first");

    let verify = ["audit", "verify", "--checkpoints", "kept.jsonl", "--public-key"];
    let held = run(folder, &[&verify[..], &[&public, "--json"]].concat()).expect(0).json();
    assert_eq!(held["chains"][0]["ok"], true);
    assert_eq!(held["chains"][0]["checkpoint_keys"], serde_json::json!([public]));
    assert!(held["chains"][0]["checkpoints"].as_u64() >= Some(2), "{held}");
    run(folder, &["audit", "export", "--out", "export.jsonl"]).expect(0);
    let python = ["--key", &public, "--checkpoint", "kept.jsonl", "export.jsonl"];
    verify_with_python(folder, &python).expect(0);

    // Signed by somebody else's key: nothing that the checkpoints say counts.
    let other = run(folder, &["audit", "checkpoint", "--key", "other-key"]).expect(0).out;
    let other =
        serde_json::from_str::<serde_json::Value>(&other).expect("a checkpoint")["public_key"].clone();
    let other = other.as_str().expect("a key").to_owned();
    let refused = run(folder, &[&verify[..], &[&other]].concat()).expect(1);
    assert!(refused.out.contains("checkpoint_invalid"), "{refused:#?}");
    let strange = run(folder, &[&verify[..], &["abc"]].concat()).expect(1);
    assert!(strange.err.contains("--public-key"), "{strange:#?}");
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let folder = a_chain();
    let sign = ["audit", "checkpoint", "--key", "key"];
    run(folder.path(), &sign).expect(0);
    let key = folder.path().join("key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("permissions");
    let refused = run(folder.path(), &sign).expect(1);
    assert!(refused.err.contains("chmod 600") && refused.out.is_empty(), "{refused:#?}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("permissions");
    fs::write(&key, "not a key\n").expect("a file");
    let refused = run(folder.path(), &sign).expect(1);
    assert!(refused.err.contains("key") && !refused.err.contains("not a key"), "{refused:#?}");
}

#[test]
fn nothing_is_signed_that_cannot_be_kept() {
    let folder = a_chain();
    let sign = ["audit", "checkpoint", "--key", "key", "--out", "no/such/folder"];
    let refused = run(folder.path(), &sign).expect(1);
    assert!(refused.err.contains("cannot write no/such/folder"), "{refused:#?}");
    assert_eq!(sql(folder.path(), "memoryscope.db", "SELECT count(*) FROM checkpoints"), "0");
}

#[test]
fn an_edited_entry_is_named() {
    let folder = a_chain();
    let edit = "UPDATE audit_events SET text = replace(text, 'denied', 'allowed') WHERE seq = 7";
    tamper(folder.path(), edit);
    check_broken(folder.path(), None, 7, "edited");
    let sign = run(folder.path(), &["audit", "checkpoint", "--key", "key"]).expect(1);
    insta::assert_snapshot!(sign.err, @"error: the chain is BROKEN at 7: nothing was signed");
}

#[test]
fn a_removed_entry_is_named() {
    let folder = a_chain();
    tamper(folder.path(), "DELETE FROM audit_events WHERE seq = 4");
    check_broken(folder.path(), None, 4, "gap");
}

#[test]
fn an_edited_entry_is_named_whatever_checkpoints_are_held_to_it() {
    let folder = a_chain();
    let sign = ["audit", "checkpoint", "--key", "key", "--out", "kept.jsonl"];
    run(folder.path(), &sign).expect(0);
    // Behind what the checkpoint covers.
    run(folder.path(), &["audit", "verify"]).expect(0);
    tamper(folder.path(), "UPDATE audit_events SET text = text || ' ' WHERE seq = 9");
    let told = run(folder.path(), &["audit", "verify", "--checkpoints", "kept.jsonl"]).expect(1);
    assert!(told.out.contains("BROKEN at 9: edited"), "{told:#?}");
}

#[test]
fn a_cut_tail_is_found_with_a_checkpoint_that_was_kept() {
    let folder = a_chain();
    let folder = folder.path();
    run(folder, &["audit", "checkpoint", "--key", "key", "--out", "kept.jsonl"]).expect(0);
    // The tail goes, and with it everything in the store that tells of it.
    tamper(folder, "DELETE FROM audit_events WHERE seq > 5");
    tamper(folder, "DELETE FROM checkpoints");
    tamper(folder, "UPDATE audit_heads SET (seq, hash) = (SELECT seq, hash FROM audit_events WHERE seq = 5)");
    fs::copy(folder.join("memoryscope.db"), folder.join("cut.db")).expect("a copy");
    let alone = run(folder, &["audit", "verify", "--database-url", "sqlite://cut.db"]).expect(0);
    assert!(alone.out.contains("holds"), "the chain alone cannot know: {alone:#?}");
    let told = run(folder, &["audit", "verify", "--checkpoints", "kept.jsonl"]).expect(1);
    assert!(told.out.contains("BROKEN at 6: cut_tail"), "{told:#?}");
    // Looking at it made entries where others were: now it is another history.
    let (ours, theirs) = export_and_verify(folder, 0, Some("kept.jsonl"));
    let found = ours.expect(1).json()["chains"][0]["first_broken_seq"].clone();
    let theirs = theirs.expect(1);
    assert!(theirs.out.contains(&format!("broken seq={found} ")), "{found} {theirs:#?}");
}

#[test]
fn a_chain_that_is_gone_whole_is_found_with_a_checkpoint_that_was_kept() {
    let folder = a_chain();
    let folder = folder.path();
    run(folder, &["audit", "checkpoint", "--key", "key", "--out", "kept.jsonl"]).expect(0);
    for table in ["audit_events", "audit_heads", "checkpoints"] {
        tamper(folder, &format!("DELETE FROM {table}"));
    }
    let alone = run(folder, &["audit", "verify"]).expect(0);
    assert_eq!(alone.out.lines().count(), 1, "the store alone cannot know: {alone:#?}");
    let told = run(folder, &["audit", "verify", "--checkpoints", "kept.jsonl"]).expect(1);
    let (state, signers) = told.out.trim_end().rsplit_once('\n').expect("lines");
    assert!(signers.starts_with("t_default: checkpoints signed by "), "{signers}");
    insta::assert_snapshot!(state, @r"
    CHAIN      ENTRIES  CHECKPOINTS  STATE
    t_default  0        0            BROKEN at 1: cut_tail
    ");
    fs::write(folder.join("kept.jsonl"), "\n").expect("a file");
    let none = run(folder, &["audit", "verify", "--checkpoints", "kept.jsonl"]).expect(1);
    insta::assert_snapshot!(none.err, @"error: kept.jsonl holds no checkpoint");
}

#[test]
fn every_page_of_tenants_is_verified() {
    let folder = a_chain();
    // Chains of one entry, which name another tenant: one alone is broken.
    const PROGRAM: &str = "import sqlite3
db = sqlite3.connect('memoryscope.db')
db.executemany('INSERT INTO audit_heads VALUES (?, 0, zeroblob(32))', [(f't_n{n:05}',) for n in range(1005)])
db.execute(\"UPDATE audit_heads SET seq = 1 WHERE tenant = 't_n01004'\")
db.commit()
db.close()";
    python(folder.path(), &["-c", PROGRAM]).expect(0);
    let told = run(folder.path(), &["audit", "verify", "--json"]).expect(1).json();
    let chains = told["chains"].as_array().expect("chains");
    assert_eq!(chains.len(), 1_006);
    let broken: Vec<_> = chains.iter().filter(|it| it["ok"] == false).map(|it| &it["chain"]).collect();
    assert_eq!(broken, ["t_n01004"]);
}

#[test]
fn what_is_not_there_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let none = run(folder, &["audit", "verify"]).expect(1);
    insta::assert_snapshot!(none.err, @"error: there is no database at memoryscope.db");
    assert!(!folder.join("memoryscope.db").exists());
    run(folder, &["migrate"]).expect(0);
    for command in [&["audit", "verify"][..], &["audit", "export"], &["audit", "checkpoint", "--key", "key"]]
    {
        let said = run(folder, &[command, &["--tenant", "t_typo"]].concat()).expect(1);
        assert!(said.err.contains("there is no chain of t_typo"), "{said:#?}");
        assert!(said.out.is_empty(), "{said:#?}");
    }
    assert!(!folder.join("key").exists());
    assert_eq!(sql(folder, "memoryscope.db", "SELECT count(*) FROM audit_events"), "0");
    for file in ["no-such-file", "."] {
        run(folder, &["audit", "verify", "--file", file]).expect(1);
        run(folder, &["audit", "verify", "--checkpoints", file]).expect(1);
    }
}

#[test]
fn what_is_changed_beside_an_entry_is_named() {
    for (statement, verdict) in [
        (
            "UPDATE audit_events SET private = replace(private, 'ada', 'eve') WHERE seq = 3",
            "3: private_differs",
        ),
        ("UPDATE audit_events SET operation = 'MEMORY_WRITE' WHERE seq = 6", "6: index_differs"),
        ("UPDATE audit_events SET seq = -3 WHERE seq = 3", "3: gap"),
        ("DELETE FROM audit_heads", "1: head_differs"),
        ("UPDATE audit_heads SET seq = -1", "8: head_differs"),
    ] {
        let folder = a_chain();
        tamper(folder.path(), statement);
        let told = run(folder.path(), &["audit", "verify"]).expect(1);
        assert!(told.out.contains(&format!("BROKEN at {verdict}")), "{statement}: {told:#?}");
        assert_eq!(told.err.contains("could not be put in the chain"), statement.contains("audit_heads"));
        assert!(!told.err.contains("UNIQUE"), "{told:#?}");
    }
}

#[test]
fn the_second_verifier_says_when_it_was_asked_wrongly() {
    let folder = a_chain();
    let folder = folder.path();
    run(folder, &["audit", "export", "--out", "export.jsonl"]).expect(0);
    for wrong in [
        &["none.jsonl"][..],
        &["--checkpoint", "none.jsonl", "export.jsonl"],
        &["--key", "abc", "export.jsonl"],
    ] {
        let said = verify_with_python(folder, wrong).expect(2);
        assert_eq!((said.err.lines().count(), said.out.as_str()), (1, ""), "{said:#?}");
    }
}
