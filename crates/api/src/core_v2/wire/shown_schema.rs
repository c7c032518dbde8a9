//! The schemas of what [`super::shown`] shows.

use memoryscope_domain::constraint::{Kind, Strategy, Target, TieBreaker};
use memoryscope_domain::memory::MemoryType;
use memoryscope_domain::object::{
    DecayModel, DisputeState, Handling, Happening, Level, OwnerType, Precision, ReconsolidationPolicy,
    Source, TruthMode, Visibility,
};
use memoryscope_domain::scope::ScopeType;
use memoryscope_engine::op::query::Shown;
use serde_json::{Value, json};

use super::requests::STATES;
use crate::openapi::schema::{about, count, free, list, names, object, or_null, prefixed, text, time};

fn unit() -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 1})
}

fn of(all: &'static [&'static str]) -> Value {
    names(all.iter().copied())
}

/// The schema of a `MemoryObject`.
pub(in crate::core_v2) fn memory() -> Value {
    let payload = |member: &str| {
        let mut payload = free();
        payload["properties"] = json!({member: {"type": "array", "items": {"type": "string"}}});
        or_null(payload)
    };
    let impact = object("ImpactPayload", [("constraints", list(constraint()))]);
    let state =
        about(names(STATES.map(Shown::name)), "An active memory that is too weak is shown as dormant.");
    object(
        "MemoryObject",
        [
            ("id", prefixed("mem_")),
            ("tenant_id", text()),
            ("scope", scope()),
            ("type", names([MemoryType::Event, MemoryType::Impact, MemoryType::Seed].map(MemoryType::name))),
            ("truth_mode", of(TruthMode::NAMES)),
            ("state", state),
            ("created_at", time()),
            ("version", count()),
            ("sensitivity", sensitivity()),
            ("ownership", ownership()),
            ("temporal", temporal()),
            ("content", or_null(content())),
            ("affect", or_null(affect())),
            ("impact_payload", or_null(impact)),
            ("seed_payload", or_null(seed())),
            ("procedural_payload", payload("steps")),
            ("somatic_payload", payload("do_not_prompt_with")),
            ("strength", strength()),
            ("provenance", provenance()),
            ("history", list(history_entry())),
            ("reconsolidation_policy", of(ReconsolidationPolicy::NAMES)),
            ("reconsolidation_trace", list(trace_entry())),
        ],
    )
}

/// The schema of what is left of an erased memory.
pub(in crate::core_v2) fn tombstone() -> Value {
    let types = names([MemoryType::Event, MemoryType::Impact, MemoryType::Seed].map(MemoryType::name));
    object(
        "Tombstone",
        [
            ("id", prefixed("mem_")),
            ("tenant_id", text()),
            ("type", types),
            ("state", names(STATES.map(Shown::name))),
            ("created_at", time()),
            ("version", count()),
        ],
    )
}

fn scope() -> Value {
    let flags = json!({"type": "object", "additionalProperties": {"type": "boolean"}});
    let types = names(ScopeType::ALL.map(ScopeType::name));
    object("MemoryScope", [("scope_type", types), ("scope_id", text()), ("flags", flags)])
}

fn sensitivity() -> Value {
    object(
        "Sensitivity",
        [("level", of(Level::NAMES)), ("categories", list(text())), ("handling", of(Handling::NAMES))],
    )
}

fn ownership() -> Value {
    object(
        "Ownership",
        [
            ("owner_type", of(OwnerType::NAMES)),
            ("owners", list(text())),
            ("claimant", or_null(text())),
            ("subjects", list(text())),
            ("dispute_state", of(DisputeState::NAMES)),
            ("visibility", of(Visibility::NAMES)),
        ],
    )
}

fn temporal() -> Value {
    let range = object("TimeRange", [("start", or_null(time())), ("end", or_null(time()))]);
    object(
        "Temporal",
        [
            ("occurred_at_observed", time()),
            ("occurred_at_claimed", or_null(time())),
            ("time_precision", of(Precision::NAMES)),
            ("time_confidence", unit()),
            ("range", or_null(range)),
            ("ordering_uncertainty", unit()),
        ],
    )
}

fn content() -> Value {
    object(
        "Content",
        [
            ("format", names(["text", "json"])),
            ("language", text()),
            ("text", or_null(text())),
            ("json", about(json!({}), "Any JSON; null where the format is text.")),
        ],
    )
}

fn feeling(title: &str) -> Value {
    let valence = json!({"type": "number", "minimum": -1, "maximum": 1});
    object(
        title,
        [("valence", valence), ("arousal", unit()), ("labels", list(text())), ("affect_confidence", unit())],
    )
}

fn affect() -> Value {
    use crate::openapi::schema::with;
    let past = with(feeling("PastAffect"), [("at", time())]);
    with(feeling("Affect"), [("affect_history", list(past))])
}

fn seed() -> Value {
    let activation = object("Activation", [("min_confidence", unit()), ("cooldown_seconds", count())]);
    object("SeedPayload", [("cues", list(text())), ("activation", activation)])
}

fn strength() -> Value {
    object(
        "Strength",
        [
            ("initial", unit()),
            ("current", about(unit(), "When it was stored or last reinforced.")),
            ("effective", about(unit(), "What is left of it now.")),
            ("decay_model", of(DecayModel::NAMES)),
            ("half_life_days", json!({"type": "number", "minimum": 0})),
            ("last_reinforced_at", or_null(time())),
        ],
    )
}

fn provenance() -> Value {
    let step = object("TransformStep", [("transform_id", text()), ("version", text())]);
    object(
        "Provenance",
        [
            ("source", of(Source::NAMES)),
            ("surface", or_null(text())),
            ("conversation_id", or_null(text())),
            ("derived_from", list(prefixed("mem_"))),
            ("transform_chain", list(step)),
            ("policy_version", or_null(text())),
            ("confidence", unit()),
        ],
    )
}

fn history_entry() -> Value {
    object(
        "HistoryEntry",
        [("at", time()), ("event", of(Happening::NAMES)), ("by", or_null(text())), ("note", or_null(text()))],
    )
}

fn trace_entry() -> Value {
    object("ReconsolidationEntry", [("at", time()), ("by", or_null(text())), ("fields", list(text()))])
}

/// The schema of a constraint.
pub(in crate::core_v2) fn constraint() -> Value {
    let provenance =
        object("ConstraintProvenance", [("transform_id", or_null(text())), ("version", or_null(count()))]);
    let merge = object(
        "ConstraintMerge",
        [("slot", text()), ("strategy", of(Strategy::NAMES)), ("tie_breakers", list(of(TieBreaker::NAMES)))],
    );
    object(
        "Constraint",
        [
            ("constraint_id", prefixed("con_")),
            ("kind", of(Kind::NAMES)),
            ("topic", text()),
            ("target", of(Target::NAMES)),
            ("rule", text()),
            ("params", free()),
            ("weight", json!({"type": "number", "minimum": 0})),
            ("priority", json!({"type": "integer"})),
            ("confidence", unit()),
            ("created_at", time()),
            ("expires_at", or_null(time())),
            ("source_refs", list(prefixed("mem_"))),
            ("provenance", provenance),
            ("merge", merge),
        ],
    )
}
