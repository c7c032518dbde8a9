//! Given nodes and edges.

use super::*;

#[test]
fn manual_mode_needs_nodes_and_says_who_asked_for_it() {
    let check = |said: Said, expect: &[&str]| {
        assert_eq!(resolve(&said).expect_err("faults"), expect);
    };
    let manual = || json!({"memory_policy": {"mode": "manual"}});
    let by_request = "body.memory_policy.nodes: must have at least one node: the request says mode manual";
    check(Said { request: manual(), ..Said::default() }, &[by_request]);
    check(
        Said { request: json!({"memory_policy": {"mode": "manual", "nodes": []}}), ..Said::default() },
        &[by_request],
    );
    check(Said { batch: manual(), ..Said::default() }, &[by_request]);
    check(
        Said { schema: schema_json(json!({"mode": "structured"})), ..Said::default() },
        &[
            "body.memory_policy.nodes: must have at least one node: mode manual comes from the schema's default policy; \
           send nodes, or mode auto",
        ],
    );
    check(
        Said { namespace: json!({"mode": "manual"}), ..Said::default() },
        &[
            "body.memory_policy.nodes: must have at least one node: mode manual comes from the namespace's default \
           policy; send nodes, or mode auto",
        ],
    );
    check(
        Said { request: json!({"policy": {"graph": {"mode": "manual"}}}), ..Said::default() },
        &["body.policy.graph.nodes: must have at least one node: the request says mode manual"],
    );
    // Nodes that a request gives satisfy a schema that asks for them.
    let request = json!({"memory_policy": {"nodes": [{"id": "n", "type": "Person"}]}});
    let schema = schema_json(json!({"mode": "manual"}));
    assert_eq!(resolve(&Said { schema, request, ..Said::default() }).expect("a policy").0.nodes.len(), 1);
}

fn check_faults(policy: Value, schema: Value, expect: &[&str]) {
    let request = json!({"memory_policy": policy});
    assert_eq!(resolve(&Said { schema, request, ..Said::default() }).expect_err("faults"), expect);
}

#[test]
fn given_nodes_and_edges_are_whole() {
    check_faults(
        json!({"nodes": [{"id": "", "type": "T"}, {"id": "$x", "type": ""}, {"id": "a"}, 1], "relationships": [
            {"source": "$that", "target": "$context:21"}, {"source": "$context:1", "target": "$context:2", "type": "A"}], "node": []}),
        Value::Null,
        &[
            "body.memory_policy.nodes[0].id: must not be empty or blank",
            "body.memory_policy.nodes[1].id: must not begin with $, which begins placeholders",
            "body.memory_policy.nodes[1].type: must not be empty or blank",
            "body.memory_policy.nodes[2].type: is required",
            "body.memory_policy.nodes[3]: must be a JSON object",
            "body.memory_policy.relationships[0].source: is no placeholder; known are $this, $previous and $context:N with N from 1 to 20",
            "body.memory_policy.relationships[0].target: is no placeholder; known are $this, $previous and $context:N with N from 1 to 20",
            "body.memory_policy.relationships[0].type: is required",
            "body.memory_policy.relationships[1].target: must not be $context:N where the other end is one",
            "body.memory_policy.node: is not known here; did you mean mode?",
        ],
    );
    check_faults(
        json!({"nodes": [{"id": "a", "type": "T"}, {"id": "a", "type": "Memory"}]}),
        Value::Null,
        &[
            "body.memory_policy.nodes[1].id: is the id of an earlier node",
            "body.memory_policy.nodes[1].type: is reserved for memories",
        ],
    );
    let nowhere = "is neither a placeholder, nor a node of the request, nor a memory's id";
    check_faults(
        json!({"mode": "manual", "nodes": [{"id": "a", "type": "T"}],
               "relationships": [{"source": "a", "target": "b", "type": "R"}]}),
        Value::Null,
        &[&format!("body.memory_policy.relationships[0].target: {nowhere}")],
    );
    check_faults(
        json!({"nodes": [{"id": "a", "type": "T"}], "relationships": [{"source": "$this", "target": "a", "type": "R"}]}),
        Value::Null,
        &[
            "body.memory_policy.relationships[0].target: is a node, and nodes are made in mode manual only; here \
           memories can be linked",
        ],
    );
}

