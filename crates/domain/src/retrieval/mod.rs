//! What answers a question best: words and meaning together, what its names lead to in the graph, and what stands beside an answer in
//! its conversation.
//!
//! Everything here is counted among the memories that are given, which are those that the caller may see, as they are shown. What it
//! may not see is not among them, and so changes no score, no rank and no order (docs/retrieval.md).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::ids::MemoryId;
use crate::limits;
use crate::memory::Memory;
use crate::place::Place;
use crate::scope::Partition;
use crate::time::Timestamp;
use crate::vector::Nearest;
use crate::words::{self, QueryText, Ranked, Score};

mod boost;
mod walk;

pub use boost::Boost;
pub use walk::Walk;
pub(crate) use walk::name_terms;

/// What a memory's words count for beside its meaning: the best match of the answer has so much.
const WORDS_WEIGHT: f64 = 1.0;
/// What its meaning counts for: a vector of the same direction has so much. It falls with the square of the cosine, since what is not
/// near is hardly told apart from what is far.
const MEANING_WEIGHT: f64 = 2.0;
/// What the graph counts for: a memory that says something of a node whose name the question holds whole has so much.
const GRAPH_WEIGHT: f64 = 0.5;
/// What is not nearer than this is not found by its meaning: texts that have nothing to do with each other are about so near.
pub const LEAST_COSINE: f64 = 0.15;
/// What a memory lends to its neighbours in a conversation, the nearest first. Of the two at one distance only the better one lends.
const LENT: [f64; 2] = [0.5, 0.25];

/// Which conversation a memory is of: the first 16 bytes of the SHA-256 of its name. It is told from others within its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConversationKey(pub [u8; 16]);

/// A memory beside whose place in its conversation others are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anchor {
    /// Whose scope it is of.
    pub partition: Partition,
    /// Which conversation.
    pub conversation: ConversationKey,
    /// Where it stands there.
    pub place: Place,
}

/// How well one of the ways of finding did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm {
    /// The memory's rank among all that are found so, from 1.
    pub rank: usize,
    /// Its score: BM25, a cosine, or how near in the graph it is to what the question names.
    pub score: f64,
    /// What that adds to the memory's score.
    pub adds: f64,
}

/// Why a memory is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Why {
    /// By its words.
    pub words: Option<Arm>,
    /// By its meaning.
    pub meaning: Option<Arm>,
    /// By the graph.
    pub graph: Option<Arm>,
    /// How much of the score others of its conversation lent it.
    pub lent: f64,
    /// By how much all of that was multiplied ([`Boost::factor`]).
    pub boost: f64,
}

impl Default for Why {
    fn default() -> Self {
        Self { words: None, meaning: None, graph: None, lent: 0.0, boost: 1.0 }
    }
}

/// A memory that is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its place in the ranking.
    pub ranked: Ranked,
    /// Why.
    pub why: Why,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The words.
    pub text: &'a QueryText,
    /// How near memories are to it; none where nothing was asked by meaning.
    pub nearest: Option<&'a Nearest>,
    /// Where it leads to in the graph; none where that was not asked.
    pub walk: Option<&'a Walk>,
}

