//! A memory as answers show it.
//!
//! Every member that the dialect's objects have is there; what a memory does not have, or a policy keeps back, is null
//! or empty: the one looks like the other. Nothing is copied on its way into an answer: a page of memories is the most
//! that is ever said at once.

use memoryscope_domain::constraint::Constraint;
use memoryscope_domain::ids::UserId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Body, Memory, MemoryType};
use memoryscope_domain::object::{
    Affect, Category, Content, Cue, Feeling, FreeForm, HistoryEntry, Label, Name, Object, Ownership,
    PastFeeling, Prose, Provenance, ScopeFlags, Seed, Sensitivity, Strength, Temporal, TraceEntry,
    TransformStep,
};
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use memoryscope_engine::op::query::Shown;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

mod constraint;
mod spelt;

pub(in crate::core_v2) use constraint::ConstraintSaid;
pub(in crate::core_v2) use spelt::{ConstraintName, Each, MemoryName, MemoryNames, Time, memory_names};
use spelt::{Texts, texts};

/// One step of a procedure.
type Step = Prose<{ limits::NOTE_CHARS_MAX }>;

/// A memory in a state, as its reader may see it.
#[derive(Serialize)]
#[serde(untagged)]
pub(in crate::core_v2) enum Told<'a> {
    /// An event, an impact or a seed.
    Object(Box<MemoryObject<'a>>),
    /// What is left of one that was erased.
    Tombstone(Tombstone<'a>),
}

/// The `MemoryObject` of an event, an impact or a seed in a state, as its reader may see it. `None` for what this
/// dialect does not speak of.
pub(in crate::core_v2) fn memory(memory: &Memory, state: Shown, now: Timestamp) -> Option<Told<'_>> {
    let Some(object) = memory.object() else {
        let was = memory.body.memory_type();
        let is_erased = matches!(memory.body, Body::Erased { .. }) && was != MemoryType::Preference;
        return is_erased.then(|| Told::Tombstone(Tombstone::of(memory, state)));
    };
    Some(Told::Object(Box::new(MemoryObject::of(memory, object, state, now))))
}

/// What is left of a memory of this dialect once it is erased, and of its versions.
#[derive(Serialize)]
pub(in crate::core_v2) struct Tombstone<'a> {
    id: MemoryName,
    tenant_id: &'a str,
    r#type: MemoryType,
    state: &'static str,
    created_at: Time,
    version: u64,
}

impl<'a> Tombstone<'a> {
    fn of(memory: &'a Memory, state: Shown) -> Self {
        Self {
            id: MemoryName(memory.id),
            tenant_id: memory.tenant.as_str(),
            r#type: memory.body.memory_type(),
            state: state.name(),
            created_at: Time(memory.created),
            version: memory.version,
        }
    }
}

/// An event, an impact or a seed.
#[derive(Serialize)]
pub(in crate::core_v2) struct MemoryObject<'a> {
    #[serde(flatten)]
    common: Tombstone<'a>,
    scope: ScopeSaid<'a>,
    truth_mode: &'static str,
    sensitivity: SensitivitySaid<'a>,
    ownership: OwnershipSaid<'a>,
    temporal: TemporalSaid,
    content: Option<ContentSaid<'a>>,
    affect: Option<AffectSaid<'a>>,
    procedural_payload: Option<Payload<'a, Step>>,
    somatic_payload: Option<Payload<'a, Label>>,
    impact_payload: Option<ImpactSaid<'a>>,
    seed_payload: Option<SeedSaid<'a>>,
    strength: StrengthSaid,
    provenance: ProvenanceSaid<'a>,
    history: Each<'a, HistoryEntry, HistorySaid<'a>>,
    reconsolidation_policy: &'static str,
    reconsolidation_trace: Each<'a, TraceEntry, TraceSaid<'a>>,
}

