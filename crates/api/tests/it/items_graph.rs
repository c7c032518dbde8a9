//! Schemas and the graph in the items dialect, as clients meet them.

use memoryscope_engine::extract::{BuiltIn, extract_all};
use serde_json::{Value, json};

use crate::governed::{App, Ask, Talk, changed};
use crate::support::Answer;

fn schema() -> Value {
    json!({
        "name": "Tasks", "status": "active",
        "node_types": {
            "Ticket": {"name": "Ticket", "properties": {
                "title": {"type": "string", "required": true},
                "status": {"type": "string", "enum_values": ["open", "done"], "default": "open"},
            }},
            "Person": {"name": "Person", "properties": {"name": {"type": "string", "required": true}}},
        },
        "relationship_types": {"ASSIGNED_TO": {
            "name": "ASSIGNED_TO", "allowed_source_types": ["Ticket"], "allowed_target_types": ["Person"],
        }},
        "default_memory_policy": {"consent": "terms"},
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

async fn asked(app: &App, line: &str, body: Option<&Value>) -> Answer {
    let ask = Ask::new(line);
    app.ask(match body {
        Some(body) => ask.json(body),
        None => ask,
    })
    .await
}

#[tokio::test]
async fn schemas() {
    let mut talk = Talk::with(App::new());
    let made = talk.post("make one", "/v1/schemas?external_user_id=ana", &schema()).await;
    let id = text(&made.json()["data"]["id"]);
    talk.post("everything that is wrong", "/v1/schemas", &json!({"name": "", "node_types": {}})).await;
    let one = format!("/v1/schemas/{id}");
    talk.say("read one", Ask::new(&format!("GET {one}?external_user_id=ben"))).await;
    let patch = json!({"description": "Of the team", "status": "deprecated"});
    talk.say("change it", Ask::new(&format!("PUT {one}?external_user_id=ana")).json(&patch)).await;
    talk.say("change another's", Ask::new(&format!("PUT {one}?external_user_id=ben")).json(&patch)).await;
    let wrong = json!({"version": "one"});
    talk.say("change it wrongly", Ask::new(&format!("PUT {one}?external_user_id=ana")).json(&wrong)).await;
    talk.say("list them", Ask::new("GET /v1/schemas?status_filter=deprecated")).await;
    talk.say("delete it", Ask::new(&format!("DELETE {one}?external_user_id=ana"))).await;
    talk.say("read what is gone", Ask::new(&format!("GET {one}"))).await;
    talk.say("read what is no id", Ask::new("GET /v1/schemas/none")).await;
    insta::assert_snapshot!("items_schemas", talk.end());
}

#[tokio::test]
async fn a_graph_that_is_given_is_there_at_once() {
    let app = App::new();
    let made = asked(&app, "POST /v1/schemas", Some(&schema())).await;
    let schema_id = text(&made.json()["data"]["id"]);
    let policy = json!({"mode": "manual", "schema_id": schema_id, "nodes": [
        {"id": "t", "type": "Ticket", "properties": {"title": "Fix the printer"}},
        {"id": "p", "type": "Person", "properties": {"name": "Ann"}},
    ], "relationships": [{"source": "t", "target": "p", "type": "ASSIGNED_TO"}]});
    let body = json!({"content": "Ann fixes it.", "external_user_id": "ana", "memory_policy": policy});
    let added = asked(&app, "POST /v1/memory", Some(&body)).await;
    let graph = &added.json()["details"]["graph"];
    assert_eq!(
        (&graph["status"], &graph["nodes"][0]["outcome"]),
        (&json!("completed"), &json!("created")),
        "{graph}"
    );
    let node = text(&graph["nodes"][0]["node"]);
    let read = asked(&app, &format!("GET /v1/graph/nodes/{node}?external_user_id=ana"), None).await;
    let data = read.json()["data"].clone();
    assert_eq!(data["properties"], json!({"title": "Fix the printer", "status": "open"}));
    assert_eq!(data["sources"][0]["consent"], "terms");
    let edges = asked(&app, &format!("GET /v1/graph/nodes/{node}/edges?external_user_id=ana"), None).await;
    assert_eq!(edges.json()["data"]["edges"][0]["type"], "ASSIGNED_TO");
    let around = format!("GET /v1/graph/nodes/{node}/neighbourhood?depth=2&external_user_id=ana");
    assert_eq!(asked(&app, &around, None).await.json()["data"]["nodes"].as_array().map(Vec::len), Some(2));
    for (line, status) in [
        (format!("GET /v1/graph/nodes/{node}?external_user_id=ben"), 404),
        (format!("GET /v1/graph/nodes/{node}/neighbourhood?depth=4"), 422),
        ("GET /v1/graph/nodes/none".to_owned(), 404),
    ] {
        assert_eq!(asked(&app, &line, None).await.status, status, "{line}");
    }
    let pattern = |direction: &str| {
        json!({"query": "x", "external_user_id": "ana", "search_override": {"pattern": {
            "source_label": "Ticket", "relationship_type": "ASSIGNED_TO", "target_label": "Person", "direction": direction,
        }, "filters": [{"node_type": "Ticket", "property_name": "title", "operator": "CONTAINS", "value": "printer"}],
        "return_properties": ["title"]}})
    };
    let found = asked(&app, "POST /v1/memory/search", Some(&pattern("->"))).await.json();
    assert_eq!(found["data"]["nodes"][0]["properties"], json!({"title": "Fix the printer"}));
    assert_eq!(found["data"]["schemas_used"], json!([schema_id]));
    let other = asked(&app, "POST /v1/schemas", Some(&schema())).await;
    let other = text(&other.json()["data"]["id"]);
    for (named, nodes) in [(&schema_id, 2), (&other, 0)] {
        let narrowed = changed(&pattern("->"), &[("schema_id", json!(named))]);
        let found = asked(&app, "POST /v1/memory/search", Some(&narrowed)).await.json();
        assert_eq!(found["data"]["nodes"].as_array().map(Vec::len), Some(nodes), "{found}");
        let plain = json!({"query": "fixes", "external_user_id": "ana", "enable_agentic_graph": true, "schema_id": named});
        let found = asked(&app, "POST /v1/memory/search", Some(&plain)).await.json();
        assert_eq!(found["data"]["memories"].as_array().map(Vec::len), Some(1), "{found}");
        assert_eq!(found["data"]["nodes"].as_array().map(Vec::len), Some(nodes), "{found}");
    }
    let unknown = changed(&pattern("->"), &[("schema_id", json!("none"))]);
    assert_eq!(asked(&app, "POST /v1/memory/search", Some(&unknown)).await.status, 422);
    let none = asked(&app, "POST /v1/memory/search", Some(&pattern("<-"))).await.json();
    assert_eq!(none["data"]["nodes"], json!([]));
    let wrong = json!({"content": "x", "memory_policy": {"mode": "manual", "schema_id": schema_id, "nodes": [
        {"id": "d", "type": "Dog"}]}});
    assert_eq!(asked(&app, "POST /v1/memory", Some(&wrong)).await.status, 422);
}

#[tokio::test]
async fn a_graph_that_is_extracted_comes_a_little_later() {
    let app = App::new();
    let body = json!({"content": "Dr. Ann Lee works at Blue Sky Ltd.", "external_user_id": "ana"});
    let added = asked(&app, "POST /v1/memory", Some(&body)).await;
    let id = text(&added.json()["data"][0]["memoryId"]);
    let status = format!("GET /v1/memory/status/{id}?external_user_id=ana");
    assert_eq!(asked(&app, &status, None).await.json()["status"], "quick_saved");
    extract_all(&app.engine, &BuiltIn).await.expect("done");
    let told = asked(&app, &status, None).await.json();
    assert_eq!(
        (&told["status"], &told["extraction"]["extractor"]),
        (&json!("completed"), &json!("built-in"))
    );
    let search = json!({"query": "Blue Sky", "external_user_id": "ana", "enable_agentic_graph": true});
    let found = asked(&app, "POST /v1/memory/search", Some(&search)).await.json();
    assert_eq!(found["data"]["nodes"].as_array().map(Vec::len), Some(2));
    let plain = json!({"query": "Blue Sky", "external_user_id": "ana"});
    let found = asked(&app, "POST /v1/memory/search", Some(&plain)).await.json();
    assert_eq!(found["data"]["nodes"], json!([]));
    // What is changed is extracted anew.
    let change = json!({"external_user_id": "ana", "content": "Write to bob@example.org."});
    asked(&app, &format!("PUT /v1/memory/{id}"), Some(&change)).await;
    extract_all(&app.engine, &BuiltIn).await.expect("done");
    let told = asked(&app, &status, None).await.json();
    assert_eq!(told["extraction"]["nodes"].as_array().map(Vec::len), Some(1), "{told}");
    let skipped = asked(&app, "POST /v1/memory?skip_background_processing=true", Some(&body)).await;
    let id = text(&skipped.json()["data"][0]["memoryId"]);
    let told = asked(&app, &format!("GET /v1/memory/status/{id}?external_user_id=ana"), None).await.json();
    assert_eq!(told["extraction"]["reason"], "skip_background_processing");
}
