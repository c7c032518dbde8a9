#![expect(clippy::needless_pass_by_value, reason = "inputs are built where they are checked")]

use serde_json::json;

use super::*;
use crate::fields::{At, Faults, Warning};
use crate::graph::Schema;
use crate::items::request::{AddRequest, InvalidRequest, Reading};
use serde_json::Value;

mod graph;

/// Everything that says how a memory is treated, as JSON; null is nothing.
#[derive(Clone, Default)]
struct Said {
    namespace: Value,
    schema: Value,
    batch: Value,
    request: Value,
}

fn request(members: &Value) -> Result<(AddRequest, Vec<Warning>), Vec<String>> {
    let mut body = members.clone();
    if body.is_null() {
        body = json!({});
    }
    body["content"] = "x".into();
    match AddRequest::read(&body, &Reading::default()) {
        Ok(read) => Ok((read.value, read.warnings)),
        Err(InvalidRequest::Faults(faults)) => Err(shown(&faults)),
        Err(other) => Err(vec![other.to_string()]),
    }
}

fn shown(faults: &Faults) -> Vec<String> {
    faults.list.iter().map(|fault| format!("{}: {}", fault.field(), fault.message)).collect()
}

fn schema(json: &Value) -> Schema {
    Schema::read(json, false).unwrap_or_else(|faults| panic!("{:?}", shown(&faults))).value
}

fn resolve(said: &Said) -> Result<(Resolved, Vec<String>), Vec<String>> {
    let namespace = (!said.namespace.is_null())
        .then(|| MemoryPolicy::read_default(&said.namespace, false).expect("a policy").value);
    let schema = (!said.schema.is_null()).then(|| schema(&said.schema));
    let batch = (!said.batch.is_null()).then(|| request(&said.batch).expect("a batch").0.policy);
    let (request, mut warnings) = request(&said.request)?;
    let layers = Layers {
        namespace: namespace.as_ref(),
        schema: schema.as_ref(),
        batch: batch.as_ref(),
        request: &request.policy,
    };
    let read = layers.resolve(&At::Root("body")).map_err(|faults| shown(&faults))?;
    warnings.extend(read.warnings);
    let warnings = warnings.iter().map(|warning| format!("{}: {}", warning.field, warning.message)).collect();
    Ok((read.value, warnings))
}

/// `value (layer)` of the fields that are no lists.
fn fields(resolved: &Resolved) -> [String; 4] {
    let json = resolved.policy.to_json();
    ["mode", "consent", "risk", "acl"].map(|field| match &json[field] {
        Value::Null => "-".to_owned(),
        stated => {
            let value = stated["value"].as_str().map_or_else(|| stated["value"].to_string(), str::to_owned);
            format!("{value} ({})", stated["layer"].as_str().unwrap_or_default())
        }
    })
}

fn types() -> Value {
    json!({
        "Task": {
            "label": "Task",
            "properties": {
                "title": {"type": "string", "required": true, "max_length": 20},
                "status": {"type": "string", "enum_values": ["open", "done"], "default": "open"},
            },
            "constraint": {"search": {"properties": ["title"]}},
        },
        "Person": {"label": "Person", "properties": {"age": {"type": "integer", "min_value": 0}}},
    })
}

fn schema_json(policy: Value) -> Value {
    json!({
        "name": "s", "node_types": types(), "default_memory_policy": policy,
        "relationship_types": {"ASSIGNED_TO": {
            "label": "a", "allowed_source_types": ["Task"], "allowed_target_types": ["Person"],
        }},
    })
}

