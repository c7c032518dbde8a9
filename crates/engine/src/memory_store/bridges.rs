//! Bridges, and listings that go behind them.

use memoryscope_domain::audit_chain::Seq;
use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::govern::Facts;
use memoryscope_domain::ids::{BridgeId, UserId};
use memoryscope_domain::limits;
use memoryscope_domain::scope::Scope;

use super::Tenant;
use crate::port::{BridgeSelect, Load, ObjectSelect};

/// A bridge, and between which commits it stood.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    bridge: Bridge,
    from: Seq,
    until: Option<Seq>,
}

impl Kept {
    /// The bridge as of the commit that is asked about, if it stood then.
    fn standing(&self, load: &Load) -> Option<Bridge> {
        let stood = load.as_of.map_or(self.until.is_none(), |seq| {
            self.from <= seq && self.until.is_none_or(|until| seq < until)
        });
        let bridge = Bridge { removed: None, ..self.bridge.clone() };
        Some(bridge).filter(|bridge| stood && bridge.is_live(load.now))
    }
}

impl Tenant {
    fn standing(&self, load: &Load, is_wanted: impl Fn(&Bridge) -> bool, limit: usize) -> Vec<Bridge> {
        let wanted = self.bridges.values().filter(|kept| is_wanted(&kept.bridge));
        wanted.filter_map(|kept| kept.standing(load)).take(limit).collect()
    }

    /// Whether it is there, and was not removed.
    pub(super) fn bridge_stands(&self, id: BridgeId) -> Option<bool> {
        self.bridges.get(&id).map(|kept| kept.until.is_none())
    }

    pub(super) fn insert_bridge(&mut self, bridge: Bridge, seq: Seq) {
        self.bridges.insert(bridge.id, Kept { bridge, from: seq, until: None });
    }

    pub(super) fn remove_bridge(&mut self, bridge: Bridge, seq: Seq) {
        if let Some(kept) = self.bridges.get_mut(&bridge.id) {
            (kept.bridge, kept.until) = (bridge, Some(seq));
        }
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
            BridgeSelect::One(id) => {
                facts.bridges.extend(self.bridges.get(id).map(|kept| kept.bridge.clone()));
            }
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
        let all = self.bridges.values().map(|kept| &kept.bridge);
        all.filter(|bridge| bridge.touches(&scope)).cloned().collect()
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
