//! What a store can test of the sets that an event, an impact or a seed has, without reading it.
//!
//! Each member of a set is a key of 126 bits of a SHA-256 over the attribute and the member, so that any text can be one and
//! none has to be escaped. Like a scope's partition, a key stands for its text: two texts with one key are not to be found.

use sha2::{Digest, Sha256};

use super::Memory;
use super::keyset::{Key, KeySet};
use crate::govern::MemoryView;
use crate::policy::{Attribute, MemoryAttributes as _, Value};

/// A member of a set.
pub type TagKey = Key<18>;

/// The attributes whose members are tags, each with its number. A number that was given is never given again.
pub const TAGGED: [(Attribute, u8); 6] = [
    (Attribute::MemorySensitivityCategories, 1),
    (Attribute::MemoryLabels, 2),
    (Attribute::MemoryOwners, 3),
    (Attribute::MemorySubjects, 4),
    (Attribute::MemoryReaders, 5),
    (Attribute::MemoryWithheldFrom, 6),
];

impl TagKey {
    /// The tag of an attribute's member; none where the attribute has no tags.
    #[must_use]
    pub fn of(attribute: Attribute, member: &str) -> Option<Self> {
        let (_, number) = TAGGED.into_iter().find(|(tagged, _)| *tagged == attribute)?;
        let mut hasher = Sha256::new();
        hasher.update(b"memoryscope-tag-v1\0");
        hasher.update([number]);
        hasher.update(member.as_bytes());
        let digest = hasher.finalize();
        let (first, _) = digest.as_slice().as_chunks::<16>();
        first.first().map(|bytes| Self::of_bits(u128::from_be_bytes(*bytes)))
    }
}

impl Memory {
    /// Its tags; preferences and tombstones have none.
    #[must_use]
    pub fn tags(&self) -> Option<KeySet<18>> {
        self.object()?;
        // No tag depends on the time.
        let view = MemoryView::stored(self, self.created);
        let mut keys = Vec::new();
        for (attribute, _) in TAGGED {
            if let Value::Set(members) = view.value(attribute) {
                members.any(&mut |member| {
                    keys.extend(TagKey::of(attribute, member));
                    false
                });
            }
        }
        Some(KeySet::of(keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue::{CATALOGUE, Kind};

    #[test]
    fn every_set_that_is_pushed_down_is_tagged() {
        for entry in CATALOGUE {
            let is_set = matches!(entry.kind, Kind::TextSet | Kind::EnumSet(_));
            let is_tagged = TagKey::of(entry.attribute, "x").is_some();
            assert_eq!(is_tagged, entry.pushable && is_set, "{}", entry.path);
        }
    }

    #[test]
    fn attributes_do_not_share_tags() {
        let mut keys: Vec<_> =
            TAGGED.iter().filter_map(|(attribute, _)| TagKey::of(*attribute, "ada")).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), TAGGED.len());
    }
}
