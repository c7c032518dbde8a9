//! Finding wishes in sentences.
//!
//! A wish is looked for where a clause begins, and nowhere else: in `she asked me to be direct` nobody asks for
//! directness. Before it may stand what does not change it (`please`), what asks (`could you`) and what refuses
//! (`don't`); a refusal that is refused is neither. What somebody else said, what is not so, and what is only asked
//! gives nothing.

use std::collections::BTreeSet;

use super::gift::Gift;
use super::pattern::{self, Captures, Phrase, Phrases};
use super::rules::{Form, Pattern, Rules};
use super::text::{Token, TokenKind, tokens};
use crate::constraint::{Params, Term};
use crate::limits;

/// Words by their part in a sentence.
#[derive(Debug)]
pub(super) struct Lexicon {
    pub(super) fillers: Phrases,
    pub(super) asks: Phrases,
    pub(super) refusals: Phrases,
    pub(super) hypotheticals: Phrases,
    pub(super) lead_ins: Vec<Phrase>,
    pub(super) passing: Phrases,
    pub(super) reports: BTreeSet<String>,
    pub(super) others: BTreeSet<String>,
    pub(super) stops: BTreeSet<String>,
    pub(super) vague: BTreeSet<String>,
    pub(super) conjunctions: BTreeSet<String>,
    pub(super) turns: BTreeSet<String>,
    pub(super) joins: BTreeSet<String>,
    pub(super) clause_starts: BTreeSet<String>,
    pub(super) tails: BTreeSet<String>,
    pub(super) adjuncts: BTreeSet<String>,
}

/// Within how many words after a wish its speaker is named.
const SPEAKER_WORDS_MAX: usize = 3;

/// What was found in a text.
pub(super) struct Found<'r> {
    pub(super) gift: &'r Gift,
    pub(super) params: Params,
    /// Whether it was said to hold for now only.
    pub(super) is_passing: bool,
}

/// Everything that the text asks for, in its order.
pub(super) fn find<'r>(text: &str, rules: &'r Rules) -> Vec<Found<'r>> {
    let tokens = tokens(text, &rules.spellings);
    let mut found = Vec::new();
    let mut start = 0;
    for (at, token) in tokens.iter().enumerate() {
        if matches!(token.kind, TokenKind::End | TokenKind::Question) {
            read_sentence(&tokens[start..=at], rules, &mut found);
            start = at + 1;
        }
    }
    found
}

/// Whether what comes before a wish asks for it or refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Polarity {
    Plain,
    Refused,
    /// A refusal was refused.
    Neither,
}

/// Where the words of a clause begin.
struct Opening {
    /// After what changes nothing.
    statement_at: usize,
    /// After what asks or refuses too.
    wish_at: usize,
    polarity: Polarity,
}

fn read_sentence<'r>(tokens: &[Token], rules: &'r Rules, found: &mut Vec<Found<'r>>) {
    let lexicon = &rules.lexicon;
    let (mut is_start, mut is_blocked, mut was_refused, mut skip_to) = (true, false, false, 0);
    for (at, token) in tokens.iter().enumerate() {
        if !token.is_word() {
            is_start = true;
            was_refused = false;
            continue;
        }
        if lexicon.turns.contains(&token.text) {
            is_blocked = false;
        }
        is_blocked |= is_unreal(tokens, at, lexicon);
        if is_start && at >= skip_to && !is_blocked && !is_said_after(tokens, at, lexicon) {
            let is_or = at > 0 && matches!(tokens[at - 1].text.as_str(), "or" | "nor");
            let opening = open(tokens, at, lexicon, is_or && was_refused);
            was_refused = opening.polarity == Polarity::Refused;
            // The words that open a clause can say that it is not meant: `imagine`, `what if`.
            let is_real = (at..opening.wish_at).all(|at| !is_unreal(tokens, at, lexicon));
            if is_real {
                skip_to = read_clause(tokens, &opening, rules, found).max(at);
            }
        }
        is_start = lexicon.conjunctions.contains(&token.text);
    }
}

/// Whether from here on the sentence is about what is not so, or what somebody else says.
fn is_unreal(tokens: &[Token], at: usize, lexicon: &Lexicon) -> bool {
    if lexicon.hypotheticals.longest_at(tokens, at).is_some() {
        return true;
    }
    if !lexicon.reports.contains(&tokens[at].text) {
        return false;
    }
    let is_mine = tokens[at.saturating_sub(2)..at].iter().any(|before| before.text == "i");
    let is_to_others = tokens.get(at + 1).is_some_and(|next| lexicon.others.contains(&next.text));
    !is_mine || is_to_others
}