#[test]
fn what_nobody_says_is_the_systems_and_what_is_silent_inherits() {
    let check = |said: Said, expect: [&str; 4]| {
        let (resolved, _) = resolve(&said).expect("a policy");
        assert_eq!(fields(&resolved), expect);
    };
    let system = ["auto (system)", "implicit (system)", "none (system)", "-"];
    check(Said::default(), system);
    check(
        Said { request: json!({"memory_policy": {}, "consent": null, "acl": null}), ..Said::default() },
        system,
    );
    let schema = schema_json(json!({"mode": "hybrid", "consent": "terms", "risk": "sensitive"}));
    let namespace = json!({"consent": "explicit", "acl": {"read": ["ann"]}});
    let said = Said { namespace, schema, ..Said::default() };
    let acl = r#"{"read":["external_user:ann"],"write":[]} (namespace)"#;
    check(said.clone(), ["auto (schema)", "terms (schema)", "sensitive (schema)", acl]);
    // A request that says the default says it.
    let with = |request: Value| Said { request, ..said.clone() };
    check(
        with(json!({"consent": "implicit"})),
        ["auto (schema)", "implicit (request)", "sensitive (schema)", acl],
    );
    // A copy from the metadata beats the schema, and loses to the request and to its policy.
    check(
        with(json!({"metadata": {"consent": "none", "risk": "none"}, "memory_policy": {"risk": "flagged"}})),
        ["auto (schema)", "none (metadata)", "flagged (request)", acl],
    );
    // A batch lies below what its item says, its item's metadata included.
    let batch = json!({"consent": "explicit", "risk": "none", "memory_policy": {"mode": "auto"}});
    let request = json!({"metadata": {"consent": "terms"}});
    check(
        Said { batch, request, ..said.clone() },
        ["auto (request)", "terms (metadata)", "none (request)", acl],
    );
}

#[test]
fn former_names_of_modes_are_read_everywhere() {
    let check = |request: Value, mode: Mode, warnings: usize| {
        let nodes = json!([{"id": "n", "type": "T"}]);
        let mut request = request;
        if request["memory_policy"]["mode"].is_string() {
            request["memory_policy"]["nodes"] = nodes;
        } else if request["policy"].is_object() {
            request["policy"]["graph"]["nodes"] = nodes;
        }
        if request["memory_policy"].is_null() {
            request.as_object_mut().expect("an object").remove("memory_policy");
        }
        let (resolved, warned) =
            resolve(&Said { request: request.clone(), ..Said::default() }).expect("a policy");
        assert_eq!(resolved.policy.mode.value, mode, "{request}");
        let deprecated = warned.iter().filter(|warning| warning.contains("is deprecated")).count();
        assert_eq!(deprecated, warnings, "{request}: {warned:?}");
    };
    check(json!({"memory_policy": {"mode": "auto"}}), Mode::Auto, 0);
    check(json!({"memory_policy": {"mode": "Hybrid"}}), Mode::Auto, 1);
    check(json!({"memory_policy": {"mode": "STRUCTURED"}}), Mode::Manual, 1);
    check(json!({"policy": {"graph": {"mode": "structured"}}}), Mode::Manual, 1);
    check(json!({"policy": {"graph": {"mode": "none"}}}), Mode::None, 0);
    check(json!({"graph_generation": {"mode": "hybrid"}}), Mode::Auto, 2);
    let faults = request(&json!({"memory_policy": {"mode": "none"}})).expect_err("a fault");
    assert_eq!(faults, ["body.memory_policy.mode: must be one of: auto, manual"]);
}

#[test]
fn the_requests_own_wins_and_the_loser_is_named() {
    let check = |request: Value, expect: [&str; 4], warnings: &[&str]| {
        let (resolved, warned) = resolve(&Said { request, ..Said::default() }).expect("a policy");
        assert_eq!(
            (fields(&resolved), warned),
            (expect.map(str::to_owned), warnings.iter().map(|w| (*w).to_owned()).collect())
        );
    };
    check(
        json!({
            "consent": "Explicit", "risk": "sensitive", "acl": {"read": ["a"]},
            "memory_policy": {"consent": "none", "risk": "sensitive", "acl": {"read": ["b"]}},
            "metadata": {"consent": "terms"},
        }),
        [
            "auto (system)",
            "explicit (request)",
            "sensitive (request)",
            r#"{"read":["external_user:a"],"write":[]} (request)"#,
        ],
        &[
            "body.metadata.consent: is deprecated: send consent at the request's own level",
            "body.memory_policy.acl: has no effect: the request's own says otherwise",
            "body.memory_policy.consent: has no effect: the request's own says otherwise",
            "body.metadata.consent: has no effect: the request says otherwise",
        ],
    );
    check(
        json!({
            "memory_policy": {"consent": "terms"},
            "risk": "sensitive", "policy": {"consent": "none", "risk": "flagged", "graph": {"mode": "auto", "schema_id": "s"},
                       "transform_embedding": {"mode": "none"}},
        }),
        ["auto (request)", "terms (request)", "sensitive (request)", "-"],
        &[
            "body.policy.consent: has no effect: memory_policy says otherwise",
            "body.policy.risk: has no effect: the request's own says otherwise",
        ],
    );
    check(
        json!({"acl": {"read": ["a"]}, "risk": "flagged"}),
        [
            "auto (system)",
            "implicit (system)",
            "flagged (request)",
            r#"{"read":["external_user:a"],"write":[]} (request)"#,
        ],
        &["body.acl: has no effect while the memory is flagged: only its owner may read and change it"],
    );
    let faults = request(&json!({"policy": {"transform_embedding": {"mode": "auto"}}})).expect_err("a fault");
    assert_eq!(faults.len(), 1);
}

