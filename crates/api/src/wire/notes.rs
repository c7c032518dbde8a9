//! What the decoder finds on its way: errors, unknown fields, deprecated fields.

use memoryscope_domain::time::Timestamp;
use serde_json::{Value, json};

use super::Read;
use super::path::{Fault, FieldError, Path, field_text};
use crate::problem::{FIELDS_SHOWN_MAX, Problem};

/// What to do with a field that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Each is an error (`/v2`).
    Refuse,
    /// Each is named in `warnings[]` (`/memory`, `/v1`).
    Accept,
}

/// A deprecated field that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deprecated {
    /// Where it was sent.
    pub field: String,
    /// Its name, for the counter.
    pub name: &'static str,
    /// What to send now.
    pub successor: &'static str,
}

impl Deprecated {
    /// The entry of `warnings[]`.
    #[must_use]
    pub fn warning(&self) -> Value {
        let message = format!("is deprecated: send {}", self.successor);
        json!({"field": self.field, "message": message, "successor": self.successor})
    }
}

/// Wrong fields, bounded: the first hundred in full, the others counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errors {
    list: Vec<FieldError>,
    omitted: usize,
}

impl Errors {
    /// Adds one. A place has one error: the first.
    pub fn push(&mut self, error: FieldError) {
        if self.list.iter().any(|known| known.loc == error.loc) {
            return;
        }
        if self.list.len() >= FIELDS_SHOWN_MAX {
            self.omitted += 1;
        } else {
            self.list.push(error);
        }
    }

    /// Adds one about several fields, unless one of them is wrong by itself: something at its place, above or below.
    fn push_between(&mut self, error: FieldError) {
        let related =
            |known: &FieldError| known.loc.starts_with(&error.loc) || error.loc.starts_with(&known.loc);
        if !self.list.iter().any(related) {
            self.push(error);
        }
    }

    /// The errors that are kept in full.
    #[must_use]
    pub fn list(&self) -> &[FieldError] {
        &self.list
    }

    /// How many more there are.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.omitted == 0
    }

    /// The error list of one refused item of a batch: what a 422 has in `error.details.fields`.
    #[must_use]
    pub fn as_fields(&self) -> Vec<Value> {
        self.list.iter().map(FieldError::as_field).collect()
    }

    /// Takes out those at or below a place.
    fn take_below(&mut self, at: &Path<'_>) -> Self {
        if self.list.is_empty() {
            return Self::default();
        }
        let steps = at.steps();
        let (below, rest) =
            std::mem::take(&mut self.list).into_iter().partition(|e| e.loc.starts_with(&steps));
        self.list = rest;
        Self { list: below, omitted: 0 }
    }
}

impl From<FieldError> for Errors {
    fn from(error: FieldError) -> Self {
        Self { list: vec![error], omitted: 0 }
    }
}

impl From<Errors> for Problem {
    fn from(errors: Errors) -> Self {
        let problem = Self::invalid(errors.list);
        if errors.omitted > 0 { problem.detail("omitted_count", errors.omitted) } else { problem }
    }
}

/// What the decoder writes down.
#[derive(Debug)]
pub struct Notes {
    policy: Unknown,
    errors: Errors,
    unknown: Vec<String>,
    deprecated: Vec<Deprecated>,
    now: Option<Timestamp>,
}

impl Notes {
    /// Starts with the faults that reading the JSON found.
    #[must_use]
    pub fn new(policy: Unknown, faults: Errors) -> Self {
        Self { policy, errors: faults, unknown: Vec::new(), deprecated: Vec::new(), now: None }
    }

    /// With the time of the request.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { now: Some(now), ..self }
    }

    /// The time of the request, where it was told.
    pub(super) const fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// Says that fields do not go together; see [`Errors::push_between`].
    pub(super) fn push_between(&mut self, error: FieldError) {
        self.errors.push_between(error);
    }

    /// Says that a field is wrong.
    pub fn push(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// Says that the value at a place is wrong; for specs, whose result is then `None`.
    pub fn wrong<T>(
        &mut self,
        at: &Path<'_>,
        fault: Fault,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Option<T> {
        self.push(FieldError::new(at, fault, message));
        None
    }

    pub(super) fn unknown(&mut self, at: &Path<'_>, slip: Option<&str>) {
        match self.policy {
            Unknown::Accept if self.unknown.len() < FIELDS_SHOWN_MAX => {
                self.unknown.push(field_text(&at.steps()));
            }
            Unknown::Accept => {}
            Unknown::Refuse => {
                let message = match slip {
                    Some(name) => format!("is not known here; did you mean {name}?"),
                    None => "is not known here".to_owned(),
                };
                self.push(FieldError::new(at, Fault::UnknownField, message));
            }
        }
    }

    pub(super) fn deprecated(&mut self, at: &Path<'_>, name: &'static str, successor: &'static str) {
        if self.deprecated.len() < FIELDS_SHOWN_MAX {
            self.deprecated.push(Deprecated { field: field_text(&at.steps()), name, successor });
        }
    }

    /// Notes of its own for one item of a batch, with the faults found in it.
    pub(super) fn split_off(&mut self, at: &Path<'_>) -> Self {
        Self { now: self.now, ..Self::new(self.policy, self.errors.take_below(at)) }
    }

    /// The result, unless something is wrong.
    pub(super) fn finish<T>(mut self, out: Option<T>, at: &Path<'_>) -> Result<Read<T>, Errors> {
        match out {
            Some(value) if self.errors.is_empty() => {
                Ok(Read { value, unknown: self.unknown, deprecated: self.deprecated })
            }
            out => {
                let silent = out.is_none() && self.errors.is_empty();
                // A batch's items took the faults that are listed; one that is only counted refuses the batch.
                if silent || self.errors.list.is_empty() {
                    self.push(FieldError::new(at, Fault::Invalid, "cannot be read"));
                }
                Err(self.errors)
            }
        }
    }
}