/// Whether what is said here is given to somebody afterwards: `don't go, said the king`.
fn is_said_after(tokens: &[Token], at: usize, lexicon: &Lexicon) -> bool {
    let Some(comma) = (at..tokens.len()).find(|&at| !tokens[at].is_word()) else { return false };
    let after = tokens.iter().enumerate().skip(comma + 1).take(SPEAKER_WORDS_MAX);
    after.take_while(|(_, token)| token.is_word()).any(|(at, token)| {
        let is_to_me = tokens.get(at + 1).is_none_or(|next| !next.is_word() || next.text == "you");
        let is_mine = tokens[at - 1].text == "i";
        lexicon.reports.contains(&token.text) && !(is_mine && is_to_me)
    })
}

fn open(tokens: &[Token], at: usize, lexicon: &Lexicon, is_refused: bool) -> Opening {
    let mut here = at;
    while let Some(length) = lexicon.fillers.longest_at(tokens, here) {
        here += length;
    }
    let statement_at = here;
    let mut polarity = if is_refused { Polarity::Refused } else { Polarity::Plain };
    loop {
        let (ask, refusal) =
            (lexicon.asks.longest_at(tokens, here), lexicon.refusals.longest_at(tokens, here));
        if let Some(length) = refusal.filter(|&length| ask.is_none_or(|ask| length >= ask)) {
            here += length;
            polarity = match polarity {
                Polarity::Plain => Polarity::Refused,
                Polarity::Refused | Polarity::Neither => Polarity::Neither,
            };
        } else if let Some(length) = ask.or_else(|| lexicon.fillers.longest_at(tokens, here)) {
            here += length;
        } else {
            return Opening { statement_at, wish_at: here, polarity };
        }
    }
}

/// Tries every rule where the clause begins; gives where the longest match ends.
fn read_clause<'r>(
    tokens: &[Token],
    opening: &Opening,
    rules: &'r Rules,
    found: &mut Vec<Found<'r>>,
) -> usize {
    let clause_end = (opening.statement_at..tokens.len()).find(|&at| !tokens[at].is_word());
    let clause_end = clause_end.unwrap_or(tokens.len());
    let is_question = tokens.get(clause_end).is_some_and(|token| token.kind == TokenKind::Question);
    let is_passing =
        (opening.statement_at..clause_end).any(|at| rules.lexicon.passing.longest_at(tokens, at).is_some());
    let word = |at: usize| tokens.get(at).map(|token| token.text.as_str());
    let (mut end, mut given) = (0, None);
    for place in rules.texts.candidates([word(opening.statement_at), word(opening.wish_at)]) {
        let Pattern { form, pieces, rule } = &rules.texts.patterns[place];
        let at = match form {
            Form::Do if opening.polarity == Polarity::Plain => opening.wish_at,
            Form::Dont if opening.polarity == Polarity::Refused => opening.wish_at,
            // `Do I prefer tea?` is no statement, and neither is `I prefer tea?`.
            Form::Say if !is_question => opening.statement_at,
            _ => continue,
        };
        // A rule gives once where a clause begins, by the first of its patterns that gives anything.
        if given == Some(*rule) {
            continue;
        }
        let mut captures = Captures::new();
        let Some(met) = pattern::meet(pieces, tokens, at, &rules.lexicon, &mut captures) else { continue };
        if take(&rules.texts.gifts[*rule], &captures, &rules.lexicon, is_passing, found) {
            end = end.max(met);
            given = Some(*rule);
        }
    }
    end
}

/// Adds what a rule gives for what was captured; whether that is anything.
fn take<'r>(
    gifts: &'r [Gift],
    captures: &Captures,
    lexicon: &Lexicon,
    is_passing: bool,
    found: &mut Vec<Found<'r>>,
) -> bool {
    let mut is_given = false;
    for gift in gifts {
        for params in gift.params(captures, |words| topic(words, lexicon)) {
            is_given = true;
            found.push(Found { gift, params, is_passing });
        }
    }
    is_given
}

/// The words of a topic without what leads to it; of more than three the last, for there the noun is.
pub(super) fn topic(words: &[String], lexicon: &Lexicon) -> Option<Term> {
    let mut words = words;
    loop {
        let leads = |phrase: &&Phrase| words.starts_with(phrase);
        let Some(lead) = lexicon.lead_ins.iter().find(leads) else { break };
        words = &words[lead.len()..];
    }
    while let Some((last, before)) = words.split_last()
        && lexicon.vague.contains(last)
    {
        words = before;
    }
    let first = words.len().saturating_sub(limits::CONSTRAINT_TERM_WORDS_MAX);
    let words = match &words[first..] {
        [of, rest @ ..] if of == "of" => rest,
        words => words,
    };
    if words.is_empty() {
        return None;
    }
    Term::parse(&words.join(" ")).ok()
}
