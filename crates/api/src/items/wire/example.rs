//! Requests for examples.

use serde_json::{Value, json};

/// A memory's id of the right form.
pub(in crate::items) const ID: &str = "mem_019b76daa80070018a80bdd0f8d83629";

/// A batch's name of the right form.
pub(in crate::items) const BATCH: &str = "batch_00000000000000000000000000000000";

/// An item that says how it is treated and what it is about.
pub(in crate::items) fn item() -> Value {
    json!({
        "content": "Ana prefers window seats on long flights.",
        "external_user_id": "ana",
        "acl": {"read": ["external_user:ben"]},
        "consent": "explicit",
        "metadata": {
            "role": "user", "category": "preference", "topics": ["travel"],
            "sourceUrl": "https://example.org/chats/7", "customMetadata": {"trip": 7, "confirmed": true},
        },
    })
}

/// An item whose graph is given.
pub(in crate::items) fn manual() -> Value {
    json!({
        "content": "Ana works on Apollo.",
        "external_user_id": "ana",
        "memory_policy": {
            "mode": "manual",
            "nodes": [
                {"id": "ana", "type": "Person", "properties": {"name": "Ana"}},
                {"id": "apollo", "type": "Project", "properties": {"name": "Apollo"}},
            ],
            "relationships": [{"source": "ana", "target": "apollo", "type": "WORKS_ON"}],
        },
    })
}

/// A message of a session.
pub(in crate::items) fn message() -> Value {
    json!({
        "content": "I fly to Lisbon on 3 May.",
        "role": "user",
        "sessionId": "trip",
        "external_user_id": "ana",
        "metadata": {"topics": ["travel"]},
    })
}

/// A thumb for an answer.
pub(in crate::items) fn feedback() -> Value {
    json!({
        "search_id": "log_019b76daa800700083c07e797990b22e",
        "external_user_id": "ana",
        "feedbackData": {
            "feedbackType": "thumbs_up", "feedbackSource": "inline", "feedbackText": "That was it.",
            "citedMemoryIds": [ID],
        },
    })
}

/// An item as an Open Memory Object.
pub(in crate::items) fn object() -> Value {
    json!({
        "id": ID,
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "type": "text",
        "content": "Ana prefers window seats on long flights.",
        "consent": "explicit",
        "risk": "none",
        "acl": {"read": ["external_user:ben"], "write": []},
        "topics": ["travel"],
        "ext": {"memoryscope:owner": "external_user:ana", "papr:metadata": {"role": "user", "category": "preference"}},
    })
}

/// A schema's id of the right form.
pub(in crate::items) const SCHEMA_ID: &str = "schema_019b76daa80070018a80bdd0f8d83629";

/// A node's id of the right form.
pub(in crate::items) const NODE_ID: &str = "node_019b76daa80080018a80bdd0f8d83629";

/// A schema of tasks and persons.
pub(in crate::items) fn schema() -> Value {
    json!({
        "name": "Tasks",
        "status": "active",
        "node_types": {
            "Task": {"name": "Task", "label": "Task", "properties": {
                "title": {"type": "string", "required": true},
                "status": {"type": "string", "enum_values": ["open", "done"], "default": "open"},
            }},
            "Person": {"name": "Person", "label": "Person", "properties": {"name": {"type": "string", "required": true}}},
        },
        "relationship_types": {"ASSIGNED_TO": {
            "name": "ASSIGNED_TO", "allowed_source_types": ["Task"], "allowed_target_types": ["Person"],
        }},
        "default_memory_policy": {"consent": "terms"},
    })
}
