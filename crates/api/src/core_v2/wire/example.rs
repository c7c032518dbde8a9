//! Requests for examples.

use serde_json::{Value, json};

/// A memory's id of the right form.
pub(in crate::core_v2) const ID: &str = "mem_019b76daa80070018a80bdd0f8d83629";
/// An access log's id of the right form.
pub(in crate::core_v2) const LOG: &str = "log_019b76daa800700083c07e797990b22e";
/// The tenant of the examples.
pub(in crate::core_v2) const TENANT: &str = "t_default";
/// The person of the examples.
pub(in crate::core_v2) const USER: &str = "ana";

/// The scope of the examples.
pub(in crate::core_v2) fn scope() -> Value {
    json!({"scope_type": "user", "scope_id": USER})
}

/// A memory without its tenant.
pub(in crate::core_v2) fn untenanted() -> Value {
    json!({
        "scope": scope(),
        "type": "event",
        "truth_mode": "subjective_experience",
        "sensitivity": {"level": "medium", "categories": ["health"]},
        "content": {"format": "text", "language": "en",
            "text": "I'm allergic to peanuts. Please keep answers short, and don't bring up the hospital."},
        "affect": {"valence": -0.4, "arousal": 0.5, "labels": ["worried"]},
    })
}

/// A memory.
pub(in crate::core_v2) fn event() -> Value {
    let mut event = untenanted();
    event["tenant_id"] = json!(TENANT);
    event
}

/// An impact that a client asserts.
pub(in crate::core_v2) fn impact() -> Value {
    json!({
        "tenant_id": TENANT,
        "scope": scope(),
        "type": "impact",
        "truth_mode": "factual_claim",
        "impact_payload": {"constraints": [{
            "kind": "prefer", "topic": "drink", "target": "response", "rule": "asked for",
            "params": {"attribute": "drink", "value": "green tea"},
            "merge": {"slot": "drink", "strategy": "latest_wins"},
        }]},
    })
}
