//! A query by words: what of a scope holds them, the best first.

use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::words::{self, QueryText, Ranked, Score};

/// What is asked for by words, and where its answer goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// What is asked.
    pub text: QueryText,
    /// Only what is behind this place: that of the last item of the page before.
    pub after: Option<Ranked>,
}

impl Search {
    /// The next of these memories, the best first, at most `limit`, with their scores.
    ///
    /// Scores are of one answer: where memories came or went meanwhile, all of them may have moved. So a page goes on behind
    /// the memory that the page before ended with, and by its score only where that memory is gone.
    pub(super) fn ranked<'a>(
        &self,
        memories: impl IntoIterator<Item = &'a Memory>,
        limit: usize,
    ) -> Vec<(MemoryId, Score)> {
        let ranked = words::rank(&self.text, memories);
        let begin = self.after.map_or(0, |after| {
            let there = ranked.iter().position(|place| place.id == after.id);
            there.map_or_else(|| ranked.partition_point(|place| *place <= after), |place| place + 1)
        });
        ranked.iter().skip(begin).take(limit).map(|place| (place.id, place.score.0)).collect()
    }
}
