//! What was derived from a memory follows it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::MemoryId;
use crate::memory::{Body, Memory, MemoryType, State};
use crate::object::{Derivation, Happening, HistoryEntry, Object, Provenance};
use crate::time::Timestamp;

/// A memory's kin, as they were loaded with it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Family {
    /// Everything that was derived from it, directly or by steps, whatever the order.
    pub descendants: Vec<Arc<Memory>>,
    /// The memories that it and its descendants were derived from, beside these themselves.
    pub supporters: Vec<Arc<Memory>>,
    /// How many children each of them has, the memory itself among them.
    pub children: BTreeMap<MemoryId, u64>,
    /// Whether there are more descendants than were loaded: then none are, or only some children and nothing of what is below them.
    pub is_partial: bool,
    /// Whether these are only children that somebody asserted, and what is below them: what is computed of the memory is not here.
    pub is_later_page: bool,
}

impl Family {
    /// Those from which something is derived again: the memory, where it is an event, and the events among its
    /// descendants, in order of their ids.
    pub fn events<'a>(&'a self, memory: &'a Memory) -> impl Iterator<Item = MemoryId> {
        // What is below these was not loaded, so nothing can be derived from them again.
        let descendants = self.descendants.iter().filter(|_| !self.is_partial).map(|one| &**one);
        let memory = Some(memory).filter(|_| !self.is_later_page);
        let events = descendants.chain(memory).filter(|one| is_event(one));
        events.map(|event| event.id).collect::<BTreeSet<_>>().into_iter()
    }
}

/// The walk by which a store finds a memory's kin, generation by generation.
#[derive(Debug)]
pub struct Kin {
    root: MemoryId,
    limit: usize,
    found: BTreeSet<MemoryId>,
    next: Vec<MemoryId>,
    order: Vec<MemoryId>,
    children: BTreeMap<MemoryId, u64>,
    is_partial: bool,
    page: Option<Page>,
}

/// Some of the root's children, and what is below them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    /// What is computed of it.
    Computed,
    /// What somebody derived from it.
    Asserted,
}

impl Kin {
    /// Of a memory, with at most so many descendants.
    #[must_use]
    pub fn of(root: MemoryId, limit: usize) -> Self {
        Self {
            root,
            limit,
            found: BTreeSet::from([root]),
            next: vec![root],
            order: Vec::new(),
            children: BTreeMap::new(),
            is_partial: false,
            page: None,
        }
    }

    /// Of some of a memory's children, which are `computed` of it or not, and what is below them.
    #[must_use]
    pub fn page(root: MemoryId, children: Vec<MemoryId>, computed: bool, limit: usize) -> Self {
        let mut kin = Self::of(root, limit);
        kin.next.clear();
        kin.page = Some(if computed { Page::Computed } else { Page::Asserted });
        kin.take(children);
        kin
    }

    /// Of these children alone: nothing below them is looked at.
    #[must_use]
    pub fn alone(root: MemoryId, children: Vec<MemoryId>, computed: bool) -> Self {
        let mut kin = Self::page(root, children, computed, usize::MAX);
        kin.next.clear();
        kin.is_partial = true;
        kin
    }

    /// At most so many children of one memory are wanted: with one more than the limit it is known that there are too many.
    #[must_use]
    pub const fn children_wanted(&self) -> usize {
        self.limit.saturating_add(1)
    }

    /// Whether there are more descendants than the limit.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Those whose children are wanted next; none when all are found, or too many.
    pub fn generation(&mut self) -> Option<Vec<MemoryId>> {
        let next = std::mem::take(&mut self.next);
        (!next.is_empty() && !self.is_partial).then_some(next)
    }

    /// Takes the children of one of them.
    pub fn add(&mut self, parent: MemoryId, children: Vec<MemoryId>) {
        self.children.insert(parent, children.len() as u64);
        self.take(children);
    }

    fn take(&mut self, children: Vec<MemoryId>) {
        for child in children {
            if self.order.len() == self.limit {
                self.is_partial |= !self.found.contains(&child);
            } else if self.found.insert(child) {
                self.next.push(child);
                self.order.push(child);
            }
        }
    }

    /// Who was found, those nearest first; none where there are too many to follow at once.
    #[must_use]
    pub fn descendants(&self) -> Vec<MemoryId> {
        if self.is_partial && self.page.is_none() { Vec::new() } else { self.order.clone() }
    }

