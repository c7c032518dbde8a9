//! The dialect's objects, field by field and at random.

mod fields;
mod props;
mod requests;
mod said;
mod shown;

use memoryscope_domain::time::Timestamp;
use serde_json::{Value, json};

use super::IngestRequest;
use crate::json::parse;
use crate::problem::Problem;
use crate::wire::Unknown;

/// 2026-01-01T12:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_unix_micros(1_767_268_800_000_000);

/// Reads a body as the route does.
pub(super) fn ingest(body: &Value) -> Result<IngestRequest, Problem> {
    let document = parse(body.to_string().as_bytes())?;
    Ok(document.decode_at::<IngestRequest>(Unknown::Refuse, NOW)?.value)
}

/// What is wrong with a body: `scope.scope_id missing`, in the order in which it is told.
pub(super) fn faults(body: &Value) -> Vec<String> {
    match ingest(body) {
        Ok(_) => Vec::new(),
        Err(problem) => {
            assert_eq!(problem.status().as_u16(), 422, "{}", problem.message());
            let told = problem.fields().iter().map(|fault| {
                format!("{} {}", fault.field().trim_start_matches("body."), fault.fault.as_str())
            });
            told.collect()
        }
    }
}

/// The least that an event is.
pub(super) fn least() -> Value {
    json!({
        "tenant_id": "t_acme",
        "scope": {"scope_type": "user", "scope_id": "ada"},
        "type": "event",
        "truth_mode": "factual_claim",
        "content": {"format": "text", "text": "She moved to Lisbon."},
    })
}

/// An event that says all that can be said of one.
pub(super) fn event() -> Value {
    json!({
        "tenant_id": "t_acme",
        "scope": {"scope_type": "project", "scope_id": "apollo", "flags": {"spiral": true, "beta": false}},
        "type": "event",
        "truth_mode": "subjective_experience",
        "state": "restricted",
        "sensitivity": {"level": "high", "categories": ["shame", "health"], "handling": "no_prompt"},
        "ownership": {
            "owner_type": "user", "owners": ["ada"], "claimant": "bob", "subjects": ["cleo"],
            "dispute_state": "unverified", "visibility": "shared_with_group",
        },
        "temporal": {
            "occurred_at_observed": "2026-01-01T11:00:00Z", "occurred_at_claimed": "2025-12-24T18:00:00Z",
            "time_precision": "range", "time_confidence": 0.5,
            "range": {"start": "2025-12-24T00:00:00Z", "end": "2025-12-26T00:00:00Z"},
            "ordering_uncertainty": 0.25,
        },
        "content": {"format": "json", "language": "en", "json": {"said": ["a", 1, null]}},
        "affect": {
            "valence": -0.5, "arousal": 0.75, "labels": ["sad"], "affect_confidence": 0.9,
            "affect_history": [{"at": "2025-12-25T00:00:00Z", "valence": -1, "arousal": 1, "labels": ["afraid"],
                "affect_confidence": 0.4}],
        },
        "procedural_payload": {"steps": ["Boil water.", "Wait."], "tool": "kettle"},
        "somatic_payload": {"do_not_prompt_with": ["needles"], "place": {"body": "arm"}},
        "strength": {"initial": 0.9, "current": 0.8, "decay_model": "linear", "half_life_days": 7,
            "last_reinforced_at": "2026-01-01T00:00:00Z"},
        "provenance": {
            "source": "human_agent", "surface": "chat", "conversation_id": "c-1",
            "derived_from": ["mem_00000000000070008000000000000001"],
            "transform_chain": [{"transform_id": "summary", "version": "2"}], "confidence": 0.7,
        },
        "reconsolidation_policy": "append_only",
    })
}

/// An impact with one constraint.
pub(super) fn impact() -> Value {
    json!({
        "tenant_id": "t_acme",
        "scope": {"scope_type": "user", "scope_id": "ada"},
        "type": "impact",
        "truth_mode": "factual_claim",
        "provenance": {"derived_from": ["mem_00000000000070008000000000000001"]},
        "impact_payload": {"constraints": [{
            "kind": "avoid", "topic": "hospital", "target": "response", "rule": "asked for",
            "params": {"topic": "hospital"}, "weight": 2.5, "priority": -3, "confidence": 0.5,
            "expires_at": "2027-01-01T00:00:00Z", "source_refs": ["mem_00000000000070008000000000000001"],
            "merge": {"slot": "topics", "strategy": "union", "tie_breakers": ["created_at", "priority"]},
        }]},
    })
}

/// A seed.
pub(super) fn seed() -> Value {
    json!({
        "tenant_id": "t_acme",
        "scope": {"scope_type": "user", "scope_id": "ada"},
        "type": "seed",
        "truth_mode": "factual_claim",
        "seed_payload": {"cues": ["Lisbon", "moving"], "activation": {"min_confidence": 0.4, "cooldown_seconds": 60}},
    })
}
