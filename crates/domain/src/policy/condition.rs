//! Conditions, and what they are worth: true, false, or an error.
//!
//! The order of evaluation never shows. In a conjunction one false condition makes the whole false, whatever
//! errs beside it; in a disjunction one true condition makes it true; only then does an error count.

use std::fmt;

use super::catalogue::{Attribute, METADATA_PREFIX};
use super::request::Request;
use super::value::{MemoryAttributes, Value};
use crate::time::Timestamp;

/// What a condition is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// A value was of a type that the test cannot take.
    Error,
}

impl Truth {
    /// True or false.
    #[must_use]
    pub const fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    /// The Boolean not; an error stays one.
    #[must_use]
    pub const fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Error => Self::Error,
        }
    }

    /// Whether all hold. One that does not decides, whatever errs.
    pub fn all(parts: impl Iterator<Item = Self>) -> Self {
        let mut whole = Self::True;
        for part in parts {
            match part {
                Self::False => return Self::False,
                Self::Error => whole = Self::Error,
                Self::True => {}
            }
        }
        whole
    }
}

/// A value written in a policy.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A bool.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text, or an enum's value.
    Text(Box<str>),
}

/// What an ordered test compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// A number.
    Number(f64),
    /// A rank in an ordered enum.
    Rank(usize, &'static [&'static str]),
    /// An instant.
    Time(Timestamp),
    /// So many microseconds from the time of the request; `text` is how it was written.
    FromNow {
        /// Microseconds to add to the time of the request.
        micros: i64,
        /// As it stands in the policy.
        text: Box<str>,
    },
}

/// How an ordered test compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `gt`
    Greater,
    /// `gte`
    AtLeast,
    /// `lt`
    Less,
    /// `lte`
    AtMost,
}

impl Comparison {
    /// Whether a value that compares so with the bound passes.
    #[must_use]
    pub const fn passes(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
        }
    }

    /// Its sign.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Less => "<",
            Self::AtMost => "<=",
        }
    }
}

/// What is asked of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It is one of them; of a set: it contains one of them.
    OneOf(Box<[Literal]>),
    /// The set contains all of them.
    AllOf(Box<[Box<str>]>),
    /// It is there, and none of them; of a set: it contains none of them.
    NoneOf(Box<[Literal]>),
    /// It is greater, or less.
    Compare(Comparison, Bound),
    /// It is there, or it is not.
    Exists(bool),
    /// It matches a glob: `*` is any run of characters, `?` any one.
    Matches(Box<str>),
    /// It is there, and the test does not hold.
    Not(Box<Test>),
    /// All of these hold.
    Every(Box<[Test]>),
}

/// Which attribute a test is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The attribute.
    pub attribute: Attribute,
    /// The dotted path after `memory.metadata.`; empty for all else.
    pub metadata: Box<str>,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attribute {
            Attribute::MemoryMetadata => write!(f, "{METADATA_PREFIX}{}", self.metadata),
            other => f.write_str(other.entry().path),
        }
    }
}

/// One attribute's test, and where it stands in the policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// Which attribute.
    pub path: Path,
    /// What is asked of it.
    pub test: Test,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// A rule's `when`.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All of them hold; an empty one always does.
    All(Box<[Condition]>),
    /// One of them holds; an empty one never does.
    Any(Box<[Condition]>),
    /// It does not hold.
    Not(Box<Condition>),
    /// One attribute's test.
    Leaf(Leaf),
}

/// The request and the memory that a condition is asked about.
#[derive(Debug)]
pub struct Facts<'a, M: MemoryAttributes + ?Sized> {
    /// The request.
    pub request: &'a Request<'a>,
    /// The memory.
    pub memory: &'a M,
}

impl<M: MemoryAttributes + ?Sized> Facts<'_, M> {
    /// What an attribute is worth, the catalogue's default included.
    pub(super) fn value(&self, path: &Path) -> Value<'_> {
        let value = if !path.attribute.is_of_memory() {
            self.request.value(path.attribute)
        } else if path.attribute == Attribute::MemoryMetadata {
            self.memory.metadata(&path.metadata)
        } else {
            self.memory.value(path.attribute)
        };
        if value.is_absent() { path.attribute.fallback() } else { value }
    }
}

impl Condition {
    /// What the condition is worth for these facts. Recursion is bounded by `POLICY_DEPTH_MAX`.
    pub fn holds<M: MemoryAttributes + ?Sized>(&self, facts: &Facts<'_, M>) -> Truth {
        match self {
            Self::Leaf(leaf) => leaf.holds(facts),
            Self::All(parts) => Truth::all(parts.iter().map(|part| part.holds(facts))),
            Self::Any(parts) => Truth::all(parts.iter().map(|part| part.holds(facts).negated())).negated(),
            Self::Not(part) => part.holds(facts).negated(),
        }
    }

