//! What a model's answer must look like: a JSON schema in the strict subset that endpoints enforce. There every member is
//! required and none is added, so what may be missing may be null, and properties of any name are a list of pairs.
//!
//! Bounds and patterns stand in descriptions: the domain enforces them.

use memoryscope_domain::graph::schema::{NodeType, Properties, Property, PropertyType, RelationshipType};
use memoryscope_domain::graph::{MEMORY_TYPE, Name, SYSTEM_TYPES, Schema};
use serde_json::{Map, Value, json};

/// The schema of an answer.
pub(crate) fn of_answer(schema: Option<&Schema>) -> Value {
    let mut lists = Map::new();
    match schema {
        Some(schema) => {
            let nodes = schema.node_types.iter().map(|(name, of)| node(name, of));
            lists.insert("nodes".to_owned(), list(any_of(nodes.collect())));
            let edges: Vec<Value> =
                schema.relationship_types.iter().map(|(name, of)| edge(name, of)).collect();
            if !edges.is_empty() {
                lists.insert("relationships".to_owned(), list(any_of(edges)));
            }
        }
        None => {
            lists.insert("nodes".to_owned(), list(free_node()));
            lists.insert("relationships".to_owned(), list(free_edge()));
        }
    }
    object(lists, None)
}

fn list(items: Value) -> Value {
    Value::Object(members([("type", "array".into()), ("items", items)]))
}

fn any_of(mut of: Vec<Value>) -> Value {
    match of.len() {
        1 => of.remove(0),
        _ => json!({"anyOf": of}),
    }
}

/// An object with exactly these members.
fn object(members: Map<String, Value>, description: Option<String>) -> Value {
    let required: Value = members.keys().map(String::as_str).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), "object".into());
    object.extend(description.map(|text| ("description".to_owned(), text.into())));
    object.insert("properties".to_owned(), Value::Object(members));
    object.insert("required".to_owned(), required);
    object.insert("additionalProperties".to_owned(), false.into());
    Value::Object(object)
}

fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn id() -> Value {
    json!({"type": "string", "description": "A short name of your own, such as n1"})
}

fn end(types: &[Name]) -> Value {
    let types: Vec<&str> = types.iter().map(Name::as_str).collect();
    json!({"type": "string", "description": format!("The id of a node: {}", types.join(" or "))})
}

fn node(name: &Name, of: &NodeType) -> Value {
    let all = members([
        ("id", id()),
        ("type", json!({"type": "string", "enum": [name.as_str()]})),
        ("properties", typed(&of.properties)),
    ]);
    object(all, Some(described(name, &of.label, of.description.as_deref())))
}

fn edge(name: &Name, of: &RelationshipType) -> Value {
    let all = members([
        ("source", end(&of.allowed_source_types)),
        ("target", end(&of.allowed_target_types)),
        ("type", json!({"type": "string", "enum": [name.as_str()]})),
        ("properties", typed(&of.properties)),
    ]);
    object(all, Some(described(name, &of.label, of.description.as_deref())))
}

fn described(name: &Name, label: &str, description: Option<&str>) -> String {
    let called =
        if label == name.as_str() { label.to_owned() } else { format!("{} ({label})", name.as_str()) };
    description.map_or_else(|| called.clone(), |description| format!("{called}: {description}"))
}

fn typed(properties: &Properties) -> Value {
    object(properties.iter().map(|(name, of)| (name.as_str().to_owned(), property(of))).collect(), None)
}

fn property(of: &Property) -> Value {
    let sort = match of.property_type {
        PropertyType::String | PropertyType::Datetime | PropertyType::Object => "string",
        PropertyType::Integer => "integer",
        PropertyType::Float => "number",
        PropertyType::Boolean => "boolean",
        PropertyType::Array => "array",
    };
    // Where something must be said, or the node is none, it is asked for; anything else may be missing.
    let may_be_missing = !of.required || of.default.is_some();
    let mut json = Map::new();
    json.insert("type".to_owned(), if may_be_missing { json!([sort, "null"]) } else { sort.into() });
    let values = || of.enum_values.iter().flatten().map(|value| Value::from(value.as_str()));
    match (of.property_type, &of.enum_values) {
        (PropertyType::Array, Some(_)) => {
            json.insert("items".to_owned(), json!({"type": "string", "enum": values().collect::<Value>()}));
        }
        (PropertyType::Array, None) => _ = json.insert("items".to_owned(), scalar()),
        (_, Some(_)) => {
            let none = may_be_missing.then_some(Value::Null);
            json.insert("enum".to_owned(), values().chain(none).collect());
        }
        (_, None) => {}
    }
    let description = bounds(of);
    if !description.is_empty() {
        json.insert("description".to_owned(), description.into());
    }
    Value::Object(json)
}

/// What it means and what it may be, in words.
fn bounds(of: &Property) -> String {
    let sent = of.to_json();
    let mut parts: Vec<String> = of.description.clone().into_iter().collect();
    match of.property_type {
        PropertyType::Datetime => parts.push("A time such as 2026-01-31T12:00:00Z, or a date".to_owned()),
        PropertyType::Object => parts.push("A JSON object, written as text".to_owned()),
        _ => {}
    }
    for (bound, words) in [
        ("min_value", "at least"),
        ("max_value", "at most"),
        ("min_length", "length at least"),
        ("max_length", "length at most"),
    ] {
        parts.extend(sent.get(bound).map(|value| format!("{words} {value}")));
    }
    parts.extend(of.pattern.as_ref().map(|pattern| format!("matches the regular expression {pattern}")));
    parts.join("; ")
}

fn scalar() -> Value {
    json!({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]})
}

/// Properties of any name.
fn pairs() -> Value {
    let pair = members([("name", json!({"type": "string"})), ("value", scalar())]);
    list(object(pair, None))
}

fn free_node() -> Value {
    let types: Vec<&str> = SYSTEM_TYPES.into_iter().filter(|name| *name != MEMORY_TYPE).collect();
    let description =
        format!("What sort of thing it is: {}, or another word in the same style", types.join(", "));
    let all = members([
        ("id", id()),
        ("type", json!({"type": "string", "description": description})),
        ("properties", pairs()),
    ]);
    object(all, None)
}

fn free_edge() -> Value {
    let end = || json!({"type": "string", "description": "The id of a node"});
    let all = members([
        ("source", end()),
        ("target", end()),
        ("type", json!({"type": "string", "description": "In capitals, such as WORKS_AT"})),
        ("properties", pairs()),
    ]);
    object(all, None)
}
