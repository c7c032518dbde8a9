//! Backup while others write, and restore: what was acknowledged before is there, and what is damaged is refused.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::http::Client;
use crate::memories::{create, list, memory};
use crate::process::{Server, run, sql};

/// Makes a folder with a server's database of some memories, and answers their ids.
fn some(folder: &Path) -> BTreeSet<String> {
    let server = Server::start(folder);
    let mut client = server.client();
    let ids = (0..20).map(|number| create(&mut client, "ada", &format!("thing {number}"))).collect();
    assert!(server.stop().0.success());
    ids
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_acknowledged_before_a_backup_under_load_is_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("another");
    let server = Server::start(folder.path());
    let mut client = server.client();
    let before: BTreeSet<String> =
        (0..50).map(|number| create(&mut client, "ada", &format!("thing {number}"))).collect();
    let (stop, address) = (AtomicBool::new(false), server.address);
    let (written, told) = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let stop = &stop;
                scope.spawn(move || {
                    let (mut client, mut count) = (Client::new(address), 0);
                    while !stop.load(Ordering::Relaxed) {
                        let body = memory(&format!("writer-{writer}"), &format!("thing {count}"));
                        client.post("/memory", &body).expect(201);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let told: Vec<Value> = (0..3)
            .map(|number| {
                let out = elsewhere.path().join(format!("backup-{number}.db"));
                let out = out.to_str().expect("UTF-8");
                run(folder.path(), &["backup", "--out", out, "--json"]).expect(0).json()
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        (writers.into_iter().map(|writer| writer.join().expect("a writer")).sum::<u64>(), told)
    });
    assert!(server.stop().0.success());
    let entries: Vec<u64> =
        told.iter().map(|told| told["chains"][0]["entries"].as_u64().expect("a count")).collect();
    assert!(entries.is_sorted() && entries[0] >= 50 && entries[2] <= 50 + written, "{entries:?} {written}");
    assert!(entries[2] > 50, "nothing was written meanwhile: {entries:?}");

    let files = names(elsewhere.path());
    assert_eq!(files.len(), 6, "{files:?}");
    let backup = elsewhere.path().join("backup-2.db");
    for name in &files {
        let mode = fs::metadata(elsewhere.path().join(name)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }

    let fresh = tempfile::tempdir().expect("a third");
    let from = backup.to_str().expect("UTF-8");
    let restored = run(fresh.path(), &["restore", "--from", from, "--json"]).expect(0).json();
    assert_eq!(restored["chains"], told[2]["chains"]);
    assert_eq!(names(fresh.path()), ["memoryscope.db"]);
    assert!(run(fresh.path(), &["audit", "verify"]).expect(0).out.contains("holds"));
    let server = Server::start(fresh.path());
    let mut client = server.client();
    assert_eq!(list(&mut client, "ada"), before);
    create(&mut client, "ada", "written after the restore");
    assert!(server.stop().0.success());
    run(fresh.path(), &["audit", "verify"]).expect(0);
}

#[test]
fn what_is_there_is_replaced_by_force_only_and_never_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let ids = some(folder.path());
    run(folder.path(), &["backup", "--out", "backup.db"]).expect(0);
    let again = run(folder.path(), &["backup", "--out", "backup.db"]).expect(1);
    assert!(again.err.contains("exists"), "{again:?}");
    let server = Server::start(folder.path());
    create(&mut server.client(), "ada", "after the backup");
    let refused = run(folder.path(), &["restore", "--from", "backup.db"]).expect(1);
    assert!(refused.err.contains("--force"), "{refused:?}");
    let refused = run(folder.path(), &["restore", "--from", "backup.db", "--force"]).expect(1);
    assert!(refused.err.contains("stop its server"), "{refused:?}");
    assert_eq!(list(&mut server.client(), "ada").len(), ids.len() + 1, "and the server goes on");
    // What is killed leaves a log, which must not be taken for that of the restored file.
    server.kill();
    run(folder.path(), &["restore", "--from", "backup.db", "--force"]).expect(0);
    let server = Server::start(folder.path());
    assert_eq!(list(&mut server.client(), "ada"), ids);
    assert!(server.stop().0.success());
    // A file that is no database any more can be replaced, too.
    fs::write(folder.path().join("memoryscope.db"), "damaged").expect("a file");
    run(folder.path(), &["restore", "--from", "backup.db", "--force"]).expect(0);
    run(folder.path(), &["audit", "verify"]).expect(0);
    let itself = run(folder.path(), &["restore", "--from", "memoryscope.db", "--force"]).expect(1);
    assert!(itself.err.contains("itself"), "{itself:?}");
}

#[test]
fn what_was_erased_since_is_not_brought_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let ids = some(folder);
    run(folder, &["backup", "--out", "before.db"]).expect(0);
    let server = Server::start(folder);
    let id = ids.first().expect("an id");
    let path = format!("/memory/{id}?user_id=ada");
    server.client().send("DELETE", &path, &[], b"").expect("an answer").expect(200);
    assert!(server.stop().0.success());
    let refused = run(folder, &["restore", "--from", "before.db", "--force"]).expect(1);
    assert!(refused.err.contains("before 1 values were erased"), "{refused:?}");
    assert!(!names(folder).iter().any(|name| name.ends_with(".restoring")));
    // The database is as it was, and a backup that knows of the erasure is restored.
    run(folder, &["backup", "--out", "after.db"]).expect(0);
    run(folder, &["restore", "--from", "after.db", "--force"]).expect(0);
    let server = Server::start(folder);
    assert_eq!(list(&mut server.client(), "ada").len(), ids.len() - 1);
    assert!(server.stop().0.success());
    // Elsewhere nothing is known of it.
    run(folder, &["restore", "--from", "before.db", "--database-url", "sqlite://elsewhere.db"]).expect(0);
    run(folder, &["audit", "verify"]).expect(0);
}

/// Damages a copy of the backup, with or without its digest, and says how the refusal went.
fn refused_after(folder: &Path, damage: impl FnOnce(&str)) -> String {
    fs::copy(folder.join("backup.db"), folder.join("damaged.db")).expect("a copy");
    damage("damaged.db");
    let said =
        run(folder, &["restore", "--from", "damaged.db", "--database-url", "sqlite://new.db"]).expect(1);
    assert!(!folder.join("new.db").exists() && !folder.join("new.db.restoring").exists());
    said.err
}

#[test]
fn a_damaged_backup_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    some(folder);
    run(folder, &["backup", "--out", "backup.db"]).expect(0);

    let file = folder.join("damaged.db");
    let bytes = || fs::read(&file).expect("a backup");
    let cut = refused_after(folder, |_| fs::write(&file, &bytes()[..bytes().len() / 2]).expect("a file"));
    assert!(cut.contains("cannot restore from damaged.db"), "{cut}");
    let noise = refused_after(folder, |_| {
        let mut bytes = bytes();
        let middle = (bytes.len() / 2) & !0xfff;
        bytes[middle..middle + 4_096].fill(0xa5);
        fs::write(&file, bytes).expect("a file");
    });
    assert!(noise.contains("contradicts itself") || noise.contains("malformed"), "{noise}");
    let other = refused_after(folder, |_| fs::write(&file, "not a database").expect("a file"));
    assert!(other.contains("cannot restore from damaged.db"), "{other}");
    let edited = refused_after(folder, |name| {
        sql(folder, name, "UPDATE audit_events SET text = replace(text, 'allowed', 'denied') WHERE seq = 7");
        sql(folder, name, "PRAGMA journal_mode = DELETE");
    });
    assert!(edited.contains("BROKEN at 7: edited; nothing was replaced"), "{edited}");
    let newer = refused_after(folder, |name| {
        sql(
            folder,
            name,
            "INSERT INTO schema_migrations VALUES (999, 'later', x'00', '2030-01-01T00:00:00Z')",
        );
        sql(folder, name, "PRAGMA journal_mode = DELETE");
    });
    assert!(newer.contains("999") && newer.contains("run a newer one"), "{newer}");
    // One letter of a memory: neither the structure nor the chain knows it, the digest does.
    let letter = refused_after(folder, |name| {
        fs::copy(folder.join("backup.db.sha256"), folder.join("damaged.db.sha256")).expect("a digest");
        sql(folder, name, "UPDATE memories SET document = replace(document, 'active', 'activf')");
        sql(folder, name, "PRAGMA journal_mode = DELETE");
    });
    assert!(letter.contains("its bytes are not those of damaged.db.sha256"), "{letter}");
}

#[test]
fn a_broken_chain_is_not_backed_up() {
    let folder = tempfile::tempdir().expect("a folder");
    some(folder.path());
    sql(folder.path(), "memoryscope.db", "DELETE FROM audit_events WHERE seq = 5");
    let refused = run(folder.path(), &["backup", "--out", "backup.db"]).expect(1);
    assert!(refused.err.contains("BROKEN at 5: gap"), "{refused:?}");
    assert!(names(folder.path()).iter().all(|name| name.starts_with("memoryscope.db")));
}

#[test]
fn of_two_backups_to_one_name_one_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    some(folder);
    let codes = thread::scope(|scope| {
        let make = || scope.spawn(|| run(folder, &["backup", "--out", "b.db"]).code);
        let both = [make(), make()];
        both.map(|one| one.join().expect("no panic"))
    });
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
    assert!(names(folder).iter().all(|name| !name.ends_with(".part")), "{:?}", names(folder));
    run(folder, &["restore", "--from", "b.db", "--database-url", "sqlite://r.db"]).expect(0);
    let mode = fs::metadata(folder.join("b.db.sha256")).expect("a digest").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // A digest without its backup is somebody's too.
    fs::write(folder.join("c.db.sha256"), "mine").expect("a file");
    let said = run(folder, &["backup", "--out", "c.db"]).expect(1);
    assert!(said.err.contains("c.db.sha256 exists"), "{said:?}");
    assert_eq!(fs::read_to_string(folder.join("c.db.sha256")).expect("a file"), "mine");
}

#[test]
fn what_is_no_backup_of_sqlite_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for (bytes, expect) in
        [("PGDMP and more", "backup of a PostgreSQL database"), ("a letter", "no SQLite database")]
    {
        fs::write(folder.join("b"), bytes).expect("a file");
        let said = run(folder, &["restore", "--from", "b"]).expect(1);
        assert!(said.err.contains(expect), "{said:?}");
    }
    assert_eq!(names(folder), ["b"], "nothing was made");
}
