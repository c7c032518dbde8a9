//! Texts that are bounded.
//!
//! Reading a stored text back does not measure it again: a limit that is lowered later must not make memories unreadable.

use serde::{Deserialize, Serialize};

use super::number::Invalid;
use crate::limits;
use crate::preference::lower;

/// A name or a short phrase on one line: 1 to `CHARS_MAX` characters after trimming, no control characters, any script.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Line<const CHARS_MAX: usize>(String);

impl<const CHARS_MAX: usize> Line<CHARS_MAX> {
    /// Trims and checks a text.
    ///
    /// # Errors
    /// When nothing is left after trimming, it is too long, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(Invalid::Rule("must not be empty or blank"));
        }
        if trimmed.chars().any(char::is_control) {
            return Err(Invalid::Rule("must not contain control characters"));
        }
        if trimmed.chars().count() > CHARS_MAX {
            return Err(Invalid::Chars(CHARS_MAX));
        }
        Ok(Self(trimmed.to_owned()))
    }

    /// The most characters that it has.
    pub const CHARS_MAX: usize = CHARS_MAX;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const CHARS_MAX: usize> AsRef<str> for Line<CHARS_MAX> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

// It compares as its text does, so maps of lines are looked into by texts.
impl<const CHARS_MAX: usize> std::borrow::Borrow<str> for Line<CHARS_MAX> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The name of a surface, a conversation, a transform or a field.
pub type Name = Line<{ limits::NAME_CHARS_MAX }>;
/// What makes a seed sprout.
pub type Cue = Line<{ limits::CUE_CHARS_MAX }>;

/// A remark of a few sentences: 1 to `CHARS_MAX` characters after trimming; of control characters only line breaks and
/// tabs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prose<const CHARS_MAX: usize>(String);

impl<const CHARS_MAX: usize> Prose<CHARS_MAX> {
    /// The most characters that it has.
    pub const CHARS_MAX: usize = CHARS_MAX;

    /// Trims and checks a text.
    ///
    /// # Errors
    /// When nothing is left after trimming, it is too long, or holds another control character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(Invalid::Rule("must not be empty or blank"));
        }
        if trimmed.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(Invalid::Rule("must not contain control characters but line breaks and tabs"));
        }
        if trimmed.chars().count() > CHARS_MAX {
            return Err(Invalid::Chars(CHARS_MAX));
        }
        Ok(Self(trimmed.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A remark in a history.
pub type Note = Prose<{ limits::NOTE_CHARS_MAX }>;

/// An affect label: in lower case, each run of white space one space, so that a filter finds it however it was typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Label(Line<{ limits::LABEL_CHARS_MAX }>);

impl Label {
    /// Brings a label into its normal form.
    ///
    /// # Errors
    /// When it is blank, over [`limits::LABEL_CHARS_MAX`] characters, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Line::parse(&words(text)?.join(" ")).map(Self)
    }

    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl AsRef<str> for Label {
    fn as_ref(&self) -> &str {
        self.0.as_str()
    }
}

/// What makes a memory sensitive: in lower case, its words joined by `_`. A policy's `trauma` and `moral_injury` must
/// meet `Trauma` and `moral injury`, or what they seal would stay open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Category(Line<{ limits::LABEL_CHARS_MAX }>);

impl Category {
    /// Brings a category into its normal form.
    ///
    /// # Errors
    /// When it has no letter or digit, is over [`limits::LABEL_CHARS_MAX`] characters, or holds a control character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Line::parse(&words(&text.replace(['-', '_'], " "))?.join("_")).map(Self)
    }

    /// The category.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl AsRef<str> for Category {
    fn as_ref(&self) -> &str {
        self.0.as_str()
    }
}

/// A text's words in lower case.
fn words(text: &str) -> Result<Vec<String>, Invalid> {
    if text.trim().chars().any(char::is_control) {
        return Err(Invalid::Rule("must not contain control characters"));
    }
    Ok(text.split_whitespace().map(lower).collect())
}

/// A language tag such as `en` or `pt-BR`. Its form is checked, not the registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Language(String);

impl Language {
    /// Reads a tag.
    ///
    /// # Errors
    /// When it is not letters and digits in parts of 1 to 8, the first of 2 to 8 letters, joined by `-`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let mut parts = text.split('-');
        let first = parts.next().unwrap_or_default();
        let begins = (2..=8).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic());
        let of_part = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if begins && parts.all(of_part) && text.len() <= limits::LANGUAGE_BYTES_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::Rule("must be a language tag such as en or pt-BR"))
        }
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Language {
    /// `und`: nobody said.
    fn default() -> Self {
        Self("und".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_and_bounded() {
        let check = |text: &str, expect: Result<&str, &str>| {
            let read = Line::<3>::parse(text).map(|line| line.as_str().to_owned());
            let read = read.map_err(|error| error.to_string());
            assert_eq!(read, expect.map(str::to_owned).map_err(str::to_owned), "{text:?}");
        };
        check(" åß🙂 ", Ok("åß🙂"));
        check("abcd", Err("must be at most 3 characters"));
        check(" \t ", Err("must not be empty or blank"));
        check("a\nb", Err("must not contain control characters"));
        assert_eq!(Prose::<9>::parse("a\n\tb").map(|p| p.as_str().to_owned()), Ok("a\n\tb".to_owned()));
        assert!(Prose::<9>::parse("a\u{0}b").is_err() && Prose::<2>::parse("abc").is_err());
    }

    #[test]
    fn labels_and_categories_have_one_spelling() {
        let label = |text: &str| Label::parse(text).map(|label| label.as_str().to_owned()).ok();
        let category = |text: &str| Category::parse(text).map(|c| c.as_str().to_owned()).ok();
        for (text, as_label, as_category) in [
            ("Shame", Some("shame"), Some("shame")),
            ("  Moral   Injury ", Some("moral injury"), Some("moral_injury")),
            ("self-blame", Some("self-blame"), Some("self_blame")),
            ("moral_injury", Some("moral_injury"), Some("moral_injury")),
            ("__-- ", Some("__--"), None),
            ("a\tb", None, None),
            ("", None, None),
            (&"é".repeat(65), None, None),
        ] {
            assert_eq!(label(text).as_deref(), as_label, "{text:?}");
            assert_eq!(category(text).as_deref(), as_category, "{text:?}");
        }
    }

    #[test]
    fn languages_are_tags() {
        for good in ["en", "pt-BR", "zh-Hant-TW", "de-1996", "und"] {
            assert!(Language::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "e", "en_GB", "en-", "-en", "123", "en-abcdefghi", "en ", &format!("en{}", "-a".repeat(17))]
        {
            assert!(Language::parse(bad).is_err(), "{bad}");
        }
    }
}
