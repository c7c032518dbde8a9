//! What answers about schemas and the graph hold.

use memoryscope_domain::graph::schema::{SchemaScope, Status};
use memoryscope_domain::limits;
use serde_json::{Value, json};

use super::schema_constraint::{node_types, relationship_types};
use super::schema_policy::default_policy;
use crate::openapi::schema::{count, free, list, maybe, names, object, or_null, prefixed, text, time, truth};
use crate::openapi::warnings;

fn code() -> Value {
    json!({"type": "integer", "minimum": 200, "maximum": 299})
}

fn nothing() -> Value {
    json!({"type": "null"})
}

fn schema() -> Value {
    let strings = || list(text());
    object(
        "StoredSchema",
        [
            ("id", prefixed("schema_")),
            ("user_id", text()),
            ("created_at", time()),
            ("updated_at", time()),
            ("name", text()),
            ("description", or_null(text())),
            ("version", text()),
            ("node_types", free()),
            ("relationship_types", free()),
            ("status", text()),
            ("scope", text()),
            ("read_access", strings()),
            ("write_access", strings()),
            ("organization_id", or_null(text())),
            ("namespace_id", or_null(text())),
            ("memory_policy", or_null(free())),
            ("default_memory_policy", or_null(free())),
        ],
    )
}

/// What a schema is made of.
pub(in crate::items) fn schema_body() -> Value {
    let mut body = schema_patch();
    body["title"] = json!("NewSchema");
    body["required"] = json!(["name", "node_types"]);
    body
}

/// What of a schema is replaced.
pub(in crate::items) fn schema_patch() -> Value {
    let ids = || json!({"type": ["array", "null"], "maxItems": limits::ACL_ENTRIES_MAX, "items": {"type": "string"}});
    let line = |max: usize| json!({"type": "string", "minLength": 1, "maxLength": max});
    json!({"type": "object", "title": "SchemaPatch", "properties": {
        "name": line(limits::SCHEMA_NAME_CHARS_MAX),
        "description": {"type": ["string", "null"], "maxLength": limits::SCHEMA_DESCRIPTION_CHARS_MAX},
        "version": {"type": "string", "pattern": r"^\d{1,6}\.\d{1,6}\.\d{1,6}$"},
        "node_types": node_types(),
        "relationship_types": relationship_types(),
        "status": {"type": "string", "enum": Status::NAMES},
        "scope": {"type": "string", "enum": SchemaScope::NAMES},
        "read_access": ids(),
        "write_access": ids(),
        "default_memory_policy": {"anyOf": [default_policy(), {"type": "null"}]},
    }})
}

fn told(title: &str, data: Value) -> Value {
    let answer =
        object(title, [("success", truth()), ("data", data), ("error", nothing()), ("code", code())]);
    maybe(answer, [("warnings", warnings()), ("total", count())])
}

/// One schema.
pub(in crate::items) fn stored() -> Value {
    told("SchemaAnswer", schema())
}

/// Schemas.
pub(in crate::items) fn schemas() -> Value {
    told("SchemaList", list(schema()))
}

/// What is said where one was deleted.
pub(in crate::items) fn deleted_schema() -> Value {
    object(
        "SchemaDeleted",
        [("success", truth()), ("message", text()), ("error", nothing()), ("code", code())],
    )
}

fn source() -> Value {
    object(
        "GraphSource",
        [("memory_id", prefixed("mem_")), ("method", text()), ("consent", text()), ("risk", text())],
    )
}

fn shown() -> Value {
    let node = object("GraphNode", [("id", text()), ("label", text())]);
    maybe(
        node,
        [
            ("properties", free()),
            ("schema_id", or_null(text())),
            ("namespace_id", or_null(text())),
            ("waits_for_review", truth()),
            ("sources", list(source())),
            ("distance", count()),
        ],
    )
}

fn edge() -> Value {
    object(
        "GraphEdge",
        [
            ("source", text()),
            ("target", text()),
            ("type", text()),
            ("properties", free()),
            ("sources", list(source())),
        ],
    )
}

fn looked(title: &str, data: Value) -> Value {
    object(
        title,
        [
            ("code", code()),
            ("status", names(["success"])),
            ("data", data),
            ("error", nothing()),
            ("details", or_null(free())),
        ],
    )
}

/// One node.
pub(in crate::items) fn node() -> Value {
    looked("NodeAnswer", shown())
}

/// A node's edges.
pub(in crate::items) fn edges() -> Value {
    looked("EdgesAnswer", object("GraphEdges", [("edges", list(edge())), ("truncated", truth())]))
}

/// What lies around a node.
pub(in crate::items) fn around() -> Value {
    let memory = object("ReachedMemory", [("id", prefixed("mem_")), ("distance", count())]);
    let data = object(
        "Neighbourhood",
        [
            ("nodes", list(shown())),
            ("memories", list(memory)),
            ("edges", list(edge())),
            ("truncated", truth()),
        ],
    );
    looked("NeighbourhoodAnswer", data)
}
