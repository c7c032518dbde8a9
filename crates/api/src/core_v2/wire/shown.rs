//! A memory as answers show it.
//!
//! Every member that the dialect's objects have is there; what a memory does not have, or a policy keeps back, is null
//! or empty: the one looks like the other.

use memoryscope_domain::constraint::{Constraint, Merge};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::{Body, Memory, MemoryType};
use memoryscope_domain::object::{
    Affect, Content, Feeling, FreeForm, HistoryEntry, Object, Ownership, PastFeeling, Procedural, Provenance,
    Sensitivity, Somatic, Strength, Temporal, TraceEntry,
};
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::query::Shown;
use serde_json::{Map, Value, json};

/// The `MemoryObject` of an event, an impact or a seed in a state, as its reader may see it. `None` for what this
/// dialect does not speak of.
pub(in crate::core_v2) fn memory(memory: &Memory, state: Shown, now: Timestamp) -> Option<Value> {
    let Some(object) = memory.object() else { return tombstone(memory, state) };
    let (impact, seed) = match &memory.body {
        Body::Impact(impact) => (Some(constraints(&impact.constraints)), None),
        Body::Seed(seed) => {
            let cues: Vec<&str> = seed.cues.iter().map(|cue| cue.as_str()).collect();
            let activation = json!({
                "min_confidence": seed.activation.min_confidence.get(),
                "cooldown_seconds": seed.activation.cooldown_seconds(),
            });
            (None, Some(json!({"cues": cues, "activation": activation})))
        }
        _ => (None, None),
    };
    let mut shown = json!({
        "id": memory.id.prefixed(),
        "tenant_id": memory.tenant.as_str(),
        "scope": scope(&memory.scope, object),
        "type": memory.body.memory_type().name(),
        "state": state.name(),
        "created_at": memory.created.to_string(),
        "version": memory.version,
        "strength": strength(&object.strength, memory.strength(now).get()),
        "impact_payload": impact.map(|constraints| json!({"constraints": constraints})),
        "seed_payload": seed,
    });
    if let (Value::Object(shown), Value::Object(said)) = (&mut shown, said(object)) {
        shown.extend(said);
    }
    Some(shown)
}

/// What is left of a memory of this dialect once it is erased, and of its versions.
fn tombstone(memory: &Memory, state: Shown) -> Option<Value> {
    let was = memory.body.memory_type();
    let is_erased = matches!(memory.body, Body::Erased { .. }) && was != MemoryType::Preference;
    is_erased.then(|| {
        json!({
            "id": memory.id.prefixed(),
            "tenant_id": memory.tenant.as_str(),
            "type": was.name(),
            "state": state.name(),
            "created_at": memory.created.to_string(),
            "version": memory.version,
        })
    })
}

