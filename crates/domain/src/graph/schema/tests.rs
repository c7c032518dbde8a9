#![expect(clippy::needless_pass_by_value, reason = "inputs are built where they are checked")]

use serde_json::{Map, Value, json};

use super::*;
use crate::fields::{Faults, Read};

fn faults(result: Result<Read<Schema>, Faults>) -> Vec<String> {
    let shown = |faults: Faults| {
        faults.list.iter().map(|fault| format!("{}: {}", fault.field(), fault.message)).collect()
    };
    result.map_or_else(shown, |read| panic!("nothing is wrong with {read:?}"))
}

fn minimal() -> Value {
    json!({"name": "s", "node_types": {"Task": {"name": "Task", "label": "Task", "properties": {
        "title": {"type": "string", "required": true}}}}})
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut json = minimal();
    change(&mut json);
    json
}

fn full() -> Value {
    json!({
        "name": "Security", "description": "What we know.", "version": "2.10.0", "status": "active",
        "scope": "namespace", "read_access": ["ann", "organization:acme"], "write_access": ["external_user:bob"],
        "organization_id": "o1", "namespace_id": "n1",
        "node_types": {
            "Bug": {"name": "Bug", "label": "A bug", "description": "d", "color": "#f00", "icon": "bug",
                "properties": {
                    "id": {"type": "string", "required": true, "pattern": "^B-[0-9]+$"},
                    "level": {"type": "string", "enum_values": ["low", "high"], "default": "low"},
                    "score": {"type": "float", "min_value": 0, "max_value": 9.5},
                    "tags": {"type": "array", "max_length": 3},
                    "seen": {"type": "datetime"}, "count": {"type": "integer"},
                    "open": {"type": "boolean", "default": true}, "raw": {"type": "object"}},
                "required_properties": ["level"], "unique_identifiers": ["id"],
                "resolution_policy": "lookup"},
            "Person": {"properties": {}}},
        "relationship_types": {"FOUND_BY": {"label": "found by", "allowed_source_types": ["Bug"],
            "allowed_target_types": ["Person"], "cardinality": "one-to-many",
            "properties": {"at": {"type": "datetime"}},
            "constraint": {"create": "never", "search": {"properties": ["name"]}}}},
        "memory_policy": {"mode": "auto", "consent": "terms"},
        "id": "set by the server", "usage_count": 7,
    })
}

fn read(json: &Value) -> Schema {
    Schema::read(json, false).unwrap_or_else(|faults| panic!("{faults:?}")).value
}

#[test]
fn a_schema_reads_what_it_writes() {
    for json in [minimal(), full()] {
        let schema = read(&json);
        let again = read(&Value::Object(schema.to_json()));
        assert_eq!(again, schema);
        let text = serde_json::to_string(&schema).expect("writes");
        assert_eq!(serde_json::from_str::<Schema>(&text).expect("reads"), schema);
    }
    let schema = read(&minimal());
    assert_eq!(
        (schema.version.as_str(), schema.status, schema.scope),
        ("1.0.0", Status::Draft, SchemaScope::Organization)
    );
    let json = read(&full()).to_json();
    assert_eq!(json["memory_policy"], json["default_memory_policy"]);
    assert_eq!(json["memory_policy"], json!({"mode": "auto", "consent": "terms"}));
    assert_eq!(json["node_types"]["Bug"]["required_properties"], json!(["id", "level"]));
}

#[test]
fn types_make_the_lowest_layer() {
    let policy = read(&full()).type_policy();
    let json = policy.to_json();
    assert_eq!(
        json,
        json!({
            "node_constraints": [{"node_type": "Bug", "create": "lookup", "on_miss": "ignore", "search": {
                "properties": [{"name": "id", "mode": "exact"}], "mode": "semantic", "threshold": 0.85}}],
            "edge_constraints": [{"edge_type": "FOUND_BY", "direction": "outgoing", "create": "lookup",
                "on_miss": "ignore", "search": {
                "properties": [{"name": "name", "mode": "exact"}], "mode": "semantic", "threshold": 0.85}}],
        })
    );
}

fn check_faults(json: Value, expect: &[&str]) {
    assert_eq!(faults(Schema::read(&json, false)), expect, "{json}");
}

