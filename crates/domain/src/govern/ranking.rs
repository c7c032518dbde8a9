//! What may be seen, in the order of a ranking.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Facts, Visible};
use crate::change::Expect;
use crate::ids::MemoryId;
use crate::memory::Memory;
use crate::retrieval::{Hit, Why};
use crate::vector::Nearest;
use crate::words::Score;

impl Visible<Facts> {
    /// Keeps these of the memories that the caller may see, in this order, with their scores.
    pub fn keep_ranked(&mut self, hits: &[Hit]) {
        let places: BTreeMap<MemoryId, usize> =
            hits.iter().enumerate().map(|(at, hit)| (hit.ranked.id, at)).collect();
        let seen = std::mem::take(&mut self.facts.memories);
        // Few of many.
        let mut kept: Vec<(usize, Arc<Memory>)> =
            seen.into_iter().filter_map(|memory| Some((*places.get(&memory.id)?, memory))).collect();
        kept.sort_unstable_by_key(|(at, _)| *at);
        self.facts.memories = kept.into_iter().map(|(_, memory)| memory).collect();
        self.details.scores = hits.iter().map(|hit| (hit.ranked.id, (hit.ranked.score.0, hit.why))).collect();
    }

    /// How well a memory answers what was asked, where something was.
    #[must_use]
    pub fn score(&self, id: MemoryId) -> Option<Score> {
        self.details.scores.get(&id).map(|(score, _)| *score)
    }

    /// Why a memory answers it, where something was asked.
    #[must_use]
    pub fn why(&self, id: MemoryId) -> Option<Why> {
        self.details.scores.get(&id).map(|(_, why)| *why)
    }

    /// That a memory stays as it was loaded.
    #[must_use]
    pub fn expect_unchanged(&self, id: MemoryId) -> Option<Expect> {
        let memory = self.facts.memories.iter().find(|memory| memory.id == id)?;
        Some(Expect::Memory { id, version: memory.version })
    }

    /// How near memories are to what is asked by meaning.
    #[must_use]
    pub const fn nearest(&self) -> &Nearest {
        &self.facts.nearest
    }

    /// Whether anything that was looked at, or might have been, is not among what may be seen. It is for asking for more, and never
    /// told.
    #[must_use]
    pub const fn may_be_cut(&self) -> bool {
        self.facts.is_cut || self.details.hides
    }
}
