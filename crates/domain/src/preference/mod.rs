//! The scoped dialect's values: their shapes, their normal form, their deterministic merge.
//!
//! [`Preference::new`] is the only way in: it finds the [`Shape`], brings the value into its normal form and
//! refuses what fits no shape. [`merge()`] is the only way out: the memories of one user, scope and domain become
//! one [`Summary`], which depends on the set of memories and on nothing else.
//!
//! `docs/merging.md` says the same for users, with examples that a test executes.

mod merge;
mod normalize;
pub mod ratio;
mod shapes;
mod similar;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits;

pub use merge::{Conflict, Side, Summary, merge};
pub use shapes::Shape;

/// What a scoped memory is about: the dialect's `scope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What someone likes, dislikes and has set.
    Preferences,
    /// What must hold when something is done for them.
    Constraints,
    /// How they want to be addressed.
    Communication,
    /// What they need to be able to use an interface.
    Accessibility,
    /// When they are there.
    Schedule,
    /// When and how they may be interrupted.
    Attention,
}

impl Kind {
    /// Every scope, in the order of the specification.
    pub const ALL: [Self; 6] = [
        Self::Preferences,
        Self::Constraints,
        Self::Communication,
        Self::Accessibility,
        Self::Schedule,
        Self::Attention,
    ];

    /// Its name in requests, policies and audit entries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preferences => "preferences",
            Self::Constraints => "constraints",
            Self::Communication => "communication",
            Self::Accessibility => "accessibility",
            Self::Schedule => "schedule",
            Self::Attention => "attention",
        }
    }

    /// The scope of that name, exactly as [`Kind::name`] writes it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Where a scoped memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The user said it.
    ExplicitUserInput,
    /// The user set it in a form.
    UserSetting,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 2] = [Self::ExplicitUserInput, Self::UserSetting];

    /// Its name in requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExplicitUserInput => "explicit_user_input",
            Self::UserSetting => "user_setting",
        }
    }

    /// The source of that name, exactly as [`Source::name`] writes it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

/// The subject inside a scope (`music`, `travel`): 1–500 characters after trimming, no control characters.
///
/// Domains are equal when they are equal character by character: `Music` is not `music`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

impl Domain {
    /// Trims and checks a domain; blank means none.
    ///
    /// # Errors
    /// When the trimmed text is over [`limits::DOMAIN_CHARS_MAX`] characters or holds a control character.
    pub fn parse(text: &str) -> Result<Option<Self>, InvalidDomain> {
        let trimmed = text.trim();
        if trimmed.chars().count() > limits::DOMAIN_CHARS_MAX {
            return Err(InvalidDomain("must be at most 500 characters"));
        }
        if trimmed.chars().any(char::is_control) {
            return Err(InvalidDomain("must not contain control characters"));
        }
        Ok((!trimmed.is_empty()).then(|| Self(trimmed.to_owned())))
    }