#[test]
fn everything_that_is_wrong_with_a_schema_is_named() {
    check_faults(json!([]), &["body: must be a JSON object"]);
    check_faults(json!({}), &["body.name: is required", "body.node_types: is required"]);
    check_faults(
        with(|json| {
            json["name"] = " ".into();
            json["version"] = "1.0".into();
            json["status"] = "done".into();
            json["scope"] = 1.into();
            json["read_access"] = json!(["team:x"]);
            json["node_types"] = json!({});
            json["relationship_types"] = json!({"R": {}});
        }),
        &[
            "body.name: must not be empty or blank",
            "body.version: must be three numbers such as 1.0.0",
            "body.node_types: must have at least 1 type",
            "body.status: must be one of: draft, active, deprecated, archived",
            "body.scope: must be a string",
            "body.read_access[0]: has an unknown prefix: known are user:, external_user:, workspace:, role:, \
             namespace:, organization:; an id without a prefix is an external_user's",
        ],
    );
    check_faults(
        with(|json| {
            json["node_types"] = json!({
                "Memory": {}, "1st": {}, "Ok": {"name": "Other", "required_properties": ["x"], "colour": 1,
                    "properties": {"a b": {"type": "string"}, "n": {"type": "number"}, "m": {}}}});
        }),
        &[
            "body.node_types.1st: must be called by a letter or _ and then letters, digits and _, at most 100 of them",
            "body.node_types.Memory: is reserved for memories; call the type otherwise",
            "body.node_types.Ok.name: must be the key under which the type stands",
            "body.node_types.Ok.properties.a b: must be called by a letter or _ and then letters, digits and _, \
             at most 100 of them",
            "body.node_types.Ok.properties.m.type: is required",
            "body.node_types.Ok.properties.n.type: must be one of: string, integer, float, boolean, array, datetime, \
             object",
            "body.node_types.Ok.required_properties[0]: must be one of the type's properties",
            "body.node_types.Ok.colour: is not known here; did you mean color?",
        ],
    );
}

#[test]
fn everything_that_is_wrong_with_its_types_is_named() {
    check_faults(
        with(|json| {
            json["relationship_types"] = json!({
                "likes": {}, "LIKES": {"allowed_source_types": ["Dog"], "allowed_target_types": "Task",
                    "cardinality": "some"}});
            json["node_types"]["Task"]["constraint"] = json!({"node_type": "Dog", "search": {"properties": ["x"]}, "set": {"y": 1}, "when": {"z": 1}});
        }),
        &[
            "body.node_types.Task.constraint.node_type: must be left out, or be the type that the constraint stands in",
        ],
    );
    check_faults(
        with(|json| {
            json["relationship_types"] = json!({
                "likes": {}, "LIKES": {"allowed_source_types": ["Dog"], "allowed_target_types": "Task",
                    "cardinality": "some"}});
        }),
        &[
            "body.relationship_types.LIKES.allowed_source_types[0]: must be one of the schema's node types",
            "body.relationship_types.LIKES.allowed_target_types: must be a list",
            "body.relationship_types.LIKES.cardinality: must be one of: one-to-one, one-to-many, many-to-many",
            "body.relationship_types.likes: must be called by a capital letter and then capitals, digits and _, \
             at most 100 of them",
        ],
    );
    check_faults(
        with(|json| {
            json["node_types"]["Task"]["constraint"] =
                json!({"search": {"properties": ["x"]}, "set": {"y": 1}, "when": {"_not": {"z": 1}}});
        }),
        &[
            "body.node_types.Task.constraint.search: names a property that the type does not have",
            "body.node_types.Task.constraint.set: names a property that the type does not have",
            "body.node_types.Task.constraint.when: names a property that the type does not have",
        ],
    );
}

