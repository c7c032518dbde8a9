//! Which seeds sprout.

use std::borrow::Cow;
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
    let asked: Vec<Words<'_>> = wanted.cues.iter().map(|cue| words(cue)).collect();
    let avoided: BTreeSet<Words<'_>> = avoided.iter().map(|topic| words(topic)).collect();
    let mut sprouts: Vec<Sprout<'a>> = seeds
        .iter()
        .filter(|seed| has_rested(seed, wanted))
        .filter_map(|seed| {
            let said: Vec<Words<'a>> = seed.cues.iter().map(|cue| words(cue.as_str())).collect();
            let score = likeness(seed, &said, &asked) * seed.support.strength.get();
            let threshold = seed.activation.min_confidence.get() + wanted.raise_activation_by.get();
            if score < threshold.min(1.0) {
                return None;
            }
            // A topic of two words stands in a text's cues word by word.
            let is_avoided = |cue: &Words<'a>| avoided.iter().any(|topic| is_subset(cue, topic));
            let told = seed.cues.iter().zip(&said).filter(|(_, words)| !is_avoided(words));
            let cues: Vec<&str> = told.map(|(cue, _)| cue.as_str()).collect();
            let sprout = Sprout { seed: seed.seed, cues, support: seed.support, score };
            (!sprout.cues.is_empty()).then_some(sprout)
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

/// Whether all words of the one are words of the other.
fn is_subset(words: &Words<'_>, of: &Words<'_>) -> bool {
    words.iter().all(|word| of.binary_search(word).is_ok())
}

/// How like what was asked the most like of a seed's cues is: the words that both have among those that one has. When
/// nothing in particular was asked, 1 for a seed that asks for half a match at most, else 0.
fn likeness(seed: &Dormant<'_>, cues: &[Words<'_>], asked: &[Words<'_>]) -> f64 {
    if asked.is_empty() {
        return if seed.activation.min_confidence.get() <= UNASKED_MAX { 1.0 } else { 0.0 };
    }
    let mut best = 0.0_f64;
    for cue in cues {
        for asked in asked {
            let both = cue.iter().filter(|word| asked.binary_search(word).is_ok()).count();
            let any = (cue.len() + asked.len() - both).max(1);
            // A cue has at most a hundred characters: its words are counted exactly.
            best = best.max(both as f64 / any as f64);
        }
    }
    best
}

/// Words, sorted, each once.
type Words<'a> = Vec<Cow<'a, str>>;

/// The words of a cue, without the `s` of the plural. Most cues are lower case, so that nothing is copied.
fn words(text: &str) -> Words<'_> {
    let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    let mut words: Words<'_> = if is_lower {
        split(text).map(Cow::Borrowed).collect()
    } else {
        split(&lower(text)).map(|word| Cow::Owned(word.to_owned())).collect()
    };
    words.sort_unstable();
    words.dedup();
    words
}

fn split(lower: &str) -> impl Iterator<Item = &str> {
    let words = lower.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    words.map(|word| match word.strip_suffix('s') {
        Some(stem) if stem.chars().count() > 2 && !stem.ends_with('s') => stem,
        _ => word,
    })
}
