//! What answers a question best: words and meaning together, and what stands beside an answer in its conversation.
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
use crate::vector::Nearest;
use crate::words::{self, QueryText, Ranked, Score};

/// What a memory's words count for beside its meaning: the best match of the answer has so much.
const WORDS_WEIGHT: f64 = 1.0;
/// What its meaning counts for: a vector of the same direction has so much. It falls with the square of the cosine, since what is not
/// near is hardly told apart from what is far.
const MEANING_WEIGHT: f64 = 2.0;
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
    /// Its score: BM25, or a cosine.
    pub score: f64,
}

/// Why a memory is found.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Why {
    /// By its words.
    pub words: Option<Arm>,
    /// By its meaning.
    pub meaning: Option<Arm>,
    /// How much of the score others of its conversation lent it.
    pub lent: f64,
}

/// A memory that is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its place in the ranking.
    pub ranked: Ranked,
    /// Why.
    pub why: Why,
}

/// What is asked, and how near memories are to it; none where nothing was asked by meaning.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The words.
    pub text: &'a QueryText,
    /// How near.
    pub nearest: Option<&'a Nearest>,
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
    let Some(nearest) = question.nearest else {
        let hit = |(ranked, at): (&Ranked, usize)| {
            let arm = Arm { rank: at, score: ranked.score.0.get() };
            Hit { ranked: *ranked, why: Why { words: Some(arm), ..Why::default() } }
        };
        return by_words.iter().zip(1..).map(hit).collect();
    };
    let best = by_words.first().map_or(1.0, |ranked| ranked.score.0.get());
    let mut found: BTreeMap<MemoryId, (f64, Why)> = BTreeMap::new();
    for (ranked, rank) in by_words.iter().zip(1..) {
        let score = ranked.score.0.get();
        let (sum, why) = found.entry(ranked.id).or_default();
        *sum += WORDS_WEIGHT * score / best;
        why.words = Some(Arm { rank, score });
    }
    let ids: BTreeSet<MemoryId> = found.keys().copied().collect();
    for ((id, score), rank) in near(nearest, &ids, memories).into_iter().zip(1..) {
        let (sum, why) = found.entry(id).or_default();
        *sum += MEANING_WEIGHT * score * score;
        why.meaning = Some(Arm { rank, score });
    }
    hits(&found, memories)
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

#[cfg(test)]
mod tests;
