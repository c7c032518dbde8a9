//! What a store can test: a filter that never drops a row that the policy allows.
//!
//! # What a store must know
//! Every attribute named here is total: where a store keeps nothing (`NULL`), it must test the catalogue's default
//! ([`Attribute::fallback`]), and an absent set is an empty one. With that each test is exact, and
//! [`Filter::NoneOf`] is the plain complement of [`Filter::OneOf`], `Disjoint` of `Intersects`, `LacksOneOf` of
//! `ContainsAll`. Ordered enums are spelled out as the list of values that pass, so a store knows no ranks.

use std::collections::BTreeSet;

use serde::Serialize;

use super::catalogue::Attribute;
use super::value::{MemoryAttributes, Value};

/// What a coarse filter still tests: closed lists, so that it stays small however many rules there are.
const COARSE: [Attribute; 3] = [Attribute::MemoryType, Attribute::MemoryState, Attribute::MemoryKind];

/// How many parts are looked at for an equal one: more would make large policies quadratic.
const EQUAL_PARTS_MAX: usize = 128;

/// An expression over pushable attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// No row.
    Nothing,
    /// Every row.
    Everything,
    /// The rows that all of them keep; at least two.
    And(Vec<Filter>),
    /// The rows that one of them keeps; at least two.
    Or(Vec<Filter>),
    /// The value is one of these. Never empty.
    OneOf(FilterField, BTreeSet<String>),
    /// The value is none of these. Never empty.
    NoneOf(FilterField, BTreeSet<String>),
    /// The set contains one of these.
    Intersects(FilterField, BTreeSet<String>),
    /// The set contains none of these.
    Disjoint(FilterField, BTreeSet<String>),
    /// The set contains all of these.
    ContainsAll(FilterField, BTreeSet<String>),
    /// The set lacks one of these.
    LacksOneOf(FilterField, BTreeSet<String>),
}

/// A pushable attribute: it can be made only of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilterField(Attribute);

impl FilterField {
    /// The attribute, if a store can test it.
    #[must_use]
    pub fn new(attribute: Attribute) -> Option<Self> {
        attribute.entry().pushable.then_some(Self(attribute))
    }

    /// The attribute.
    #[must_use]
    pub const fn attribute(self) -> Attribute {
        self.0
    }
}

impl Serialize for FilterField {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.entry().path)
    }
}

impl Filter {
    /// The rows that all of them keep.
    #[must_use]
    pub fn and(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut kept: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::Nothing => return Self::Nothing,
                Self::Everything => {}
                Self::And(inner) => inner.into_iter().for_each(|part| conjoin(&mut kept, part)),
                other => conjoin(&mut kept, other),
            }
        }
        if kept.contains(&Self::Nothing) {
            return Self::Nothing;
        }
        match kept.len() {
            0 => Self::Everything,
            1 => kept.swap_remove(0),
            _ => Self::And(kept),
        }
    }

    /// The rows that one of them keeps.
    #[must_use]
    pub fn or(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut kept: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::Everything => return Self::Everything,
                Self::Nothing => {}
                Self::Or(inner) => inner.into_iter().for_each(|part| disjoin(&mut kept, part)),
                other => disjoin(&mut kept, other),
            }
        }
        match kept.len() {
            0 => Self::Nothing,
            1 => kept.swap_remove(0),
            _ => Self::Or(kept),
        }
    }

    /// Whether it keeps a memory.
    pub fn matches<M: MemoryAttributes + ?Sized>(&self, memory: &M) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::And(parts) => parts.iter().all(|part| part.matches(memory)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(memory)),
            Self::OneOf(field, texts) => is_one_of(field.value(memory), texts),
            Self::NoneOf(field, texts) => !is_one_of(field.value(memory), texts),
            Self::Intersects(field, texts) => intersects(field.value(memory), texts),
            Self::Disjoint(field, texts) => !intersects(field.value(memory), texts),
            Self::ContainsAll(field, texts) => contains_all(field.value(memory), texts),
            Self::LacksOneOf(field, texts) => !contains_all(field.value(memory), texts),
        }
    }

    /// A smaller filter that keeps these rows and more: only lists of types, states and kinds are left.
    #[must_use]
    pub fn coarsened(self) -> Self {
        match self {
            Self::And(parts) => Self::and(parts.into_iter().map(Self::coarsened)),
            Self::Or(parts) => Self::or(parts.into_iter().map(Self::coarsened)),
            kept @ (Self::Nothing | Self::Everything) => kept,
            Self::OneOf(field, texts) if COARSE.contains(&field.0) => Self::OneOf(field, texts),
            _ => Self::Everything,
        }
    }

    /// How many tests it makes.
    #[must_use]
    pub fn tests(&self) -> usize {
        match self {
            Self::Nothing | Self::Everything => 0,
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::tests).sum(),
            _ => 1,
        }
    }
}

impl FilterField {
    /// The memory's value, the catalogue's default included.
    fn value<M: MemoryAttributes + ?Sized>(self, memory: &M) -> Value<'_> {
        let value = memory.value(self.0);
        if value.is_absent() { self.0.fallback() } else { value }
    }
}

fn is_one_of(value: Value<'_>, texts: &BTreeSet<String>) -> bool {
    matches!(value, Value::Text(text) if texts.contains(text))
}

fn intersects(value: Value<'_>, texts: &BTreeSet<String>) -> bool {
    matches!(value, Value::Set(set) if texts.iter().any(|text| set.has(text)))
}

fn contains_all(value: Value<'_>, texts: &BTreeSet<String>) -> bool {
    matches!(value, Value::Set(set) if texts.iter().all(|text| set.has(text)))
}

/// Adds a part to a conjunction. Two lists of the same attribute become one.
fn conjoin(kept: &mut Vec<Filter>, part: Filter) {
    if let Filter::OneOf(field, texts) = &part
        && let Some(at) =
            kept.iter().position(|other| matches!(other, Filter::OneOf(same, _) if same == field))
        && let Some(Filter::OneOf(_, earlier)) = kept.get(at)
    {
        let both = earlier.intersection(texts).cloned().collect::<BTreeSet<_>>();
        let whole = if both.is_empty() { Filter::Nothing } else { Filter::OneOf(*field, both) };
        kept[at] = whole;
        return;
    }
    if !kept.iter().rev().take(EQUAL_PARTS_MAX).any(|other| *other == part) {
        kept.push(part);
    }
}

/// Adds a part to a disjunction. Two lists of the same attribute become one.
fn disjoin(kept: &mut Vec<Filter>, part: Filter) {
    if let Filter::OneOf(field, texts) = &part {
        for other in kept.iter_mut() {
            if let Filter::OneOf(same, earlier) = other
                && same == field
            {
                earlier.extend(texts.iter().cloned());
                return;
            }
        }
    }
    if !kept.iter().rev().take(EQUAL_PARTS_MAX).any(|other| *other == part) {
        kept.push(part);
    }
}
