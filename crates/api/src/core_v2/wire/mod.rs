//! The dialect's objects: how requests say them, and how answers do.

pub(super) mod answers;
pub(super) mod bridges;
mod constraint;
pub(super) mod example;
pub(super) mod gate;
mod held;
pub(super) mod looked;
mod memory;
pub(super) mod policies;
pub(super) mod reconstructed;
pub(super) mod replayed;
pub(super) mod requests;
mod said;
mod scalar;
pub(super) mod shown;
mod shown_schema;
pub(super) mod spiral;
pub(super) mod stepped;
pub(super) mod steps;
pub(super) mod subjects;
#[cfg(test)]
mod tests;

pub(super) use memory::IngestRequest;
pub(super) use scalar::memory_id;
