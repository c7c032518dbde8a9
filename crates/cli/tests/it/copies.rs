//! `memoryscope copy` between the engines: a server goes on where the other one stopped.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::memories::{create, list, reading};
use crate::places::Place;
use crate::process::{Server, binary, run, sql, until};

/// From the file to the server and back into another file: memories, grants, revocations and the chain come along.
#[test]
fn a_server_moves_to_postgresql_and_back() {
    let Some(there) = Place::postgres() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let server = Server::start(folder);
    let mut client = server.client();
    for number in 0..30 {
        create(&mut client, "ada", &format!("thing {number}"));
    }
    let granted = |client: &mut crate::http::Client| {
        let token = client.post("/memory/read", &reading("ada")).expect(200).text("revocation_token");
        json!({"revocation_token": token})
    };
    let (open, revoked) = (granted(&mut client), granted(&mut client));
    client.post("/memory/revoke", &revoked).expect(200);
    let ids = list(&mut client, "ada");
    let refused = run(folder, &["copy", "--to", there.url()]).expect(1);
    assert!(
        refused.err.contains("the source") && refused.err.contains("stop its server first"),
        "{refused:#?}"
    );
    assert!(server.stop().0.success());

    let said = run(folder, &["copy", "--to", there.url()]).expect(0);
    assert!(said.out.contains("copied sqlite://memoryscope.db to postgresql://test:***@"), "{said:#?}");
    assert!(
        said.out.lines().any(|line| line.split_whitespace().eq(["memories", "30", "30", "30"])),
        "{said:#?}"
    );
    run(there.folder(), &["audit", "verify"]).expect(0);
    let server = Server::start_with(there.folder(), &["--no-migrate"]);
    let mut client = server.client();
    assert_eq!(list(&mut client, "ada"), ids);
    client.post("/memory/read/continue", &open).expect(200);
    assert_eq!(client.post("/memory/read/continue", &revoked).expect(403).code(), "REVOKED");
    create(&mut client, "ada", "written on PostgreSQL");
    let ids = list(&mut client, "ada");
    assert!(server.stop().0.success());

    // The target is DATABASE_URL, the source is named, and the other way round.
    let again = run(folder, &["copy", "--to", there.url()]).expect(1);
    assert!(
        again.err.contains("the target") && again.err.contains("there is data in it already"),
        "{again:#?}"
    );
    let back = ["copy", "--from", there.url(), "--database-url", "sqlite://back.db", "--json"];
    let told = run(folder, &back).expect(0).json();
    let entries = told["chains"][0]["entries"].as_u64().expect("a count");
    assert!(told["ok"] == true && entries > 34, "{told:#}");
    assert_eq!((&told["moved"], &told["differences"]), (&json!([]), &json!([])));
    assert!(!told.to_string().contains(password(there.url())), "{told:#}");
    let server = Server::start_with(folder, &["--database-url", "sqlite://back.db"]);
    assert_eq!(list(&mut server.client(), "ada"), ids);
    assert!(server.stop().0.success());
}

/// What stands between the user's name and the host.
fn password(url: &str) -> &str {
    url.split_once("://test:").and_then(|(_, rest)| rest.split_once('@')).expect("a password").0
}

/// Killed when so much has arrived, and called again until it is all there.
#[test]
fn a_copy_that_is_killed_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let server = Server::start(folder);
    let mut client = server.client();
    for number in 0..300 {
        create(&mut client, "ada", &format!("thing {number}"));
    }
    let ids = list(&mut client, "ada");
    assert!(server.stop().0.success());
    let arrived = || fs::metadata(folder.join("to.db-wal")).map_or(0, |log| log.len());
    for bytes in [1, 60_000, 200_000] {
        let mut command = binary(folder);
        command.args(["copy", "--to", "sqlite://to.db"]).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::null()).spawn().expect("it starts");
        // It may be faster than we look.
        until("some of it has arrived", || {
            (arrived() >= bytes || child.try_wait().expect("a child").is_some()).then_some(())
        });
        let _ = child.kill();
        child.wait().expect("a child");
    }
    let told = run(folder, &["copy", "--to", "sqlite://to.db", "--json"]);
    // Where the last one was whole before it was killed, there is nothing left to do.
    assert!(told.code == Some(0) || told.err.contains("there is data in it already"), "{told:#?}");
    let server = Server::start_with(folder, &["--database-url", "sqlite://to.db", "--no-migrate"]);
    assert_eq!(list(&mut server.client(), "ada"), ids);
    assert!(server.stop().0.success());
    run(folder, &["audit", "verify", "--database-url", "sqlite://to.db"]).expect(0);
}