#[test]
fn given_nodes_and_edges_comply_with_the_schema() {
    check_faults(
        json!({"mode": "manual",
            "nodes": [
                {"id": "t", "type": "Task", "properties": {"title": 7, "status": "x", "colour": 1}},
                {"id": "p", "type": "Person", "properties": {"age": -1}},
                {"id": "u", "type": "Task"},
                {"id": "q", "type": "Dog"}],
            "relationships": [
                {"source": "p", "target": "t", "type": "ASSIGNED_TO"},
                {"source": "t", "target": "t", "type": "ASSIGNED_TO"},
                {"source": "t", "target": "p", "type": "LIKES"},
                {"source": "$this", "target": "t", "type": "MENTIONS"}]}),
        schema_json(Value::Null),
        &[
            "body.memory_policy.nodes[0].properties.colour: is no property of the type in the schema",
            "body.memory_policy.nodes[0].properties.status: must be one of: open, done",
            "body.memory_policy.nodes[0].properties.title: must be a string",
            "body.memory_policy.nodes[1].properties.age: must be at least 0",
            "body.memory_policy.nodes[2].properties.title: is required by the schema",
            "body.memory_policy.nodes[3].type: must be one of the schema's node types: Person, Task",
            "body.memory_policy.relationships[0].source: may not begin at a node of the source's type",
            "body.memory_policy.relationships[1].target: may not end at a node of the target's type",
            "body.memory_policy.relationships[2].type: is no relationship type of the schema",
        ],
    );
    let request = json!({"memory_policy": {"mode": "manual", "nodes": [
        {"id": "t", "type": "Task", "properties": {"title": "write"}}]}});
    let (resolved, _) =
        resolve(&Said { schema: schema_json(Value::Null), request, ..Said::default() }).expect("a policy");
    let properties = resolved.nodes.first().map(|node| Value::Object(node.properties.clone()));
    assert_eq!(properties, Some(json!({"title": "write", "status": "open"})));
}

#[test]
fn links_without_a_target_ask_the_schema() {
    let said =
        |link: &str, schema: Value| Said { schema, request: json!({"link_to": [link]}), ..Said::default() };
    let (resolved, _) = resolve(&said("Task->ASSIGNED_TO:name", schema_json(Value::Null))).expect("a policy");
    assert_eq!(resolved.policy.edge_constraints.len(), 1);
    let check = |link: &str, schema: Value, expect: &str| {
        assert_eq!(
            resolve(&said(link, schema)).expect_err("a fault"),
            [format!("body.link_to[0]: {expect}")]
        );
    };
    let many = "must name its target: the schema does not allow exactly one type there";
    check("Task->LIKES:name", schema_json(Value::Null), many);
    check("Person->ASSIGNED_TO:name", schema_json(Value::Null), many);
    let none = "must name its target, or be sent with a schema_id whose schema allows exactly one";
    check("Task->ASSIGNED_TO:name", Value::Null, none);
}

#[test]
fn what_has_no_effect_is_said() {
    let check = |request: Value, plan: GraphPlan, expect: &[&str]| {
        let (resolved, warnings) = resolve(&Said { request, ..Said::default() }).expect("a policy");
        assert!(resolved.nodes.is_empty());
        assert_eq!(
            (resolved.policy.graph(), warnings),
            (plan, expect.iter().map(|w| (*w).to_owned()).collect())
        );
    };
    let nodes = json!([{"id": "n", "type": "T"}]);
    check(
        json!({"memory_policy": {"nodes": nodes}}),
        GraphPlan::Extracted,
        &["body.memory_policy.nodes: has no effect in mode auto: send mode manual to have these nodes made"],
    );
    check(
        json!({"memory_policy": {"mode": "manual", "nodes": nodes, "node_constraints": []}, "consent": "none"}),
        GraphPlan::NoConsent,
        &[
            "body.memory_policy.node_constraints: has no effect in mode manual: nothing is extracted",
            "body.memory_policy.nodes: has no effect without consent: no graph is made",
        ],
    );
}
