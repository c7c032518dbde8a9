//! Patterns over words: `be [very] (direct|blunt) {topic*} $`.
//!
//! | written | meets |
//! |---|---|
//! | `word` | itself |
//! | `(a\|b c)` | one of these |
//! | `[a\|b c]` | one of these, or nothing |
//! | `<list>` `[<list>]` | one of a list of the rules, or nothing |
//! | `{topic}` | one to six words that can be a topic; `{topic*}` several of them in a row: `a, b and c` |
//! | `$` | the end of the clause |
//! | `...` | at its end: whatever goes on |
//!
//! A pattern that ends with none of `{topic}`, `$` and `...` ends where the clause does, or where something else begins:
//! `be gentle` meets `be gentle when I cry`, and `I use a wheelchair` not `I use a wheelchair ramp`.

use std::collections::BTreeMap;

use super::read::Lexicon;
use super::text::{Token, TokenKind};

/// Words in a row.
pub(super) type Phrase = Vec<String>;

/// The longest run of words that is looked at as one topic; of more than three the last are taken.
const TOPIC_WORDS_MAX: usize = 6;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// One of these phrases.
    Any(Vec<Phrase>),
    /// One of these phrases, or nothing.
    Maybe(Vec<Phrase>),
    /// Words that become a topic or a value.
    Slot { name: String, is_list: bool },
    /// The end of a clause; or, where it is not strict, of what is meant: `be gentle` ends in `be gentle when I cry`.
    End { is_strict: bool },
}

/// What a pattern took from the text: for each slot the words of each item.
pub(super) type Captures = BTreeMap<String, Vec<Phrase>>;

/// Reads a pattern. The error says what is wrong.
pub(super) fn parse(pattern: &str, lists: &BTreeMap<String, Vec<Phrase>>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let (mut rest, is_open) = match pattern.trim().strip_suffix("...") {
        Some(rest) => (rest.trim(), true),
        None => (pattern.trim(), false),
    };
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '(' => ')',
            '[' => ']',
            '{' => '}',
            '<' => '>',
            _ => {
                let end = rest.find(' ').unwrap_or(rest.len());
                let word = &rest[..end];
                pieces.push(match word {
                    "$" => Piece::End { is_strict: true },
                    word => Piece::Any(vec![vec![word.to_owned()]]),
                });
                rest = rest[end..].trim_start();
                continue;
            }
        };
        let end = rest.find(closing).ok_or_else(|| format!("`{first}` is not closed in `{pattern}`"))?;
        let inner = &rest[1..end];
        pieces.push(match first {
            '(' => Piece::Any(alternatives(inner, lists)?),
            '[' => Piece::Maybe(alternatives(inner, lists)?),
            '<' => Piece::Any(alternatives(&rest[..=end], lists)?),
            _ => {
                let name = inner.trim_end_matches('*');
                Piece::Slot { name: name.to_owned(), is_list: inner.ends_with('*') }
            }
        });
        rest = rest[end + 1..].trim_start();
    }
    // What goes on may mean something else: `I use a wheelchair ramp`.
    if !is_open && !matches!(pieces.last(), Some(Piece::Slot { .. } | Piece::End { .. })) {
        pieces.push(Piece::End { is_strict: false });
    }
    Ok(pieces)
}

fn alternatives(inner: &str, lists: &BTreeMap<String, Vec<Phrase>>) -> Result<Vec<Phrase>, String> {
    let mut phrases = Vec::new();
    for alternative in inner.split('|') {
        let name = alternative.strip_prefix('<').and_then(|name| name.strip_suffix('>'));
        match name {
            Some(name) => {
                let list = lists.get(name).ok_or_else(|| format!("no list is called `{name}`"))?;
                phrases.extend(list.iter().cloned());
            }
            None => phrases.push(phrase(alternative)),
        }
    }
    // The longest first, so that `talk about` is not taken for `talk`.
    phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    Ok(phrases)
}

/// Phrases by their first word, so that few are compared.
#[derive(Debug, Default)]
pub(super) struct Phrases(BTreeMap<String, Vec<Phrase>>);

impl Phrases {
    /// Takes phrases in any order.
    pub(super) fn new(phrases: impl IntoIterator<Item = Phrase>) -> Self {
        let mut by_first: BTreeMap<String, Vec<Phrase>> = BTreeMap::new();
        for phrase in phrases {
            if let Some(first) = phrase.first() {
                by_first.entry(first.clone()).or_default().push(phrase);
            }
        }
        for phrases in by_first.values_mut() {
            phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
        }
        Self(by_first)
    }

    /// How many words the longest phrase has that stands at `at`.
    pub(super) fn longest_at(&self, tokens: &[Token], at: usize) -> Option<usize> {
        let phrases = self.0.get(&tokens.get(at)?.text)?;
        phrases.iter().find(|phrase| stands_at(phrase, tokens, at)).map(Vec::len)
    }
}

