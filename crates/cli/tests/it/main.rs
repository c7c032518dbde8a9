//! Tests of the whole binary and of the repository: one binary, because each one costs a link.

mod audit_commands;
mod backups;
mod browser;
mod concurrency;
mod configuration;
mod crash;
mod demo;
mod faults;
mod hostile;
mod http;
mod measured;
mod memories;
mod policy_commands;
mod process;
mod readme;
mod secrets;
mod shipping;
mod shutdown;
mod starting;
mod tidy;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the workspace is two folders up")
}

/// The text of a file of the repository.
fn text_of(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
