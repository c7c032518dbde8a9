//! Strings, names from a closed list, and times.

use std::ops::RangeInclusive;

use memoryscope_domain::time::Timestamp;
use serde_json::{Value, json};

use super::path::{Fault, Path};
use super::{Decode, Notes};

/// A string.
#[must_use]
pub fn string() -> Text {
    Text { trim: false, chars: 0..=usize::MAX, bytes: 0..=usize::MAX, format: None, pattern: None }
}

/// See [`string`].
#[derive(Debug, Clone)]
pub struct Text {
    trim: bool,
    chars: RangeInclusive<usize>,
    bytes: RangeInclusive<usize>,
    format: Option<&'static str>,
    pattern: Option<&'static str>,
}

/// What is trimmed off: Unicode's white space. `\s` is not the same characters in every language's patterns.
macro_rules! space {
    () => {
        r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    };
}

macro_rules! control {
    () => {
        r"\x00-\x1f\x7f-\x9f"
    };
}

/// A text without control characters.
macro_rules! line {
    () => {
        concat!("[^", space!(), control!(), "](?:[^", control!(), "]*[^", space!(), control!(), "])?")
    };
}

/// What a person's name looks like: no control characters, but for space around it.
pub const USER_ID_PATTERN: &str = concat!("^[", space!(), "]*", line!(), "[", space!(), "]*$");

/// The same of a name that may be blank, such as a domain's.
pub const DOMAIN_PATTERN: &str = concat!("^[", space!(), "]*(?:", line!(), "[", space!(), "]*)?$");

impl Text {
    /// Space around it does not count, and is cut off.
    #[must_use]
    pub fn trimmed(self) -> Self {
        Self { trim: true, ..self }
    }

    /// How many characters (Unicode scalar values) it has.
    #[must_use]
    pub fn chars(self, chars: RangeInclusive<usize>) -> Self {
        Self { chars, ..self }
    }

    /// How many bytes of UTF-8 it has.
    #[must_use]
    pub fn bytes(self, bytes: RangeInclusive<usize>) -> Self {
        Self { bytes, ..self }
    }

    /// The schema's `format`, such as `uuid`. It only describes: add [`Decode::parsed`] to check.
    #[must_use]
    pub fn format(self, format: &'static str) -> Self {
        Self { format: Some(format), ..self }
    }

    /// The schema's `pattern`, as ECMA-262 writes it. It only describes: add [`Decode::parsed`] to check.
    #[must_use]
    pub fn pattern(self, pattern: &'static str) -> Self {
        Self { pattern: Some(pattern), ..self }
    }

    fn check(&self, text: &str, at: &Path<'_>, notes: &mut Notes) -> Option<String> {
        let text = if self.trim { text.trim() } else { text };
        let least = (*self.chars.start()).max((*self.bytes.start()).min(1));
        if text.is_empty() && least > 0 {
            let message = if self.trim { "must not be empty or blank" } else { "must not be empty" };
            return notes.wrong(at, Fault::TooShort, message);
        }
        bounded(text.len(), &self.bytes, "bytes", at, notes)?;
        bounded(text.chars().count(), &self.chars, "characters", at, notes)?;
        Some(text.to_owned())
    }
}

/// Checks how much there is of something.
pub(super) fn bounded(
    count: usize,
    range: &RangeInclusive<usize>,
    unit: &str,
    at: &Path<'_>,
    notes: &mut Notes,
) -> Option<()> {
    let of = |count: usize| format!("{count} {}", if count == 1 { unit.trim_end_matches('s') } else { unit });
    if count < *range.start() {
        let message = format!("must have at least {}", of(*range.start()));
        return notes.wrong(at, Fault::TooShort, message);
    }
    if count > *range.end() {
        let message = format!("must have at most {}", of(*range.end()));
        return notes.wrong(at, Fault::TooLong, message);
    }
    Some(())
}

impl Decode for Text {
    type Out = String;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<String> {
        match value {
            Value::String(text) => self.check(text, at, notes),
            _ => notes.wrong(at, Fault::WrongType, "must be a string"),
        }
    }

    fn schema(&self) -> Value {
        let mut schema = json!({"type": "string"});
        let least = (*self.chars.start()).max((*self.bytes.start()).min(1));
        if least > 0 {
            schema["minLength"] = json!(least);
        }
        if *self.chars.end() != usize::MAX {
            schema["maxLength"] = json!(self.chars.end());
        }
        if *self.bytes.end() != usize::MAX {
            schema["description"] = json!(format!("At most {} bytes of UTF-8.", self.bytes.end()));
            if *self.chars.end() == usize::MAX {
                // No text has more characters than bytes.
                schema["maxLength"] = json!(self.bytes.end());
            }
        }
        if let Some(pattern) = self.pattern {
            schema["pattern"] = json!(pattern);
        } else if self.trim && least > 0 {
            schema["pattern"] = json!(r"\S");
        }
        if let Some(format) = self.format {
            schema["format"] = json!(format);
        }
        schema
    }
}

/// One name of a closed list.
#[must_use]
pub fn one_of(names: &'static [&'static str]) -> impl Decode<Out = &'static str> {
    choice(names.iter().map(|name| (*name, *name)))
}

/// One name of a closed list, and what each stands for.
#[must_use]
pub fn choice<T: Clone>(names: impl IntoIterator<Item = (&'static str, T)>) -> impl Decode<Out = T> {
    Choice { names: names.into_iter().collect() }
}

struct Choice<T> {
    names: Vec<(&'static str, T)>,
}

impl<T: Clone> Decode for Choice<T> {
    type Out = T;

    fn decode(&self, value: &Value, at: &Path<'_>, notes: &mut Notes) -> Option<T> {
        let Value::String(text) = value else {
            return notes.wrong(at, Fault::WrongType, "must be a string");
        };
        if let Some((_, meant)) = self.names.iter().find(|(name, _)| name == text) {
            return Some(meant.clone());
        }
        let names: Vec<&str> = self.names.iter().map(|(name, _)| *name).collect();
        notes.wrong(at, Fault::NotAllowed, format!("must be one of: {}", names.join(", ")))
    }

    fn schema(&self) -> Value {
        json!({"type": "string", "enum": self.names.iter().map(|(name, _)| *name).collect::<Vec<_>>()})
    }
}

/// An RFC 3339 time; without a zone it is UTC.
#[must_use]
pub fn time() -> impl Decode<Out = Timestamp> {
    string().format("date-time").parsed(|text: &String| Timestamp::parse(text))
}
