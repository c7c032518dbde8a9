//! What a `memory_policy` may hold.

use memoryscope_domain::items::policy::{Consent, Mode, Risk};
use memoryscope_domain::limits;
use serde_json::{Map, Value, json};

use super::schema::{maybe, names, object, says, text};
use super::schema_constraint::{edge_constraint, name, node_constraint};

/// `{"read": [...], "write": [...]}`.
pub(super) fn acl() -> Value {
    let id = json!({"type": "string", "minLength": 1, "maxLength": limits::USER_ID_BYTES_MAX,
        "description": "user:, external_user:, role:, namespace: or organization: and an id; without a prefix an external user."});
    let ids = || json!({"type": ["array", "null"], "maxItems": limits::ACL_ENTRIES_MAX, "items": id});
    let fields = Map::from_iter([("read".to_owned(), ids()), ("write".to_owned(), ids())]);
    closed(object("AccessList", &[], fields))
}

/// Nothing else may stand in it.
pub(super) fn closed(mut object: Value) -> Value {
    object["additionalProperties"] = json!(false);
    object
}

/// How a memory is treated.
pub(super) fn memory_policy() -> Value {
    let free = || json!({"type": ["object", "null"]});
    let node = object(
        "GivenNode",
        &["id", "type"],
        Map::from_iter([
            ("id".to_owned(), text(limits::NODE_ID_CHARS_MAX)),
            ("type".to_owned(), name()),
            ("properties".to_owned(), free()),
        ]),
    );
    let edge = object(
        "GivenRelationship",
        &["source", "target", "type"],
        Map::from_iter([
            (
                "source".to_owned(),
                says(
                    text(limits::NODE_ID_CHARS_MAX),
                    "A node of the request, a memory, $this, $previous or $context:N.",
                ),
            ),
            ("target".to_owned(), text(limits::NODE_ID_CHARS_MAX)),
            ("type".to_owned(), name()),
            ("properties".to_owned(), free()),
        ]),
    );
    let list = |items: Value, max: usize| json!({"type": ["array", "null"], "maxItems": max, "items": items});
    let fields = Map::from_iter([
        (
            "mode".to_owned(),
            says(
                maybe(names(Mode::PUBLISHED)),
                "auto: what is said is extracted, within the constraints. manual: exactly the given nodes and relationships.",
            ),
        ),
        ("schema_id".to_owned(), maybe(name())),
        ("nodes".to_owned(), list(closed(node), limits::GIVEN_NODES_MAX)),
        ("relationships".to_owned(), list(closed(edge), limits::GIVEN_EDGES_MAX)),
        ("node_constraints".to_owned(), list(node_constraint(false), limits::GRAPH_CONSTRAINTS_MAX)),
        ("edge_constraints".to_owned(), list(edge_constraint(false), limits::GRAPH_CONSTRAINTS_MAX)),
        ("consent".to_owned(), maybe(names(Consent::NAMES))),
        ("risk".to_owned(), maybe(names(Risk::NAMES))),
        ("acl".to_owned(), maybe(acl())),
    ]);
    closed(object("MemoryPolicy", &[], fields))
}

/// How memories of a schema are treated where their requests are silent: it names no schema, and brings no graph of its own.
pub(super) fn default_policy() -> Value {
    let mut policy = memory_policy();
    policy["title"] = json!("DefaultMemoryPolicy");
    if let Some(fields) = policy["properties"].as_object_mut() {
        fields.remove("schema_id");
    }
    policy
}
