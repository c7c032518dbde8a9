//! What has not followed yet.

use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::{Ancestry, Family, Following, Kin, PAGES, PendingMark};
use memoryscope_domain::memory::Memory;
use memoryscope_domain::object::Derivation;

use super::Tenant;
use crate::port::Load;

impl Tenant {
    /// Who is below a mark, of the memories that a load asks for by name.
    pub(super) fn say_what_is_pending(&self, load: &Load, facts: &mut Facts) {
        let mut ancestry = self.ancestry(load);
        if ancestry.is_free() {
            return;
        }
        facts.has_pending = true;
        let named = facts.memories.iter().chain(&facts.evidence).map(|memory| memory.id);
        facts.pending = named.filter(|id| self.is_pending(&mut ancestry, *id)).collect();
        let begun = facts.memories.first();
        facts.is_unfinished =
            begun.is_some_and(|memory| self.pending.values().any(|mark| mark.root == memory.id));
    }

    /// The marks that stand now: what is looked at as of an earlier commit is decided as it was then.
    pub(super) fn ancestry(&self, load: &Load) -> Ancestry {
        if load.as_of.is_some() {
            return Ancestry::default();
        }
        Ancestry::new(self.pending.keys().copied().collect())
    }

    pub(super) fn is_pending(&self, ancestry: &mut Ancestry, id: MemoryId) -> bool {
        if ancestry.is_free() {
            return false;
        }
        ancestry.ask([id]);
        while let Some(generation) = ancestry.generation() {
            for id in generation {
                let memory = self.memory(id);
                let object = memory.as_ref().and_then(|memory| memory.object());
                let parents = object.map_or_else(Vec::new, |object| object.provenance.derived_from.to_vec());
                ancestry.add(id, parents);
            }
        }
        ancestry.is_below(id)
    }

    pub(super) fn next_mark(&self, limit: usize, facts: &mut Facts) {
        let mut marks = self.pending.values().copied();
        let Some(mark) = marks.next() else { return };
        facts.more = marks.next().is_some();
        let (mut family, mut reached) = (Family::default(), None);
        if let Some(memory) = self.memory(mark.id) {
            (family, reached) = self.page(&memory, mark, limit);
            facts.memories.push(memory);
        }
        facts.family = family;
        facts.following = Some(Following { mark, reached });
    }

    fn page(&self, memory: &Memory, mark: PendingMark, limit: usize) -> (Family, Option<MemoryId>) {
        if mark.after.is_none() {
            let whole = self.walked(Kin::of(memory.id, limit));
            if !whole.is_partial() {
                return (self.family_of(whole, memory), None);
            }
            let computed = self.children_by(memory.id, Derivation::Computed);
            if !computed.is_empty() {
                let kin = self.walked(Kin::page(memory.id, computed.clone(), true, limit));
                let kin = if kin.is_partial() { Kin::alone(memory.id, computed, true) } else { kin };
                return (self.family_of(kin, memory), Some(PendingMark::FIRST));
            }
        }
        let after = mark.after.unwrap_or(PendingMark::FIRST);
        let mut behind = self.children_by(memory.id, Derivation::Asserted);
        behind.retain(|child| *child > after);
        for size in PAGES {
            let children: Vec<MemoryId> = behind.iter().copied().take(size).collect();
            let reached = children.last().copied().filter(|_| behind.len() > size);
            let kin = self.walked(Kin::page(memory.id, children.clone(), false, limit));
            if !kin.is_partial() {
                return (self.family_of(kin, memory), reached);
            }
            if size == 1 {
                return (self.family_of(Kin::alone(memory.id, children, false), memory), reached);
            }
        }
        (Family::default(), None)
    }

    fn children_by(&self, parent: MemoryId, derivation: Derivation) -> Vec<MemoryId> {
        let is_so = |memory: &Memory| {
            memory.object().is_some_and(|object| object.provenance.derivation == derivation)
        };
        self.children(parent).filter(|child| self.memory(*child).is_some_and(|child| is_so(&child))).collect()
    }
}
