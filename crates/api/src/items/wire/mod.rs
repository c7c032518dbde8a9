//! The dialect's objects on the wire.

pub(super) mod example;
pub(super) mod feedback;
pub(super) mod memory;
pub(super) mod messages;
pub(super) mod namespaces;
pub(super) mod queries;
pub(super) mod review;
pub(super) mod schema;
mod schema_answers;
mod schema_constraint;
mod schema_graph;
mod schema_omo;
mod schema_policy;
pub(super) mod users;

pub(super) use schema_answers::{
    added as added_schema, batch as batch_schema, deleted as deleted_schema, erased_all as erased_all_schema,
    found as found_schema, status_of as status_schema, status_of_batch as batch_status_schema,
    updated as updated_schema,
};
pub(super) use schema_graph::{
    around as around_schema, deleted_schema as deleted_schema_schema, edges as edges_schema,
    node as node_schema, schema_body, schema_patch, schemas as schemas_schema, stored as stored_schema,
};
pub(super) use schema_omo::{
    export as export_schema, exported as exported_schema, import as import_schema,
    imported as imported_schema,
};
