//! A constraint says one thing in few words, and survives being stored.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use memoryscope_domain::constraint::{
    Avoided, Constraint, ConstraintParts, Kind, Merge, Name, Params, Provenance, Strategy, Target, Term,
    TieBreaker,
};
use memoryscope_domain::ids::{ConstraintId, MemoryId};
use memoryscope_domain::limits;
use memoryscope_domain::time::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

fn term(text: &str) -> Term {
    Term::parse(text).unwrap()
}

fn parts() -> ConstraintParts {
    ConstraintParts {
        constraint_id: ConstraintId::from_uuid(Uuid::from_u128(7)),
        topic: term("hospital"),
        target: Target::Response,
        rule: Name::parse("explicit_avoid").unwrap(),
        params: Params::Avoid(Avoided::Topic(term("hospital"))),
        weight: 1.5,
        priority: -3,
        confidence: 0.9,
        created_at: Timestamp::from_unix_micros(5),
        expires_at: Some(Timestamp::from_unix_micros(6)),
        source_refs: vec![MemoryId::from_uuid(Uuid::from_u128(2)), MemoryId::from_uuid(Uuid::from_u128(1))],
        provenance: Provenance { transform_id: Some(Name::parse("derive").unwrap()), version: Some(1) },
        merge: Merge {
            slot: Name::parse("avoid.hospital").unwrap(),
            strategy: Strategy::Union,
            tie_breakers: vec![TieBreaker::CreatedAt],
        },
    }
}

#[test]
fn every_kind_is_stored_and_read_back() {
    let all = [
        json!({"kind": "avoid", "params": {"topic": "hospital"}}),
        json!({"kind": "avoid", "params": {"content_class": "judgement_language"}}),
        json!({"kind": "prefer", "params": {"attribute": "drink", "value": "green tea"}}),
        json!({"kind": "require", "params": {"behavior": "captions"}}),
        json!({"kind": "tone", "params": {"tone_profile": "matter_of_fact"}}),
        json!({"kind": "style", "params": {"format": "numbered_steps"}}),
        json!({"kind": "boundary", "params": {"boundary_type": "no_contact"}}),
        json!({"kind": "safety", "params": {"mode": "trauma_informed", "consent_required": true}}),
        json!({"kind": "clarify_first", "params": {"topic": "dates"}}),
        json!({"kind": "ask_permission", "params": {"topic": "family"}}),
    ];
    let mut kinds = Vec::new();
    for form in all {
        let mut stored = serde_json::to_value(Constraint::new(parts()).unwrap()).unwrap();
        stored["kind"] = form["kind"].clone();
        stored["params"] = form["params"].clone();
        let constraint: Constraint = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(constraint.kind().name(), form["kind"]);
        kinds.push(constraint.kind());
        assert_eq!(serde_json::to_value(&constraint).unwrap(), stored);
        let bytes = serde_json::to_vec(&constraint).unwrap();
        assert_eq!(serde_json::from_slice::<Constraint>(&bytes).unwrap(), constraint);
        assert_eq!(Constraint::new(constraint.clone().into_parts()), Ok(constraint));
    }
    kinds.dedup();
    assert_eq!(kinds, Kind::ALL);
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut Value), message: &str) {
    let mut stored = serde_json::to_value(Constraint::new(parts()).unwrap()).unwrap();
    change(&mut stored);
    let error = serde_json::from_value::<Constraint>(stored).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn what_is_wrong_is_refused_and_named() {
    check_refused(|c| c["topic"] = json!("he hit me once"), "at most 3 words");
    check_refused(
        |c| c["params"] = json!({"topic": "he hit me once"}),
        "params.topic: must be at most 3 words",
    );
    check_refused(|c| c["params"] = json!({}), "params: must hold either content_class or topic");
    check_refused(|c| c["params"] = json!({"topic": 3}), "params.topic: must be a string");
    check_refused(|c| c["params"]["why"] = json!("x"), "params.why: is no parameter");
    check_refused(|c| c["kind"] = json!("prefer"), "params.attribute: is missing; params.value: is missing");
    check_refused(|c| c["weight"] = json!(-0.1), "weight: must be a finite number");
    check_refused(|c| c["confidence"] = json!(1.1), "confidence: must be between 0 and 1");
    check_refused(|c| c["expires_at"] = json!(5), "expires_at: must be later");
    check_refused(|c| c["merge"]["tie_breakers"] = json!(["priority", "priority"]), "each tie-breaker once");
    check_refused(|c| c["merge"]["strategy"] = json!("random"), "unknown variant");
    check_refused(|c| c["note"] = json!("he hit me"), "unknown field");
    let mut many = parts();
    let count = u128::try_from(limits::CONSTRAINT_SOURCES_MAX).unwrap() + 1;
    many.source_refs = (0..count).map(|id| MemoryId::from_uuid(Uuid::from_u128(id))).collect();
    many.weight = f64::INFINITY;
    let fields: Vec<String> =
        Constraint::new(many).unwrap_err().into_iter().map(|fault| fault.field).collect();
    assert_eq!(fields, ["weight", "source_refs"]);
}

#[test]
fn sources_are_a_set() {
    let constraint = Constraint::new(parts()).unwrap();
    assert!(constraint.source_refs.is_sorted());
    assert!(!constraint.is_expired(Timestamp::from_unix_micros(5)));
    assert!(constraint.is_expired(Timestamp::from_unix_micros(6)));
}
