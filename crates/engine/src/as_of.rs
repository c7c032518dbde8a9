//! What was there at an earlier commit: which of the versions that were current then a selection asks for.
//!
//! Every store finds these versions in its own way; what is made of them is the same in each, and stands here.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use memoryscope_domain::govern::{Facts, MemoryView};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::{Memory, State};
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::Filter;
use memoryscope_domain::scope::Partition;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::{Match, TermKey};

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

    /// How far it looks.
    #[must_use]
    pub const fn scan(self) -> Option<usize> {
        match self {
            Self::Preferences(select) => select.scan,
            Self::Objects(select) => select.scan,
        }
    }

    /// Where a memory stands among the listing's rows, if it is one of them, whoever may see it.
    #[must_use]
    pub fn place_of(self, load: &Load, memory: &Memory) -> Option<Place> {
        match self {
            Self::Preferences(select) => select.place_of(memory),
            Self::Objects(select) => select.place_of(load, memory),
        }
    }

    /// Whether it lists this row, wherever its limit is.
    #[must_use]
    pub fn takes(self, load: &Load, memory: &Memory) -> bool {
        let filter = match self {
            Self::Preferences(_) => Cow::Borrowed(&load.filter),
            Self::Objects(select) => Cow::Owned(select.filter(load)),
        };
        lives(memory, load) && passes(&filter, memory, load)
    }

    /// Whether one place is not behind another.
    #[must_use]
    pub fn is_up_to(self, place: Place, end: Place) -> bool {
        match self {
            Self::Preferences(_) => place <= end,
            Self::Objects(_) => (Reverse(place.0), place.1) <= (Reverse(end.0), end.1),
        }
    }

    fn sort(self, places: &mut [Place]) {
        match self {
            Self::Preferences(_) => places.sort_unstable(),
            Self::Objects(_) => places.sort_unstable_by_key(|(time, id)| (Reverse(*time), *id)),
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

/// Where a scan of so many rows ends, if there are rows behind: `current` are the places of the first rows that still are,
/// one more than the scan is long, if there are so many.
#[must_use]
pub fn scan_end(
    load: &Load,
    listed: Listed<'_>,
    scan: usize,
    mut current: Vec<Place>,
    former: &[Former],
) -> Option<Place> {
    let place = |one: &Former| match one {
        Former::Kept(memory) => listed.place_of(load, memory),
        Former::Erased { .. } => None,
    };
    current.extend(former.iter().filter_map(place));
    listed.sort(&mut current);
    let scan = scan.max(1);
    current.get(scan - 1).copied().filter(|_| current.len() > scan)
}

/// Adds versions that were current then to those that still are, which `facts` holds up to the listing's limit and to
/// the end of its scan.
pub fn add_former(load: &Load, listed: Listed<'_>, former: Vec<Former>, facts: &mut Facts) {
    let end = facts.scan_end;
    let is_seen = |memory: &Memory| {
        let place = listed.place_of(load, memory);
        place.is_some_and(|place| end.is_none_or(|end| listed.is_up_to(place, end)))
            && listed.takes(load, memory)
    };
    for one in former {
        match one {
            Former::Kept(memory) if is_seen(&memory) => facts.memories.push(memory),
            Former::Kept(_) => {}
            Former::Erased { id, is_preference } if is_preference == listed.is_of_preferences() => {
                facts.erased.insert(id);
            }
            Former::Erased { .. } => {}
        }
    }
    listed.arrange(facts);
}

/// A row that holds words that are looked for.
#[derive(Debug)]
pub struct Matched {
    /// When it happened, and its id: the order of rows.
    pub place: (Reverse<Timestamp>, MemoryId),
    /// Which words.
    pub found: Match,
    /// What it is, where that is known already.
    pub memory: Option<Arc<Memory>>,
}

/// Adds versions that were current then to rows that still are, in order.
pub fn add_former_matches(
    load: &Load,
    select: &ObjectSelect,
    keys: &[TermKey],
    former: Vec<Former>,
    rows: &mut Vec<Matched>,
    facts: &mut Facts,
) {
    let listed = Listed::Objects(select);
    for one in former {
        match one {
            Former::Kept(memory) => {
                let place = listed.place_of(load, &memory).filter(|_| listed.takes(load, &memory));
                let found = memory.words().and_then(|words| Match::of(words.as_bytes(), keys));
                if let (Some((time, id)), Some(found)) = (place, found) {
                    rows.push(Matched { place: (Reverse(time), id), found, memory: Some(memory) });
                }
            }
            Former::Erased { id, is_preference: false } => {
                facts.erased.insert(id);
            }
            Former::Erased { .. } => {}
        }
    }
    rows.sort_by_key(|row| row.place);
}

impl PreferenceSelect {
    fn place_of(&self, memory: &Memory) -> Option<Place> {
        let is_on_shelf = memory.shelf().is_some_and(|shelf| {
            shelf.kind == self.kind && self.domain.is_none_or(|domain| shelf.domain == domain)
        });
        let place = (memory.created, memory.id);
        let is_asked_for = memory.partition == self.partition
            && memory.state < State::Revoked
            && is_on_shelf
            && self.created_from.is_none_or(|from| memory.created >= from)
            && self.after.is_none_or(|after| place > after);
        is_asked_for.then_some(place)
    }
}

impl ObjectSelect {
    /// Whether it lists a memory, where `filter` is [`ObjectSelect::filter`] and wherever its limit is.
    #[must_use]
    pub fn lists(&self, load: &Load, filter: &Filter, memory: &Memory) -> bool {
        self.place_of(load, memory).is_some() && lives(memory, load) && passes(filter, memory, load)
    }

    fn place_of(&self, load: &Load, memory: &Memory) -> Option<Place> {
        let placed = memory.placed.filter(|_| memory.partition == self.partition)?;
        let place = (Reverse(placed), memory.id);
        let is_asked_for = self.since.is_none_or(|since| placed >= since)
            && self.until.is_none_or(|until| placed < until)
            && self.after.is_none_or(|(time, id)| place > (Reverse(time), id))
            && passes(&self.among, memory, load);
        is_asked_for.then_some((placed, memory.id))
    }
}

/// Whether its time is not over.
pub(crate) fn lives(memory: &Memory, load: &Load) -> bool {
    memory.expires.is_none_or(|end| load.now < end)
}

/// Whether a filter lets it through.
pub(crate) fn passes(filter: &Filter, memory: &Memory, load: &Load) -> bool {
    filter.matches(&MemoryView::stored(memory, load.now))
}