impl<'a> MemoryObject<'a> {
    fn of(memory: &'a Memory, object: &'a Object, state: Shown, now: Timestamp) -> Self {
        let (impact, seed) = match &memory.body {
            Body::Impact(impact) => {
                (Some(ImpactSaid { constraints: constraints(&impact.constraints) }), None)
            }
            Body::Seed(seed) => (None, Some(SeedSaid::of(seed))),
            _ => (None, None),
        };
        Self {
            common: Tombstone::of(memory, state),
            scope: ScopeSaid::of(&memory.scope, object),
            truth_mode: object.truth_mode().name(),
            sensitivity: SensitivitySaid::of(&object.sensitivity),
            ownership: OwnershipSaid::of(&object.ownership),
            temporal: TemporalSaid::of(&object.temporal),
            content: object.content.as_ref().map(ContentSaid::of),
            affect: object.affect.as_ref().map(AffectSaid::of),
            procedural_payload: object.procedural.as_ref().map(|procedural| Payload {
                rest: &procedural.rest,
                name: "steps",
                members: Each(&procedural.steps, |step| step.as_str()),
            }),
            somatic_payload: object.somatic.as_ref().map(|somatic| Payload {
                rest: &somatic.rest,
                name: "do_not_prompt_with",
                members: texts(&somatic.do_not_prompt_with),
            }),
            impact_payload: impact,
            seed_payload: seed,
            strength: StrengthSaid::of(&object.strength, memory.strength(now).get()),
            provenance: ProvenanceSaid::of(&object.provenance),
            history: Each(&object.history, HistorySaid::of),
            reconsolidation_policy: object.reconsolidation.name(),
            reconsolidation_trace: Each(&object.trace, TraceSaid::of),
        }
    }
}

#[derive(Serialize)]
struct ScopeSaid<'a> {
    scope_type: &'static str,
    scope_id: &'a str,
    flags: FlagsSaid<'a>,
}

impl<'a> ScopeSaid<'a> {
    fn of(scope: &'a Scope, object: &'a Object) -> Self {
        let flags = FlagsSaid(&object.flags);
        Self { scope_type: scope.scope_type.name(), scope_id: &scope.id, flags }
    }
}

struct FlagsSaid<'a>(&'a ScopeFlags);

impl Serialize for FlagsSaid<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter())
    }
}

#[derive(Serialize)]
struct SensitivitySaid<'a> {
    level: &'static str,
    categories: Texts<'a, Category>,
    handling: &'static str,
}

impl<'a> SensitivitySaid<'a> {
    fn of(shown: &'a Sensitivity) -> Self {
        let categories = texts(&shown.categories);
        Self { level: shown.level.name(), categories, handling: shown.handling.name() }
    }
}

#[derive(Serialize)]
struct OwnershipSaid<'a> {
    owner_type: &'static str,
    owners: &'a [UserId],
    claimant: Option<&'a UserId>,
    subjects: &'a [UserId],
    dispute_state: &'static str,
    visibility: &'static str,
}

impl<'a> OwnershipSaid<'a> {
    fn of(shown: &'a Ownership) -> Self {
        Self {
            owner_type: shown.owner_type.name(),
            owners: &shown.owners,
            claimant: shown.claimant.as_ref(),
            subjects: &shown.subjects,
            dispute_state: shown.dispute_state.name(),
            visibility: shown.visibility.name(),
        }
    }
}

#[derive(Serialize)]
struct TemporalSaid {
    occurred_at_observed: Time,
    occurred_at_claimed: Option<Time>,
    time_precision: &'static str,
    time_confidence: f64,
    range: Option<RangeSaid>,
    ordering_uncertainty: f64,
}

#[derive(Serialize)]
struct RangeSaid {
    start: Option<Time>,
    end: Option<Time>,
}

impl TemporalSaid {
    fn of(shown: &Temporal) -> Self {
        let range = shown.range();
        Self {
            occurred_at_observed: Time(shown.observed),
            occurred_at_claimed: shown.claimed.map(Time),
            time_precision: shown.precision().name(),
            time_confidence: shown.confidence.get(),
            range: range
                .map(|range| RangeSaid { start: range.start().map(Time), end: range.end().map(Time) }),
            ordering_uncertainty: shown.ordering_uncertainty.get(),
        }
    }
}

#[derive(Serialize)]
struct ContentSaid<'a> {
    format: &'static str,
    language: &'a str,
    text: Option<&'a str>,
    json: Option<&'a Value>,
}

impl<'a> ContentSaid<'a> {
    fn of(shown: &'a Content) -> Self {
        Self {
            format: shown.format(),
            language: shown.language.as_str(),
            text: shown.as_text(),
            json: shown.as_json(),
        }
    }
}

#[derive(Serialize)]
struct FeelingSaid<'a> {
    valence: f64,
    arousal: f64,
    labels: Texts<'a, Label>,
    affect_confidence: f64,
}

impl<'a> FeelingSaid<'a> {
    fn of(shown: &'a Feeling) -> Self {
        Self {
            valence: shown.valence.get(),
            arousal: shown.arousal.get(),
            labels: texts(&shown.labels),
            affect_confidence: shown.confidence.get(),
        }
    }
}

#[derive(Serialize)]
struct AffectSaid<'a> {
    #[serde(flatten)]
    feeling: FeelingSaid<'a>,
    affect_history: Each<'a, PastFeeling, PastSaid<'a>>,
}

