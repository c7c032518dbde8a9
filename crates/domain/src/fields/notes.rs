//! What a reader finds on its way: faults and warnings.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::At;
use crate::constraint::closed_list;

/// How many faults, and how many warnings, one reading keeps; the others are counted.
pub const FAULTS_MAX: usize = 100;

/// The longest part of a caller's own key that a place repeats, in characters.
const KEY_CHARS_SHOWN: usize = 64;

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object, or the part of the request.
    Key(String),
    /// An element of an array.
    Index(usize),
}

closed_list!(
    /// The kinds of faults a field can have.
    Fault {
        /// Required and not there.
        Missing "missing",
        /// Of another type than wanted.
        WrongType "wrong_type",
        /// A number outside its bounds.
        OutOfRange "out_of_range",
        /// Too few characters, elements or members.
        TooShort "too_short",
        /// Too many characters, bytes, elements or members.
        TooLong "too_long",
        /// None of the allowed names, or not allowed together with another field.
        NotAllowed "not_allowed",
        /// Of the right type, and yet not readable as what it stands for.
        Invalid "invalid",
        /// A field that is not known.
        UnknownField "unknown_field",
        /// It is right, and this server does not do it: the answer is 501, never a pretended success.
        Unsupported "unsupported",
    }
);

/// One wrong field. Its message never repeats the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The way to the field.
    pub path: Vec<Step>,
    /// What is wrong, for people.
    pub message: String,
    /// What is wrong, for programs.
    pub fault: Fault,
}

impl FieldFault {
    /// `body.memories[3].content`.
    #[must_use]
    pub fn field(&self) -> String {
        field_text(&self.path)
    }
}

/// Steps as one text; keys are cut after 64 characters.
pub(crate) fn field_text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.extend(key.chars().take(KEY_CHARS_SHOWN));
            }
            // Writing into a string cannot fail.
            Step::Index(index) => drop(write!(text, "[{index}]")),
        }
    }
    text
}

closed_list!(
    /// Why an answer warns.
    WarningKind {
        /// The field is not known here.
        Unknown "unknown",
        /// The field, or this value of it, is of former times; something else is sent now.
        Deprecated "deprecated",
        /// The field was removed and means nothing any more.
        Removed "removed",
        /// The same was said elsewhere, and what was said there holds.
        Overridden "overridden",
        /// It has no effect together with the rest of the request.
        NoEffect "no_effect",
    }
);

/// An entry of an answer's `warnings[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub field: String,
    /// Why, for people.
    pub message: String,
    /// Why, for programs.
    pub kind: WarningKind,
    /// What to send instead.
    pub successor: Option<&'static str>,
}

/// What was read, and what the answer should warn of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read<T> {
    /// What was read.
    pub value: T,
    /// In the order in which they were found.
    pub warnings: Vec<Warning>,
}

/// Everything that is wrong: at least one fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} fields are wrong", .list.len() + .omitted_count)]
pub struct Faults {
    /// The first [`FAULTS_MAX`].
    pub list: Vec<FieldFault>,
    /// How many more there are.
    pub omitted_count: usize,
}

/// What a reader writes down.
#[derive(Debug, Clone)]
pub struct Notes {
    is_strict: bool,
    faults: Vec<FieldFault>,
    omitted_count: usize,
    warnings: Vec<Warning>,
}

impl Notes {
    /// Deprecated fields are read and warned of.
    #[must_use]
    pub const fn lenient() -> Self {
        Self::new(false)
    }

    /// Deprecated fields are refused.
    #[must_use]
    pub const fn strict() -> Self {
        Self::new(true)
    }

    /// Lenient or strict.
    #[must_use]
    pub const fn new(is_strict: bool) -> Self {
        Self { is_strict, faults: Vec::new(), omitted_count: 0, warnings: Vec::new() }
    }

    /// Notes of its own for one part of a request, under the same rules.
    #[must_use]
    pub const fn apart(&self) -> Self {
        Self::new(self.is_strict)
    }

    /// Says that a field is wrong; for readers, whose result is then `None`.
    pub fn wrong<T>(
        &mut self,
        at: &At<'_>,
        fault: Fault,
        message: impl Into<Cow<'static, str>>,
    ) -> Option<T> {
        self.fault(FieldFault { path: at.steps(), message: message.into().into_owned(), fault });
        None
    }

    /// Adds a fault. A place has one fault: the first.
    pub fn fault(&mut self, fault: FieldFault) {
        if self.faults.iter().any(|known| known.path == fault.path) {
            return;
        }
        if self.faults.len() >= FAULTS_MAX {
            self.omitted_count += 1;
        } else {
            self.faults.push(fault);
        }
    }

    /// Adds a warning.
    pub fn warn(&mut self, at: &At<'_>, kind: WarningKind, message: impl Into<Cow<'static, str>>) {
        self.warn_of(at, kind, message, None);
    }

    fn warn_of(
        &mut self,
        at: &At<'_>,
        kind: WarningKind,
        message: impl Into<Cow<'static, str>>,
        successor: Option<&'static str>,
    ) {
        if self.warnings.len() < FAULTS_MAX {
            let (field, message) = (field_text(&at.steps()), message.into().into_owned());
            self.warnings.push(Warning { field, message, kind, successor });
        }
    }

    /// Says that a deprecated field was sent: a warning, or a fault where such fields are removed.
    pub fn deprecated_field(&mut self, at: &At<'_>, successor: &'static str) {
        if self.is_strict {
            self.wrong::<()>(at, Fault::NotAllowed, format!("was removed: send {successor}"));
        } else {
            self.deprecated_value(at, successor);
        }
    }

    /// Says that a value of former times was sent, which stays readable everywhere.
    pub fn deprecated_value(&mut self, at: &At<'_>, successor: &'static str) {
        self.warn_of(
            at,
            WarningKind::Deprecated,
            format!("is deprecated: send {successor}"),
            Some(successor),
        );
    }

    /// The faults that were found.
    #[must_use]
    pub fn faults(&self) -> &[FieldFault] {
        &self.faults
    }

    /// The warnings that were found.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether nothing is wrong at or below a place, or anywhere above it.
    #[must_use]
    pub fn is_clean_at(&self, at: &At<'_>) -> bool {
        let steps = at.steps();
        !self.faults.iter().any(|known| known.path.starts_with(&steps) || steps.starts_with(&known.path))
    }

    /// Takes over what was noted apart.
    pub fn absorb(&mut self, other: Self) {
        other.faults.into_iter().for_each(|fault| self.fault(fault));
        self.omitted_count += other.omitted_count;
        let room = FAULTS_MAX.saturating_sub(self.warnings.len());
        self.warnings.extend(other.warnings.into_iter().take(room));
    }

    /// Takes over what another reader warned of.
    pub(crate) fn take_warnings(&mut self, warnings: Vec<Warning>) {
        let room = FAULTS_MAX.saturating_sub(self.warnings.len());
        self.warnings.extend(warnings.into_iter().take(room));
    }

    /// The result, unless something is wrong.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<Read<T>, Faults> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(Read { value, warnings: self.warnings }),
            _ => {
                if self.faults.is_empty() {
                    self.wrong::<()>(&At::Root("body"), Fault::Invalid, "cannot be read");
                }
                Err(Faults { list: self.faults, omitted_count: self.omitted_count })
            }
        }
    }
}
