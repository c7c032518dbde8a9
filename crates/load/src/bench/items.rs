//! What is asked of `/v1`: memories with and without a graph, and what is found of them.

use serde_json::{Value, json};

/// Memories in a batch: as many as it may have.
pub(super) const BATCH: usize = 50;
/// Without background processing: what is measured is storing.
pub(super) const ADDING: &str = "/v1/memory?skip_background_processing=true";
/// The same for a batch.
pub(super) const ADDING_BATCH: &str = "/v1/memory/batch?skip_background_processing=true";

const SAID: &str = "We went out together again last week, and it was really good to see them all.";

/// A memory of a user from which no graph is made.
pub(super) fn plain(user: &str) -> Value {
    json!({
        "content": SAID, "external_user_id": user,
        "metadata": {"role": "user", "category": "fact", "topics": ["friends"], "customMetadata": {"week": 47}},
    })
}

/// As many of them as a batch may have.
pub(super) fn batch(user: &str) -> Value {
    json!({"external_user_id": user, "memories": vec![json!({"content": SAID}); BATCH]})
}

/// A memory with a graph of five nodes and four edges.
pub(super) fn with_graph(user: &str) -> Value {
    let persons = ["Ana", "Ben", "Eve", "Zoe"];
    let mut nodes = vec![json!({"id": "project", "type": "Project", "properties": {"name": "Apollo"}})];
    nodes.extend(persons.map(|name| json!({"id": name, "type": "Person", "properties": {"name": name}})));
    let edges = persons.map(|name| json!({"source": name, "target": "project", "type": "WORKS_ON"}));
    json!({
        "content": "Ana, Ben, Eve and Zoe work on Apollo.", "external_user_id": user,
        "memory_policy": {"mode": "manual", "nodes": nodes, "relationships": edges},
    })
}

/// What looks for a user's memories by words.
pub(super) fn searching(user: &str) -> Value {
    json!({"query": "Was it good to see them last week?", "external_user_id": user})
}