/// The words with one of which a match begins; none when it can begin with any.
pub(super) fn first_words(pieces: &[Piece]) -> Option<Vec<String>> {
    let mut firsts = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Any(phrases) | Piece::Maybe(phrases) => {
                firsts.extend(phrases.iter().filter_map(|phrase| phrase.first().cloned()));
            }
            Piece::Slot { .. } | Piece::End { .. } => return None,
        }
        if matches!(piece, Piece::Any(_)) {
            return Some(firsts);
        }
    }
    None
}

/// The words of a phrase.
pub(super) fn phrase(text: &str) -> Phrase {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Whether the phrase stands at `at`.
pub(super) fn stands_at(phrase: &[String], tokens: &[Token], at: usize) -> bool {
    let Some(words) = tokens.get(at..at + phrase.len()) else { return false };
    phrase.iter().zip(words).all(|(word, token)| token.is_word() && *word == token.text)
}

/// Meets the pattern at `at`; gives where it ends.
pub(super) fn meet(
    pieces: &[Piece],
    tokens: &[Token],
    at: usize,
    lexicon: &Lexicon,
    captures: &mut Captures,
) -> Option<usize> {
    let Some((piece, rest)) = pieces.split_first() else { return Some(at) };
    match piece {
        Piece::Any(phrases) | Piece::Maybe(phrases) => {
            for phrase in phrases.iter().filter(|phrase| stands_at(phrase, tokens, at)) {
                if let Some(end) = meet(rest, tokens, at + phrase.len(), lexicon, captures) {
                    return Some(end);
                }
            }
            if matches!(piece, Piece::Maybe(_)) { meet(rest, tokens, at, lexicon, captures) } else { None }
        }
        Piece::End { is_strict } if is_clause_end(tokens, at, *is_strict, lexicon) => {
            meet(rest, tokens, at, lexicon, captures)
        }
        Piece::End { .. } => None,
        Piece::Slot { name, is_list } => {
            let longest = run_length(tokens, at, lexicon);
            if rest.is_empty() {
                let (items, end) = items(tokens, at, longest, *is_list, lexicon)?;
                captures.insert(name.clone(), items);
                return Some(end);
            }
            for length in 1..=longest {
                if let Some(end) = meet(rest, tokens, at + length, lexicon, captures) {
                    captures.insert(name.clone(), vec![words(&tokens[at..at + length])]);
                    return Some(end);
                }
            }
            None
        }
    }
}

/// The words from `at` on that can belong to one topic.
fn run_length(tokens: &[Token], at: usize, lexicon: &Lexicon) -> usize {
    let run = tokens[at.min(tokens.len())..].iter();
    run.take_while(|token| token.is_word() && (token.is_tied || !lexicon.stops.contains(&token.text)))
        .take(TOPIC_WORDS_MAX)
        .count()
}

/// The words of a topic; those that a hyphen ties are one.
fn words(tokens: &[Token]) -> Phrase {
    let mut words: Phrase = Vec::new();
    for token in tokens {
        match words.last_mut() {
            Some(last) if token.is_tied => {
                last.push('-');
                last.push_str(&token.text);
            }
            _ => words.push(token.text.clone()),
        }
    }
    words
}

/// The topic at `at`, and those that are listed after it: `a, b and c`. Items behind a comma count only where an
/// `and` or `or` closes the list: in `my ex, mum` nobody asks to avoid mum.
fn items(
    tokens: &[Token],
    at: usize,
    longest: usize,
    is_list: bool,
    lexicon: &Lexicon,
) -> Option<(Vec<Phrase>, usize)> {
    if longest == 0 {
        return None;
    }
    let mut end = at + longest;
    let mut items = vec![words(&tokens[at..end])];
    let (mut pending, mut next) = (Vec::new(), end);
    if !is_list {
        return Some((items, end));
    }
    loop {
        let is_comma = tokens.get(next).is_some_and(|token| token.kind == TokenKind::Break);
        let after_comma = next + usize::from(is_comma);
        let is_joined = tokens.get(after_comma).is_some_and(|token| lexicon.joins.contains(&token.text));
        let start = after_comma + usize::from(is_joined);
        let length = run_length(tokens, start, lexicon);
        let begins_clause = tokens.get(start).is_none_or(|token| lexicon.clause_starts.contains(&token.text));
        if start == next || length == 0 || length > TOPIC_WORDS_MAX / 2 || begins_clause {
            break;
        }
        next = start + length;
        pending.push(words(&tokens[start..next]));
        if is_joined {
            items.append(&mut pending);
            end = next;
        }
    }
    Some((items, end))
}

/// Whether nothing that matters follows in the clause.
fn is_clause_end(tokens: &[Token], mut at: usize, is_strict: bool, lexicon: &Lexicon) -> bool {
    while let Some(token) = tokens.get(at) {
        let may_begin = lexicon.conjunctions.contains(&token.text)
            || (!is_strict && lexicon.adjuncts.contains(&token.text));
        if !token.is_word() || may_begin {
            return true;
        }
        if !lexicon.tails.contains(&token.text) {
            return false;
        }
        at += 1;
    }
    true
}
