//! Sentences and what stands in them.

use serde_json::{Value, json};

use crate::time::Timestamp;

/// What a piece of a sentence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Email,
    Url,
    Date,
    Amount,
}

/// A piece of a sentence, and where it stands, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Abbreviations whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 9] = ["Mr", "Mrs", "Ms", "Dr", "Prof", "St", "No", "vs", "Inc"];

/// Lines, and within them what ends in `.`, `!` or `?` before a space.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut start = 0;
        for (at, c) in line.char_indices() {
            let behind = at + c.len_utf8();
            let is_end = matches!(c, '.' | '!' | '?') && line[behind..].starts_with(char::is_whitespace);
            let before = line[start..at].rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            let is_short = c == '.' && (ABBREVIATIONS.contains(&before) || before.chars().count() == 1);
            if is_end && !is_short {
                found.push(&line[start..behind]);
                start = behind;
            }
        }
        found.push(&line[start..]);
    }
    found.retain(|sentence| !sentence.trim().is_empty());
    found
}

/// The pieces of a sentence, in order.
pub(super) fn tokens(sentence: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut start = None;
    let ends = sentence.char_indices().chain([(sentence.len(), ' ')]);
    for (at, c) in ends {
        // What holds together: everything but spaces, brackets and quotation marks.
        let is_inside =
            !c.is_whitespace() && !matches!(c, '<' | '>' | '(' | ')' | '"' | '“' | '”' | ',' | ';');
        match (start, is_inside && at < sentence.len()) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                chunk(sentence, from, at, &mut found);
                start = None;
            }
            _ => {}
        }
    }
    found
}

fn chunk<'a>(sentence: &'a str, start: usize, end: usize, found: &mut Vec<Token<'a>>) {
    let whole = sentence[start..end].trim_end_matches(['.', '!', '?', ':', '\'', '’']);
    let end = start + whole.len();
    let kind = if is_email(whole) {
        Kind::Email
    } else if whole.starts_with("https://") || whole.starts_with("http://") {
        Kind::Url
    } else if date(whole).is_some() {
        Kind::Date
    } else if amount(whole).is_some() {
        Kind::Amount
    } else {
        words(sentence, start, end, found);
        return;
    };
    found.push(Token { text: whole, kind, start, end });
}

/// The words of a piece that is nothing else.
fn words<'a>(sentence: &'a str, start: usize, end: usize, found: &mut Vec<Token<'a>>) {
    let mut from = None;
    for (at, c) in sentence[start..end].char_indices().chain([(end - start, ' ')]) {
        let is_inside = (c.is_alphanumeric() || c == '\'' || c == '’') && start + at < end;
        match (from, is_inside) {
            (None, true) => from = Some(start + at),
            (Some(begun), false) => {
                let text = &sentence[begun..start + at];
                found.push(Token { text, kind: Kind::Word, start: begun, end: start + at });
                from = None;
            }
            _ => {}
        }
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_plain = |part: &str, more: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    is_plain(local, "._%+-")
        && is_plain(domain, ".-")
        && domain.rsplit_once('.').is_some_and(|(name, top)| !name.is_empty() && top.len() >= 2)
        && !domain.starts_with('.')
        && !domain.contains("..")
}

/// `2026-11-26`, with or without a time of day.
fn date(text: &str) -> Option<String> {
    let is_day =
        text.len() == 10 && text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-');
    let full = if is_day { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let is_shaped = full.as_bytes().get(10).is_some_and(|c| *c == b'T');
    Timestamp::parse(&full).ok().filter(|_| is_shaped).map(|_| full)
}

/// `12`, `12.5`, `1,200`-like amounts without their thousands' marks, with a currency's sign before or behind.
fn amount(text: &str) -> Option<f64> {
    let bare = text.trim_start_matches(['$', '€', '£']).trim_end_matches(['$', '€', '£', '%']);
    let is_number = bare.starts_with(|c: char| c.is_ascii_digit())
        && bare.ends_with(|c: char| c.is_ascii_digit())
        && bare.chars().all(|c| c.is_ascii_digit() || c == '.')
        && bare.matches('.').count() <= 1;
    if is_number { bare.parse().ok() } else { None }
}

impl Token<'_> {
    /// Whether it is a word with a capital at its beginning, and not all in capitals unless it is short.
    pub(super) fn is_capitalised(&self) -> bool {
        let mut chars = self.text.chars();
        self.kind == Kind::Word
            && chars.next().is_some_and(char::is_uppercase)
            && (self.text.chars().count() <= 4 || chars.any(char::is_lowercase))
    }

    /// What it says, as a property's value.
    pub(super) fn value(&self) -> Option<Value> {
        match self.kind {
            Kind::Email => Some(json!(self.text.to_lowercase())),
            Kind::Url | Kind::Word => Some(json!(self.text)),
            Kind::Date => date(self.text).map(Value::String),
            Kind::Amount => amount(self.text).and_then(|amount| {
                let whole = format!("{amount:.0}").parse::<i64>().ok().filter(|_| amount.fract() == 0.0);
                whole
                    .map(|whole| json!(whole))
                    .or_else(|| serde_json::Number::from_f64(amount).map(Value::Number))
            }),
        }
    }
}
