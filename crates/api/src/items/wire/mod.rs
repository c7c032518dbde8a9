//! The dialect's objects on the wire.

pub(super) mod example;
pub(super) mod memory;
pub(super) mod queries;
pub(super) mod schema;
mod schema_answers;
mod schema_policy;

pub(super) use schema_answers::{
    added as added_schema, batch as batch_schema, deleted as deleted_schema, found as found_schema,
    status_of as status_schema, updated as updated_schema,
};
