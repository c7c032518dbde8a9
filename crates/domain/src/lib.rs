//! What MemoryScope means, without a runtime.
//!
//! **Invariant: the domain cannot wait.** Nothing here is async, does I/O, reads a clock, draws a
//! random number or iterates over a hash map: the same inputs give the same bytes on every machine,
//! which is what makes a decision replayable. The tidy test and `clippy.toml` keep it so.
//!
//! Start with [`govern`]: everything a caller may see or change goes through [`govern::decide`].

pub mod audit_chain;
pub mod bridge;
pub mod change;
pub mod consent;
pub mod constraint;
pub mod derive;
pub mod feedback;
pub mod fields;
pub mod govern;
pub mod grant;
pub mod graph;
pub mod ids;
pub mod items;
pub mod job;
pub mod lifecycle;
pub mod limits;
pub mod memory;
pub mod object;
pub mod place;
pub mod policy;
pub mod predicate;
pub mod preference;
pub mod principal;
pub mod purpose;
pub mod reconstruct;
pub mod record;
pub mod retrieval;
pub mod scope;
pub mod spiral;
pub mod subject;
pub mod summary;
pub mod suppression;
pub mod time;
pub mod vector;
pub mod webhook;
pub mod words;
