//! Finding wishes in sentences.
//!
//! A wish is looked for where a clause begins, and nowhere else: in `she asked me to be direct` nobody asks for
//! directness. Before it may stand what does not change it (`please`), what asks (`could you`) and what refuses
//! (`don't`); a refusal that is refused is neither. What somebody else said, what is not so, and what is only asked
//! gives nothing.

use std::collections::BTreeSet;

use super::gift::Gift;
use super::pattern::{self, Captures, Phrase, stands_at};
use super::rules::{Form, Rules};
use super::text::{Token, TokenKind, tokens};
use crate::constraint::{Params, Term};
use crate::limits;

/// Words by their part in a sentence.
#[derive(Debug)]
pub(super) struct Lexicon {
    pub(super) fillers: Vec<Phrase>,
    pub(super) asks: Vec<Phrase>,
    pub(super) refusals: Vec<Phrase>,
    pub(super) hypotheticals: Vec<Phrase>,
    pub(super) lead_ins: Vec<Phrase>,
    pub(super) passing: Vec<Phrase>,
    pub(super) reports: BTreeSet<String>,
    pub(super) others: BTreeSet<String>,
    pub(super) stops: BTreeSet<String>,
    pub(super) vague: BTreeSet<String>,
    pub(super) conjunctions: BTreeSet<String>,
    pub(super) turns: BTreeSet<String>,
    pub(super) joins: BTreeSet<String>,
    pub(super) clause_starts: BTreeSet<String>,
    pub(super) tails: BTreeSet<String>,
}

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
        if is_start && at >= skip_to && !is_blocked {
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
    if lexicon.hypotheticals.iter().any(|phrase| stands_at(phrase, tokens, at)) {
        return true;
    }
    if !lexicon.reports.contains(&tokens[at].text) {
        return false;
    }
    let is_mine = tokens[at.saturating_sub(2)..at].iter().any(|before| before.text == "i");
    let is_to_others = tokens.get(at + 1).is_some_and(|next| lexicon.others.contains(&next.text));
    !is_mine || is_to_others
}

fn open(tokens: &[Token], at: usize, lexicon: &Lexicon, is_refused: bool) -> Opening {
    let longest = |phrases: &[Phrase], at: usize| {
        // Sorted by length: the first is the longest.
        phrases.iter().find(|phrase| stands_at(phrase, tokens, at)).map(Vec::len)
    };
    let mut here = at;
    while let Some(length) = longest(&lexicon.fillers, here) {
        here += length;
    }
    let statement_at = here;
    let mut polarity = if is_refused { Polarity::Refused } else { Polarity::Plain };
    loop {
        let (ask, refusal) = (longest(&lexicon.asks, here), longest(&lexicon.refusals, here));
        if let Some(length) = refusal.filter(|&length| ask.is_none_or(|ask| length >= ask)) {
            here += length;
            polarity = match polarity {
                Polarity::Plain => Polarity::Refused,
                Polarity::Refused | Polarity::Neither => Polarity::Neither,
            };
        } else if let Some(length) = ask.or_else(|| longest(&lexicon.fillers, here)) {
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
    let passing = &rules.lexicon.passing;
    let is_passing = (opening.statement_at..clause_end)
        .any(|at| passing.iter().any(|phrase| stands_at(phrase, tokens, at)));
    let mut end = 0;
    for rule in &rules.texts {
        for (form, pieces) in &rule.patterns {
            let at = match form {
                Form::Do if opening.polarity == Polarity::Plain => opening.wish_at,
                Form::Dont if opening.polarity == Polarity::Refused => opening.wish_at,
                // `Do I prefer tea?` is no statement, and neither is `I prefer tea?`.
                Form::Say if !is_question => opening.statement_at,
                _ => continue,
            };
            let mut captures = Captures::new();
            let Some(met) = pattern::meet(pieces, tokens, at, &rules.lexicon, &mut captures) else {
                continue;
            };
            let given = take(&rule.gifts, &captures, &rules.lexicon, is_passing, found);
            if given {
                end = end.max(met);
                break;
            }
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
