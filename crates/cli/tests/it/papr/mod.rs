//! The official client of the Papr Memory API against a running server: nothing but its base URL is set.
//!
//! What each test does stands in `client.py`. Where the client cannot be installed, one line says that a test is skipped.

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

fn check(operation: &str) {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/papr/client.py");
    let address = format!("http://{}", server.address);
    let mut command = clean(&python, folder.path());
    let told = command.arg("-B").arg(script).args([&address, operation]).output().expect("python runs");
    assert!(told.status.success(), "{operation}: {}", String::from_utf8_lossy(&told.stderr));
}

macro_rules! operations {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
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
    developer
    organization
    purpose
    unbuilt
}
