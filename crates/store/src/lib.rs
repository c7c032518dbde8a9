//! Stores: `memoryscope_engine::port::Store` on SQLite and on PostgreSQL.
//!
//! **Invariant: a store cannot decide.** It is told what to read and what to write, by types that went through the
//! policy, and it answers with everything that stands there or with nothing. One conformance suite
//! (`tests/it/conformance`) holds it to the memory store of the engine, answer by answer.

pub mod backup;
mod common;
pub mod postgres;
pub mod sqlite;
pub mod transfer;

pub use common::migration::MigrationStatus;
pub use postgres::{PostgresConfig, PostgresStore};
pub use sqlite::{SqliteConfig, SqliteStore};
