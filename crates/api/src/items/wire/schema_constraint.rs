//! What constraints, patterns and the types of a schema may hold.

use memoryscope_domain::graph::schema::{Cardinality, PropertyType};
use memoryscope_domain::graph::{Direction, MatchMode, Miss, TextMode};
use memoryscope_domain::items::request::Operator;
use memoryscope_domain::limits;
use serde_json::{Map, Value, json};

use super::schema::{deprecated, maybe, names, object, says};
use super::schema_policy::closed;

/// The name of a type or a property.
pub(super) fn name() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": limits::GRAPH_NAME_CHARS_MAX})
}

fn line(chars_max: usize) -> Value {
    json!({"type": ["string", "null"], "minLength": 1, "maxLength": chars_max})
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn list(items: &Value, max: usize) -> Value {
    json!({"type": ["array", "null"], "maxItems": max, "items": items})
}

fn threshold() -> Value {
    says(
        json!({"type": ["number", "null"], "minimum": 0, "maximum": 1}),
        "How alike at least; 0.85 unless it is said.",
    )
}

/// How a known node is found.
fn search() -> Value {
    let mode = || maybe(names(MatchMode::NAMES));
    let by = fields([
        ("name", name()),
        ("mode", mode()),
        ("threshold", threshold()),
        ("value", says(json!({}), "What to look for, in place of what was extracted.")),
    ]);
    let property = json!({"anyOf": [
        says(name(), "Its exact value."),
        closed(object("PropertyMatch", &["name"], by)),
    ]});
    let via = fields([
        ("edge_type", name()),
        ("target_type", name()),
        (
            "target_search",
            says(json!({"type": "object"}), "A search such as this one, for what stands at the other end."),
        ),
        ("direction", maybe(names(Direction::NAMES))),
    ]);
    let via = closed(object("ViaRelationship", &["edge_type", "target_type", "target_search"], via));
    let search = fields([
        (
            "properties",
            says(
                list(&property, limits::SEARCH_PROPERTIES_MAX),
                "Tried in this order; the first that finds one decides.",
            ),
        ),
        ("mode", mode()),
        ("threshold", threshold()),
        (
            "via_relationship",
            says(list(&via, limits::SEARCH_PROPERTIES_MAX), "All of these must lead to it."),
        ),
    ]);
    closed(object("NodeSearch", &[], search))
}

/// What both kinds of constraints have.
fn common() -> Map<String, Value> {
    let auto = fields([
        ("mode", json!({"type": "string", "enum": ["auto"]})),
        ("text_mode", maybe(names(TextMode::NAMES))),
        ("prompt", line(limits::EXTRACTION_PROMPT_CHARS_MAX)),
    ]);
    let value = json!({"anyOf": [closed(object("ExtractedValue", &["mode"], auto)), {}]});
    let set = json!({"type": ["object", "null"], "maxProperties": limits::NODE_PROPERTIES_MAX, "additionalProperties": value});
    fields([
        (
            "create",
            says(
                maybe(names(&["upsert", "lookup"])),
                "upsert: what is not found is made. lookup: it is left out.",
            ),
        ),
        ("on_miss", says(maybe(names(Miss::NAMES)), "What happens where nothing is found; it beats create.")),
        ("link_only", deprecated(json!({"type": "boolean"}), "create: lookup")),
        ("search", maybe(search())),
        ("set", says(set, "What is set on what is found or made; it beats what was extracted.")),
        (
            "when",
            says(
                json!({"type": ["object", "null"]}),
                "When it applies: properties and the values that they must equal, with _and, _or (lists) and _not.",
            ),
        ),
    ])
}

/// What becomes of nodes of one type.
pub(super) fn node_constraint(is_in_schema: bool) -> Value {
    let mut all = common();
    all.insert("node_type".to_owned(), name());
    let required: &[&str] = if is_in_schema { &[] } else { &["node_type"] };
    closed(object(if is_in_schema { "OwnNodeConstraint" } else { "NodeConstraint" }, required, all))
}

/// What becomes of edges of one type.
pub(super) fn edge_constraint(is_in_schema: bool) -> Value {
    let mut all = common();
    all.extend(fields([
        ("edge_type", name()),
        ("source_type", maybe(name())),
        ("target_type", maybe(name())),
        ("direction", maybe(names(Direction::NAMES))),
    ]));
    let required: &[&str] = if is_in_schema { &[] } else { &["edge_type"] };
    closed(object(if is_in_schema { "OwnEdgeConstraint" } else { "EdgeConstraint" }, required, all))
}

/// A search by an exact pattern.
pub(super) fn search_override() -> Value {
    let pattern = fields([
        ("source_label", name()),
        ("relationship_type", name()),
        ("target_label", name()),
        ("direction", maybe(names(&["->", "<-", "-"]))),
    ]);
    let filter = fields([
        ("node_type", name()),
        ("property_name", name()),
        ("operator", names(Operator::NAMES)),
        ("value", says(json!({}), "A text for CONTAINS and STARTS_WITH, a list for IN.")),
    ]);
    let filter =
        closed(object("PropertyFilter", &["node_type", "property_name", "operator", "value"], filter));
    let pattern =
        closed(object("GraphPattern", &["source_label", "relationship_type", "target_label"], pattern));
    let all = fields([
        ("pattern", pattern),
        ("filters", list(&filter, limits::SEARCH_FILTERS_MAX)),
        ("return_properties", list(&name(), limits::NODE_PROPERTIES_MAX)),
    ]);
    closed(object("SearchOverride", &["pattern"], all))
}

/// What stands in both kinds of types.
fn head() -> Map<String, Value> {
    let count =
        || json!({"type": ["integer", "null"], "minimum": 0, "maximum": limits::NODE_PROPERTIES_BYTES_MAX});
    let number = || json!({"type": ["number", "null"]});
    let values = json!({
        "type": ["array", "null"], "minItems": 1, "maxItems": limits::ENUM_VALUES_MAX, "uniqueItems": true,
        "items": {"type": "string", "minLength": 1, "maxLength": limits::ENUM_VALUE_CHARS_MAX},
    });
    let property = fields([
        ("type", names(PropertyType::NAMES)),
        ("required", json!({"type": ["boolean", "null"]})),
        ("default", json!({})),
        ("description", line(limits::SCHEMA_DESCRIPTION_CHARS_MAX)),
        ("enum_values", says(values, "The values that a text, or each member of a list, may have.")),
        ("min_length", count()),
        ("max_length", count()),
        ("min_value", number()),
        ("max_value", number()),
        ("pattern", json!({"type": ["string", "null"], "maxLength": limits::PATTERN_CHARS_MAX})),
    ]);
    let properties = json!({
        "type": ["object", "null"], "maxProperties": limits::TYPE_PROPERTIES_MAX,
        "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "additionalProperties": closed(object("PropertyDefinition", &["type"], property)),
    });
    fields([
        ("name", says(maybe(name()), "The key under which the type stands.")),
        ("label", line(limits::SCHEMA_NAME_CHARS_MAX)),
        ("description", line(limits::SCHEMA_DESCRIPTION_CHARS_MAX)),
        ("properties", properties),
        ("color", line(limits::GRAPH_NAME_CHARS_MAX)),
        ("resolution_policy", maybe(names(&["upsert", "lookup"]))),
        ("link_only", deprecated(json!({"type": "boolean"}), "resolution_policy: lookup")),
    ])
}

fn types(key: &str, max: usize, least: usize, of: &Value) -> Value {
    json!({"type": "object", "minProperties": least, "maxProperties": max, "propertyNames": {"pattern": key}, "additionalProperties": of})
}

/// A schema's types of nodes.
pub(super) fn node_types() -> Value {
    let own = || list(&name(), limits::TYPE_PROPERTIES_MAX);
    let mut all = head();
    all.extend(fields([
        ("icon", line(limits::GRAPH_NAME_CHARS_MAX)),
        ("required_properties", own()),
        (
            "unique_identifiers",
            deprecated(json!({"type": "array", "items": name()}), "constraint.search.properties"),
        ),
        ("constraint", maybe(node_constraint(true))),
    ]));
    types("^[A-Za-z_][A-Za-z0-9_]{0,99}$", limits::NODE_TYPES_MAX, 1, &closed(object("NodeType", &[], all)))
}

/// A schema's types of relationships.
pub(super) fn relationship_types() -> Value {
    let ends = || json!({"type": "array", "maxItems": limits::NODE_TYPES_MAX, "items": name()});
    let mut all = head();
    all.extend(fields([
        ("allowed_source_types", ends()),
        ("allowed_target_types", ends()),
        ("cardinality", maybe(names(Cardinality::NAMES))),
        ("constraint", maybe(edge_constraint(true))),
    ]));
    let of = closed(object("RelationshipType", &["allowed_source_types", "allowed_target_types"], all));
    types("^[A-Z][A-Z0-9_]{0,99}$", limits::RELATIONSHIP_TYPES_MAX, 0, &of)
}
