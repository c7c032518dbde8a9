//! `link_to`: a memory that follows those before it, and nodes that are found through an edge.

use memoryscope_engine::extract::{BuiltIn, extract_all};
use serde_json::{Value, json};

use crate::governed::{App, Ask, changed};

async fn added(app: &App, body: &Value) -> String {
    app.clock.advance_micros(1_000_000);
    let answer = app.post("/v1/memory", body).await;
    answer.json()["data"][0]["memoryId"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {}", answer.text))
        .to_owned()
}

/// The memories that this one follows, as a user sees it, each by its id.
async fn followed(app: &App, id: &str, user: &str) -> Vec<String> {
    let target = format!("GET /v1/graph/nodes/{id}/edges?external_user_id={user}");
    let edges = app.ask(Ask::new(&target)).await.json()["data"]["edges"].clone();
    let follows =
        |edge: &Value| (edge["type"] == "FOLLOWS").then(|| edge["target"].as_str().map(str::to_owned))?;
    let mut followed: Vec<String> = edges.as_array().into_iter().flatten().filter_map(follows).collect();
    followed.sort_unstable();
    followed
}

/// Newest first, as many as there are, only the user's own, and none that its writer may not see.
#[tokio::test]
async fn a_memory_follows_those_before_it() {
    let app = App::new();
    let said = |text: &str| json!({"content": text, "external_user_id": "ana"});
    let linked = |text: &str, link: &str| changed(&said(text), &[("link_to", json!(link))]);
    let lone = added(&app, &linked("The first.", "$context:5")).await;
    extract_all(&app.engine, &BuiltIn).await.expect("done");
    assert_eq!(followed(&app, &lone, "ana").await, Vec::<String>::new());
    let mut before = vec![lone];
    for text in ["The second.", "The third.", "The fourth."] {
        before.push(added(&app, &said(text)).await);
    }
    added(&app, &json!({"content": "Ben's own.", "external_user_id": "ben", "acl": {"read": ["ana"]}})).await;
    let consent = [("consent", json!("none"))];
    added(&app, &changed(&said("Without consent."), &consent)).await;
    let sealed = added(&app, &said("It is sealed.")).await;
    let seal = Ask::new(&format!("POST /v2/memories/{sealed}/seal")).json(&json!({"tenant_id": "t_default"}));
    assert_eq!(app.ask(seal.with("x-memoryscope-user", "ana")).await.status, 200);
    for (link, count) in [("$previous", 1), ("$context:1", 1), ("$context:3", 3), ("$context:20", 4)] {
        let app_now = &app;
        let id = added(app_now, &linked(&format!("It is linked by {link}."), link)).await;
        extract_all(&app.engine, &BuiltIn).await.expect("done");
        let mut expect: Vec<String> = before.iter().rev().take(count).cloned().collect();
        expect.sort_unstable();
        assert_eq!(followed(&app, &id, "ana").await, expect, "{link}");
        let erase = Ask::new(&format!("DELETE /v1/memory/{id}?external_user_id=ana"));
        assert_eq!(app.ask(erase).await.status, 200);
    }
    for wrong in ["$context:0", "$context:21", "$context"] {
        let refused = app.post("/v1/memory", &linked("x", wrong)).await;
        assert_eq!(refused.status, 422, "{wrong}: {}", refused.text);
    }
}

/// A person who is found by whom they work for is the one who is known, and not a new one.
#[tokio::test]
async fn a_node_is_found_through_an_edge() {
    let app = App::new();
    let first = json!({"content": "Dr. Ann Lee works at Blue Sky Ltd.", "external_user_id": "ana"});
    let first = added(&app, &first).await;
    extract_all(&app.engine, &BuiltIn).await.expect("done");
    let persons = async || {
        let search = json!({"query": "*", "external_user_id": "ana", "enable_agentic_graph": true});
        let found = app.post("/v1/memory/search", &search).await.json();
        let nodes = found["data"]["nodes"].as_array().expect("nodes").clone();
        nodes.iter().filter(|node| node["label"] == "Person").count()
    };
    assert_eq!(persons().await, 1, "{first}");
    for (link, count) in [
        ("Person.via(WORKS_AT->Company:name=Blue Sky Ltd)", 1),
        ("Person.via(WORKS_AT->Company:name~@0.9)", 1),
        ("Person.via(WORKS_AT->Company:name=Red Sky Ltd)", 2),
    ] {
        let again =
            json!({"content": "Dr. Lee works at Blue Sky Ltd.", "external_user_id": "ana", "link_to": link});
        let id = added(&app, &again).await;
        extract_all(&app.engine, &BuiltIn).await.expect("done");
        let target = format!("GET /v1/memory/status/{id}?external_user_id=ana");
        assert_eq!(persons().await, count, "{link}: {}", app.ask(Ask::new(&target)).await.text);
    }
}
