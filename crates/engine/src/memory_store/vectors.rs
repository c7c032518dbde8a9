//! Vectors of memories, what is nearest to one, and what stands beside a memory in its conversation.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::place::Place;
use memoryscope_domain::scope::Partition;
use memoryscope_domain::vector::{KeptVector, ModelKey, Near as Nearness};

use super::Tenant;
use crate::as_of::Listed;
use crate::port::{Load, ObjectSelect};

/// A vector, where it counts and since which commit.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    partition: Partition,
    kept: KeptVector,
    since: Seq,
}

impl Kept {
    fn counts(&self, load: &Load, model: ModelKey) -> bool {
        self.kept.model == model && load.as_of.is_none_or(|seq| self.since <= seq)
    }
}

impl Tenant {
    pub(super) fn keep_vectors(&mut self, vectors: Vec<KeptVector>, seq: Seq) {
        for kept in vectors {
            let Some(partition) = self.memory(kept.memory).map(|memory| memory.partition) else { continue };
            if let Some(before) = self.vectors.insert(kept.memory, Kept { partition, kept, since: seq }) {
                self.dropped.insert(before.partition, seq);
            }
        }
    }

    pub(super) fn drop_vector_unless_of(&mut self, memory: &Memory, seq: Seq) {
        let is_of_it =
            |held: &Kept| Some(held.kept.text) == memory.text_key() && held.partition == memory.partition;
        if self.vectors.get(&memory.id).is_some_and(|held| !is_of_it(held))
            && let Some(held) = self.vectors.remove(&memory.id)
        {
            self.dropped.insert(held.partition, seq);
        }
    }

    pub(super) fn unembedded(
        &self,
        model: ModelKey,
        after: Option<(Partition, Place)>,
        limit: usize,
        facts: &mut Facts,
    ) {
        let order = |partition: Partition, (placed, id): Place| (partition, Reverse(placed), id);
        let mut found: Vec<_> = self
            .current()
            .filter(|memory| memory.has_words())
            .filter(|memory| self.vectors.get(&memory.id).is_none_or(|held| held.kept.model != model))
            .filter_map(|memory| Some((order(memory.partition, (memory.placed?, memory.id)), memory)))
            .filter(|(place, _)| after.is_none_or(|(partition, after)| *place > order(partition, after)))
            .collect();
        found.sort_by_key(|(place, _)| *place);
        facts.memories = found.into_iter().take(limit).map(|(_, memory)| Arc::clone(memory)).collect();
    }

    /// Adds what is nearest.
    pub(super) fn add_nearest(&self, load: &Load, select: &ObjectSelect, facts: &mut Facts) {
        let Some(near) = &select.near else { return };
        let held = self.vectors.values().filter(|held| held.partition == select.partition);
        let counting = held.filter(|held| held.counts(load, near.model));
        let mut nearest: Vec<(f64, MemoryId)> =
            counting.map(|held| (near.vector.cosine(&held.kept.vector), held.kept.memory)).collect();
        nearest.retain(|(cosine, _)| *cosine > near.least);
        nearest.sort_by(|(x, a), (y, b)| y.total_cmp(x).then(a.cmp(b)));
        facts.nearest.more = nearest.len() > near.limit;
        nearest.truncate(near.limit);
        self.add_those(load, select, nearest.into_iter().map(|(_, id)| id), facts);
    }

    /// Adds those of these that the selection takes and that are not there.
    fn add_those(
        &self,
        load: &Load,
        select: &ObjectSelect,
        ids: impl Iterator<Item = MemoryId>,
        facts: &mut Facts,
    ) {
        let known: BTreeSet<MemoryId> = facts.memories.iter().map(|memory| memory.id).collect();
        let new = ids.filter(|id| !known.contains(id)).filter_map(|id| self.version_for(load, id));
        let new: Vec<Arc<Memory>> = new.filter(|memory| self.takes(load, select, memory)).cloned().collect();
        facts.memories.extend(new);
    }

    fn takes(&self, load: &Load, select: &ObjectSelect, memory: &Memory) -> bool {
        let listed = Listed::Objects(select);
        listed.place_of(load, memory).is_some()
            && listed.takes(load, memory)
            && !self.is_pending(&mut self.ancestry(load), memory.id)
    }

    /// Adds what stands beside others in their conversations.
    pub(super) fn add_neighbours(&self, load: &Load, select: &ObjectSelect, facts: &mut Facts) {
        let mut found = BTreeSet::new();
        for anchor in select.around.anchors.iter().filter(|anchor| anchor.partition == select.partition) {
            let versions = self.memories.keys().filter_map(|id| self.version_for(load, *id));
            let of_it = versions.filter(|memory| memory.conversation() == Some(anchor.conversation));
            let taken = of_it.filter(|memory| self.takes(load, select, memory));
            let mut places: Vec<Place> =
                taken.filter_map(|memory| Some((memory.placed?, memory.id))).collect();
            places.sort_unstable();
            let before = places.partition_point(|place| *place < anchor.place);
            let behind = places.partition_point(|place| *place <= anchor.place);
            let reach = select.around.reach;
            found.extend(places[before.saturating_sub(reach)..before].iter().map(|(_, id)| *id));
            found.extend(places[behind..].iter().take(reach).map(|(_, id)| *id));
        }
        self.add_those(load, select, found.into_iter(), facts);
    }

    /// Says how near all are that are there.
    pub(super) fn say_how_near(&self, load: &Load, select: &ObjectSelect, facts: &mut Facts) {
        let Some(near) = &select.near else { return };
        for memory in &facts.memories {
            let held = self.vectors.get(&memory.id).filter(|held| held.counts(load, near.model));
            if let Some(held) = held {
                let cosine = near.vector.cosine(&held.kept.vector);
                facts.nearest.of.insert(memory.id, Nearness { cosine, text: held.kept.text });
            }
        }
        let scopes = facts.memories.iter().map(|memory| memory.partition).chain([select.partition]);
        let went = |partition: Partition| {
            load.as_of.is_some_and(|seq| self.dropped.get(&partition).is_some_and(|went| *went > seq))
        };
        facts.nearest.changed |= scopes.into_iter().any(went);
    }
}
