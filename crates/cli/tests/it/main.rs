//! Tests of the whole binary and of the repository: one binary, because each one costs a link.

mod audit_commands;
mod backups;
mod browser;
// `cfg(test)` tells the lints what is obvious here: this is a test, and may unwrap.
#[cfg(test)]
#[expect(dead_code, reason = "the store's own tests use all of it")]
#[path = "../../../store/tests/it/cluster.rs"]
mod cluster;
mod concurrency;
mod configuration;
mod copies;
mod crash;
mod demo;
mod demo_events;
mod erasing;
mod faults;
mod hostile;
mod http;
mod interference;
mod load;
mod meaning;
mod measured;
mod memories;
mod memory_commands;
mod model_commands;
mod models;
mod papr;
mod pending;
mod places;
mod policy_commands;
mod postgres;
mod postgres_backups;
mod process;
mod readme;
mod recall;
mod replays;
mod restarts;
mod revocation;
mod secrets;
mod shipping;
mod shutdown;
mod starting;
mod story;
mod tidy;
#[cfg(feature = "otel")]
mod traces;
mod webhooks;

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
