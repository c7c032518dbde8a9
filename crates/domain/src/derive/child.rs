//! What follows from an event, as memories.

use super::{derive_event, transform};
use crate::ids::MemoryId;
use crate::memory::{Body, Memory, State};
use crate::object::{
    Cue, Derivation, Distinct, Handling, Happening, HistoryEntry, Impact, List, Log, Name, Object,
    Provenance, Seed, Source, Temporal, TransformStep,
};

/// Which children of an event are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Its impact.
    pub impact: bool,
    /// Its seed.
    pub seed: bool,
}

/// The impact and the seed that follow from an event as it is kept, under these ids: each where it is wanted, and
/// where there is anything to say. What follows from a sealed event shows nothing of it but its categories, how
/// sensitive it is, in what sense it is true and whose it is.
#[must_use]
pub fn children(event: &Memory, ids: [MemoryId; 2], wanted: Wanted, policy_version: &str) -> Vec<Memory> {
    let Body::Event(parent) = &event.body else { return Vec::new() };
    // Of what is held without consent nothing is made, nor of a message that is only kept.
    if parent.item.as_ref().is_some_and(|item| !item.policy.may_be_used() || item.is_held()) {
        return Vec::new();
    }
    let [impact, seed] = ids;
    let derived = derive_event(parent, event.id, event.state, event.created, impact);
    let object = child_object(event, parent, policy_version);
    let mut bodies = Vec::new();
    if wanted.impact
        && !derived.constraints.is_empty()
        && let Ok(constraints) = List::new(derived.constraints)
    {
        bodies.push((impact, Body::Impact(Box::new(Impact { object: object.clone(), constraints }))));
    }
    if wanted.seed
        && let Some(derived) = derived.seed
    {
        let cues = derived.cues.iter().filter_map(|cue| Cue::parse(cue.as_str()).ok()).collect();
        if let Ok(cues) = Distinct::new(cues) {
            let seed_body = Seed { object, cues, activation: derived.activation };
            bodies.push((seed, Body::Seed(Box::new(seed_body))));
        }
    }
    let state = if event.state == State::Restricted { State::Restricted } else { State::Active };
    let memory = |(id, body)| Memory {
        id,
        body,
        state,
        marks: event.marks.handed_down(),
        placed: if event.state == State::Sealed { Some(event.created) } else { event.placed },
        version: 1,
        ..event.clone()
    };
    let mut children: Vec<Memory> = bodies.into_iter().map(memory).collect();
    children.iter_mut().for_each(|child| child.set_states(State::Active, state));
    children
}

/// What the children of an event have in common.
fn child_object(event: &Memory, parent: &Object, policy_version: &str) -> Object {
    let is_sealed = event.state == State::Sealed;
    let temporal = if is_sealed { Temporal::observed(event.created) } else { parent.temporal };
    let mut object = Object::new(parent.truth_mode(), temporal);
    object.sensitivity = parent.sensitivity.clone();
    // A seal that the event asks for is the event's own: what may be known beside it is what is derived.
    if object.sensitivity.handling == Handling::SealedDefault {
        object.sensitivity.handling = Handling::Normal;
    }
    object.ownership = parent.ownership.clone();
    if !is_sealed {
        object.strength = parent.strength;
    }
    let (transform_id, version) = transform();
    let step = Name::parse(transform_id.as_str()).and_then(|transform_id| {
        Ok(TransformStep { transform_id, version: Name::parse(&version.to_string())? })
    });
    object.provenance = Provenance {
        source: Source::System,
        derived_from: Distinct::new(vec![event.id]).unwrap_or_default(),
        transform_chain: step.and_then(|step| List::new(vec![step])).unwrap_or_default(),
        derivation: Derivation::Computed,
        policy_version: Name::parse(policy_version).ok(),
        source_state: (event.state != State::Active).then_some(event.state),
        ..Provenance::default()
    };
    if !is_sealed {
        object.provenance.confidence = parent.provenance.confidence;
    }
    let created = HistoryEntry { at: event.created, event: Happening::Created, by: None, note: None };
    object.history = Log::new(vec![created]).unwrap_or_default();
    object
}