    /// The domain as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Domain {
    type Error = InvalidDomain;
    fn try_from(text: String) -> Result<Self, InvalidDomain> {
        Self::parse(&text)?.ok_or(InvalidDomain("must not be blank"))
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidDomain(pub &'static str);

/// A scoped memory's body: a value in its normal form, and what it is about.
///
/// The serialised form is what a store keeps; reading it back does not check again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preference {
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain: Option<Domain>,
    shape: Shape,
    value: Value,
    source: Source,
}

impl Preference {
    /// Finds the value's shape and brings it into its normal form.
    ///
    /// # Errors
    /// At least one fault and at most [`InvalidValue::REPORTED_MAX`], likes before dislikes, when the value is neither
    /// an object nor an array, nests deeper than [`limits::JSON_DEPTH_MAX`], is longer than
    /// [`limits::VALUE_JSON_BYTES_MAX`] as compact JSON (as sent, or once normalised: lower-casing may lengthen it),
    /// or fits no shape.
    pub fn new(
        kind: Kind,
        domain: Option<Domain>,
        source: Source,
        value: Value,
    ) -> Result<Self, Vec<InvalidValue>> {
        shapes::check_bounds(&value)?;
        let shape = Shape::detect(&value)?;
        let value = normalize::normalize(shape, value);
        shapes::check_bounds(&value)?;
        Ok(Self { kind, domain, shape, value, source })
    }

    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The subject inside its scope.
    #[must_use]
    pub const fn domain(&self) -> Option<&Domain> {
        self.domain.as_ref()
    }

    /// The shape that was found.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The value in its normal form.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The same preference without what these paths name: what a policy redacts. What is left keeps its shape, so that
    /// it merges as before.
    ///
    /// A path begins with `value`, or one of its aliases `value_json`, `content` and `content.json`, and goes on with
    /// the keys below; any other path (a policy with one does not load) leaves nothing of the value.
    /// Keys are told apart as a merge does: without regard to case, `_`, `-` and space. `*` is every member, and a list
    /// is looked through: `value.windows.location` is the location of every window.
    #[must_use]
    pub fn without<T: AsRef<str>>(&self, paths: &[T]) -> Self {
        let mut shown = self.clone();
        for path in paths {
            let segments = path.as_ref().split('.').collect::<Vec<_>>();
            match segments.as_slice() {
                // A preference has no text.
                ["content", "text"] => {}
                ["content", "json", below @ ..] | ["value" | "value_json", below @ ..] => {
                    remove_path(&mut shown.value, below);
                }
                _ => remove_path(&mut shown.value, &[]),
            }
        }
        shown
    }

    /// Where it comes from.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }
}

/// Removes what is at a path; of a value that is the path's own end, all members.
pub(crate) fn remove_path(value: &mut Value, path: &[&str]) {
    match value {
        Value::Object(members) => {
            let whole = path.is_empty();
            members.retain(|key, below| !whole && !is_removed(key, below, path));
        }
        Value::Array(items) => match path {
            // Of a list an index stands for every member: one that is gone would move the others.
            [] => items.clear(),
            [first] if is_any_item(first) => items.clear(),
            [first, rest @ ..] => {
                for item in items {
                    remove_path(item, path);
                    if is_any_item(first) {
                        remove_path(item, rest);
                    }
                }
            }
        },
        _ => {}
    }
}

/// Whether a path ends at this member; where it leads through, what is below is removed from it.
fn is_removed(key: &str, below: &mut Value, path: &[&str]) -> bool {
    let key = folded(key);
    for length in 1..=path.len() {
        let (names, rest) = path.split_at(length);
        // A key may have dots itself.
        if names == ["*"] || folded(&names.join(".")) == key {
            if rest.is_empty() {
                return true;
            }
            remove_path(below, rest);
        }
    }
    false
}

fn is_any_item(segment: &str) -> bool {
    segment == "*" || segment.bytes().all(|b| b.is_ascii_digit())
}

/// A key as a merge tells keys apart: without case, `_`, `-` and space.
fn folded(key: &str) -> String {
    lower(key).chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect()
}

/// Why a value is no [`Preference`]: one fault, and where in the value it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidValue {
    /// Where, below the value: empty for the value itself, else such as `likes[3]`. It starts with a key as it was sent.
    pub path: String,
    /// What is wrong there.
    pub reason: InvalidReason,
}

impl InvalidValue {
    /// How many faults of one value are reported: enough to see what went wrong, whatever the value's length.
    pub const REPORTED_MAX: usize = 20;

    /// The path of the fault below `field`, which names the value: `body.value_json` gives `body.value_json.likes[3]`.
    #[must_use]
    pub fn path_below(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{field}.{}", self.path) }
    }
}

/// What is wrong at one place of a value; its `Display` is the message for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum InvalidReason {
    /// It is a scalar.
    #[error("must be an object or an array")]
    NotContainer,
    /// Over [`limits::VALUE_JSON_BYTES_MAX`].
    #[error("must be at most 65536 bytes of compact JSON")]
    TooLong,
    /// Over [`limits::JSON_DEPTH_MAX`].
    #[error("must not nest deeper than 64 levels")]
    TooDeep,
    /// `likes` or `dislikes` is no array.
    #[error("must be an array of strings, numbers, booleans or nulls")]
    NotArray,
    /// A member of `likes` or `dislikes` is an object or an array.
    #[error("must be a string, a number, a boolean or null")]
    NotScalar,
    /// No shape fits.
    #[error("value_json does not match any allowed shape")]
    NoShape,
}

/// Lower case by [`char::to_lowercase`], character by character: no locale, no context (a final sigma is `σ`), so
/// that equal texts stay equal wherever they stand. Lower-casing twice changes nothing.
pub(crate) fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_lowercase).collect()
}

/// How two scalars are compared and sorted: strings by `text`, others by their JSON form, which equals no string's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScalarKey {
    /// The string as `fold` gives it, or the JSON form of another scalar.
    pub(crate) text: String,
    /// Whether it is no string: of `"1"` and `1` the string comes first.
    pub(crate) is_bare: bool,
}

impl ScalarKey {
    /// The key of `scalar`, with strings passed through `fold`.
    pub(crate) fn new(scalar: &Value, fold: impl Fn(&str) -> String) -> Self {
        match scalar {
            Value::String(text) => Self { text: fold(text), is_bare: false },
            other => Self { text: other.to_string(), is_bare: true },
        }
    }
}
