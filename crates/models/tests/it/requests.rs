//! What is sent.

use memoryscope_domain::graph::Schema;
use memoryscope_models::request;
use serde_json::{Value, json};

fn schema(body: &Value) -> Schema {
    Schema::read(body, false).expect("a schema").value
}

/// Everything that a property can be, and two relationships.
fn tickets() -> Schema {
    schema(&json!({
        "name": "Tickets",
        "node_types": {
            "Ticket": {"name": "Ticket", "label": "Support ticket", "description": "What somebody wants", "properties": {
                "title": {"type": "string", "required": true, "min_length": 3, "max_length": 80},
                "status": {"type": "string", "required": true, "enum_values": ["open", "done"], "default": "open"},
                "kind": {"type": "string", "required": true, "enum_values": ["bug", "wish"]},
                "due": {"type": "datetime", "description": "When it must be done"},
                "hours": {"type": "float", "min_value": 0, "max_value": 99.5},
                "votes": {"type": "integer"},
                "is_urgent": {"type": "boolean"},
                "labels": {"type": "array", "enum_values": ["ui", "api"]},
                "notes": {"type": "array"},
                "extra": {"type": "object"},
            }},
            "Person": {"name": "Person", "properties": {"email": {"type": "string", "pattern": "@"}}},
        },
        "relationship_types": {
            "ASSIGNED_TO": {"name": "ASSIGNED_TO", "allowed_source_types": ["Ticket"], "allowed_target_types": ["Person"],
                "properties": {"since": {"type": "datetime"}}},
            "KNOWS": {"name": "KNOWS", "allowed_source_types": ["Person"], "allowed_target_types": ["Person", "Ticket"]},
        },
    }))
}

#[test]
fn a_schema_becomes_the_answers_shape() {
    insta::assert_json_snapshot!(request("test-model", "Ann fixes the printer.", Some(&tickets()), None));
}

#[test]
fn without_a_schema_the_shape_is_free() {
    insta::assert_json_snapshot!(request(
        "test-model",
        "Ann fixes the printer.",
        None,
        Some("it is no JSON object")
    ));
}

#[test]
fn without_relationships_none_are_asked_for() {
    let plain = schema(&json!({"name": "P", "node_types": {"Person": {"name": "Person"}}}));
    let sent = request("m", "x", Some(&plain), None);
    let shape = &sent["response_format"]["json_schema"]["schema"];
    assert_eq!(shape["required"], json!(["nodes"]));
    assert_eq!(shape["properties"]["nodes"]["items"]["properties"]["properties"]["required"], json!([]));
}

/// What endpoints ask of a strict schema: every member of every object is required, and none is added.
#[test]
fn every_object_is_strict() {
    fn walk(value: &Value, count: &mut usize) {
        if let Some(map) = value.as_object() {
            if map.get("type") == Some(&json!("object")) {
                let members: Vec<&String> = map["properties"].as_object().expect("members").keys().collect();
                assert_eq!(json!(members), map["required"], "{value}");
                assert_eq!(map["additionalProperties"], false, "{value}");
                *count += 1;
            }
            map.values().for_each(|value| walk(value, count));
        }
        value.as_array().into_iter().flatten().for_each(|value| walk(value, count));
    }
    let tickets = tickets();
    for of in [None, Some(&tickets)] {
        let mut count = 0;
        walk(&request("m", "x", of, None)["response_format"]["json_schema"]["schema"], &mut count);
        assert!(count > 4, "{count}");
    }
}