impl Memory {
    /// Which conversation it is of, if it says so.
    #[must_use]
    pub fn conversation(&self) -> Option<ConversationKey> {
        let of_item = self.item().and_then(|item| item.metadata.conversation_id.as_deref());
        let object = self.object()?;
        let name =
            of_item.or_else(|| object.provenance.conversation_id.as_ref().map(|name| name.as_str()))?;
        let digest = Sha256::digest(name.as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Some(ConversationKey(key))
    }

    /// Where it stands in its conversation, if it is of one.
    #[must_use]
    pub fn anchor(&self) -> Option<Anchor> {
        let conversation = self.said.conversation(|| self.conversation());
        let (conversation, placed) = (conversation?, self.placed?);
        Some(Anchor { partition: self.partition, conversation, place: (placed, self.id) })
    }
}

/// By meaning, the nearest first: the nearest [`limits::NEAREST_ITEMS`], and whatever else is found by its words.
fn near(nearest: &Nearest, by_words: &BTreeSet<MemoryId>, memories: &[&Memory]) -> Vec<(MemoryId, f64)> {
    let has_vector = |memory: &&&Memory| memory.has_words();
    let mut near: Vec<(MemoryId, f64)> = memories
        .iter()
        .filter(has_vector)
        .filter_map(|memory| {
            let near = nearest.of.get(&memory.id).filter(|near| near.cosine > LEAST_COSINE)?;
            // A vector of a text that is not what is shown says what is hidden.
            (memory.searched_text_key() == Some(near.text)).then_some((memory.id, near.cosine))
        })
        .collect();
    near.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
    let mut at = 0;
    near.retain(|(id, _)| {
        at += 1;
        at <= limits::NEAREST_ITEMS || by_words.contains(id)
    });
    near
}

/// Whether as many as count are among these, however many more there may be.
#[must_use]
pub fn has_nearest(nearest: &Nearest, memories: &[&Memory]) -> bool {
    near(nearest, &BTreeSet::new(), memories).len() >= limits::NEAREST_ITEMS
}

/// What is found by itself, the best first.
#[must_use]
pub fn find(question: Question<'_>, memories: &[&Memory]) -> Vec<Hit> {
    let by_words = words::rank(question.text, memories.iter().copied());
    if question.nearest.is_none() && question.walk.is_none() {
        let hit = |(ranked, rank): (&Ranked, usize)| {
            let score = ranked.score.0.get();
            let words = Some(Arm { rank, score, adds: score });
            Hit { ranked: *ranked, why: Why { words, ..Why::default() } }
        };
        return by_words.iter().zip(1..).map(hit).collect();
    }
    let best = by_words.first().map_or(1.0, |ranked| ranked.score.0.get());
    let mut found = Found::default();
    for (ranked, rank) in by_words.iter().zip(1..) {
        let score = ranked.score.0.get();
        let arm = Arm { rank, score, adds: WORDS_WEIGHT * score / best };
        found.add(ranked.id, arm, |why| &mut why.words);
    }
    let ids: BTreeSet<MemoryId> = found.0.keys().copied().collect();
    let near = question.nearest.map(|nearest| near(nearest, &ids, memories)).unwrap_or_default();
    for ((id, score), rank) in near.into_iter().zip(1..) {
        let arm = Arm { rank, score, adds: MEANING_WEIGHT * score * score };
        found.add(id, arm, |why| &mut why.meaning);
    }
    let reached = question.walk.map(|walk| reached(walk, memories)).unwrap_or_default();
    for ((id, score), rank) in reached.into_iter().zip(1..) {
        let arm = Arm { rank, score, adds: GRAPH_WEIGHT * score };
        found.add(id, arm, |why| &mut why.graph);
    }
    hits(&found.0, memories)
}

/// What is found so far, each with the sum of what its arms add.
#[derive(Default)]
struct Found(BTreeMap<MemoryId, (f64, Why)>);

impl Found {
    fn add(&mut self, id: MemoryId, arm: Arm, place: impl Fn(&mut Why) -> &mut Option<Arm>) {
        let (sum, why) = self.0.entry(id).or_default();
        *sum += arm.adds;
        *place(why) = Some(arm);
    }
}

/// What the graph leads to, the nearest first; of two that are as near the latest.
fn reached(walk: &Walk, memories: &[&Memory]) -> Vec<(MemoryId, f64)> {
    let can_be_found = memories.iter().filter(|memory| memory.has_words());
    let weighed = can_be_found.filter_map(|memory| {
        let placed = Reverse(memory.placed.unwrap_or(memory.created));
        Some((walk.weight(memory)?, placed, memory.id))
    });
    let mut reached: Vec<(f64, Reverse<Timestamp>, MemoryId)> = weighed.collect();
    reached.sort_unstable_by(|(x, at, a), (y, then, b)| y.total_cmp(x).then(at.cmp(then)).then(a.cmp(b)));
    reached.into_iter().map(|(weight, _, id)| (id, weight)).collect()
}

/// In order, those that are among these memories.
fn hits(found: &BTreeMap<MemoryId, (f64, Why)>, memories: &[&Memory]) -> Vec<Hit> {
    let hit = |memory: &&Memory| {
        let (sum, why) = found.get(&memory.id)?;
        let placed = memory.placed.unwrap_or(memory.created);
        let score = Reverse(Score::new(*sum)?);
        Some(Hit { ranked: Ranked { score, placed: Reverse(placed), id: memory.id }, why: *why })
    };
    let mut hits: Vec<Hit> = memories.iter().filter_map(hit).collect();
    hits.sort_unstable_by_key(|hit| hit.ranked);
    hits
}

/// The best of what is found whose neighbours may be found too.
#[must_use]
pub fn anchors(hits: &[Hit], memories: &[&Memory]) -> BTreeSet<Anchor> {
    let best: BTreeSet<MemoryId> = hits.iter().take(limits::ANCHOR_ITEMS).map(|hit| hit.ranked.id).collect();
    let best = memories.iter().filter(|memory| best.contains(&memory.id));
    best.filter_map(|memory| memory.anchor()).collect()
}

/// Conversations, each with those of its memories that can be found, in order.
fn conversations<'a>(memories: &[&'a Memory]) -> BTreeMap<(Partition, ConversationKey), Vec<&'a Memory>> {
    let mut conversations: BTreeMap<_, Vec<(Place, &Memory)>> = BTreeMap::new();
    for memory in memories.iter().filter(|memory| memory.has_words()) {
        if let Some(anchor) = memory.anchor() {
            let conversation = conversations.entry((anchor.partition, anchor.conversation)).or_default();
            conversation.push((anchor.place, memory));
        }
    }
    let in_order = |(key, mut turns): (_, Vec<(Place, _)>)| {
        turns.sort_unstable_by_key(|(place, _)| *place);
        (key, turns.into_iter().map(|(_, memory)| memory).collect())
    };
    conversations.into_iter().map(in_order).collect()
}