    /// Every leaf, in the order of the document.
    pub fn leaves(&self) -> Vec<&Leaf> {
        match self {
            Self::Leaf(leaf) => vec![leaf],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::leaves).collect(),
            Self::Not(part) => part.leaves(),
        }
    }

    /// The conditions that must all hold: a compiled conjunction holds no other directly.
    #[must_use]
    pub fn conjuncts(&self) -> &[Self] {
        match self {
            Self::All(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }

    /// Whether every leaf passes.
    pub fn all_leaves(&self, passes: &mut impl FnMut(&Leaf) -> bool) -> bool {
        match self {
            Self::Leaf(leaf) => passes(leaf),
            Self::All(parts) | Self::Any(parts) => parts.iter().all(|part| part.all_leaves(passes)),
            Self::Not(part) => part.all_leaves(passes),
        }
    }
}

impl Leaf {
    /// What the test is worth for these facts.
    pub fn holds<M: MemoryAttributes + ?Sized>(&self, facts: &Facts<'_, M>) -> Truth {
        let must_be_set = self.path.attribute.entry().kind.is_set();
        self.test.holds(facts.value(&self.path), must_be_set, facts.request.now)
    }
}

impl Test {
    /// What the test is worth for a value. `must_be_set`: anything but a set is an error.
    #[must_use]
    pub fn holds(&self, value: Value<'_>, must_be_set: bool, now: Timestamp) -> Truth {
        if value.is_absent() {
            return Truth::of(self.holds_when_absent());
        }
        if must_be_set && !matches!(value, Value::Set(_)) {
            return Truth::Error;
        }
        match self {
            Self::OneOf(literals) => Truth::of(is_one_of(literals, value)),
            Self::NoneOf(literals) => Truth::of(!is_one_of(literals, value)),
            Self::AllOf(texts) => match value {
                Value::Set(set) => Truth::of(texts.iter().all(|text| set.has(text))),
                _ => Truth::Error,
            },
            Self::Compare(comparison, bound) => {
                bound.compare(value, now).map_or(Truth::Error, |order| Truth::of(comparison.passes(order)))
            }
            Self::Exists(wanted) => Truth::of(*wanted),
            Self::Matches(glob) => match value {
                Value::Text(text) => Truth::of(glob_matches(glob, text)),
                Value::Set(set) => Truth::of(set.any(&mut |member| glob_matches(glob, member))),
                _ => Truth::Error,
            },
            Self::Not(test) => test.holds(value, must_be_set, now).negated(),
            Self::Every(tests) => Truth::all(tests.iter().map(|test| test.holds(value, must_be_set, now))),
        }
    }

    /// Absence matches nothing but `exists: false`.
    #[must_use]
    pub fn holds_when_absent(&self) -> bool {
        match self {
            Self::Exists(wanted) => !wanted,
            Self::Every(tests) => tests.iter().all(Self::holds_when_absent),
            _ => false,
        }
    }
}

impl Bound {
    /// How the value compares with the bound; none when it cannot be compared.
    fn compare(&self, value: Value<'_>, now: Timestamp) -> Option<std::cmp::Ordering> {
        match (self, value) {
            (Self::Number(bound), Value::Number(number)) => number.partial_cmp(bound),
            (Self::Rank(bound, names), Value::Text(text)) => {
                names.iter().position(|name| *name == text).map(|rank| rank.cmp(bound))
            }
            (Self::Time(bound), value) => time_of(value).map(|time| time.cmp(bound)),
            (Self::FromNow { micros, .. }, value) => {
                time_of(value).map(|time| time.cmp(&now.plus_micros(*micros)))
            }
            _ => None,
        }
    }
}

/// An instant, or a text of metadata that spells one.
fn time_of(value: Value<'_>) -> Option<Timestamp> {
    match value {
        Value::Time(time) => Some(time),
        Value::Text(text) => Timestamp::parse(text).ok(),
        _ => None,
    }
}

/// Whether the value is one of the literals, or a set that contains one. Other types are unequal, not errors.
fn is_one_of(literals: &[Literal], value: Value<'_>) -> bool {
    literals.iter().any(|literal| match (literal, value) {
        (Literal::Text(wanted), Value::Text(text)) => **wanted == *text,
        (Literal::Text(wanted), Value::Set(set)) => set.has(wanted),
        (Literal::Bool(wanted), Value::Bool(flag)) => *wanted == flag,
        (Literal::Number(wanted), Value::Number(number)) => *wanted == number,
        _ => false,
    })
}

/// Whether the glob matches the whole text: linear in memory, and in time but for `*` times text.
#[must_use]
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let (mut glob_rest, mut text_rest) = (glob, text);
    let mut retry: Option<(&str, &str)> = None;
    loop {
        let mut globs = glob_rest.chars();
        let mut texts = text_rest.chars();
        match (globs.next(), texts.next()) {
            (Some('*'), _) => {
                retry = Some((globs.as_str(), text_rest));
                glob_rest = globs.as_str();
                continue;
            }
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                (glob_rest, text_rest) = (globs.as_str(), texts.as_str());
                continue;
            }
            _ => {}
        }
        let Some((after_star, from)) = retry else { return false };
        let mut skipped = from.chars();
        if skipped.next().is_none() {
            return false;
        }
        (glob_rest, text_rest) = (after_star, skipped.as_str());
        retry = Some((after_star, skipped.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (glob, text, matches) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abcbc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*", "abc", true),
            ("*é?", "caféx", true),
            ("a*b*c", "aXbYcZ", false),
            ("[a]", "a", false),
        ] {
            assert_eq!(glob_matches(glob, text), matches, "{glob} {text}");
        }
    }

    #[test]
    fn errors_count_only_where_nothing_else_decides() {
        use Truth::{Error, False, True};
        assert_eq!(Truth::all([Error, False].into_iter()), False);
        assert_eq!(Truth::all([False, Error].into_iter()), False);
        assert_eq!(Truth::all([True, Error].into_iter()), Error);
        assert_eq!(Truth::all([].into_iter()), True);
    }
}
