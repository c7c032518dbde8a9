//! Sentences that say by their words what they are for. The words are English; of other languages nothing is found here.

use super::{Turn, sentences};
use crate::limits;

/// What a sentence says in which something is decided.
const DECISIONS: [&str; 22] = [
    "decided",
    "decide on",
    "let's go with",
    "lets go with",
    "we'll go with",
    "i'll go with",
    "going with",
    "agreed",
    "settled on",
    "we chose",
    "i chose",
    "booked",
    "confirmed",
    "final decision",
    "we'll use",
    "we will use",
    "i'll take",
    "let's use",
    "is approved",
    "signed off",
    "instead of",
    "picked",
];

/// What a sentence says that is still to be done.
const NEXT_STEPS: [&str; 18] = [
    "next step",
    "to do:",
    "todo",
    "to-do",
    "need to",
    "needs to",
    "have to",
    "has to",
    "remind me",
    "i'll send",
    "i will",
    "we will",
    "follow up",
    "don't forget",
    "remember to",
    "by tomorrow",
    "next week",
    "must",
];

/// Whether something is decided in a sentence.
pub(super) fn is_decision(sentence: &str) -> bool {
    says_one_of(sentence, &DECISIONS)
}

fn says_one_of(sentence: &str, cues: &[&str]) -> bool {
    let said = sentence.to_lowercase().replace('\u{2019}', "'");
    let is_word_end = |at: usize| !said[at..].chars().next().is_some_and(char::is_alphanumeric);
    let is_word_begin = |at: usize| !said[..at].chars().next_back().is_some_and(char::is_alphanumeric);
    cues.iter().any(|cue| {
        said.match_indices(cue).any(|(at, found)| is_word_begin(at) && is_word_end(at + found.len()))
    })
}

/// The sentences in which something is decided, each once: the last of them, in order.
pub(super) fn decisions(turns: &[Turn<'_>]) -> Vec<String> {
    last_of(turns, &DECISIONS)
}

/// The sentences that say what is to be done, likewise.
pub(super) fn next_steps(turns: &[Turn<'_>]) -> Vec<String> {
    last_of(turns, &NEXT_STEPS)
}

fn last_of(turns: &[Turn<'_>], cues: &[&str]) -> Vec<String> {
    let mut found: Vec<&str> = Vec::new();
    for turn in turns.iter().rev() {
        for sentence in sentences::split(turn.text).into_iter().rev() {
            let is_one = sentence.len() <= limits::SUMMARY_SENTENCE_BYTES
                && !sentence.ends_with(['?', '？'])
                && !found.contains(&sentence)
                && says_one_of(sentence, cues);
            if is_one {
                found.push(sentence);
            }
            if found.len() == limits::SUMMARY_LIST_ITEMS {
                found.reverse();
                return found.into_iter().map(str::to_owned).collect();
            }
        }
    }
    found.reverse();
    found.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_are_whole_words() {
        let check = |sentence: &str, expect: bool| assert_eq!(is_decision(sentence), expect, "{sentence}");
        check("We decided to leave on Friday.", true);
        check("Let\u{2019}s go with the blue one.", true);
        check("AGREED!", true);
        check("He disagreed.", false);
        check("It is undecided.", false);
        check("", false);
    }
}
