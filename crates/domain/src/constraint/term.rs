//! The only texts a constraint can hold: a few normalised words, never a sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::preference::lower;

/// What can stand between two words. Each counts as a boundary, so that `he_hit_me_once` is four words and not one.
const SEPARATORS: [char; 6] = [' ', '_', '-', '.', '/', ':'];

/// How many characters of a script without spaces count as one word: a Chinese sentence is not one word.
const UNSPACED_WORD_CHARS: usize = 4;

/// Why a text is no [`Term`] and no [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTerm {
    /// Nothing is left of it.
    #[error("must hold at least one word")]
    Empty,
    /// It holds what is neither a letter, a digit nor one of the few other characters allowed.
    #[error("must be letters, digits, ' + # & and single spaces or _ - . / : between words")]
    Character,
    /// It is too long for a term.
    #[error("must be at most 3 words and 64 characters: constraints hold no narrative")]
    TermTooLong,
    /// It is too long for a name.
    #[error("must be at most 6 words and 96 characters")]
    NameTooLong,
}

/// Declares a checked text of few words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $words:ident, $chars:ident, $error:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Brings a text into its normal form: lower case, straight apostrophes, one separator between words.
            /// Normalising twice changes nothing.
            ///
            /// # Errors
            /// When no word is left, it holds other characters than words do, or is too long.
            pub fn parse(text: &str) -> Result<Self, InvalidTerm> {
                let normal = normalize(text)?;
                let is_short = normal.chars().count() <= limits::$chars
                    && count_words(&normal) <= limits::$words;
                if is_short { Ok(Self(normal)) } else { Err(InvalidTerm::$error) }
            }

            /// The text in its normal form.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Its words with one space between them: how people read it, and how two are compared.
            #[must_use]
            pub fn spaced(&self) -> String {
                self.0.chars().map(|c| if SEPARATORS.contains(&c) { ' ' } else { c }).collect()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidTerm;
            fn try_from(text: String) -> Result<Self, InvalidTerm> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(term: $name) -> Self {
                term.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

words!(
    /// A topic or a value: at most [`limits::CONSTRAINT_TERM_WORDS_MAX`] words.
    Term,
    CONSTRAINT_TERM_WORDS_MAX,
    CONSTRAINT_TERM_CHARS_MAX,
    TermTooLong
);
words!(
    /// The name of a rule, a slot or a transform: at most [`limits::CONSTRAINT_NAME_WORDS_MAX`] words.
    Name,
    CONSTRAINT_NAME_WORDS_MAX,
    CONSTRAINT_NAME_CHARS_MAX,
    NameTooLong
);

fn normalize(text: &str) -> Result<String, InvalidTerm> {
    let mut normal = String::with_capacity(text.len().min(4 * limits::CONSTRAINT_NAME_CHARS_MAX));
    let mut pending = None;
    for c in lower(text).chars() {
        let c = if matches!(c, '\u{2019}' | '\u{02bc}') { '\'' } else { c };
        if c.is_whitespace() {
            pending = pending.or(Some(' '));
        } else if SEPARATORS.contains(&c) {
            // Of several separators one that was written beats a space beside it.
            pending = pending.filter(|&before| before != ' ').or(Some(c));
        } else if is_word_char(c) {
            if let Some(separator) = pending.take()
                && !normal.is_empty()
            {
                normal.push(separator);
            }
            normal.push(c);
        } else {
            return Err(InvalidTerm::Character);
        }
    }
    if normal.chars().any(char::is_alphanumeric) { Ok(normal) } else { Err(InvalidTerm::Empty) }
}

/// Letters and digits of any script, the marks that belong to them, and the few signs that names are spelled with.
pub(crate) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '\'' | '+' | '#' | '&') || is_mark(c)
}

/// Combining marks that [`char::is_alphanumeric`] leaves out, by block; the dandas are punctuation.
fn is_mark(c: char) -> bool {
    let indic = ('\u{0900}'..='\u{0dff}').contains(&c) && !matches!(c, '\u{0964}' | '\u{0965}' | '\u{0970}');
    indic
        || matches!(c,
            '\u{0300}'..='\u{036f}' | '\u{0591}'..='\u{05bd}' | '\u{064b}'..='\u{065f}' | '\u{0670}'
            | '\u{0e31}'..='\u{0e4e}' | '\u{0eb1}'..='\u{0ecd}' | '\u{102b}'..='\u{103e}'
            | '\u{17b4}'..='\u{17d3}' | '\u{3099}' | '\u{309a}')
}

/// Scripts that are written without spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

fn count_words(normal: &str) -> usize {
    let words = normal.split(SEPARATORS).filter(|word| !word.is_empty());
    words
        .map(|word| word.chars().filter(|&c| is_unspaced(c)).count().div_ceil(UNSPACED_WORD_CHARS).max(1))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_normalised_and_stay_so() {
        let cases = [
            ("  Chemistry   Exam ", "chemistry exam"),
            ("matter_of_fact", "matter_of_fact"),
            ("Self-Harm", "self-harm"),
            ("self - harm", "self-harm"),
            ("Dad\u{2019}s death", "dad's death"),
            ("C++", "c++"),
            ("ÅNGSTRÖM", "ångström"),
            ("हिन्दी", "हिन्दी"),
            ("化学考试", "化学考试"),
            ("ภาษาไทย", "ภาษาไทย"),
        ];
        for (text, normal) in cases {
            let term = Term::parse(text).unwrap();
            assert_eq!(term.as_str(), normal);
            assert_eq!(Term::parse(normal), Ok(term));
        }
        assert_eq!(Term::parse("short_paragraphs").unwrap().spaced(), "short paragraphs");
    }

    #[test]
    fn a_sentence_is_no_term_however_it_is_spelled() {
        for text in [
            "he hit me once",
            "he_hit_me_once",
            "he-hit.me/once",
            "他在我小时候打过我而且不止一次",
            &"a".repeat(65),
        ] {
            assert_eq!(Term::parse(text), Err(InvalidTerm::TermTooLong), "{text}");
        }
        for text in ["he hit me.\u{0} once", "a\u{2014}b", "why?", "\"quoted\"", "a, b", "🙂"] {
            assert_eq!(Term::parse(text), Err(InvalidTerm::Character), "{text}");
        }
        for text in ["", " ", "-_-", "'"] {
            assert_eq!(Term::parse(text), Err(InvalidTerm::Empty), "{text}");
        }
        assert_eq!(Name::parse("one two three four five six seven"), Err(InvalidTerm::NameTooLong));
    }
}
