//! BM25 over the memories that match and may be seen.

use std::cmp::{Ordering, Reverse};

use super::analyse::{each_word, may_have_stem, stem};
use super::{QueryText, Side, each_text, hash_of};
use crate::ids::MemoryId;
use crate::memory::Memory;
use crate::time::Timestamp;

/// How soon more of one term counts no more.
const K1: f64 = 0.9;
/// How much a long memory's terms count less.
const B: f64 = 0.4;

/// How well a memory answers a question: finite, above 0, and comparable within one answer only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score(f64);

impl Score {
    /// A score, if it is one.
    #[must_use]
    pub fn new(score: f64) -> Option<Self> {
        (score.is_finite() && score > 0.0).then_some(Self(score))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Eq for Score {}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A place in a ranking: in order the best comes first, of equal ones the latest, then the lower id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ranked {
    /// How well it answers.
    pub score: Reverse<Score>,
    /// When it happened.
    pub placed: Reverse<Timestamp>,
    /// Which.
    pub id: MemoryId,
}

/// How often each of a question's terms stands in a memory, and how many terms it has in all.
struct Counts {
    of_terms: Vec<u32>,
    length: u64,
}

impl Counts {
    fn of(query: &QueryText, asked: &[u64], memory: &Memory) -> Self {
        let Some(terms) = memory.said.terms(&memory.body) else { return Self::read(query, memory) };
        let of_terms = asked.iter().map(|hash| terms.count(*hash)).collect();
        Self { of_terms, length: terms.length }
    }

    /// The same, from its texts.
    fn read(query: &QueryText, memory: &Memory) -> Self {
        let mut counts = Self { of_terms: vec![0; query.terms().len()], length: 0 };
        each_text(&memory.body, &mut |text| {
            each_word(text, Side::Kept, &mut |word| {
                counts.length += 1;
                // Finding a stem costs more than all else that is done with a word.
                if query.terms().iter().any(|asked| may_have_stem(word, asked)) {
                    let stem = stem(word);
                    if let Some(at) = query.terms().iter().position(|asked| *asked == stem) {
                        counts.of_terms[at] += 1;
                    }
                }
            });
        });
        counts
    }

    fn matches(&self) -> bool {
        self.of_terms.iter().any(|count| *count > 0)
    }
}

/// Ranks memories, as they are shown, by BM25 with k1 = 0.9 and b = 0.4. Those that hold none of the question's terms, or
/// that cannot be found by words, are left out and count for nothing.
///
/// The number of memories, of those with a term, and the average length are of the ones that are ranked. Sums go over
/// integers, or over the question's terms in their order, so the order of `memories` changes no bit.
#[must_use]
pub fn rank<'a>(query: &QueryText, memories: impl IntoIterator<Item = &'a Memory>) -> Vec<Ranked> {
    let asked: Vec<u64> = query.terms().iter().map(|term| hash_of(term)).collect();
    let counted = memories.into_iter().filter(|memory| memory.has_words());
    let counted = counted.map(|memory| (memory, Counts::of(query, &asked, memory)));
    let counted: Vec<_> = counted.filter(|(_, counts)| counts.matches()).collect();
    let number = counted.len() as f64;
    let length: u64 = counted.iter().map(|(_, counts)| counts.length).sum();
    let average = length as f64 / number;
    let weight = |at: usize| {
        let with_it = counted.iter().filter(|(_, counts)| counts.of_terms[at] > 0).count() as f64;
        libm::log(1.0 + (number - with_it + 0.5) / (with_it + 0.5))
    };
    let weights: Vec<f64> = (0..query.terms().len()).map(weight).collect();
    let mut ranked: Vec<Ranked> = counted
        .iter()
        .filter_map(|(memory, counts)| {
            let score = Score::new(score(counts, &weights, average))?;
            let placed = memory.placed.unwrap_or(memory.created);
            Some(Ranked { score: Reverse(score), placed: Reverse(placed), id: memory.id })
        })
        .collect();
    ranked.sort_unstable();
    ranked
}

fn score(counts: &Counts, weights: &[f64], average: f64) -> f64 {
    let saturation = K1 * (1.0 - B + B * (counts.length as f64 / average));
    let mut score = 0.0;
    for (count, weight) in counts.of_terms.iter().zip(weights) {
        let count = f64::from(*count);
        score += weight * (count * (K1 + 1.0) / (count + saturation));
    }
    score
}

#[cfg(test)]
mod tests;