#[test]
fn the_seed_documents_example_ends_as_it_says() {
    let task = |n: u64| json!({"node_type": "Task", "set": {"n": n}});
    let person = json!({"node_type": "Person", "create": "lookup"});
    let schema =
        schema_json(json!({"mode": "auto", "node_constraints": [task(1), person], "consent": "implicit"}));
    let request =
        json!({"memory_policy": {"mode": "auto", "schema_id": "my_schema", "node_constraints": [task(2)]}});
    let said = Said { schema, request, ..Said::default() };
    let (resolved, warnings) = resolve(&said).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(fields(&resolved), ["auto (request)", "implicit (schema)", "none (system)", "-"]);
    let constraints: Vec<String> = resolved
        .policy
        .node_constraints
        .iter()
        .map(|of| format!("{} {}", of.value.node_type.as_str(), of.layer.name()))
        .collect();
    assert_eq!(constraints, ["Task request", "Person schema"]);
    // What the type's own constraint says was replaced whole, the search with it.
    let task = resolved.policy.node_constraint("Task", &serde_json::Map::new()).expect("a constraint");
    assert_eq!((task.search, task.set.len()), (None, 1));
}

#[test]
fn several_constraints_of_one_request_speak_together() {
    let request = json!({
        "memory_policy": {"node_constraints": [
            {"node_type": "Task", "create": "lookup", "set": {"a": 1}},
            {"node_type": "Task", "set": {"a": 2, "b": 2}, "when": {"urgent": true}},
        ]},
        "link_to": "Task:title",
    });
    let (resolved, _) = resolve(&Said { request, ..Said::default() }).expect("a policy");
    let of = |properties: Value| {
        let properties = properties.as_object().expect("an object").clone();
        let found = resolved.policy.node_constraint("Task", &properties).expect("a constraint");
        let search = found.search.as_ref().map(|search| search.properties.len());
        (found.on_miss.name(), search, found.to_json()["set"].clone())
    };
    assert_eq!(of(json!({})), ("ignore", Some(1), json!({"a": 1})));
    assert_eq!(of(json!({"urgent": true})), ("ignore", Some(1), json!({"a": 1, "b": 2})));
    assert_eq!(resolved.policy.node_constraint("Person", &serde_json::Map::new()), None);
}

