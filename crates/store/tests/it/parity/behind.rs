//! What loads know of bridges.

use memoryscope_domain::change::{Change, Forgotten};
use memoryscope_domain::ids::TenantId;
use memoryscope_domain::policy::Filter;
use memoryscope_domain::scope::Scope;
use memoryscope_engine::port::{BridgeSelect, BridgesTo, Select, Source, Store};
use proptest::prelude::*;

use super::USERS;
use super::filters::{FilterPick, filter_of};
use crate::make::{self, NOW, time, user};

/// What is to become of one of a few bridges.
#[derive(Debug, Clone)]
pub(crate) enum BridgeWish {
    Make { id: u8, ends: (usize, usize), expires: Option<i64> },
    Remove { id: u8 },
    Forget { id: u8 },
}

pub(super) fn bridge_wish() -> impl Strategy<Value = BridgeWish> {
    prop_oneof![
        3 => (0..4u8, (0..2usize, 0..2usize), prop::option::of(NOW - 1..NOW + 2))
            .prop_map(|(id, ends, expires)| BridgeWish::Make { id, ends, expires }),
        2 => (0..4u8).prop_map(|id| BridgeWish::Remove { id }),
        1 => (0..4u8).prop_map(|id| BridgeWish::Forget { id }),
    ]
}

impl BridgeWish {
    /// What it stands for now; none if the bridge that it names isn't there.
    pub(super) async fn change(&self, store: &dyn Store, tenant: &TenantId) -> Option<Change> {
        let named = |id| make::bridge(tenant, id, "", "", None).id;
        Some(match *self {
            Self::Make { id, ends: (source, target), expires } => {
                Change::InsertBridge(make::bridge(tenant, id, USERS[source], USERS[target], expires))
            }
            Self::Remove { id } => {
                let one = Select::Bridges(BridgeSelect::One(named(id)));
                let bridge = make::load(store, tenant, one).await.facts.bridges.pop()?;
                Change::RemoveBridge(bridge.remove(time(NOW)))
            }
            Self::Forget { id } => {
                let forgotten = Forgotten { bridges: vec![named(id)], ..Forgotten::default() };
                Change::Forget(Box::new(forgotten))
            }
        })
    }
}

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
