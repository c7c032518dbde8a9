//! Words for the schemas of answers. A schema with a title is named in the document once and referred to.

use serde_json::{Value, json};

/// A memory's id: a UUID, or 32 digits behind its prefix.
pub const MEMORY_ID_PATTERN: &str =
    "^(?:mem_)?(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$";

/// A bridge's id: a UUID, or 32 digits behind its prefix.
pub const BRIDGE_ID_PATTERN: &str =
    "^(?:brg_)?(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$";

/// An audit entry's id: a UUID, or 32 digits behind its prefix.
pub const AUDIT_ID_PATTERN: &str =
    "^(?:log_)?(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$";

/// A schema's id: a UUID, or 32 digits behind its prefix.
pub const SCHEMA_ID_PATTERN: &str =
    "^(?:schema_)?(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$";

/// A node's id: a UUID, or 32 digits behind its prefix, or behind a memory's, which is a node of its own.
pub const NODE_ID_PATTERN: &str =
    "^(?:node_|mem_)?(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$";

/// An object whose members are all there.
#[must_use]
pub fn object<const N: usize>(title: &str, members: [(&str, Value); N]) -> Value {
    with(json!({"type": "object", "title": title, "required": [], "properties": {}}), members)
}

/// The object with more members that are all there.
#[must_use]
pub fn with<const N: usize>(mut object: Value, members: [(&str, Value); N]) -> Value {
    for (name, schema) in members {
        object["properties"][name] = schema;
        if let Some(required) = object["required"].as_array_mut() {
            required.push(json!(name));
        }
    }
    object
}

/// The object with members that may be absent.
#[must_use]
pub fn maybe<const N: usize>(mut object: Value, members: [(&str, Value); N]) -> Value {
    for (name, schema) in members {
        object["properties"][name] = schema;
    }
    object
}

/// The schema with a word on it.
#[must_use]
pub fn about(mut schema: Value, text: &str) -> Value {
    schema["description"] = json!(text);
    schema
}

/// Text.
#[must_use]
pub fn text() -> Value {
    json!({"type": "string"})
}

/// A time in UTC.
#[must_use]
pub fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// A UUID.
#[must_use]
pub fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

/// An identifier with its prefix, such as `log_` and 32 hexadecimal digits.
#[must_use]
pub fn prefixed(prefix: &str) -> Value {
    json!({"type": "string", "pattern": format!("^{prefix}[0-9a-f]{{32}}$")})
}

/// A SHA-256 or an HMAC of it.
#[must_use]
pub fn digest() -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{64}$"})
}

/// How many, or the place in a chain.
#[must_use]
pub fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

/// True or false.
#[must_use]
pub fn truth() -> Value {
    json!({"type": "boolean"})
}

/// One of these names.
#[must_use]
pub fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    json!({"type": "string", "enum": names.into_iter().collect::<Vec<_>>()})
}

/// A list.
#[must_use]
pub fn list(items: Value) -> Value {
    let mut schema = json!({"type": "array"});
    schema["items"] = items;
    schema
}

/// An object with members of the caller's, the policy's or a person's choosing.
#[must_use]
pub fn free() -> Value {
    json!({"type": "object", "additionalProperties": true})
}

/// This or null.
#[must_use]
pub fn or_null(schema: Value) -> Value {
    let mut either = json!({"anyOf": [null, {"type": "null"}]});
    either["anyOf"][0] = schema;
    either
}

/// A reference to a component.
#[must_use]
pub fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

pub(super) fn refs(kind: &str, names: &[&str]) -> Value {
    names.iter().map(|name| ((*name).to_owned(), reference(kind, name))).collect()
}
