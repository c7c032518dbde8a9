//! A constraint as answers show it.

use memoryscope_domain::constraint::{Constraint, Merge, TieBreaker};
use serde::Serialize;
use serde_json::{Map, Value};

use super::spelt::{ConstraintName, Each, MemoryNames, Time, memory_names};

/// A constraint as answers show it.
#[derive(Serialize)]
pub(in crate::core_v2) struct ConstraintSaid<'a> {
    constraint_id: ConstraintName,
    kind: &'static str,
    topic: &'a str,
    target: &'static str,
    rule: &'a str,
    params: Map<String, Value>,
    weight: f64,
    priority: i32,
    confidence: f64,
    created_at: Time,
    expires_at: Option<Time>,
    source_refs: MemoryNames<'a>,
    provenance: TransformSaid<'a>,
    merge: MergeSaid<'a>,
}

#[derive(Serialize)]
struct TransformSaid<'a> {
    transform_id: Option<&'a str>,
    version: Option<u32>,
}

#[derive(Serialize)]
struct MergeSaid<'a> {
    slot: &'a str,
    strategy: &'static str,
    tie_breakers: Each<'a, TieBreaker, &'static str>,
}

impl<'a> ConstraintSaid<'a> {
    pub(in crate::core_v2) fn of(shown: &'a Constraint) -> Self {
        let Merge { slot, strategy, tie_breakers } = &shown.merge;
        Self {
            constraint_id: ConstraintName(shown.constraint_id),
            kind: shown.kind().name(),
            topic: shown.topic.as_str(),
            target: shown.target.name(),
            rule: shown.rule.as_str(),
            params: shown.params.to_map(),
            weight: shown.weight,
            priority: shown.priority,
            confidence: shown.confidence,
            created_at: Time(shown.created_at),
            expires_at: shown.expires_at.map(Time),
            source_refs: memory_names(&shown.source_refs),
            provenance: TransformSaid {
                transform_id: shown.provenance.transform_id.as_ref().map(|name| name.as_str()),
                version: shown.provenance.version,
            },
            merge: MergeSaid {
                slot: slot.as_str(),
                strategy: strategy.name(),
                tie_breakers: Each(tie_breakers, |breaker| breaker.name()),
            },
        }
    }
}
