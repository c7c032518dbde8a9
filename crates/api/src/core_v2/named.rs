//! What the routes of one memory have in common.

use memoryscope_domain::ids::MemoryId;

use super::wire::{example, memory_id};
use crate::openapi::Example;
use crate::problem::Problem;
use crate::refused::both;
use crate::wire::{Shape, Unknown, decode_query, parameter};

/// What is said of the memory that a path names.
pub(super) const ID: &str = "The memory, as it was answered when it was stored.";

/// Somebody reads a memory of their own.
pub(super) fn own() -> Example {
    Example::new("own")
        .with("id", example::ID)
        .with("tenant_id", example::TENANT)
        .with("purpose", "chat_response")
        .with("X-MemoryScope-User", example::USER)
}

/// The memory that the path names and what the query says, or everything that is wrong with either.
pub(super) fn read<R: Shape>(id: &str, query: Option<&str>) -> Result<(MemoryId, R), Problem> {
    let (id, read) = both(parameter("id", id, &memory_id()), decode_query::<R>(query, Unknown::Refuse))?;
    Ok((id, read.value))
}