/// Whether beside each of these places there are as many memories as it lends to, on both sides.
#[must_use]
pub fn has_neighbours(anchors: &BTreeSet<Anchor>, memories: &[&Memory]) -> bool {
    let conversations = conversations(memories);
    anchors.iter().all(|anchor| {
        let turns =
            conversations.get(&(anchor.partition, anchor.conversation)).map_or(&[][..], Vec::as_slice);
        let at = turns.iter().position(|memory| memory.id == anchor.place.1);
        at.is_some_and(|at| at >= LENT.len() && at + LENT.len() < turns.len())
    })
}

/// The same when the best have lent to their neighbours in a conversation what they lend, the best first.
///
/// Who lends was found by itself, and what it lends is a share of what it had then; so what is lent is lent once.
#[must_use]
pub fn lend(found: &[Hit], memories: &[&Memory]) -> Vec<Hit> {
    let own: BTreeMap<MemoryId, f64> = found
        .iter()
        .take(limits::ANCHOR_ITEMS)
        .map(|hit| (hit.ranked.id, hit.ranked.score.0.get()))
        .collect();
    let mut lenders = memories.iter().filter(|memory| own.contains_key(&memory.id));
    if lenders.all(|memory| memory.anchor().is_none()) {
        return found.to_vec();
    }
    let mut all: BTreeMap<MemoryId, (f64, Why)> =
        found.iter().map(|hit| (hit.ranked.id, (hit.ranked.score.0.get(), hit.why))).collect();
    for turns in conversations(memories).values() {
        for (at, turn) in turns.iter().enumerate() {
            let lent = |id: &MemoryId| own.get(id).copied().unwrap_or(0.0);
            let sides = LENT.iter().zip(1..).map(|(share, steps): (&f64, usize)| {
                let before = at.checked_sub(steps).and_then(|at| turns.get(at));
                let behind = turns.get(at + steps);
                let of = |memory: Option<&&Memory>| memory.map_or(0.0, |memory| lent(&memory.id));
                share * of(before).max(of(behind))
            });
            let sum: f64 = sides.sum();
            if sum > 0.0 {
                let (score, why) = all.entry(turn.id).or_default();
                *score += sum;
                why.lent = sum;
            }
        }
    }
    hits(&all, memories)
}

/// The same when what is beside the question has moved the scores, the best first. `liked` says how a memory was judged, from 0 to 1.
#[must_use]
pub fn boosted(
    found: Vec<Hit>,
    memories: &[&Memory],
    boost: Boost,
    now: Timestamp,
    liked: impl Fn(MemoryId) -> f64,
) -> Vec<Hit> {
    if boost.is_none() {
        return found;
    }
    let factors: BTreeMap<MemoryId, f64> =
        memories.iter().map(|memory| (memory.id, boost.factor(memory, now, liked(memory.id)))).collect();
    let moved = found.into_iter().map(|hit| {
        let factor = factors.get(&hit.ranked.id).copied().unwrap_or(1.0);
        (hit.ranked.id, (hit.ranked.score.0.get() * factor, Why { boost: factor, ..hit.why }))
    });
    hits(&moved.collect(), memories)
}

#[cfg(test)]
mod tests;
