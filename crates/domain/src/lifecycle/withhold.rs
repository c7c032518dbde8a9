//! What consent is withdrawn for follows to what was derived.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::family::{Family, in_order, parents};
use crate::consent::Purposes;
use crate::ids::MemoryId;
use crate::memory::{Memory, State};

/// The next versions of everything that follows a memory, which stands here as its next version: each is withheld from what
/// one of its parents is withheld from. What does not change has no next version.
///
/// Nothing is derived again: what a memory says does not depend on what it may be read for. What is erased hands nothing down
/// any more, and holds nothing.
#[must_use]
pub fn withhold(root: &Memory, family: &Family) -> Vec<Memory> {
    let by_id: BTreeMap<MemoryId, &Arc<Memory>> =
        family.descendants.iter().filter(|one| one.id != root.id).map(|memory| (memory.id, memory)).collect();
    let order = in_order(&by_id);
    let kin = family.supporters.iter().map(|one| &**one).chain(order.iter().copied()).chain([root]);
    let mut withheld: BTreeMap<MemoryId, Purposes> = kin.map(|one| (one.id, one.marks.purposes())).collect();
    let mut next: BTreeMap<MemoryId, Memory> = BTreeMap::new();
    for memory in order {
        if memory.state == State::Tombstoned {
            continue;
        }
        let handed_down = parents(memory).iter().filter_map(|parent| withheld.get(parent).copied());
        let inherited = handed_down.fold(Purposes::NONE, Purposes::and);
        if inherited == memory.marks.inherited {
            continue;
        }
        let mut changed = memory.clone();
        changed.version += 1;
        changed.marks.inherited = inherited;
        withheld.insert(changed.id, changed.marks.purposes());
        next.insert(changed.id, changed);
    }
    next.into_values().collect()
}
