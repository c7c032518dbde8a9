//! The official client of the Papr Memory API against a running server: nothing but its base URL is set.
//!
//! What each test does stands in `client.py`, and in a notebook for people. Where the client cannot be installed, one line says that a test is skipped.

use std::path::Path;
use std::process::Command;

use crate::process::{Server, clean};

/// The Python that has the client, if there is one.
#[expect(clippy::print_stderr, reason = "whoever runs the tests is told")]
fn python() -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/ensure-papr-client");
    let made = Command::new(script).output().expect("the script runs");
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    let last = said.lines().last().unwrap_or_default().to_owned();
    if !made.status.success() {
        eprintln!("skipped: {last}");
        return None;
    }
    Some(last)
}

/// Runs a script of the repository against that many servers, each empty. It is told the first one's address, then `said`, then the
/// others' addresses.
fn run(script: &str, said: Option<&str>, servers: usize) {
    let Some(python) = python() else { return };
    let folders: Vec<_> = (0..servers).map(|_| tempfile::tempdir().expect("a folder")).collect();
    let servers: Vec<Server> = folders.iter().map(|folder| Server::start(folder.path())).collect();
    let addresses: Vec<String> = servers.iter().map(|server| format!("http://{}", server.address)).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(script);
    let mut command = clean(&python, folders[0].path());
    command.arg("-B").arg(path).arg(&addresses[0]).args(said).args(&addresses[1..]);
    let told = command.output().expect("python runs");
    assert!(told.status.success(), "{script} {said:?}: {}", String::from_utf8_lossy(&told.stderr));
}

/// An operation of `client.py`.
fn check(operation: &str, servers: usize) {
    run("crates/cli/tests/it/papr/client.py", Some(operation), servers);
}

macro_rules! operations {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name), 1);
        })*
    };
}

operations! {
    add
    add_batch
    get
    search
    shared
    update
    delete
    status
    batch_status
    webhook
    developer
    organization
    purpose
    export
    delete_all
    users
    namespaces
    toon
    links
    messages
    sessions
    feedback
    unbuilt
}

#[test]
fn omo() {
    check("omo", 2);
}

#[test]
fn moving() {
    check("move", 2);
}

/// Every method that the client has, with every parameter.
#[test]
fn every_method_with_every_parameter() {
    run("crates/cli/tests/it/papr/shapes.py", None, 1);
}

/// What it says stands in docs/notebooks, for people.
#[test]
fn the_notebook_is_true() {
    run("docs/notebooks/papr_client.py", None, 2);
}