    /// The parents of these that are none of these, nor the root.
    pub fn supporters<'a>(&self, memories: impl Iterator<Item = &'a Memory>) -> Vec<MemoryId> {
        let all: BTreeSet<MemoryId> = memories.flat_map(parents).copied().collect();
        all.into_iter().filter(|id| !self.found.contains(id)).collect()
    }

    /// The kin, with what was loaded of it.
    #[must_use]
    pub fn family(self, descendants: Vec<Arc<Memory>>, supporters: Vec<Arc<Memory>>) -> Family {
        let mut children = if self.is_partial { BTreeMap::new() } else { self.children };
        if self.page.is_none() && !self.is_partial {
            children.entry(self.root).or_default();
        }
        let is_later_page = self.page == Some(Page::Asserted);
        Family { descendants, supporters, children, is_partial: self.is_partial, is_later_page }
    }
}

fn is_event(memory: &Memory) -> bool {
    matches!(memory.body, Body::Event(_))
}

pub(super) fn parents(memory: &Memory) -> &[MemoryId] {
    memory.object().map_or(&[], |object| &object.provenance.derived_from)
}

fn is_computed(memory: &Memory) -> bool {
    memory.object().is_some_and(|object| object.provenance.derivation == Derivation::Computed)
}

/// The state that parents of these weights demand of what somebody derived from them: the most restrictive of those
/// that are left; where one is gone and another is left, at least restricted until it was reviewed; where none is left,
/// what they became. Without parents it is free.
#[must_use]
pub fn inherited(parents: impl IntoIterator<Item = State>) -> State {
    let parents: BTreeSet<State> = parents.into_iter().collect();
    let Some(least) = parents.first().copied() else { return State::Active };
    let are_gone = |state: &&State| **state >= State::Revoked;
    match parents.iter().rev().find(|state| !are_gone(state)) {
        Some(worst) if parents.iter().any(|state| are_gone(&state)) => State::Restricted.max(*worst),
        Some(worst) => *worst,
        None => least,
    }
}

/// The state that a memory's parents demand of it, where somebody derived it. Parents that were gone when a review approved it
/// restrict it no more, as long as another one is left.
#[must_use]
pub fn demanded(provenance: &Provenance, weight: impl Fn(&MemoryId) -> State) -> State {
    let all = inherited(provenance.derived_from.iter().map(&weight));
    if all >= State::Revoked {
        return all;
    }
    let is_accepted =
        |parent: &&MemoryId| provenance.approved_without.contains(parent) && weight(parent) >= State::Revoked;
    inherited(provenance.derived_from.iter().filter(|parent| !is_accepted(parent)).map(&weight))
}

/// The next versions of everything that follows a memory, which stands here as its next version.
///
/// What was computed is computed again: `derive` gives what follows from an event as it is now, under the ids that
/// it is given. What somebody asserted takes the state that its parents demand. Parents come before their children; what
/// does not change has no next version. Cycles, which no order of making can give, end.
pub fn propagate(
    root: &Memory,
    family: &Family,
    new_ids: &BTreeMap<MemoryId, [MemoryId; 2]>,
    now: Timestamp,
    mut derive: impl FnMut(&Memory, [MemoryId; 2]) -> Vec<Memory>,
) -> Vec<Memory> {
    let by_id: BTreeMap<MemoryId, &Arc<Memory>> =
        family.descendants.iter().map(|memory| (memory.id, memory)).collect();
    let supporters = family.supporters.iter().map(|memory| (memory.id, memory.weight()));
    let mut weights: BTreeMap<MemoryId, State> =
        supporters.filter(|(id, _)| !by_id.contains_key(id) && *id != root.id).collect();
    weights.insert(root.id, root.weight());
    let mut again = Again { family, new_ids, made: BTreeMap::new(), changed: BTreeMap::new() };
    let mut following = Vec::new();
    if !family.is_later_page {
        again.derive(root, &mut derive);
    }
    for memory in in_order(&by_id) {
        let next = if is_computed(memory) {
            again.next_of_computed(memory, now)
        } else {
            let weight = |parent: &MemoryId| weights.get(parent).copied().unwrap_or(State::Tombstoned);
            let demands =
                memory.object().map_or(State::Active, |object| demanded(&object.provenance, weight));
            next_of_asserted(memory, demands, root, now)
        };
        weights.insert(memory.id, next.as_ref().unwrap_or(memory).weight());
        if let Some(next) = next {
            if !family.is_partial {
                again.derive(&next, &mut derive);
            }
            following.push(next);
        }
    }
    following.extend(again.made.into_values());
    following
}

/// What follows from events that changed.
struct Again<'a> {
    family: &'a Family,
    new_ids: &'a BTreeMap<MemoryId, [MemoryId; 2]>,
    /// What was made of them and has not found its place yet.
    made: BTreeMap<MemoryId, Memory>,
    /// What changed, and to which state.
    changed: BTreeMap<MemoryId, State>,
}