#[derive(Serialize)]
struct PastSaid<'a> {
    #[serde(flatten)]
    feeling: FeelingSaid<'a>,
    at: Time,
}

impl<'a> AffectSaid<'a> {
    fn of(shown: &'a Affect) -> Self {
        let past =
            |past: &'a PastFeeling| PastSaid { feeling: FeelingSaid::of(&past.feeling), at: Time(past.at) };
        Self { feeling: FeelingSaid::of(&shown.feeling), affect_history: Each(&shown.history, past) }
    }
}

/// A payload's free-form members, and the one that has a meaning.
struct Payload<'a, T> {
    rest: &'a FreeForm,
    name: &'static str,
    members: Texts<'a, T>,
}

impl<T> Serialize for Payload<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let rest = self.rest.members();
        let mut map = to.serialize_map(None)?;
        for (name, value) in rest.iter().filter(|(name, _)| *name != self.name) {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(self.name, &self.members)?;
        map.end()
    }
}

#[derive(Serialize)]
struct ImpactSaid<'a> {
    constraints: Each<'a, Constraint, ConstraintSaid<'a>>,
}

#[derive(Serialize)]
struct SeedSaid<'a> {
    cues: Each<'a, Cue, &'a str>,
    activation: ActivationSaid,
}

#[derive(Serialize)]
struct ActivationSaid {
    min_confidence: f64,
    cooldown_seconds: u32,
}

impl<'a> SeedSaid<'a> {
    fn of(seed: &'a Seed) -> Self {
        let activation = ActivationSaid {
            min_confidence: seed.activation.min_confidence.get(),
            cooldown_seconds: seed.activation.cooldown_seconds(),
        };
        Self { cues: Each(&seed.cues, |cue| cue.as_str()), activation }
    }
}

#[derive(Serialize)]
struct StrengthSaid {
    initial: f64,
    current: f64,
    effective: f64,
    decay_model: &'static str,
    half_life_days: f64,
    last_reinforced_at: Option<Time>,
}

impl StrengthSaid {
    fn of(shown: &Strength, effective: f64) -> Self {
        Self {
            initial: shown.initial.get(),
            current: shown.current.get(),
            effective,
            decay_model: shown.decay_model.name(),
            half_life_days: shown.half_life.get(),
            last_reinforced_at: shown.last_reinforced.map(Time),
        }
    }
}

#[derive(Serialize)]
struct ProvenanceSaid<'a> {
    source: &'static str,
    surface: Option<&'a str>,
    conversation_id: Option<&'a str>,
    derived_from: MemoryNames<'a>,
    transform_chain: Each<'a, TransformStep, StepSaid<'a>>,
    policy_version: Option<&'a str>,
    confidence: f64,
}

#[derive(Serialize)]
struct StepSaid<'a> {
    transform_id: &'a str,
    version: &'a str,
}

impl<'a> ProvenanceSaid<'a> {
    fn of(shown: &'a Provenance) -> Self {
        let step = |step: &'a TransformStep| StepSaid {
            transform_id: step.transform_id.as_str(),
            version: step.version.as_str(),
        };
        Self {
            source: shown.source.name(),
            surface: shown.surface.as_ref().map(|name| name.as_str()),
            conversation_id: shown.conversation_id.as_ref().map(|name| name.as_str()),
            derived_from: memory_names(&shown.derived_from),
            transform_chain: Each(&shown.transform_chain, step),
            policy_version: shown.policy_version.as_ref().map(|name| name.as_str()),
            confidence: shown.confidence.get(),
        }
    }
}

#[derive(Serialize)]
struct HistorySaid<'a> {
    at: Time,
    event: &'static str,
    by: Option<&'a UserId>,
    note: Option<&'a str>,
}

impl<'a> HistorySaid<'a> {
    fn of(entry: &'a HistoryEntry) -> Self {
        Self {
            at: Time(entry.at),
            event: entry.event.name(),
            by: entry.by.as_ref(),
            note: entry.note.as_ref().map(|note| note.as_str()),
        }
    }
}

#[derive(Serialize)]
struct TraceSaid<'a> {
    at: Time,
    by: Option<&'a UserId>,
    fields: Each<'a, Name, &'a str>,
}

impl<'a> TraceSaid<'a> {
    fn of(entry: &'a TraceEntry) -> Self {
        Self { at: Time(entry.at), by: entry.by.as_ref(), fields: Each(&entry.fields, |name| name.as_str()) }
    }
}

fn constraints(shown: &[Constraint]) -> Each<'_, Constraint, ConstraintSaid<'_>> {
    Each(shown, ConstraintSaid::of)
}
