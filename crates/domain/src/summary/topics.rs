//! What a conversation is about, in its own words.

use std::collections::BTreeMap;

use super::{Turn, rank};
use crate::limits;

/// Words that come up in any conversation, as stems.
const IDLE: [&str; 44] = [
    "ok", "okay", "yes", "yeah", "thank", "thanks", "pleas", "hello", "hi", "hey", "sure", "great", "good",
    "nice", "well", "like", "want", "know", "think", "go", "get", "got", "let", "make", "need", "see", "say",
    "said", "tell", "look", "thing", "way", "lot", "bit", "one", "two", "time", "day", "realli", "mayb",
    "sound", "help", "im", "ill",
];

/// Whether a term comes up in any conversation, and says nothing of this one.
pub(super) fn is_idle(term: &str) -> bool {
    IDLE.contains(&term)
}

/// The words that stand in most turns, as they are written where they stand first; those that stand in one turn alone are none.
pub(super) fn topics(turns: &[Turn<'_>]) -> Vec<String> {
    let mut standing: BTreeMap<String, Topic<'_>> = BTreeMap::new();
    for (at, turn) in turns.iter().enumerate() {
        for word in turn.text.split(|c: char| !c.is_alphanumeric()) {
            let [term] = &rank::terms_of(word)[..] else { continue };
            if word.chars().count() < 3 || !word.chars().all(char::is_alphabetic) || is_idle(term) {
                continue;
            }
            let first = standing.len();
            let topic = standing.entry(term.clone()).or_insert(Topic { word, first, turns: 0, last: None });
            if topic.last != Some(at) {
                topic.turns += 1;
                topic.last = Some(at);
            }
        }
    }
    let mut topics: Vec<Topic<'_>> = standing.into_values().filter(|topic| topic.turns > 1).collect();
    topics.sort_by(|a, b| b.turns.cmp(&a.turns).then(a.first.cmp(&b.first)));
    topics.iter().take(limits::SUMMARY_LIST_ITEMS).map(|topic| topic.word.to_owned()).collect()
}

struct Topic<'a> {
    word: &'a str,
    /// How many others were met before it.
    first: usize,
    /// In how many turns it stands, and the last of them.
    turns: usize,
    last: Option<usize>,
}
