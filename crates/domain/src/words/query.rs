//! What is asked by words.

use std::fmt;

use super::{Side, TermKey, each_term};
use crate::limits;

/// A question by words: its text, of which nothing but the terms is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct QueryText {
    terms: Vec<String>,
}

/// What is wrong with a question's text; its `Display` is the message for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWords {
    /// There is nothing in it.
    #[error("must not be empty or blank")]
    Blank,
    /// It is too long.
    #[error("must have at most 1000 characters")]
    TooLong,
    /// It holds U+0000, which no memory's text does.
    #[error("must not contain the character U+0000")]
    Nul,
}

impl QueryText {
    /// Reads a question. Of its different terms the first [`limits::QUERY_TERMS_MAX`] count, each once; there may be none,
    /// where it has only stop words and signs, and then nothing matches.
    ///
    /// # Errors
    /// When it is blank, over [`limits::QUERY_TEXT_CHARS_MAX`] characters, or holds U+0000.
    pub fn parse(text: &str) -> Result<Self, InvalidWords> {
        if text.trim().is_empty() {
            return Err(InvalidWords::Blank);
        }
        if text.chars().count() > limits::QUERY_TEXT_CHARS_MAX {
            return Err(InvalidWords::TooLong);
        }
        if text.contains('\0') {
            return Err(InvalidWords::Nul);
        }
        let mut terms: Vec<String> = Vec::new();
        each_term(text, Side::Asked, &mut |term| {
            if terms.len() < limits::QUERY_TERMS_MAX && !terms.iter().any(|known| known == term) {
                terms.push(term.to_owned());
            }
        });
        Ok(Self { terms })
    }

    /// The question that had these terms ([`QueryText::terms`]); none where there are too many.
    #[must_use]
    pub fn of_terms(terms: Vec<String>) -> Option<Self> {
        (terms.len() <= limits::QUERY_TERMS_MAX).then_some(Self { terms })
    }

    /// Its terms, in the order of the text.
    #[must_use]
    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    /// What a store is asked for: a memory that holds one of these keys may hold one of the terms.
    #[must_use]
    pub fn keys(&self) -> Vec<TermKey> {
        let mut keys: Vec<TermKey> = self.terms.iter().map(|term| TermKey::of(term)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// A question is its caller's own: nothing that prints a request shows it.
impl fmt::Debug for QueryText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueryText({} terms)", self.terms.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> String {
        QueryText::parse(text).map_or_else(|why| why.to_string(), |query| query.terms().join(" "))
    }

    #[test]
    fn questions_are_bounded() {
        assert_eq!(terms("Where did Ada's TEA go? Tea!"), "ada tea go");
        assert_eq!(terms("what is it"), "");
        for blank in ["", " \n\t", "\u{a0}"] {
            assert_eq!(terms(blank), "must not be empty or blank");
        }
        assert_eq!(terms("tea\0"), "must not contain the character U+0000");
        assert_eq!(terms(&"é".repeat(limits::QUERY_TEXT_CHARS_MAX)), "é".repeat(32));
        let long = terms(&"x".repeat(limits::QUERY_TEXT_CHARS_MAX + 1));
        assert_eq!(long, format!("must have at most {} characters", limits::QUERY_TEXT_CHARS_MAX));
        let many: Vec<String> = (100..140).map(|number| number.to_string()).collect();
        assert_eq!(terms(&many.join(" ")), many[..limits::QUERY_TERMS_MAX].join(" "));
    }

    #[test]
    fn a_question_is_not_printed() {
        let query = QueryText::parse("secret tea").expect("good");
        assert_eq!(format!("{query:?}"), "QueryText(2 terms)");
        assert_eq!(query.keys().len(), 2);
    }
}
