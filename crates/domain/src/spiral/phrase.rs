//! Phrases of the lexicon, and where they stand in a text.

use std::collections::{BTreeMap, BTreeSet};

use crate::derive::text::{Token, TokenKind, tokens};

/// The most words that `...` stands for.
const GAP_WORDS_MAX: usize = 3;
/// How many words before a phrase a negation may stand.
const NEGATION_WORDS_MAX: usize = 2;
/// What turns a phrase round.
const NEGATIONS: [&str; 4] = ["not", "never", "no", "nor"];

/// How words are typed, and what they stand for.
pub(super) type Spellings = BTreeMap<String, Vec<String>>;

/// One place of a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// One of these words.
    OneOf(Vec<String>),
    /// Up to three words, whichever.
    Gap,
}

/// A sequence of words: `will/would never ... again`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase(Vec<Piece>);

impl Phrase {
    /// Reads a phrase: words, alternatives with `/`, gaps of up to three words with `...`. None where it does not begin
    /// and end with a word.
    pub(super) fn parse(text: &str, spellings: &Spellings) -> Option<Self> {
        let mut pieces = Vec::new();
        for written in text.split_whitespace() {
            if written == "..." {
                pieces.push(Piece::Gap);
            } else if written.contains('/') {
                pieces.push(Piece::OneOf(written.split('/').map(crate::preference::lower).collect()));
            } else {
                let words = words(written, spellings).into_iter().flatten();
                pieces.extend(words.map(|word| Piece::OneOf(vec![word])));
            }
        }
        let is_word = |piece: Option<&Piece>| matches!(piece, Some(Piece::OneOf(_)));
        (is_word(pieces.first()) && is_word(pieces.last())).then_some(Self(pieces))
    }

    /// The words that it can begin with.
    pub(super) fn firsts(&self) -> &[String] {
        match self.0.first() {
            Some(Piece::OneOf(words)) => words,
            _ => &[],
        }
    }

    /// Whether it stands at this place of a sentence, and is not negated there.
    pub(super) fn stands_at(&self, sentence: &[String], at: usize) -> bool {
        let before = &sentence[at.saturating_sub(NEGATION_WORDS_MAX)..at];
        !before.iter().any(|word| NEGATIONS.contains(&word.as_str())) && matches(&self.0, &sentence[at..])
    }
}

fn matches(pieces: &[Piece], words: &[String]) -> bool {
    match pieces.split_first() {
        None => true,
        Some((Piece::OneOf(wanted), rest)) => {
            words.split_first().is_some_and(|(word, after)| wanted.contains(word) && matches(rest, after))
        }
        Some((Piece::Gap, rest)) => {
            (0..=GAP_WORDS_MAX.min(words.len())).any(|skipped| matches(rest, &words[skipped..]))
        }
    }
}

/// The words of a text, by sentence. Quotations are somebody else's and left out.
pub(super) fn words(text: &str, spellings: &Spellings) -> Vec<Vec<String>> {
    let mut sentences = vec![Vec::new()];
    for Token { text, kind, .. } in tokens(text, spellings) {
        match kind {
            TokenKind::Word => {
                if let Some(sentence) = sentences.last_mut() {
                    sentence.push(text);
                }
            }
            TokenKind::Break => {}
            TokenKind::End | TokenKind::Question => sentences.push(Vec::new()),
        }
    }
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// What a text is about: the stems of its words that are not among `stopwords`.
pub(super) fn content(sentences: &[Vec<String>], stopwords: &BTreeSet<String>) -> BTreeSet<String> {
    let words = sentences.iter().flatten().filter(|word| !stopwords.contains(*word));
    words.map(|word| stem(word).to_owned()).collect()
}

/// Without the commonest endings: enough to know a word again.
fn stem(word: &str) -> &str {
    const ENDINGS: [&str; 6] = ["'s", "ing", "ed", "es", "s", "e"];
    const STEM_BYTES_MIN: usize = 3;
    let stems = ENDINGS.iter().filter_map(|ending| word.strip_suffix(ending));
    stems.into_iter().find(|stem| stem.len() >= STEM_BYTES_MIN).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(phrase: &str, text: &str, expected: bool) {
        let spellings = Spellings::from([("cant".to_owned(), vec!["can".to_owned(), "not".to_owned()])]);
        let phrase = Phrase::parse(phrase, &spellings).expect("a phrase");
        let found = words(text, &spellings)
            .iter()
            .any(|sentence| (0..sentence.len()).any(|at| phrase.stands_at(sentence, at)));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn phrases_are_found_where_they_stand() {
        check("cant stop", "I cant  STOP, really.", true);
        check("will/would never ... again", "It would never be the same again", true);
        check("will/would never ... again", "It would never. Again!", false);
        check("will/would never ... again", "He will never in all his life do it again", false);
        check("my fault", "It was my fault", true);
        check("my fault", "It was not my fault", false);
        check("my fault", "She said \"my fault\" twice", false);
        check("no hope", "There is no hope.", true);
    }

    #[test]
    fn a_phrase_begins_and_ends_with_a_word() {
        for bad in ["", "...", "... again", "never ...", "?!"] {
            assert_eq!(Phrase::parse(bad, &Spellings::new()), None, "{bad}");
        }
    }

    #[test]
    fn words_are_known_again() {
        for (a, b) in [("thinking", "thinks"), ("mistake", "mistakes"), ("laughed", "laughing")] {
            assert_eq!(stem(a), stem(b));
        }
        assert_eq!(stem("as"), "as");
    }
}
