//! What a server refuses to start with, and what it says then; and `memoryscope migrate`.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::process::{Said, Server, binary, run, sql};

/// Starts a server that must not start.
#[track_caller]
fn refused(folder: &Path, arguments: &[&str], environment: &[(&str, &str)], code: i32) -> String {
    let mut command = binary(folder);
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments).envs(environment.iter().copied());
    let said: Said = command.output().expect("the binary runs").into();
    let said = said.expect(code);
    assert!(said.out.is_empty(), "{said:#?}");
    said.err
}

#[test]
fn a_wrong_configuration_is_refused_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let environment =
        [("CORS_ORIGINS", "*"), ("LOG_LEVEL", "loud"), ("SENTRY_DSN", "https://k@sentry.example/1")];
    let said = refused(folder.path(), &["--request-timeout-seconds", "0"], &environment, 2);
    for part in [
        "--request-timeout-seconds",
        "LOG_LEVEL=\"loud\" (environment)",
        "* cannot go with CORS_ALLOW_CREDENTIALS=true (default)",
        #[cfg(not(feature = "sentry"))]
        "cargo build --release --features sentry",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!said.contains("k@sentry"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing was made");
}

#[test]
fn origins_and_credentials_that_go_together_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary(folder.path());
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command.envs([("CORS_ORIGINS", "*"), ("CORS_ALLOW_CREDENTIALS", "false")]);
    let server = Server::spawn(&mut command);
    let origin = [("origin", "https://app.example")];
    let answer = server.client().send("GET", "/version", &origin, b"").expect("an answer");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let said = run(folder.path(), &["serve", "--listen", &address]).expect(1);
    assert!(said.err.contains(&format!("cannot listen on {address}: ")), "{said:#?}");
    assert!(said.out.is_empty(), "{said:#?}");
}

#[test]
fn a_place_where_no_database_can_be_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let said = refused(folder, &["--database-url", "sqlite://no/such/folder/m.db"], &[], 1);
    assert!(said.contains("no/such/folder/m.db"), "{said}");
    fs::create_dir(folder.join("m.db")).expect("a folder");
    let said = refused(folder, &["--database-url", "sqlite://m.db"], &[], 1);
    assert!(said.contains("m.db"), "{said}");
    fs::write(folder.join("notes.txt"), "these are notes, not a database\n".repeat(100)).expect("a file");
    let said = refused(folder, &["--database-url", "sqlite://notes.txt"], &[], 1);
    assert!(said.contains("it is not a SQLite database"), "{said}");
    sql(folder, "other.db", "CREATE TABLE customers (name TEXT)");
    let before = fs::read(folder.join("other.db")).expect("a file");
    let said = refused(folder, &["--database-url", "sqlite://other.db"], &[], 1);
    assert!(said.contains("it is a database of another program"), "{said}");
    assert_eq!(fs::read(folder.join("other.db")).expect("a file"), before, "it was not touched");
}

/// Nobody is kept from writing by permissions who is root, so this asks a kernel that has a read-only file system.
#[test]
fn a_read_only_folder_is_named() {
    for place in ["/proc/memoryscope.db", "/sys/memoryscope.db"] {
        let folder = tempfile::tempdir().expect("a folder");
        let said = refused(folder.path(), &["--database-url", &format!("sqlite://{place}")], &[], 1);
        assert!(said.contains(place), "{said}");
    }
}

#[test]
fn migrate_brings_the_schema_up_to_date_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let before = run(folder, &["migrate", "--status"]).expect(1).out;
    insta::assert_snapshot!(before, @r"
    MIGRATION  NAME            APPLIED
    0001       foundation      no
    0002       objects         no
    0003       words_and_tags  no
    0004       spirals         no
    0005       as_of           no
    0006       pending         no
    0007       rights          no
    0008       bridges         no
    0009       items           no
    0010       reviews         no
    0011       retrieval       no
    0012       records         no
    ");
    assert!(!folder.join("memoryscope.db").exists(), "asking makes no file");
    let said = refused(folder, &["--no-migrate"], &[], 1);
    assert!(said.contains("memoryscope.db"), "{said}");
    insta::assert_snapshot!(run(folder, &["migrate"]).expect(0).out, @"
    applied 0001
    applied 0002
    applied 0003
    applied 0004
    applied 0005
    applied 0006
    applied 0007
    applied 0008
    applied 0009
    applied 0010
    applied 0011
    applied 0012
    ");
    insta::assert_snapshot!(run(folder, &["migrate"]).expect(0).out, @"the schema is up to date");
    let after = run(folder, &["migrate", "--status"]).expect(0).out;
    assert!(after.contains("0001       foundation      20"), "{after}");
    let server = Server::start_with(folder, &["--no-migrate", "--validate-config"]);
    server.ready();
}

#[test]
fn an_older_schema_is_not_touched_without_leave() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    run(folder, &["migrate"]).expect(0);
    sql(folder, "memoryscope.db", "DELETE FROM schema_migrations");
    for validate in [&["--no-migrate"][..], &["--no-migrate", "--validate-config"]] {
        let said = refused(folder, validate, &[], 1);
        assert!(said.contains("run `memoryscope migrate`"), "{said}");
    }
    run(folder, &["migrate", "--status"]).expect(1);
}

#[test]
fn a_newer_schema_is_refused_by_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    run(folder, &["migrate"]).expect(0);
    let newer = "INSERT INTO schema_migrations (number, name, checksum) VALUES (99, 'future', x'00')";
    sql(folder, "memoryscope.db", newer);
    let said = refused(folder, &[], &[], 1);
    insta::assert_snapshot!(said);
    fs::write(folder.join("p.yaml"), "policy_version: x\nextends: builtin/default\n").expect("a policy");
    for command in [&["migrate"][..], &["audit", "verify"], &["policy", "activate", "p.yaml"]] {
        let said = run(folder, command).expect(1);
        assert!(said.err.contains("its schema is at 99"), "{said:#?}");
    }
}

#[test]
fn a_log_without_its_database_is_not_thrown_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let server = Server::start(folder);
    crate::memories::create(&mut server.client(), "ada", "trains");
    server.kill();
    let log = folder.join("memoryscope.db-wal");
    let before = fs::read(&log).expect("a log");
    assert!(!before.is_empty());
    fs::rename(folder.join("memoryscope.db"), folder.join("moved.db")).expect("it moves");
    let said = refused(folder, &[], &[], 1);
    assert!(said.contains("memoryscope.db-wal holds acknowledged data"), "{said}");
    assert_eq!(fs::read(&log).expect("a log"), before);
    fs::rename(folder.join("moved.db"), folder.join("memoryscope.db")).expect("it moves back");
    let server = Server::start(folder);
    assert_eq!(crate::memories::list(&mut server.client(), "ada").len(), 1);
}
