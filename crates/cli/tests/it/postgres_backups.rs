//! Backup and restore on PostgreSQL: the same promises as for a file, by PostgreSQL's own programs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::http::Client;
use crate::memories::{create, list, memory};
use crate::places::Place;
use crate::process::{Server, binary, run};

/// Makes a database of some memories, and answers their ids.
fn some(place: &Place) -> BTreeSet<String> {
    let server = Server::start(place.folder());
    let mut client = server.client();
    let ids = (0..20).map(|number| create(&mut client, "ada", &format!("thing {number}"))).collect();
    assert!(server.stop().0.success());
    ids
}

/// What is in the folder besides the settings.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != ".env");
    names.sort();
    names
}

#[test]
fn what_was_acknowledged_before_a_backup_under_load_is_restored() {
    let (Some(place), Some(fresh)) = (Place::postgres(), Place::postgres()) else { return };
    let server = Server::start(place.folder());
    let mut client = server.client();
    let before: BTreeSet<String> =
        (0..30).map(|number| create(&mut client, "ada", &format!("thing {number}"))).collect();
    let (stop, address) = (AtomicBool::new(false), server.address);
    let told: Vec<Value> = thread::scope(|scope| {
        for writer in 0..2 {
            let stop = &stop;
            scope.spawn(move || {
                let (mut client, mut count) = (Client::new(address), 0);
                while !stop.load(Ordering::Relaxed) {
                    let body = memory(&format!("writer-{writer}"), &format!("thing {count}"));
                    client.post("/memory", &body).expect(201);
                    count += 1;
                }
            });
        }
        let backup = |number: u32| {
            let out = format!("backup-{number}.dump");
            run(place.folder(), &["backup", "--out", &out, "--json"]).expect(0).json()
        };
        let told = (0..2).map(backup).collect();
        stop.store(true, Ordering::Relaxed);
        told
    });
    assert!(server.stop().0.success());
    let entries: Vec<u64> =
        told.iter().map(|told| told["chains"][0]["entries"].as_u64().expect("a count")).collect();
    assert!(entries.is_sorted() && entries[0] >= 30 && entries[1] > 30, "{entries:?}");
    let files = names(place.folder());
    assert_eq!(
        files,
        ["backup-0.dump", "backup-0.dump.sha256", "backup-1.dump", "backup-1.dump.sha256"],
        "nothing else is left"
    );
    for name in &files {
        let mode = fs::metadata(place.folder().join(name)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }

    let from = place.folder().join("backup-1.dump");
    let from = from.to_str().expect("UTF-8");
    let restored = run(fresh.folder(), &["restore", "--from", from, "--json"]).expect(0).json();
    for key in ["chains", "sha256", "bytes", "schema"] {
        assert_eq!(restored[key], told[1][key], "{key}");
    }
    assert!(run(fresh.folder(), &["audit", "verify"]).expect(0).out.contains("holds"));
    let server = Server::start_with(fresh.folder(), &["--no-migrate"]);
    let mut client = server.client();
    assert_eq!(list(&mut client, "ada"), before);
    create(&mut client, "ada", "written after the restore");
    assert!(server.stop().0.success());
    run(fresh.folder(), &["audit", "verify"]).expect(0);
}

#[test]
fn what_is_there_is_replaced_by_force_only_and_never_in_use() {
    let (Some(place), Some(foreign)) = (Place::postgres(), Place::postgres()) else { return };
    let folder = place.folder();
    let ids = some(&place);
    let said = run(folder, &["backup", "--out", "backup.dump"]).expect(0);
    assert!(
        said.out.contains("backed up to backup.dump: ") && said.out.contains("1 chain that holds"),
        "{said:#?}"
    );
    let again = run(folder, &["backup", "--out", "backup.dump"]).expect(1);
    assert!(again.err.contains("exists"), "{again:?}");
    let server = Server::start(folder);
    create(&mut server.client(), "ada", "after the backup");
    let refused = run(folder, &["restore", "--from", "backup.dump"]).expect(1);
    assert!(refused.err.contains("--force"), "{refused:?}");
    let refused = run(folder, &["restore", "--from", "backup.dump", "--force"]).expect(1);
    assert!(refused.err.contains("it is in use (memoryscope"), "{refused:?}");
    assert_eq!(list(&mut server.client(), "ada").len(), ids.len() + 1, "and the server goes on");
    assert!(server.stop().0.success());
    let said = run(folder, &["restore", "--from", "backup.dump", "--force"]).expect(0);
    assert!(said.out.contains("restored to postgresql://test:***@"), "{said:#?}");
    let server = Server::start(folder);
    assert_eq!(list(&mut server.client(), "ada"), ids);
    assert!(server.stop().0.success());

    // What only a part of a copy stood in is a good database afterwards.
    place.sql("CREATE TABLE transfer_progress (tenant TEXT)");
    assert!(run(folder, &["backup", "--out", "part.dump"]).expect(1).err.contains("only a part of a copy"));
    run(folder, &["restore", "--from", "backup.dump", "--force"]).expect(0);
    run(folder, &["audit", "verify"]).expect(0);
    // A newer program's is not ours to replace, another program's never.
    place.sql("INSERT INTO schema_migrations (number, name, checksum) VALUES (99, 'future', '')");
    let newer = run(folder, &["restore", "--from", "backup.dump", "--force"]).expect(1);
    assert!(newer.err.contains("its schema is at 99"), "{newer:#?}");
    foreign.sql("CREATE TABLE theirs (id int)");
    let from = folder.join("backup.dump");
    let from = from.to_str().expect("UTF-8");
    for force in [&[][..], &["--force"]] {
        let refused = run(foreign.folder(), &[&["restore", "--from", from], force].concat()).expect(1);
        assert!(refused.err.contains("a database of another program"), "{refused:#?}");
    }
}

#[test]
fn what_was_erased_since_is_not_brought_back() {
    let Some(place) = Place::postgres() else { return };
    let folder = place.folder();
    let ids = some(&place);
    run(folder, &["backup", "--out", "before.dump"]).expect(0);
    let server = Server::start(folder);
    let id = ids.first().expect("an id");
    let path = format!("/memory/{id}?user_id=ada");
    server.client().send("DELETE", &path, &[], b"").expect("an answer").expect(200);
    assert!(server.stop().0.success());
    let refused = run(folder, &["restore", "--from", "before.dump", "--force"]).expect(1);
    assert!(refused.err.contains("before 1 values were erased"), "{refused:?}");
    run(folder, &["backup", "--out", "after.dump"]).expect(0);
    run(folder, &["restore", "--from", "after.dump", "--force"]).expect(0);
    let server = Server::start(folder);
    assert_eq!(list(&mut server.client(), "ada").len(), ids.len() - 1);
    assert!(server.stop().0.success());
}

#[test]
fn a_damaged_backup_is_refused_before_anything_is_touched() {
    let (Some(place), Some(fresh)) = (Place::postgres(), Place::postgres()) else { return };
    some(&place);
    run(place.folder(), &["backup", "--out", "backup.dump"]).expect(0);
    let good = fs::read(place.folder().join("backup.dump")).expect("a backup");
    let digest = fs::read(place.folder().join("backup.dump.sha256")).expect("a digest");
    let folder = fresh.folder();
    let refused = |bytes: &[u8]| {
        fs::write(folder.join("damaged.dump"), bytes).expect("a file");
        let said = run(folder, &["restore", "--from", "damaged.dump"]).expect(1).err;
        assert!(said.contains("damaged.dump"), "{said}");
        said
    };
    let cut = refused(&good[..good.len() * 2 / 3]);
    assert!(cut.contains("pg_restore"), "{cut}");
    assert!(refused(b"not a dump").contains("no archive of pg_dump"), "a text");
    assert!(
        refused(b"SQLite format 3\0").contains("the backup of a SQLite database"),
        "a file of the other engine"
    );
    // The digest knows what the archive itself does not.
    fs::write(folder.join("damaged.dump.sha256"), digest).expect("a file");
    let mut other = good.clone();
    other.push(0);
    let letter = refused(&other);
    assert!(letter.contains("its bytes are not those of damaged.dump.sha256"), "{letter}");
    let status = run(folder, &["migrate", "--status"]).expect(1);
    assert!(status.out.contains(" no"), "nothing was made: {status:#?}");
    fs::write(folder.join("damaged.dump"), good).expect("a file");
    run(folder, &["restore", "--from", "damaged.dump"]).expect(0);
}

#[test]
fn a_broken_chain_is_not_backed_up() {
    let Some(place) = Place::postgres() else { return };
    some(&place);
    place.sql("DELETE FROM audit_events WHERE seq = 5");
    let refused = run(place.folder(), &["backup", "--out", "backup.dump"]).expect(1);
    assert!(refused.err.contains("BROKEN at 5: gap"), "{refused:?}");
    assert!(names(place.folder()).is_empty());
}

/// A program of that name in front of the real one, which keeps what it was told.
#[test]
fn a_password_is_in_no_argument() {
    const SPY: &str = r#"#!/bin/sh
[ "$1" = --version ] || { printf '%s\n' "$@" >> arguments; printf '%s\n' "$PGPASSWORD" >> passwords; }
here=$(dirname "$0"); name=$(basename "$0")
for place in $(ls -d /usr/lib/postgresql/*/bin | sort -rV) $(printf %s "$PATH" | tr : ' '); do
  [ "$place" = "$here" ] || [ ! -x "$place/$name" ] || exec "$place/$name" "$@"
done"#;
    let (Some(place), Some(fresh)) = (Place::postgres(), Place::postgres()) else { return };
    some(&place);
    let spies = tempfile::tempdir().expect("a folder");
    for name in ["pg_dump", "pg_restore"] {
        let spy = spies.path().join(name);
        fs::write(&spy, SPY).expect("a file");
        fs::set_permissions(&spy, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let path = std::env::var("PATH").expect("a path");
    let path = format!("{}:{path}", spies.path().display());
    let out = place.folder().join("backup.dump");
    let out = out.to_str().expect("UTF-8");
    for (place, arguments) in [(&place, ["backup", "--out", out]), (&fresh, ["restore", "--from", out])] {
        let output = binary(place.folder()).args(arguments).env("PATH", &path).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        let secret = place.url().split_once("://test:").and_then(|(_, rest)| rest.split_once('@'));
        let secret = secret.expect("a password").0;
        let text = |name: &str| fs::read_to_string(place.folder().join(name)).expect("what the spy kept");
        assert!(text("passwords").contains(secret), "it was told");
        assert!(text("arguments").contains("--no-password") && !text("arguments").contains(secret));
    }
}
