//! The dialect's objects: how requests say them, and how answers do.

mod constraint;
mod held;
mod memory;
mod requests;
mod said;
mod scalar;
mod shown;
mod shown_schema;
#[cfg(test)]
mod tests;

pub(super) use memory::IngestRequest;
