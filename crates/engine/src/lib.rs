//! The governed pipeline: who asks, what may they see, what changes, and the entry that says so.
//!
//! **Invariant: the engine cannot speak SQL or HTTP.** It is async because its ports are; what it decides and plans
//! is pure and lives in the domain or in [`op`].
//!
//! Start with [`engine::Engine::run`]: the one function that everything passes through.

pub mod as_of;
mod bridges;
pub mod context;
pub mod embed;
pub mod embedding;
pub mod engine;
mod entry;
pub mod erasing;
pub mod extract;
#[cfg(feature = "fakes")]
pub mod fakes;
pub mod jobs;
mod load;
pub mod memory_store;
pub mod notify;
pub mod op;
pub mod paging;
mod policies;
pub mod port;
pub mod refusal;
pub mod replay;
mod rights;
mod spirals;
pub mod subjects;
pub mod traces;
