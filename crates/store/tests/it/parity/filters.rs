//! What random loads let through.

use std::collections::BTreeSet;

use memoryscope_domain::memory::{State, TAGGED};
use memoryscope_domain::object::Level;
use memoryscope_domain::policy::{Attribute, Filter, FilterField};
use proptest::prelude::*;

use super::{DOMAINS, KINDS, MEMBERS, USERS};

#[derive(Debug, Clone)]
pub(crate) enum FilterPick {
    Everything,
    States(BTreeSet<usize>),
    NotDomains(BTreeSet<usize>),
    OwnersOr(usize, usize),
    /// Above a level, or an impact.
    LevelOr(usize),
    /// One, none, all or not all of some members of a set.
    Members {
        which: usize,
        set: usize,
        members: BTreeSet<usize>,
    },
}

pub(super) fn filter() -> impl Strategy<Value = FilterPick> {
    prop_oneof![
        2 => Just(FilterPick::Everything),
        1 => prop::collection::btree_set(0..5usize, 1..4).prop_map(FilterPick::States),
        1 => prop::collection::btree_set(0..3usize, 1..3).prop_map(FilterPick::NotDomains),
        1 => (0..2usize, 0..2usize).prop_map(|(owner, kind)| FilterPick::OwnersOr(owner, kind)),
        1 => (0..4usize).prop_map(FilterPick::LevelOr),
        4 => (0..4usize, 0..TAGGED.len(), prop::collection::btree_set(0..MEMBERS.len(), 1..6))
            .prop_map(|(which, set, members)| FilterPick::Members { which, set, members }),
    ]
}

pub(super) fn filter_of(pick: &FilterPick) -> Filter {
    let field = |attribute| FilterField::new(attribute).unwrap();
    let texts = |texts: &mut dyn Iterator<Item = &str>| texts.map(str::to_owned).collect::<BTreeSet<_>>();
    match pick {
        FilterPick::Everything => Filter::Everything,
        FilterPick::States(states) => {
            let names = texts(&mut states.iter().map(|state| State::ALL[*state].name()));
            Filter::OneOf(field(Attribute::MemoryState), names)
        }
        FilterPick::NotDomains(domains) => {
            let names = texts(&mut domains.iter().map(|domain| DOMAINS[*domain]));
            Filter::NoneOf(field(Attribute::MemoryDomain), names)
        }
        FilterPick::LevelOr(level) => Filter::or([
            Filter::OneOf(
                field(Attribute::MemorySensitivityLevel),
                texts(&mut Level::ALL[*level..].iter().map(|level| level.name())),
            ),
            Filter::OneOf(field(Attribute::MemoryType), texts(&mut ["impact"].into_iter())),
        ]),
        FilterPick::Members { which, set, members } => {
            let make =
                [Filter::Intersects, Filter::Disjoint, Filter::ContainsAll, Filter::LacksOneOf][*which];
            make(field(TAGGED[*set].0), texts(&mut members.iter().map(|member| MEMBERS[*member])))
        }
        FilterPick::OwnersOr(owner, kind) => Filter::or([
            Filter::Intersects(field(Attribute::MemoryOwners), texts(&mut [USERS[*owner]].into_iter())),
            Filter::OneOf(field(Attribute::MemoryKind), texts(&mut [KINDS[*kind].name()].into_iter())),
        ]),
    }
}
