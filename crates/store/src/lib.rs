//! Stores: `memoryscope_engine::port::Store` on SQLite.
//!
//! **Invariant: a store cannot decide.** It is told what to read and what to write, by types that went through the
//! policy, and it answers with everything that stands there or with nothing. One conformance suite
//! (`tests/it/conformance`) holds it to the memory store of the engine, answer by answer.

pub mod sqlite;

pub use sqlite::{MigrationStatus, SqliteConfig, SqliteStore};