/// What is the same whenever an object is looked at.
fn said(object: &Object) -> Value {
    json!({
        "truth_mode": object.truth_mode().name(),
        "sensitivity": sensitivity(&object.sensitivity),
        "ownership": ownership(&object.ownership),
        "temporal": temporal(&object.temporal),
        "content": object.content.as_ref().map(content),
        "affect": object.affect.as_ref().map(affect),
        "procedural_payload": object.procedural.as_ref().map(procedural),
        "somatic_payload": object.somatic.as_ref().map(somatic),
        "provenance": provenance(&object.provenance),
        "history": object.history.iter().map(history_entry).collect::<Vec<_>>(),
        "reconsolidation_policy": object.reconsolidation.name(),
        "reconsolidation_trace": object.trace.iter().map(trace_entry).collect::<Vec<_>>(),
    })
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

fn texts<T: AsRef<str>>(members: &[T]) -> Vec<&str> {
    members.iter().map(AsRef::as_ref).collect()
}

fn ids(members: &[MemoryId]) -> Vec<String> {
    members.iter().map(|id| id.prefixed()).collect()
}

fn scope(scope: &Scope, object: &Object) -> Value {
    let flags: Map<String, Value> =
        object.flags.iter().map(|(name, flag)| (name.to_owned(), json!(flag))).collect();
    json!({"scope_type": scope.scope_type.name(), "scope_id": scope.id, "flags": flags})
}

fn sensitivity(shown: &Sensitivity) -> Value {
    json!({
        "level": shown.level.name(),
        "categories": texts(&shown.categories),
        "handling": shown.handling.name(),
    })
}

fn ownership(shown: &Ownership) -> Value {
    json!({
        "owner_type": shown.owner_type.name(),
        "owners": shown.owners.as_vec(),
        "claimant": shown.claimant,
        "subjects": shown.subjects.as_vec(),
        "dispute_state": shown.dispute_state.name(),
        "visibility": shown.visibility.name(),
    })
}

fn temporal(shown: &Temporal) -> Value {
    json!({
        "occurred_at_observed": shown.observed.to_string(),
        "occurred_at_claimed": time(shown.claimed),
        "time_precision": shown.precision().name(),
        "time_confidence": shown.confidence.get(),
        "range": shown.range().map(|range| json!({"start": time(range.start()), "end": time(range.end())})),
        "ordering_uncertainty": shown.ordering_uncertainty.get(),
    })
}

fn content(shown: &Content) -> Value {
    json!({
        "format": shown.format(),
        "language": shown.language.as_str(),
        "text": shown.as_text(),
        "json": shown.as_json(),
    })
}

fn feeling(shown: &Feeling) -> Value {
    json!({
        "valence": shown.valence.get(),
        "arousal": shown.arousal.get(),
        "labels": texts(&shown.labels),
        "affect_confidence": shown.confidence.get(),
    })
}

fn affect(shown: &Affect) -> Value {
    let past = |past: &PastFeeling| {
        let mut entry = feeling(&past.feeling);
        entry["at"] = json!(past.at.to_string());
        entry
    };
    let mut told = feeling(&shown.feeling);
    told["affect_history"] = shown.history.iter().map(past).collect();
    told
}

/// A payload's free-form members, and the one that has a meaning.
fn payload(rest: &FreeForm, name: &str, member: &[&str]) -> Value {
    let mut told = rest.members().clone();
    told.insert(name.to_owned(), json!(member));
    Value::Object(told)
}

fn procedural(shown: &Procedural) -> Value {
    let steps: Vec<&str> = shown.steps.iter().map(|step| step.as_str()).collect();
    payload(&shown.rest, "steps", &steps)
}

fn somatic(shown: &Somatic) -> Value {
    payload(&shown.rest, "do_not_prompt_with", &texts(&shown.do_not_prompt_with))
}

fn strength(shown: &Strength, effective: f64) -> Value {
    json!({
        "initial": shown.initial.get(),
        "current": shown.current.get(),
        "effective": effective,
        "decay_model": shown.decay_model.name(),
        "half_life_days": shown.half_life.get(),
        "last_reinforced_at": time(shown.last_reinforced),
    })
}

fn provenance(shown: &Provenance) -> Value {
    let steps = shown
        .transform_chain
        .iter()
        .map(|step| json!({"transform_id": step.transform_id.as_str(), "version": step.version.as_str()}));
    json!({
        "source": shown.source.name(),
        "surface": shown.surface.as_ref().map(|name| name.as_str()),
        "conversation_id": shown.conversation_id.as_ref().map(|name| name.as_str()),
        "derived_from": ids(&shown.derived_from),
        "transform_chain": steps.collect::<Vec<_>>(),
        "policy_version": shown.policy_version.as_ref().map(|name| name.as_str()),
        "confidence": shown.confidence.get(),
    })
}

fn history_entry(entry: &HistoryEntry) -> Value {
    json!({
        "at": entry.at.to_string(),
        "event": entry.event.name(),
        "by": entry.by,
        "note": entry.note.as_ref().map(|note| note.as_str()),
    })
}

fn trace_entry(entry: &TraceEntry) -> Value {
    json!({"at": entry.at.to_string(), "by": entry.by, "fields": texts(&entry.fields)})
}

fn constraints(shown: &[Constraint]) -> Vec<Value> {
    shown.iter().map(constraint).collect()
}

/// A constraint as answers show it.
pub(super) fn constraint(shown: &Constraint) -> Value {
    json!({
        "constraint_id": shown.constraint_id.prefixed(),
        "kind": shown.kind().name(),
        "topic": shown.topic.as_str(),
        "target": shown.target.name(),
        "rule": shown.rule.as_str(),
        "params": shown.params.to_map(),
        "weight": shown.weight,
        "priority": shown.priority,
        "confidence": shown.confidence,
        "created_at": shown.created_at.to_string(),
        "expires_at": time(shown.expires_at),
        "source_refs": ids(&shown.source_refs),
        "provenance": {
            "transform_id": shown.provenance.transform_id.as_ref().map(|name| name.as_str()),
            "version": shown.provenance.version,
        },
        "merge": merge(&shown.merge),
    })
}

fn merge(shown: &Merge) -> Value {
    let breakers: Vec<&str> = shown.tie_breakers.iter().map(|breaker| breaker.name()).collect();
    json!({"slot": shown.slot.as_str(), "strategy": shown.strategy.name(), "tie_breakers": breakers})
}
