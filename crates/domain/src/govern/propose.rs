//! What an operation wants to make, and what follows from it.

use std::collections::BTreeMap;

use super::importing::{Hindered, Importing};
use super::{
    Ask, Details, Facts, Origin, Reason, Ruling, Verdict, partly_allowed, reading, refused, spiralling,
    view_of,
};
use crate::consent::Purposes;
use crate::derive::{self, Wanted};
use crate::ids::MemoryId;
use crate::memory::{Body, Memory, State};
use crate::object::Handling;
use crate::policy::{Decision, Effect, Policy, Trace};

/// One proposal, as it was decided.
#[derive(Debug)]
pub enum Proposed<'a> {
    /// It may be stored, with what was derived from it.
    Accepted {
        /// As it is to be stored.
        memory: &'a Memory,
        /// What follows from it, to be stored with it.
        derived: &'a [Memory],
        /// Why.
        trace: &'a Trace,
    },
    /// The policy refuses it.
    Denied(&'a Trace),
    /// It names a memory as its parent that there is not, or not for this caller.
    UnknownParent,
    /// It is imported, and cannot be.
    Hindered(Hindered),
}

const WITH_DERIVED: [Effect; 3] = [Effect::Write, Effect::DeriveImpacts, Effect::DeriveSeeds];

/// Each proposal is decided on its own, and its state may only be tightened.
pub(super) fn decide(policy: &Policy, ask: &Ask<'_>, effect: Effect, mut facts: Facts) -> Verdict {
    let mut ruling = Ruling::default();
    let mut refusals = BTreeMap::new();
    let mut details = Details::default();
    let parents = parents(policy, ask, &facts);
    if !ask.repeat || ask.origin == Origin::Objects {
        super::rights::mark(&mut facts, &mut details);
        if ask.origin == Origin::Import && facts.proposed.iter().any(|memory| memory.marks.was_erased) {
            return refused(Reason::Erased, Ruling::default(), None);
        }
    }
    let mut importing = Importing::new(policy, ask, &facts.memories, &facts.pending);
    let mut child_ids = facts.child_ids.iter();
    for (at, memory) in facts.proposed.iter_mut().enumerate() {
        let is_event = matches!(memory.body, Body::Event(_));
        let ids = if is_event { child_ids.next() } else { None };
        if ask.origin == Origin::Objects
            && let Some(hindered) = importing.hindered(memory)
        {
            details.hindered.insert(at, hindered);
            continue;
        }
        let asked = if ids.is_some() && effect == Effect::Write { &WITH_DERIVED[..] } else { &[effect] };
        let request = ask.request_in(memory.partition);
        let decision = policy.decide(&request, &view_of(policy, ask, memory), asked);
        if memory.tenant != ask.principal.tenant || !decision.allows(effect) {
            refusals.insert(at, decision.trace);
            continue;
        }
        let Some(inherited) = inherited(memory, &parents, ask.repeat) else {
            details.orphans.insert(at);
            continue;
        };
        if !ask.repeat {
            ruling.count(&decision.trace, effect);
        }
        importing.took(memory);
        tighten(memory, memory.state, inherited, &decision);
        let named = memory.object().map_or(&[][..], |object| &object.provenance.derived_from);
        let handed_down = named.iter().filter_map(|id| Some(parents.get(id)?.withheld));
        memory.marks.inherited = handed_down.fold(Purposes::NONE, Purposes::and);
        let named = memory.object().map_or(&[][..], |object| &object.provenance.derived_from);
        details.parents.extend(named.iter().filter_map(|id| Some((*id, parents.get(id)?.version))));
        if memory.object().is_some() {
            let placed = memory.clone().placed_by(policy.globals().claimed_time_trust_threshold);
            *memory = placed;
            if let Some(ids) = ids {
                details.derived.insert(at, derived(policy, ask, memory, *ids, &decision));
            }
            details.traces.insert(at, decision.trace);
        }
    }
    show_what_was_made(policy, ask, effect, &mut facts, &mut ruling);
    if !ask.repeat {
        let accepted = facts.proposed.iter().enumerate();
        let accepted = accepted.filter(|(at, _)| details.traces.contains_key(at)).map(|(_, memory)| memory);
        details.spirals = spiralling::found(policy, ask, &accepted.collect::<Vec<_>>());
    }
    if !facts.proposed.is_empty() && refusals.len() == facts.proposed.len() {
        return refused(Reason::PolicyDenied, Ruling::denying(effect, refusals.into_values()), None);
    }
    partly_allowed(ask, facts, refusals, details, ruling)
}