#[test]
fn former_forms_become_policies() {
    let manual = json!({"graph_generation": {"mode": "manual", "manual": {
        "nodes": [{"id": "a", "label": "T", "properties": {"x": 1}}, {"id": "b", "label": "T", "properties": {}}],
        "relationships": [{"source_node_id": "a", "target_node_id": "b", "relationship_type": "R"}],
    }}});
    let (resolved, _) = resolve(&Said { request: manual.clone(), ..Said::default() }).expect("a policy");
    assert_eq!(resolved.policy.graph(), GraphPlan::Given);
    assert_eq!((resolved.nodes.len(), resolved.edges.len()), (2, 1));
    let auto = json!({"graph_generation": {"auto": {"schema_id": "s", "property_overrides": [
        {"nodeLabel": "T", "match": {"name": "x"}, "set": {"id": "1"}},
    ]}}});
    let (resolved, _) = resolve(&Said { request: auto, ..Said::default() }).expect("a policy");
    assert_eq!(
        resolved.policy.node_constraints.first().map(|of| of.value.to_json()),
        Some(json!({"node_type": "T", "create": "upsert", "on_miss": "create", "set": {"id": "1"},
                    "when": {"_and": [{"name": "x"}]}})),
    );
    // With a policy beside it, it is not even read.
    let mut both = manual;
    both["memory_policy"] = json!({"mode": "auto"});
    both["graph_generation"]["mode"] = 7.into();
    let (resolved, warnings) = resolve(&Said { request: both, ..Said::default() }).expect("a policy");
    assert_eq!(resolved.policy.graph(), GraphPlan::Extracted);
    assert_eq!(warnings[1], "body.graph_generation: has no effect: the policy says otherwise");
    let id = "mem_0190000000007000800000000000abcd";
    let links = json!({"relationships_json": [
        {"relation_type": "FOLLOWS", "relationship_type": "previous_memory_item_id"},
        {"relation_type": "CITES", "related_item_id": id, "metadata": {"page": 3}},
        {"relation_type": "FOLLOWS", "relationship_type": "all_previous_memory_items"},
    ]});
    let (resolved, _) = resolve(&Said { request: links, ..Said::default() }).expect("a policy");
    let ends: Vec<String> = resolved.edges.iter().map(|edge| edge.target.to_string()).collect();
    assert_eq!(ends, ["$previous", id, "$context:20"]);
    let check = |generation: Value, expect: &[&str]| {
        assert_eq!(request(&json!({"graph_generation": generation})).expect_err("faults"), expect);
    };
    check(json!({"mode": "manual"}), &["body.graph_generation.manual: is required in mode manual"]);
    check(
        json!({"mode": "manual", "auto": {}, "manual": {"nodes": []}}),
        &["body.graph_generation.auto: must not be sent in mode manual"],
    );
    check(
        json!({"mode": "auto", "manual": {"nodes": 1}}),
        &[
            "body.graph_generation.manual.nodes: must be a list",
            "body.graph_generation.manual: must not be sent in mode auto",
        ],
    );
}

#[test]
fn a_change_of_an_item_states_what_it_replaces() {
    let policy = |members: Value| request(&members).expect("a request").0.policy;
    let before = policy(json!({
        "consent": "explicit", "risk": "sensitive", "acl": {"read": ["ann"]},
        "metadata": {"consent": "none"}, "memory_policy": {"node_constraints": [{"node_type": "A"}]},
    }));
    let check = |change: Value, consent: (Consent, Layer), risk: (Risk, Layer)| {
        let kept = serde_json::to_string(&before).expect("writes");
        let kept: RequestPolicy = serde_json::from_str(&kept).expect("reads");
        let after = kept.changed_by(&policy(change.clone()));
        let merged = Layers { namespace: None, schema: None, batch: None, request: &after }.merge();
        let found = ((merged.consent.value, merged.consent.layer), (merged.risk.value, merged.risk.layer));
        assert_eq!(found, (consent, risk), "{change}");
        assert!(merged.acl.is_some() && !merged.node_constraints.is_empty(), "{change}");
    };
    let explicit = (Consent::Explicit, Layer::Request);
    let sensitive = (Risk::Sensitive, Layer::Request);
    check(json!({}), explicit, sensitive);
    check(json!({"risk": "none"}), explicit, (Risk::None, Layer::Request));
    check(json!({"metadata": {"consent": "terms"}}), (Consent::Terms, Layer::Metadata), sensitive);
    check(
        json!({"memory_policy": {"node_constraints": [{"node_type": "B"}]}, "metadata": {"risk": "flagged"}}),
        explicit,
        (Risk::Flagged, Layer::Metadata),
    );
}

#[test]
fn a_kept_policy_reads_back() {
    let request = json!({
        "memory_policy": {"mode": "manual", "nodes": [{"id": "n", "type": "T", "properties": {"x": 1.0}}],
            "edge_constraints": [{"edge_type": "E", "source_type": "A", "on_miss": "error", "when": {"_not": {"a": 1}}}]},
        "acl": {"read": ["organization:acme"]}, "risk": "sensitive",
    });
    let (resolved, _) = resolve(&Said { request, ..Said::default() }).expect("a policy");
    let text = serde_json::to_string(&resolved.policy).expect("writes");
    assert_eq!(serde_json::from_str::<EffectivePolicy>(&text).expect("reads"), resolved.policy);
}
