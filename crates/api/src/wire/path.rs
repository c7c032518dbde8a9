//! Where a value stands, and what is wrong with it.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Value, json};

/// The longest part of a caller's own key that an error repeats.
const KEY_CHARS_SHOWN: usize = 64;

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object, or the part of the request: `body`, `query`, `path`.
    Key(Cow<'static, str>),
    /// An element of an array.
    Index(usize),
}

/// Where the decoder stands: a chain on the stack that costs nothing until something is wrong.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The part of the request: `body`, `query`, `path`.
    Root(&'static str),
    /// A member of an object.
    Key(&'a Path<'a>, &'a str),
    /// An element of an array.
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The way from the root.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut here = self;
        loop {
            match here {
                Path::Root(name) => {
                    steps.push(Step::Key(Cow::Borrowed(name)));
                    steps.reverse();
                    return steps;
                }
                Path::Key(up, key) => {
                    steps.push(Step::Key(Cow::Owned((*key).to_owned())));
                    here = up;
                }
                Path::Index(up, index) => {
                    steps.push(Step::Index(*index));
                    here = up;
                }
            }
        }
    }
}

/// The kinds of faults a field can have: a closed list, told to clients as `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Required and not there.
    Missing,
    /// Of another type than wanted.
    WrongType,
    /// A number outside its bounds.
    OutOfRange,
    /// Too few characters, bytes, elements or members.
    TooShort,
    /// Too many characters, bytes, elements or members.
    TooLong,
    /// None of the allowed names.
    NotAllowed,
    /// Of the right type, and yet not readable as what it stands for.
    Invalid,
    /// A field that this route does not know.
    UnknownField,
    /// A query parameter given more than once.
    Repeated,
    /// Text that holds U+0000.
    NulCharacter,
}

impl Fault {
    /// All of them, for the documentation.
    pub const ALL: [Self; 10] = [
        Self::Missing,
        Self::WrongType,
        Self::OutOfRange,
        Self::TooShort,
        Self::TooLong,
        Self::NotAllowed,
        Self::Invalid,
        Self::UnknownField,
        Self::Repeated,
        Self::NulCharacter,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::NotAllowed => "not_allowed",
            Self::Invalid => "invalid",
            Self::UnknownField => "unknown_field",
            Self::Repeated => "repeated",
            Self::NulCharacter => "nul_character",
        }
    }

    /// What it means, for the documentation.
    #[must_use]
    pub const fn doc(self) -> &'static str {
        match self {
            Self::Missing => "required and not there",
            Self::WrongType => "of another type than wanted",
            Self::OutOfRange => "a number outside its bounds",
            Self::TooShort => "too few characters, bytes, elements or members",
            Self::TooLong => "too many characters, bytes, elements or members",
            Self::NotAllowed => "none of the allowed names",
            Self::Invalid => "of the right type, but not readable as what it stands for",
            Self::UnknownField => "a field that this route does not know",
            Self::Repeated => "a query parameter given more than once",
            Self::NulCharacter => "text that holds U+0000",
        }
    }
}

/// One wrong field. Its message never repeats the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The way to the field.
    pub loc: Vec<Step>,
    /// What is wrong, for people: no value, no content.
    pub message: Cow<'static, str>,
    /// What is wrong, for programs.
    pub fault: Fault,
}

impl FieldError {
    /// A fault at a place.
    #[must_use]
    pub fn new(at: &Path<'_>, fault: Fault, message: impl Into<Cow<'static, str>>) -> Self {
        Self { loc: at.steps(), message: message.into(), fault }
    }

    /// `body.memories[3].ttl_days`.
    #[must_use]
    pub fn field(&self) -> String {
        field_text(&self.loc)
    }

    /// The entry of `error.details.fields`.
    #[must_use]
    pub fn as_field(&self) -> Value {
        json!({"field": self.field(), "message": self.message, "type": self.fault.as_str()})
    }

    /// The entry of a 422's `detail`, as clients of `FastAPI` services read it.
    #[must_use]
    pub fn as_detail(&self) -> Value {
        let loc = self.loc.iter().map(|step| match step {
            Step::Key(key) => Value::from(shown(key)),
            Step::Index(index) => Value::from(*index),
        });
        json!({"loc": loc.collect::<Vec<_>>(), "msg": self.message, "type": self.fault.as_str()})
    }
}

/// `body.memories[3].ttl_days`.
#[must_use]
pub fn field_text(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&shown(key));
            }
            // Writing to a String cannot fail.
            Step::Index(index) => {
                let _ = write!(text, "[{index}]");
            }
        }
    }
    text
}

/// A caller's own key, without control characters and not longer than a line.
fn shown(key: &str) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut text: String = key.chars().take(KEY_CHARS_SHOWN).map(printable).collect();
    if text.len() < key.len() && key.chars().count() > KEY_CHARS_SHOWN {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_for_people_and_for_programs() {
        let root = Path::Root("body");
        let list = Path::Key(&root, "memories");
        let item = Path::Index(&list, 3);
        let error =
            FieldError::new(&Path::Key(&item, "ttl_days"), Fault::OutOfRange, "must be between 1 and 365");
        assert_eq!(error.field(), "body.memories[3].ttl_days");
        assert_eq!(error.as_detail()["loc"], json!(["body", "memories", 3, "ttl_days"]));
        assert_eq!(error.as_field()["type"], "out_of_range");
    }

    #[test]
    fn long_and_odd_keys_are_cut() {
        let key = format!("a\nb{}", "é".repeat(100));
        let error = FieldError::new(&Path::Key(&Path::Root("body"), &key), Fault::UnknownField, "x");
        assert_eq!(error.field(), format!("body.a\u{fffd}b{}…", "é".repeat(61)));
    }
}
