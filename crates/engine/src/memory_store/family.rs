//! A memory's kin.

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::{Family, Kin};
use memoryscope_domain::memory::Memory;

use super::Tenant;

impl Tenant {
    pub(super) fn family(&self, memory: &Memory, limit: usize) -> Family {
        self.family_of(self.walked(Kin::of(memory.id, limit)), memory)
    }

    pub(super) fn walked(&self, mut kin: Kin) -> Kin {
        while let Some(generation) = kin.generation() {
            for parent in generation {
                kin.add(parent, self.children(parent).take(kin.children_wanted()).collect());
            }
        }
        kin
    }

    pub(super) fn family_of(&self, kin: Kin, memory: &Memory) -> Family {
        let of = |ids: Vec<MemoryId>| ids.into_iter().filter_map(|id| self.memory(id)).collect::<Vec<_>>();
        let descendants = of(kin.descendants());
        let supporters = of(kin.supporters(descendants.iter().map(|one| &**one).chain([memory])));
        kin.family(descendants, supporters)
    }

    /// Who was derived from a memory, in order of the ids.
    pub(super) fn children(&self, parent: MemoryId) -> impl Iterator<Item = MemoryId> {
        self.children.get(&parent).into_iter().flatten().copied()
    }

    pub(super) fn children_of(&self, parent: MemoryId) -> u64 {
        self.children(parent).count() as u64
    }
}
