//! What has not followed yet: a family that is too large for one commit follows in several, and until it has, nobody is shown
//! anything of it.
//!
//! A mark stands at a memory that changed and whose descendants have not all followed. Everything below a mark is hidden, by whatever
//! way it is below; the work below a mark is done a page of children at a time, each with all that is below them.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::MemoryId;
use crate::limits;

/// That the descendants of a memory have not all followed it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PendingMark {
    /// The memory. It is as it will be; its descendants are not.
    pub id: MemoryId,
    /// The memory with whose change it began: itself, or one above it.
    pub root: MemoryId,
    /// Behind which of its children to go on; none where what is computed of it is still to be computed again.
    pub after: Option<MemoryId>,
}

impl PendingMark {
    /// Of a memory that just changed.
    #[must_use]
    pub const fn new(id: MemoryId, root: MemoryId) -> Self {
        Self { id, root, after: None }
    }

    /// Behind what is computed and before every other child.
    pub const FIRST: MemoryId = MemoryId::from_uuid(uuid::Uuid::nil());
}

/// A mark, and how far what is below it was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Following {
    /// The mark.
    pub mark: PendingMark,
    /// Behind which child to go on afterwards; none where these are the last ones.
    pub reached: Option<MemoryId>,
}

/// How many children are tried at once, with all that is below them: where that is too much, fewer are.
pub const PAGES: [usize; 4] = [limits::PENDING_BATCH_ITEMS, limits::PENDING_BATCH_ITEMS / 32, 4, 1];

/// The walk upwards by which a store finds out which memories are below a mark. What was found out stays known.
#[derive(Debug, Default)]
pub struct Ancestry {
    marks: BTreeSet<MemoryId>,
    /// What is known: whether it is below a mark.
    known: BTreeMap<MemoryId, bool>,
    /// Of this walk: what was derived from what.
    parents: BTreeMap<MemoryId, Vec<MemoryId>>,
    next: Vec<MemoryId>,
    is_cut: bool,
}

impl Ancestry {
    /// Up to these marks.
    #[must_use]
    pub fn new(marks: BTreeSet<MemoryId>) -> Self {
        Self { marks, ..Self::default() }
    }

    /// Whether there is no mark: then nothing is below one, and there is nothing to walk.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.marks.is_empty()
    }

    /// Begins a walk from these.
    pub fn ask(&mut self, ids: impl IntoIterator<Item = MemoryId>) {
        self.next = ids.into_iter().filter(|id| !self.known.contains_key(id)).collect();
    }

    /// Those whose parents are wanted next; none when the walk has come to its end.
    pub fn generation(&mut self) -> Option<Vec<MemoryId>> {
        let asked: BTreeSet<MemoryId> =
            self.next.drain(..).filter(|id| !self.parents.contains_key(id)).collect();
        self.is_cut |= !asked.is_empty() && self.parents.len() + asked.len() > limits::PENDING_ANCESTORS_MAX;
        if asked.is_empty() || self.is_cut {
            self.settle();
            return None;
        }
        Some(asked.into_iter().collect())
    }

    /// Takes what one of them was derived from.
    pub fn add(&mut self, id: MemoryId, parents: Vec<MemoryId>) {
        let unknown = parents.iter().filter(|id| !self.marks.contains(id) && !self.known.contains_key(id));
        self.next.extend(unknown);
        self.parents.insert(id, parents);
    }

    /// From the marks downwards over what was walked. Where the walk was cut short, what has parents counts as below a mark.
    fn settle(&mut self) {
        let mut children: BTreeMap<MemoryId, Vec<MemoryId>> = BTreeMap::new();
        let mut below: Vec<MemoryId> = Vec::new();
        for (id, parents) in &self.parents {
            let is_under = |parent: &MemoryId| {
                self.marks.contains(parent) || self.known.get(parent).copied().unwrap_or(false)
            };
            if parents.iter().any(is_under) || (self.is_cut && !parents.is_empty()) {
                below.push(*id);
            }
            for parent in parents {
                children.entry(*parent).or_default().push(*id);
            }
        }
        for id in std::mem::take(&mut self.parents).into_keys() {
            self.known.insert(id, false);
        }
        let mut reached: BTreeSet<MemoryId> = BTreeSet::new();
        while let Some(id) = below.pop() {
            if reached.insert(id) {
                self.known.insert(id, true);
                below.extend(children.get(&id).into_iter().flatten());
            }
        }
        self.is_cut = false;
    }

    /// Whether a memory that was asked for is below a mark.
    #[must_use]
    pub fn is_below(&self, id: MemoryId) -> bool {
        !self.is_free() && self.known.get(&id).copied().unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> MemoryId {
        MemoryId::from_uuid(uuid::Uuid::from_u128(number))
    }

    /// Which of these are below a mark, where `links` are pairs of a child and its parent.
    fn check(links: &[(u128, u128)], marks: &[u128], ask: &[u128], expect: &[u128]) {
        let mut ancestry = Ancestry::new(marks.iter().copied().map(id).collect());
        for one in ask {
            ancestry.ask([id(*one)]);
            while let Some(generation) = ancestry.generation() {
                for child in generation {
                    let parents = links.iter().filter(|(c, _)| id(*c) == child).map(|(_, p)| id(*p));
                    ancestry.add(child, parents.collect());
                }
            }
        }
        let below: Vec<u128> = ask.iter().copied().filter(|one| ancestry.is_below(id(*one))).collect();
        assert_eq!(below, expect, "{links:?} {marks:?}");
    }

    #[test]
    fn what_is_below_a_mark_is_found_by_every_way() {
        let diamond = [(2, 1), (3, 1), (4, 2), (4, 3), (5, 4), (4, 9)];
        check(&diamond, &[], &[1, 2, 5], &[]);
        check(&diamond, &[1], &[1, 2, 3, 4, 5, 9], &[2, 3, 4, 5]);
        check(&diamond, &[1], &[5, 4, 9, 1, 2], &[5, 4, 2]);
        check(&diamond, &[9], &[5, 2, 4], &[5, 4]);
        check(&diamond, &[3, 4], &[4, 5, 3], &[4, 5]);
        // Round in a circle.
        check(&[(1, 2), (2, 1), (3, 2)], &[1], &[3, 1, 2], &[3, 1, 2]);
        check(&[(1, 2), (2, 1), (3, 2)], &[7], &[3, 1, 2], &[]);
    }

    #[test]
    fn a_walk_that_is_too_long_hides() {
        let mut ancestry = Ancestry::new([id(0)].into());
        let last = limits::PENDING_ANCESTORS_MAX as u128 + 2;
        ancestry.ask([id(last)]);
        while let Some(generation) = ancestry.generation() {
            for one in generation {
                let above = one.uuid().as_u128() - 1;
                ancestry.add(one, if above > 0 { vec![id(above)] } else { Vec::new() });
            }
        }
        assert!(ancestry.is_below(id(last)));
    }
}