#[test]
fn a_propertys_bounds_fit_its_type_and_each_other() {
    let check = |property: Value, expect: &[&str]| {
        let json = with(|json| json["node_types"]["Task"]["properties"]["p"] = property.clone());
        let below = "body.node_types.Task.properties.p.";
        let found = faults(Schema::read(&json, false));
        let found: Vec<&str> = found.iter().map(|f| f.strip_prefix(below).unwrap_or(f)).collect();
        assert_eq!(found, expect, "{property}");
    };
    check(
        json!({"type": "integer", "enum_values": ["a"], "pattern": "a", "min_length": 1, "max_length": 2}),
        &[
            "enum_values: is for strings and arrays",
            "pattern: is for strings",
            "min_length: is for strings and arrays",
            "max_length: is for strings and arrays",
        ],
    );
    check(
        json!({"type": "string", "min_length": 3, "max_length": 2}),
        &["max_length: must not be less than min_length"],
    );
    check(
        json!({"type": "float", "min_value": 3, "max_value": 2.5}),
        &["max_value: must not be less than min_value"],
    );
    check(json!({"type": "string", "enum_values": []}), &["enum_values: must have 1 to 15 values"]);
    check(
        json!({"type": "string", "enum_values": ["a", " ", "a"]}),
        &["enum_values[1]: must not be empty or blank"],
    );
    check(json!({"type": "string", "enum_values": ["a", "b", "a"]}), &["enum_values[2]: is there twice"]);
    check(json!({"type": "string", "enum_values": ["a"], "default": "b"}), &["default: must be one of: a"]);
    check(json!({"type": "integer", "default": "7"}), &["default: must be a whole number"]);
    check(
        json!({"type": "string", "required": "yes", "min_length": -1, "max_length": 1.5}),
        &[
            "required: must be true or false",
            "min_length: must be a whole number from 0 to 16384",
            "max_length: must be a whole number from 0 to 16384",
        ],
    );
    for pattern in ["(", "(?=a)", r"\1", "a{1,9999}{1,9999}"] {
        let json = with(|json| {
            json["node_types"]["Task"]["properties"]["p"] = json!({"type": "string", "pattern": pattern});
        });
        assert_eq!(faults(Schema::read(&json, false)).len(), 1, "{pattern}");
    }
}

#[test]
fn two_names_of_one_policy_say_the_same() {
    let json = |one: Value, other: Value| {
        with(|json| {
            json["default_memory_policy"] = one;
            json["memory_policy"] = other;
        })
    };
    let policy = json!({"mode": "hybrid"});
    let read_both = Schema::read(&json(policy.clone(), json!({"mode": "auto"})), false).expect("a schema");
    assert_eq!(read_both.value.default_policy.and_then(|policy| policy.mode), Some(crate::items::Mode::Auto));
    assert_eq!(read_both.warnings.len(), 1);
    assert_eq!(
        faults(Schema::read(&json(policy.clone(), json!({"mode": "manual"})), false)),
        [
            "body.memory_policy: must be left out, or say the same as default_memory_policy, whose other name it is"
        ]
    );
    assert_eq!(
        faults(Schema::read(&json(json!({"schema_id": "s"}), json!({"moode": 1})), false)),
        [
            "body.default_memory_policy.schema_id: must not stand in a schema's own policy",
            "body.memory_policy.moode: is not known here; did you mean mode?",
        ]
    );
}

#[test]
fn a_patch_replaces_what_it_names() {
    let schema = read(&full());
    let patched = schema.patched(&json!({"status": "archived", "memory_policy": {"risk": "flagged"}}), true);
    let patched = patched.unwrap_or_else(|faults| panic!("{faults:?}")).value;
    assert_eq!(patched.status, Status::Archived);
    assert_eq!(patched.to_json()["default_memory_policy"], json!({"risk": "flagged"}));
    assert_eq!((&patched.node_types, &patched.name), (&schema.node_types, &schema.name));
    // A type that relationships need cannot go.
    let patch = json!({"node_types": {"Bug": {"properties": {"id": {"type": "string"}}}}});
    assert_eq!(
        faults(schema.patched(&patch, false)),
        ["body.relationship_types.FOUND_BY.allowed_target_types[0]: must be one of the schema's node types"]
    );
    assert_eq!(faults(schema.patched(&json!({"name": null}), false)), ["body.name: is required"]);
    assert!(schema.patched(&json!([]), false).is_err());
}

fn bug() -> NodeType {
    read(&full()).node_type("Bug").expect("a type").clone()
}

