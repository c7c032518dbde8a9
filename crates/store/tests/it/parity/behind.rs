//! What loads know of bridges.

use memoryscope_domain::policy::Filter;
use memoryscope_domain::scope::Scope;
use memoryscope_engine::port::{BridgesTo, Source};
use proptest::prelude::*;

use super::USERS;
use super::filters::{FilterPick, filter_of};
use crate::make::user;

/// Whose bridges are wanted, and what is looked at behind one: above which level, how far, how much.
#[derive(Debug, Clone)]
pub(crate) struct Behind {
    to: Option<usize>,
    from: Option<usize>,
    source: Option<(usize, Option<usize>, usize)>,
    is_paged: bool,
}

pub(super) fn behind() -> impl Strategy<Value = Behind> {
    let end = || prop::option::of(0..2usize);
    let source = prop::option::of((0..4usize, prop::option::of(1..4usize), 0..4usize));
    (end(), end(), source, any::<bool>()).prop_map(|(to, from, source, is_paged)| Behind {
        to,
        from,
        source,
        is_paged,
    })
}

/// What a load knows of bridges, and looks at behind them.
pub(super) fn bridges_of(behind: &Behind) -> BridgesTo {
    let partition = |owner: usize| Scope::of_user(&user(USERS[owner])).partition();
    let source = |(level, scan, limit): (usize, Option<usize>, usize)| Source {
        partition: partition(1),
        among: Filter::Everything,
        wanted: filter_of(&FilterPick::LevelOr(level)),
        scan,
        limit,
    };
    BridgesTo {
        to: behind.to.map(partition),
        from: behind.from.map(partition),
        sources: behind.source.map(source).into_iter().collect(),
        is_paged: behind.is_paged,
    }
}