/// A repeat makes nothing: it shows what was made before, if today's policy would still let it be made.
fn show_what_was_made(
    policy: &Policy,
    ask: &Ask<'_>,
    effect: Effect,
    facts: &mut Facts,
    ruling: &mut Ruling,
) {
    let stored = std::mem::take(&mut facts.memories);
    for memory in stored.into_iter().filter(|memory| memory.is_live(ask.now)) {
        let request = ask.request_in(memory.partition);
        let decision = policy.decide(&request, &view_of(policy, ask, &memory), &[effect]);
        if decision.allows(effect) {
            if ask.repeat {
                ruling.count(&decision.trace, effect);
            }
            facts.memories.push(memory);
        }
    }
}

/// A memory that a proposal may name as its parent.
struct Parent {
    /// The state that it demands.
    weight: State,
    /// The version that was looked at.
    version: u64,
    /// The purposes from which it is withheld.
    withheld: Purposes,
}

/// The memories that this caller may name as parents, with their states. What the caller may read for no purpose is as
/// unknown as what is not there, and so is what is revoked or expired, or sealed and not about the caller.
fn parents(policy: &Policy, ask: &Ask<'_>, facts: &Facts) -> BTreeMap<MemoryId, Parent> {
    let is_known = |memory: &&std::sync::Arc<Memory>| {
        memory.object().is_some()
            && memory.is_live(ask.now)
            && memory.is_readable_by(ask.principal)
            && (memory.state < State::Sealed || memory.is_about(ask.principal))
            && reading::is_read_for_some_purpose(policy, ask, memory)
    };
    let parent = |memory: &std::sync::Arc<Memory>| Parent {
        weight: memory.weight(),
        version: memory.version,
        withheld: memory.marks.purposes(),
    };
    facts.memories.iter().filter(is_known).map(|memory| (memory.id, parent(memory))).collect()
}

/// The most restrictive state of a proposal's parents; none where one of them is unknown.
fn inherited(memory: &Memory, parents: &BTreeMap<MemoryId, Parent>, repeats: bool) -> Option<State> {
    let named = memory.object().map_or(&[][..], |object| &object.provenance.derived_from[..]);
    if repeats {
        return Some(State::Active);
    }
    named.iter().try_fold(State::Active, |state, parent| parents.get(parent).map(|its| state.max(its.weight)))
}

/// `asked` is the state that it would have without the policy and without parents, `demanded` what these ask for.
fn tighten(memory: &mut Memory, asked: State, demanded: State, decision: &Decision) {
    let handling = memory.object().map_or(Handling::Normal, |object| object.sensitivity.handling);
    let own = State::at_ingest(asked, handling, decision.obligations.set_state);
    memory.set_states(own, demanded);
}

/// What follows from an event, where the policy lets it follow and be stored.
fn derived(
    policy: &Policy,
    ask: &Ask<'_>,
    event: &Memory,
    ids: [MemoryId; 2],
    decision: &Decision,
) -> Vec<Memory> {
    let is_blocked = spiralling::blocks_impacts(policy, ask, event.partition).is_some();
    let wanted = Wanted {
        impact: decision.allows(Effect::DeriveImpacts) && !is_blocked,
        seed: decision.allows(Effect::DeriveSeeds),
    };
    admitted(policy, ask, derive::children(event, ids, wanted, policy.version()))
}

/// What was derived, as far as the policy lets it be stored. The state that it was derived in is its event's demand.
pub(super) fn admitted(policy: &Policy, ask: &Ask<'_>, mut children: Vec<Memory>) -> Vec<Memory> {
    children.retain_mut(|child| {
        let request = ask.request_in(child.partition);
        let decision = policy.decide(&request, &view_of(policy, ask, child), &[Effect::Write]);
        tighten(child, State::Active, child.state, &decision);
        decision.allows(Effect::Write)
    });
    children
}
