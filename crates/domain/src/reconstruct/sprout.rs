//! Which seeds sprout.

use std::collections::BTreeSet;

use super::line::Item;
use super::{Dormant, Support, Wanted};
use crate::ids::MemoryId;
use crate::preference::lower;

/// A seed that sprouts.
#[derive(Debug, Clone)]
pub(super) struct Sprout<'a> {
    pub(super) seed: MemoryId,
    /// What it brings back, in the order of the seed: not what is to be avoided.
    pub(super) cues: Vec<&'a str>,
    pub(super) support: Support,
    score: f64,
}

/// The seeds that sprout, the surest first. A seed does when what was asked is like one of its cues, it is strong
/// enough, and it has rested: match × strength ≥ threshold, where a spiral raises the threshold.
pub(super) fn sprouted<'a>(
    seeds: &[Dormant<'a>],
    wanted: &Wanted<'_>,
    avoided: &BTreeSet<String>,
) -> Vec<Item<'a>> {
    let asked: Vec<BTreeSet<String>> = wanted.cues.iter().map(|cue| words(cue)).collect();
    let mut sprouts: Vec<Sprout<'a>> = seeds
        .iter()
        .filter(|seed| has_rested(seed, wanted))
        .filter_map(|seed| {
            let score = likeness(seed, &asked) * seed.support.strength.get();
            let threshold = seed.activation.min_confidence.get() + wanted.raise_activation_by.get();
            // A topic of two words stands in a text's cues word by word.
            let is_avoided = |cue: &str| avoided.iter().any(|topic| words(cue).is_subset(&words(topic)));
            let cues: Vec<&str> =
                seed.cues.iter().map(|cue| cue.as_str()).filter(|cue| !is_avoided(cue)).collect();
            let sprout = Sprout { seed: seed.seed, cues, support: seed.support, score };
            (score >= threshold.min(1.0) && !sprout.cues.is_empty()).then_some(sprout)
        })
        .collect();
    sprouts.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.seed.cmp(&b.seed)));
    sprouts.dedup_by_key(|sprout| sprout.seed);
    sprouts.into_iter().map(Item::Seed).collect()
}

fn has_rested(seed: &Dormant<'_>, wanted: &Wanted<'_>) -> bool {
    let cooldown_micros = i64::from(seed.activation.cooldown_seconds()) * 1_000_000;
    seed.last_activated_at.is_none_or(|last| wanted.now.micros_since(last) >= cooldown_micros)
}

/// The most that a seed may ask for and still sprout where nothing in particular was asked: what is sensitive asks for more,
/// so that nobody is told of it unasked.
const UNASKED_MAX: f64 = 0.5;

/// How like what was asked the seed's most like cue is: the words that both have among those that one has. When nothing in
/// particular was asked, 1 for a seed that asks for half a match at most, else 0.
fn likeness(seed: &Dormant<'_>, asked: &[BTreeSet<String>]) -> f64 {
    if asked.is_empty() {
        return if seed.activation.min_confidence.get() <= UNASKED_MAX { 1.0 } else { 0.0 };
    }
    let mut best = 0.0_f64;
    for cue in seed.cues {
        let cue = words(cue.as_str());
        for asked in asked {
            let both = cue.intersection(asked).count();
            let any = cue.union(asked).count().max(1);
            // A cue has at most a hundred characters: its words are counted exactly.
            best = best.max(both as f64 / any as f64);
        }
    }
    best
}

/// The words of a cue, without the `s` of the plural.
fn words(text: &str) -> BTreeSet<String> {
    let lower = lower(text);
    let words = lower.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    words
        .map(|word| match word.strip_suffix('s') {
            Some(stem) if stem.chars().count() > 2 && !stem.ends_with('s') => stem.to_owned(),
            _ => word.to_owned(),
        })
        .collect()
}
