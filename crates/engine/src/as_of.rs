//! What was there at an earlier commit: which of the versions that were current then a selection asks for.
//!
//! Every store finds these versions in its own way; what is made of them is the same in each, and stands here.

use std::cmp::Reverse;
use std::sync::Arc;

use memoryscope_domain::govern::{Facts, MemoryView};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::Memory;
use memoryscope_domain::scope::Partition;

use crate::port::{Load, ObjectSelect, PreferenceSelect};

/// A listing of a scope.
#[derive(Debug, Clone, Copy)]
pub enum Listed<'a> {
    /// Live preferences, oldest first.
    Preferences(&'a PreferenceSelect),
    /// Events, impacts and seeds, the latest first.
    Objects(&'a ObjectSelect),
}

impl Listed<'_> {
    /// Whether it lists preferences, and not events, impacts and seeds.
    #[must_use]
    pub const fn is_of_preferences(self) -> bool {
        matches!(self, Self::Preferences(_))
    }

    /// Whose scope it is of.
    #[must_use]
    pub const fn partition(self) -> Partition {
        match self {
            Self::Preferences(select) => select.partition,
            Self::Objects(select) => select.partition,
        }
    }

    /// Whether it lists this memory, wherever its limit is.
    #[must_use]
    pub fn takes(self, load: &Load, memory: &Memory) -> bool {
        match self {
            Self::Preferences(select) => select.takes(load, memory),
            Self::Objects(select) => select.takes(load, memory),
        }
    }

    /// Sorts what it lists, and cuts it at its limit; [`Facts::more`] stays true where it was.
    pub fn arrange(self, facts: &mut Facts) {
        let limit = match self {
            Self::Preferences(select) => {
                facts.memories.sort_by_key(|memory| (memory.created, memory.id));
                select.limit
            }
            Self::Objects(select) => {
                facts.memories.sort_by_key(|memory| (memory.placed.map(Reverse), memory.id));
                select.limit
            }
        };
        facts.more |= facts.memories.len() > limit;
        facts.memories.truncate(limit);
    }
}

/// A version that was current once and is not now.
#[derive(Debug)]
pub enum Former {
    /// As it was.
    Kept(Arc<Memory>),
    /// Its content was erased since. Whether it was a preference still shows.
    Erased {
        /// Which memory's.
        id: MemoryId,
        /// Whether that is a preference.
        is_preference: bool,
    },
}

/// Adds versions that were current then to those that still are, which `facts` holds up to the listing's limit.
pub fn add_former(load: &Load, listed: Listed<'_>, former: Vec<Former>, facts: &mut Facts) {
    for one in former {
        match one {
            Former::Kept(memory) if listed.takes(load, &memory) => facts.memories.push(memory),
            Former::Kept(_) => {}
            Former::Erased { id, is_preference } if is_preference == listed.is_of_preferences() => {
                facts.erased.insert(id);
            }
            Former::Erased { .. } => {}
        }
    }
    listed.arrange(facts);
}

impl PreferenceSelect {
    /// Whether this memory is one of them, wherever the limit is.
    #[must_use]
    pub fn takes(&self, load: &Load, memory: &Memory) -> bool {
        memory.partition == self.partition
            && memory.is_live(load.now)
            && memory.shelf().is_some_and(|shelf| {
                shelf.kind == self.kind && self.domain.is_none_or(|domain| shelf.domain == domain)
            })
            && self.created_from.is_none_or(|from| memory.created >= from)
            && self.after.is_none_or(|after| (memory.created, memory.id) > after)
            && load.filter.matches(&MemoryView::stored(memory, load.now))
    }
}

impl ObjectSelect {
    /// Whether this memory is one of them, wherever the limit is.
    #[must_use]
    pub fn takes(&self, load: &Load, memory: &Memory) -> bool {
        let Some(placed) = memory.placed.filter(|_| memory.partition == self.partition) else {
            return false;
        };
        let place = (Reverse(placed), memory.id);
        memory.expires.is_none_or(|end| load.now < end)
            && self.since.is_none_or(|since| placed >= since)
            && self.until.is_none_or(|until| placed < until)
            && self.after.is_none_or(|(time, id)| place > (Reverse(time), id))
            && self.filter(load).matches(&MemoryView::stored(memory, load.now))
    }
}
