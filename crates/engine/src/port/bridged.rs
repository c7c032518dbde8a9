//! What is read of bridges, and of what is behind them.

use std::cmp::Reverse;

use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::BridgeId;
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::Filter;
use memoryscope_domain::scope::{Partition, Scope};

use super::ObjectSelect;

/// Which bridges a load brings beside its records, and which scopes it looks at beside its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BridgesTo {
    /// Bridges to this scope that stand, or stood as of [`super::Load::as_of`]: at most twice [`memoryscope_domain::limits::BRIDGES_TO_MAX`], in order of their ids.
    pub to: Option<Partition>,
    /// Bridges from this scope that do: at most twice [`memoryscope_domain::limits::BRIDGES_FROM_MAX`], likewise.
    pub from: Option<Partition>,
    /// What a selection of objects looks at beside its own scope.
    pub sources: Vec<Source>,
    /// Whether all of it is one listing that goes on behind its end; else its own scope's is, and the others only stand
    /// beside it.
    pub is_paged: bool,
}

/// A scope that is looked at behind a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which.
    pub partition: Partition,
    /// As [`ObjectSelect::among`], beside what is asked for anyway.
    pub among: Filter,
    /// As [`ObjectSelect::wanted`], likewise.
    pub wanted: Filter,
    /// As [`ObjectSelect::scan`].
    pub scan: Option<usize>,
    /// As [`ObjectSelect::limit`].
    pub limit: usize,
}

/// Which bridges an operation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BridgeSelect {
    /// That one, whether or not it stands.
    One(BridgeId),
    /// Those that stand and are from the one scope, and those to the other, in order of their ids; none twice.
    Between {
        /// From this one, at most so many as [`BridgesTo::from`].
        source: Scope,
        /// To this one, at most so many as [`BridgesTo::to`].
        target: Scope,
    },
}

impl BridgesTo {
    /// What is asked of each scope: first its own, then the others.
    #[must_use]
    pub fn parts(&self, own: &ObjectSelect) -> Vec<ObjectSelect> {
        let of_source = |source: &Source| ObjectSelect {
            partition: source.partition,
            among: Filter::and([own.among.clone(), source.among.clone()]),
            wanted: Filter::and([own.wanted.clone(), source.wanted.clone()]),
            scan: source.scan,
            limit: source.limit,
            ..own.clone()
        };
        std::iter::once(own.clone()).chain(self.sources.iter().map(of_source)).collect()
    }

    /// Puts together what [`BridgesTo::parts`] came to, in their order.
    ///
    /// A page ends where the first of its scopes was not looked at any further: what another one has behind that place is
    /// left to the next page. When seeds of other scopes sprouted is those scopes' own.
    pub fn merge(&self, own: &ObjectSelect, parts: Vec<Facts>, facts: &mut Facts) {
        let in_order = |(time, id): Place| (Reverse(time), id);
        let ends: Vec<Option<Place>> = parts.iter().map(|part| part.scan_end).collect();
        facts.more = parts.iter().any(|part| part.more);
        facts.scan_end = if self.is_paged {
            ends.into_iter().flatten().min_by_key(|place| in_order(*place))
        } else {
            ends.into_iter().next().flatten()
        };
        for (at, part) in parts.into_iter().enumerate() {
            if at == 0 {
                facts.activated = part.activated;
            }
            facts.memories.extend(part.memories);
            facts.erased.extend(part.erased);
            facts.nearest.extend(part.nearest);
            facts.is_cut |= part.is_cut;
        }
        let place = |memory: &memoryscope_domain::memory::Memory| {
            in_order((memory.placed.unwrap_or(memory.created), memory.id))
        };
        facts.memories.sort_by_key(|memory| place(memory));
        if self.is_paged {
            if let Some(end) = facts.scan_end {
                facts.memories.retain(|memory| place(memory) <= in_order(end));
            }
            facts.more |= facts.memories.len() > own.limit;
            facts.memories.truncate(own.limit);
        }
    }
}
