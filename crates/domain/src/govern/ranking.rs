//! What may be seen, in the order of a ranking.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Facts, Visible};
use crate::ids::MemoryId;
use crate::memory::Memory;
use crate::words::Score;

impl Visible<Facts> {
    /// Keeps these of the memories that the caller may see, in this order, with their scores.
    pub fn keep_ranked(&mut self, ranked: &[(MemoryId, Score)]) {
        let seen = std::mem::take(&mut self.facts.memories);
        let mut seen: BTreeMap<MemoryId, Arc<Memory>> =
            seen.into_iter().map(|memory| (memory.id, memory)).collect();
        self.facts.memories = ranked.iter().filter_map(|(id, _)| seen.remove(id)).collect();
        self.details.scores = ranked.iter().copied().collect();
    }

    /// How well a memory answers what was asked by words, where that was asked.
    #[must_use]
    pub fn score(&self, id: MemoryId) -> Option<Score> {
        self.details.scores.get(&id).copied()
    }
}
