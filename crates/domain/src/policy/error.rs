//! What is wrong with a policy, where, and what was probably meant.

use std::fmt;

use serde::Serialize;

/// How many errors one load reports: a file that is wrong throughout is not a book to read.
pub const POLICY_ERRORS_MAX: usize = 100;

/// The longest name for which a similar one is looked up.
const SUGGESTION_CHARS_MAX: usize = 100;

/// The longest list of known names that an error spells out.
const LISTED_NAMES_MAX: usize = 12;

/// One thing that is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct PolicyError {
    /// What is wrong.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The nearest known name, or what to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " (did you mean {suggestion}?)"),
            None => Ok(()),
        }
    }
}

/// A place in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column, from 1.
    pub(crate) column: usize,
}

impl Place {
    /// Where a document begins.
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// Collects everything that is wrong with a document.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    found: Vec<PolicyError>,
}

impl Errors {
    /// Notes an error.
    pub(crate) fn push(&mut self, place: Place, message: impl Into<String>) {
        self.suggest(place, message, None);
    }

    /// Notes an error, and what was probably meant.
    pub(crate) fn suggest(&mut self, place: Place, message: impl Into<String>, suggestion: Option<String>) {
        if self.found.len() < POLICY_ERRORS_MAX {
            let Place { line, column } = place;
            self.found.push(PolicyError { message: message.into(), line, column, suggestion });
        }
    }

    /// Notes a name that is not known, and the nearest one that is, or all of them where they are few.
    pub(crate) fn unknown(&mut self, place: Place, what: &str, name: &str, known: &[&str]) {
        if self.found.len() >= POLICY_ERRORS_MAX {
            return;
        }
        let nearest = nearest(name, known).map(str::to_owned);
        let mut message = format!("unknown {what} `{}`", shortened(name));
        match known {
            [only] if nearest.is_none() => message.push_str(&format!(", only {only} is known")),
            [_, _, ..] if nearest.is_none() && known.len() <= LISTED_NAMES_MAX => {
                message.push_str(&format!(", one of: {}", known.join(", ")));
            }
            _ => {}
        }
        self.suggest(place, message, nearest);
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The errors, in the order of the document.
    pub(crate) fn into_vec(mut self) -> Vec<PolicyError> {
        self.found.sort_by_key(|error| (error.line, error.column));
        self.found
    }
}

/// The known name that looks most like `name`, if any looks like it at all.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.chars().count() > SUGGESTION_CHARS_MAX {
        return None;
    }
    let scored = known.iter().map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate));
    let mut best: Option<(f64, &'a str)> = None;
    for (score, candidate) in scored {
        if score > 0.75 && best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A name as an error shows it: at most 60 characters.
pub(crate) fn shortened(name: &str) -> String {
    let mut shown: String = name.chars().take(60).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    shown
}
