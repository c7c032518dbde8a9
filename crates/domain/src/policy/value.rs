//! What an attribute can be worth, and who is asked for it.

use std::collections::BTreeSet;
use std::fmt;

use super::catalogue::Attribute;
use crate::ids::UserId;
use crate::principal::Role;
use crate::time::Timestamp;

/// A set of texts that someone else owns, so that a decision allocates nothing to look at it.
pub trait TextSet {
    /// Whether some member passes the test.
    fn any(&self, test: &mut dyn FnMut(&str) -> bool) -> bool;

    /// Whether the text is a member.
    fn has(&self, text: &str) -> bool {
        self.any(&mut |member| member == text)
    }
}

impl<T: AsRef<str>> TextSet for Vec<T> {
    fn any(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.iter().any(|member| test(member.as_ref()))
    }
}

impl TextSet for BTreeSet<String> {
    fn any(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.iter().any(|member| test(member))
    }
}

impl TextSet for BTreeSet<UserId> {
    fn any(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.iter().any(|member| test(member.as_str()))
    }
}

impl TextSet for BTreeSet<Role> {
    fn any(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.iter().any(|member| test(member.name()))
    }
}

/// The set without members.
struct EmptySet;

impl TextSet for EmptySet {
    fn any(&self, _test: &mut dyn FnMut(&str) -> bool) -> bool {
        false
    }
}

/// What an attribute is worth. Enums are given as the text that policies use for them.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// Not there: the catalogue's default stands in, where it has one.
    Absent,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text, or the name of an enum's value.
    Text(&'a str),
    /// An instant.
    Time(Timestamp),
    /// A set of texts.
    Set(&'a dyn TextSet),
}

impl Value<'static> {
    /// The set without members.
    pub const EMPTY_SET: Self = Value::Set(&EmptySet);
}

impl Value<'_> {
    /// Whether nothing is there.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        matches!(self, Value::Absent)
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Absent => f.write_str("absent"),
            Value::Bool(flag) => flag.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::Text(text) => text.fmt(f),
            Value::Time(time) => fmt::Display::fmt(time, f),
            Value::Set(set) => {
                let mut list = f.debug_set();
                set.any(&mut |member| {
                    list.entry(&member);
                    false
                });
                list.finish()
            }
        }
    }
}

/// A memory as policies see it.
///
/// The implementor holds whatever the attributes that depend on the principal need
/// (`memory.owned_by_principal`, `memory.about_principal`, `memory.readable_by_principal`).
pub trait MemoryAttributes {
    /// What a `memory.*` attribute is worth; [`Value::Absent`] for the catalogue's default, and for
    /// attributes that are not the memory's.
    fn value(&self, attribute: Attribute) -> Value<'_>;

    /// What `memory.metadata.<path>` is worth; the path is dotted.
    fn metadata(&self, path: &str) -> Value<'_>;
}

/// No memory at all: every attribute has its default. For decisions about a call, not about evidence.
#[derive(Debug, Clone, Copy)]
pub struct NoMemory;

impl MemoryAttributes for NoMemory {
    fn value(&self, _attribute: Attribute) -> Value<'_> {
        Value::Absent
    }

    fn metadata(&self, _path: &str) -> Value<'_> {
        Value::Absent
    }
}