impl Again<'_> {
    fn derive(&mut self, parent: &Memory, derive: &mut impl FnMut(&Memory, [MemoryId; 2]) -> Vec<Memory>) {
        self.changed.insert(parent.id, parent.state);
        if !is_event(parent) {
            return;
        }
        let of_type = |wanted: MemoryType| {
            let mut children = self.family.descendants.iter().filter(|child| {
                is_computed(child) && parents(child) == [parent.id] && child.body.memory_type() == wanted
            });
            children.next().map(|child| child.id)
        };
        let fresh = self.new_ids.get(&parent.id);
        let impact = of_type(MemoryType::Impact).or(fresh.map(|ids| ids[0]));
        let seed = of_type(MemoryType::Seed).or(fresh.map(|ids| ids[1]));
        if let (Some(impact), Some(seed)) = (impact, seed) {
            self.made.extend(derive(parent, [impact, seed]).into_iter().map(|child| (child.id, child)));
        }
    }

    /// What was computed, as it is computed now: it keeps its id, its history, and the state that somebody gave it. Where
    /// nothing is left to say it is revoked, and comes back when there is something again.
    fn next_of_computed(&mut self, memory: &Memory, now: Timestamp) -> Option<Memory> {
        let parent = parents(memory).first()?;
        let source = *self.changed.get(parent)?;
        let made = self.made.remove(&memory.id);
        if source == State::Tombstoned {
            return Some(memory.tombstone());
        }
        let mut next = memory.clone();
        next.version += 1;
        if let Some(made) = made {
            let (own, demanded) = (memory.own_state().max(made.own_state()), made.state);
            (next.placed, next.body) = (made.placed, made.body);
            let (new, old) = (next.body.object_mut()?, memory.object()?);
            new.history = old.history.clone();
            // Reinforcing it was somebody's own deed; how strong its event was is the event's.
            if source < State::Sealed && old.strength.last_reinforced.is_some() {
                new.strength = old.strength;
            }
            next.set_states(own, demanded);
            next.marks.inherited = made.marks.inherited;
        } else {
            next.set_states(memory.own_state(), State::Revoked);
            next.body.object_mut()?.provenance.source_state = Some(source);
        }
        remember(next.body.object_mut()?, now);
        Some(next)
    }
}

/// What somebody derived, where its parents demand another state of it than it has. What only erased memories support
/// is erased with them in their own scope, and revoked in another's.
fn next_of_asserted(memory: &Memory, demanded: State, root: &Memory, now: Timestamp) -> Option<Memory> {
    if memory.state == State::Tombstoned {
        return None;
    }
    if demanded == State::Tombstoned && memory.partition == root.partition {
        return Some(memory.tombstone());
    }
    let mut next = memory.clone();
    next.set_states(memory.own_state(), demanded.min(State::Revoked));
    if next.state == memory.state {
        return None;
    }
    next.version += 1;
    remember(next.body.object_mut()?, now);
    Some(next)
}

fn remember(object: &mut Object, now: Timestamp) {
    object.history.push(HistoryEntry { at: now, event: Happening::Rederived, by: None, note: None });
}

/// Parents before their children. What is left when nothing is without unseen parents goes round in circles: then the
/// lowest id goes first.
pub(super) fn in_order<'a>(by_id: &BTreeMap<MemoryId, &'a Arc<Memory>>) -> Vec<&'a Memory> {
    let mut waiting: BTreeMap<MemoryId, BTreeSet<MemoryId>> = BTreeMap::new();
    let mut children: BTreeMap<MemoryId, Vec<MemoryId>> = BTreeMap::new();
    for (id, memory) in by_id {
        let inside = parents(memory).iter().filter(|parent| by_id.contains_key(parent) && *parent != id);
        let inside: BTreeSet<MemoryId> = inside.copied().collect();
        for parent in &inside {
            children.entry(*parent).or_default().push(*id);
        }
        waiting.insert(*id, inside);
    }
    let mut free: BTreeSet<MemoryId> =
        waiting.iter().filter(|(_, parents)| parents.is_empty()).map(|(id, _)| *id).collect();
    let mut order = Vec::with_capacity(by_id.len());
    while let Some(id) = free.pop_first().or_else(|| waiting.first_key_value().map(|(id, _)| *id)) {
        waiting.remove(&id);
        order.extend(by_id.get(&id).map(|memory| &***memory));
        for child in children.remove(&id).unwrap_or_default() {
            if let Some(parents) = waiting.get_mut(&child)
                && parents.remove(&id)
                && parents.is_empty()
            {
                free.insert(child);
            }
        }
    }
    order
}
