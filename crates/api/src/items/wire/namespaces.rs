//! Namespaces on the wire.

use memoryscope_domain::items::namespace::Environment;
use memoryscope_domain::limits;
use serde_json::{Value, json};

use super::queries::name;
use super::schema::says;
use super::schema_answers::{code, warned};
use super::schema_policy::memory_policy;
use crate::openapi::schema::{count, free, list, names, object, or_null, text, time, truth};
use crate::wire::{Fields, Shape, boolean, whole};

/// A namespace's id.
pub(in crate::items) const ID_PATTERN: &str = "^ns_[0-9a-f]{32}$";

/// `GET /v1/namespace`.
#[derive(Debug)]
pub(in crate::items) struct ListNamespacesQuery {
    pub(in crate::items) organization_id: Option<String>,
    pub(in crate::items) limit: usize,
    pub(in crate::items) skip: usize,
}

impl Shape for ListNamespacesQuery {
    const NAME: &'static str = "ListNamespacesQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let organization_id = f.optional("organization_id", name());
        let limit = f.or("limit", whole(1..=limits::RECORDS_PAGE_MAX), limits::RECORDS_PAGE_DEFAULT);
        let skip = f.or("skip", whole(0..=limits::RECORDS_SKIPPED_MAX), 0);
        let (limit, skip) = (usize::try_from(limit?).ok()?, usize::try_from(skip?).ok()?);
        Some(Self { organization_id, limit, skip })
    }
}

/// `DELETE /v1/namespace/{id}`.
#[derive(Debug)]
pub(in crate::items) struct DeleteNamespaceQuery {
    pub(in crate::items) organization_id: Option<String>,
    pub(in crate::items) delete_memories: bool,
    pub(in crate::items) delete_nodes: bool,
    pub(in crate::items) remove_acl_references: bool,
}

impl DeleteNamespaceQuery {
    /// Whether memories are erased, and whether the namespace is taken out of access lists.
    pub(in crate::items) const fn takes(&self) -> [bool; 2] {
        [self.delete_memories, self.remove_acl_references]
    }
}

impl Shape for DeleteNamespaceQuery {
    const NAME: &'static str = "DeleteNamespaceQuery";
    fn read(f: &mut Fields<'_>) -> Option<Self> {
        let organization_id = f.optional("organization_id", name());
        let delete_memories = f.or("delete_memories", boolean(), false);
        let delete_nodes = f.or("delete_neo4j_nodes", boolean(), false);
        let remove_acl_references = f.or("remove_acl_references", boolean(), false);
        Some(Self {
            organization_id,
            delete_memories: delete_memories?,
            delete_nodes: delete_nodes?,
            remove_acl_references: remove_acl_references?,
        })
    }
}

/// What is told of a namespace.
pub(in crate::items) fn body_schema() -> Value {
    let mut body = change_schema();
    body["title"] = json!("NewNamespace");
    body["required"] = json!(["name"]);
    body["properties"]["name"]["type"] = json!("string");
    body
}

/// What of it is replaced.
pub(in crate::items) fn change_schema() -> Value {
    let mut policy = memory_policy();
    policy["title"] = json!("NamespacePolicy");
    let or_null = |names: &[&str]| json!({"enum": names.iter().map(|name| json!(name)).chain([Value::Null]).collect::<Vec<_>>()});
    let limits_of = json!({
        "type": ["object", "null"], "maxProperties": limits::RATE_LIMITS_MAX,
        "propertyNames": {"minLength": 1, "maxLength": limits::NAMESPACE_NAME_CHARS_MAX},
        "additionalProperties": {"type": ["integer", "null"], "minimum": 0, "maximum": i64::MAX},
    });
    json!({"type": "object", "title": "NamespacePatch", "properties": {
        "name": {"type": ["string", "null"], "minLength": 1, "maxLength": limits::NAMESPACE_NAME_CHARS_MAX, "pattern": crate::wire::USER_ID_PATTERN},
        "environment_type": or_null(Environment::NAMES),
        "is_active": {"type": ["boolean", "null"]},
        "rate_limits": says(limits_of, "They are kept, and nobody is held to them."),
        "default_policy": {"anyOf": [policy, {"type": "null"}]},
    }})
}

fn nothing() -> Value {
    json!({"type": "null"})
}

fn namespace() -> Value {
    object(
        "Namespace",
        [
            ("objectId", json!({"type": "string", "pattern": ID_PATTERN})),
            ("name", text()),
            ("organization_id", or_null(text())),
            ("environment_type", names(Environment::NAMES.iter().copied())),
            ("is_active", truth()),
            ("rate_limits", or_null(free())),
            ("default_policy", or_null(free())),
            ("createdAt", time()),
            ("updatedAt", time()),
        ],
    )
}

/// A namespace that was asked for.
pub(in crate::items) fn namespace_schema() -> Value {
    warned(object(
        "NamespaceAnswer",
        [
            ("code", code()),
            ("status", names(["success"])),
            ("data", namespace()),
            ("error", nothing()),
            ("details", nothing()),
        ],
    ))
}

/// Namespaces.
pub(in crate::items) fn list_schema() -> Value {
    object(
        "NamespaceList",
        [
            ("code", code()),
            ("status", names(["success"])),
            ("data", list(namespace())),
            ("total", count()),
            ("page", count()),
            ("page_size", count()),
            ("error", nothing()),
            ("details", nothing()),
        ],
    )
}

/// What became of a namespace that was to be deleted.
pub(in crate::items) fn deleted_schema() -> Value {
    let cascade = object(
        "NamespaceCascade",
        [
            ("memories_deleted", count()),
            ("memories_failed", count()),
            ("acl_read_cleaned", count()),
            ("acl_write_cleaned", count()),
        ],
    );
    object(
        "DeletedNamespace",
        [
            ("code", code()),
            ("status", names(["success", "partial"])),
            ("message", text()),
            ("namespace_id", json!({"type": "string", "pattern": ID_PATTERN})),
            ("cascade", cascade),
            ("error", nothing()),
            ("details", nothing()),
        ],
    )
}
