//! Bridges, and listings that go behind them.

use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::UserId;
use memoryscope_domain::limits;
use memoryscope_domain::scope::Scope;

use super::Tenant;
use crate::port::{BridgeSelect, Load, ObjectSelect};

impl Tenant {
    fn standing(&self, load: &Load, is_wanted: impl Fn(&Bridge) -> bool, limit: usize) -> Vec<Bridge> {
        let standing = self.bridges.values().filter(|bridge| bridge.is_live(load.now) && is_wanted(bridge));
        standing.take(limit).cloned().collect()
    }

    /// The bridges that a load brings beside its records.
    pub(super) fn bridges_of(&self, load: &Load) -> Vec<Bridge> {
        let mut found = Vec::new();
        if let Some(to) = load.bridges.to {
            let is_wanted = |bridge: &Bridge| bridge.target.partition() == to;
            found.extend(self.standing(load, is_wanted, 2 * limits::BRIDGES_TO_MAX));
        }
        if let Some(from) = load.bridges.from {
            let is_wanted = |bridge: &Bridge| bridge.source.partition() == from;
            found.extend(self.standing(load, is_wanted, 2 * limits::BRIDGES_FROM_MAX));
        }
        found.sort_by_key(|bridge| bridge.id);
        found.dedup();
        found
    }

    pub(super) fn bridges(&self, load: &Load, select: &BridgeSelect, facts: &mut Facts) {
        match select {
            BridgeSelect::One(id) => facts.bridges.extend(self.bridges.get(id).cloned()),
            BridgeSelect::Between { source, target } => {
                let from = |bridge: &Bridge| bridge.source == *source;
                let to = |bridge: &Bridge| bridge.target == *target;
                facts.bridges = self.standing(load, from, 2 * limits::BRIDGES_FROM_MAX);
                facts.bridges.extend(self.standing(load, to, 2 * limits::BRIDGES_TO_MAX));
                facts.bridges.sort_by_key(|bridge| bridge.id);
                facts.bridges.dedup();
            }
        }
    }

    /// Those from and to a person's scope, whether or not they stand.
    pub(super) fn bridges_of_person(&self, user: &UserId) -> Vec<Bridge> {
        let scope = Scope::of_user(user);
        self.bridges.values().filter(|bridge| bridge.touches(&scope)).cloned().collect()
    }

    /// Objects of a scope, and of those that are bridged to it.
    pub(super) fn objects(&self, load: &Load, select: &ObjectSelect, facts: &mut Facts) {
        if load.bridges.sources.is_empty() {
            return self.objects_of(load, select, facts);
        }
        let found = load.bridges.parts(select).into_iter().map(|part| {
            let mut found = Facts::default();
            self.objects_of(load, &part, &mut found);
            found
        });
        load.bridges.merge(select, found.collect(), facts);
    }
}