/// Two files with no PostgreSQL at all; the chain of one of them was changed.
#[test]
fn a_broken_chain_is_told_and_the_copy_stays_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let server = Server::start(folder);
    for number in 0..5 {
        create(&mut server.client(), "ada", &format!("thing {number}"));
    }
    assert!(server.stop().0.success());
    let to = ["copy", "--to", "sqlite://to.db"];
    run(folder, &to).expect(0);
    sql(
        folder,
        "memoryscope.db",
        "UPDATE audit_events SET text = replace(text, 'allowed', 'denied') WHERE seq = 3",
    );
    fs::remove_file(folder.join("to.db")).expect("a file");
    let said = run(folder, &to).expect(1);
    assert!(said.out.contains("the chain of t_default is BROKEN at 3: edited"), "{said:#?}");
    assert!(said.out.contains("no server opens it"), "{said:#?}");
    let told: Value = run(folder, &[&to[..], &["--json"]].concat()).expect(1).json();
    assert_eq!((&told["ok"], &told["chains"][0]["first_broken_seq"]), (&json!(false), &json!(3)), "{told:#}");
    for command in ["serve", "migrate", "audit verify", "backup --out b.db"] {
        let words: Vec<&str> = command.split(' ').chain(["--database-url", "sqlite://to.db"]).collect();
        let refused = run(folder, &words).expect(1);
        assert!(refused.err.contains("only a part of a copy is in it"), "{refused:#?}");
    }
    assert!(!folder.join("b.db").exists());
    // The source was only read.
    sql(
        folder,
        "memoryscope.db",
        "UPDATE audit_events SET text = replace(text, 'denied', 'allowed') WHERE seq = 3",
    );
    run(folder, &["audit", "verify"]).expect(0);
}

#[test]
fn flags_that_name_nothing_are_refused_and_not_quoted() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let none = run(folder, &["copy"]).expect(1);
    assert!(none.err.contains("--from or --to"), "{none:#?}");
    for url in ["postgres://u:s3cret@/d", "s3cret", "mysql://u:s3cret@h/d"] {
        let wrong = run(folder, &["copy", "--to", url]).expect(1);
        assert!(wrong.err.contains("--to must be sqlite://PATH or"), "{wrong:#?}");
        assert!(!wrong.err.contains("cret"), "{wrong:#?}");
    }
    let absent = run(folder, &["copy", "--to", "sqlite://to.db"]).expect(1);
    assert!(
        absent.err.contains("the source") && absent.err.contains("there is no database at"),
        "{absent:#?}"
    );
    assert_eq!(fs::read_dir(folder).expect("a folder").count(), 0);
    let nowhere =
        run(folder, &["copy", "--from", "postgres://u:s3cret@127.0.0.1:1/d", "--to", "sqlite://to.db"])
            .expect(1);
    assert!(nowhere.err.contains("postgresql://u:***@127.0.0.1:1/d"), "{nowhere:#?}");
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let Some(there) = Place::postgres() else { return };
    there.sql("CREATE TABLE stuff (x int); INSERT INTO stuff VALUES (1)");
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    run(folder, &["migrate"]).expect(0);
    let said = run(folder, &["copy", "--from", "sqlite://memoryscope.db", "--to", there.url()]).expect(1);
    assert!(said.err.contains("database of another program"), "{said:#?}");
    // Nothing of ours is there.
    there.sql("DO $$ BEGIN ASSERT to_regclass('memories') IS NULL; END $$");
    let said = run(folder, &["copy", "--from", "sqlite://memoryscope.db"]).expect(1);
    assert!(said.err.contains("name the target"), "{said:#?}");
}