#[test]
fn what_is_extracted_is_made_to_fit_or_left_out() {
    let check = |extracted: Value, expect: Value, losses: &[&str]| {
        let coerced = coerce(&bug().properties, extracted.as_object().expect("an object"));
        assert_eq!(Value::Object(coerced.properties), expect, "{extracted}");
        let lost: Vec<String> = coerced
            .losses
            .iter()
            .map(|loss| format!("{}: {}", loss.property.as_deref().unwrap_or_default(), loss.message))
            .collect();
        assert_eq!(lost, losses, "{extracted}");
    };
    check(
        json!({"id": "B-1", "level": " HIGH", "score": "7.5", "count": "42", "open": "Yes", "tags": "x",
               "seen": "2026-01-02", "raw": {"a": 1}}),
        json!({"id": "B-1", "level": "high", "score": 7.5, "count": 42, "open": true, "tags": ["x"],
               "seen": "2026-01-02T00:00:00.000000Z", "raw": {"a": 1}}),
        &[],
    );
    check(
        json!({"id": 7, "level": "urgent", "score": 10, "count": 1.5, "open": "perhaps", "tags": ["a", "b", "c", "d"],
               "seen": "soon", "raw": [], "colour": "red", "none": null}),
        json!({}),
        &[
            "colour: is no property of the type",
            "count: must be a whole number",
            "id: must match the schema's pattern",
            "level: must be one of: low, high",
            "open: must be true or false",
            "raw: must be an object",
            "score: must be at most 9.5",
            "seen: must be an RFC 3339 time such as 2026-01-31T12:00:00Z",
            "tags: must have at most 3 members",
        ],
    );
    check(json!({"count": 2.0, "score": "NaN"}), json!({"count": 2}), &["score: must be a number"]);
    let coerced =
        coerce(&bug().properties, json!({"id": "B-1", "count": "2"}).as_object().expect("an object"));
    assert_eq!(coerced.changed, ["count"]);
}

#[test]
fn defaults_come_last_and_what_is_required_is_asked_for() {
    let complete = |values: Value| {
        complete(&bug().properties, values.as_object().expect("an object").clone()).map(Value::Object)
    };
    assert_eq!(
        complete(json!({"id": "B-1", "open": false})),
        Ok(json!({"id": "B-1", "level": "low", "open": false}))
    );
    let losses = complete(json!({"level": "high", "id": null})).expect_err("a loss");
    let lost: Vec<_> = losses.iter().map(|loss| (loss.property.as_deref(), loss.reason)).collect();
    assert_eq!(lost, [(Some("id"), LossReason::MissingProperty)]);
}

#[test]
fn edges_join_what_they_may() {
    let schema = read(&full());
    let check = |edge: [&str; 3], expect: Result<(), EdgeMisfit>| {
        let [source, edge_type, target] = edge;
        assert_eq!(schema.edge_type(edge_type, source, target).map(|_| ()), expect, "{edge:?}");
    };
    check(["Bug", "FOUND_BY", "Person"], Ok(()));
    check(["Person", "FOUND_BY", "Person"], Err(EdgeMisfit::Source));
    check(["Bug", "FOUND_BY", "Bug"], Err(EdgeMisfit::Target));
    check(["Bug", "LIKES", "Bug"], Err(EdgeMisfit::UnknownType));
    let only = |source| schema.only_target("FOUND_BY", source).map(Name::as_str);
    assert_eq!((only(Some("Bug")), only(None), only(Some("Person"))), (Some("Person"), Some("Person"), None));
}

#[test]
fn limits_hold_where_they_are_said_to() {
    let types =
        |count: usize| -> Map<String, Value> { (0..count).map(|n| (format!("T{n}"), json!({}))).collect() };
    let schema = |nodes: usize, edges: usize, properties: usize| {
        let mut json = json!({"name": "s", "node_types": types(nodes)});
        let edge = json!({"allowed_source_types": ["T0"], "allowed_target_types": ["T0"]});
        json["relationship_types"] =
            Value::Object((0..edges).map(|n| (format!("E{n}"), edge.clone())).collect());
        let property = |n: usize| (format!("p{n}"), json!({"type": "string"}));
        json["node_types"]["T0"]["properties"] = Value::Object((0..properties).map(property).collect());
        Schema::read(&json, false)
    };
    assert!(schema(10, 20, 10).is_ok());
    assert_eq!(faults(schema(11, 0, 0)), ["body.node_types: must have at most 10 types"]);
    assert_eq!(faults(schema(1, 21, 0)), ["body.relationship_types: must have at most 20 types"]);
    assert_eq!(faults(schema(1, 0, 11)), ["body.node_types.T0.properties: must have at most 10 properties"]);
}
