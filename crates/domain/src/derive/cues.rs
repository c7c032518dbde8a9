//! The cues of a seed: the names and the key terms of a text, one by one.

use std::collections::BTreeMap;

use super::rules::SeedRules;
use super::text::{Token, TokenKind, tokens};
use crate::constraint::Term;
use crate::limits;

/// The shortest key term, in characters: shorter words are seldom what a memory is about.
const TERM_CHARS_MIN: usize = 3;

/// What a text is about, the most telling first: names, then words by how often they stand there.
pub(super) fn of_text(text: &str, rules: &SeedRules) -> Vec<Term> {
    let tokens = tokens(text, &BTreeMap::new());
    let mut counted: BTreeMap<String, (bool, usize, usize)> = BTreeMap::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_sentence_start =
            at == 0 || matches!(tokens[at - 1].kind, TokenKind::End | TokenKind::Question);
        let length = name_length(&tokens[at..], rules, is_sentence_start);
        let words = &tokens[at..at + length.max(1)];
        let is_telling = length > 0 || is_term(&tokens[at], rules);
        if is_telling {
            let words: Vec<&str> = words.iter().map(|token| token.text.as_str()).collect();
            let entry = counted.entry(words.join(" ")).or_insert((false, 0, at));
            entry.0 |= length > 0;
            entry.1 += 1;
        }
        at += length.max(1);
    }
    let mut ranked: Vec<_> = counted.into_iter().collect();
    ranked.sort_by_key(|(_, (is_name, count, first))| (!*is_name, std::cmp::Reverse(*count), *first));
    let terms = ranked.into_iter().filter_map(|(words, _)| Term::parse(&words).ok());
    terms.take(rules.cues_max).collect()
}

/// How many words of a name stand here: written with capitals, not where every sentence begins with one.
fn name_length(tokens: &[Token], rules: &SeedRules, is_sentence_start: bool) -> usize {
    let is_name = |token: &&Token| token.is_capital && !rules.stopwords.contains(&token.text);
    let length = tokens.iter().take_while(is_name).take(limits::CONSTRAINT_TERM_WORDS_MAX).count();
    if is_sentence_start && length < 2 { 0 } else { length }
}

fn is_term(token: &Token, rules: &SeedRules) -> bool {
    let length = token.text.chars().count();
    token.is_word()
        && length >= TERM_CHARS_MIN
        && !rules.stopwords.contains(&token.text)
        && token.text.chars().any(char::is_alphabetic)
}
