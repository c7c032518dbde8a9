//! Names, times and lists as answers spell them.

use memoryscope_domain::ids::{ConstraintId, MemoryId};
use memoryscope_domain::time::Timestamp;
use serde::{Serialize, Serializer};

/// A memory's id.
pub(in crate::core_v2) struct MemoryName(pub(in crate::core_v2) MemoryId);

impl Serialize for MemoryName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0.spelt())
    }
}

/// A constraint's id.
pub(in crate::core_v2) struct ConstraintName(pub(in crate::core_v2) ConstraintId);

impl Serialize for ConstraintName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0.spelt())
    }
}

/// A time in words.
pub(in crate::core_v2) struct Time(pub(in crate::core_v2) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// A list, each member as it is shown.
pub(in crate::core_v2) struct Each<'a, T, U>(
    pub(in crate::core_v2) &'a [T],
    pub(in crate::core_v2) fn(&'a T) -> U,
);

impl<T, U: Serialize> Serialize for Each<'_, T, U> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(self.1))
    }
}

/// Ids of memories.
pub(in crate::core_v2) type MemoryNames<'a> = Each<'a, MemoryId, MemoryName>;

/// Ids of memories, by name.
pub(in crate::core_v2) fn memory_names(members: &[MemoryId]) -> MemoryNames<'_> {
    Each(members, |id| MemoryName(*id))
}

/// Texts.
pub(super) type Texts<'a, T> = Each<'a, T, &'a str>;

/// Texts, whatever they are called.
pub(super) fn texts<T: AsRef<str>>(members: &[T]) -> Texts<'_, T> {
    Each(members, AsRef::as_ref)
}
