//! What a read has to know of bridges, looked up when it is needed, and the scopes that it looks at beside its own.

use std::collections::BTreeSet;

use memoryscope_domain::bridge::Bridge;
use memoryscope_domain::govern::{self, Ask, Crossing};
use memoryscope_domain::limits;
use memoryscope_domain::policy::{Filter, Policy};
use memoryscope_domain::scope::Partition;

use crate::engine::Engine;
use crate::op::{Bridging, Operation};
use crate::port::{
    BridgesTo, Load, ObjectSelect, Rights, Select, Snapshot, Source, StoreError, WantedRecords,
};

/// Whose bridges an operation's own load brings: those to the scope that it reads.
pub(crate) fn to<O: Operation>(op: &O) -> BridgesTo {
    let reads_scope = matches!(op.bridging(), Some(Bridging::Paged | Bridging::Whole));
    let scope = op.scopes().first().map(|scope| scope.partition()).filter(|_| reads_scope);
    BridgesTo { to: scope, ..BridgesTo::default() }
}

/// Whether what was known of bridges still is so.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Crossed {
    /// It is.
    Yes,
    /// It changed meanwhile: load and decide again.
    Changed,
}

impl Engine {
    /// What is known once the operation's records are loaded, as `load` says, and what else is needed: where bridges lead to
    /// the scope, it and what is behind them are loaded together, as of one commit.
    pub(crate) async fn cross<O: Operation>(
        &self,
        op: &O,
        (policy, ask): (&Policy, &Ask<'_>),
        mut load: Load,
        snapshot: &mut Snapshot,
    ) -> Result<Crossed, StoreError> {
        match op.bridging() {
            None => Ok(Crossed::Yes),
            Some(Bridging::Named) => self.cross_to_named((policy, ask), load, snapshot).await,
            Some(Bridging::Each) => {
                let named = &snapshot.facts.memories;
                let hidden = named.iter().filter(|memory| !govern::is_read_directly(policy, ask, memory));
                let scopes: BTreeSet<Partition> = hidden.map(|memory| memory.partition).collect();
                snapshot.facts.bridges = self.bridges_from(scopes, &load).await?;
                Ok(Crossed::Yes)
            }
            Some(mode @ (Bridging::Paged | Bridging::Whole)) => {
                let crossings = govern::crossings(policy, ask, &snapshot.bridges);
                if !crossings.is_empty() {
                    let sources = shared(&mut load.select, &crossings, mode);
                    load.bridges = BridgesTo { sources, is_paged: mode == Bridging::Paged, ..to(op) };
                    let again = self.load_of(&load).await?;
                    if again.bridges != snapshot.bridges || again.active_policy != snapshot.active_policy {
                        return Ok(Crossed::Changed);
                    }
                    *snapshot = again;
                }
                snapshot.facts.bridges = std::mem::take(&mut snapshot.bridges);
                Ok(Crossed::Yes)
            }
        }
    }

    /// What is named by its id and not seen for itself may be seen behind a bridge from its scope. What is not there is
    /// looked for behind bridges too, so that the two take alike.
    async fn cross_to_named(
        &self,
        (policy, ask): (&Policy, &Ask<'_>),
        load: Load,
        snapshot: &mut Snapshot,
    ) -> Result<Crossed, StoreError> {
        let named = snapshot.facts.memories.first();
        if named.is_some_and(|memory| govern::is_read_directly(policy, ask, memory)) {
            return Ok(Crossed::Yes);
        }
        let nowhere = Partition([0; 16]);
        let from = named.map_or(nowhere, |memory| memory.partition);
        snapshot.facts.bridges = self.bridges_from([from], &load).await?;
        Ok(Crossed::Yes)
    }

    /// The bridges from these scopes, for whom and as of when `load` says.
    pub(crate) async fn bridges_from(
        &self,
        scopes: impl IntoIterator<Item = Partition, IntoIter: Send> + Send,
        load: &Load,
    ) -> Result<Vec<Bridge>, StoreError> {
        let mut all = Vec::new();
        for from in scopes {
            let load = Load {
                select: Select::Nothing,
                filter: Filter::Everything,
                spirals: Vec::new(),
                rights: Rights::default(),
                records: WantedRecords::nothing(),
                bridges: BridgesTo { from: Some(from), ..BridgesTo::default() },
                ..load.clone()
            };
            all.extend(self.load_of(&load).await?.bridges);
        }
        Ok(all)
    }
}

/// What is looked at behind bridges. All of it together is no more than what one scope's read may look at: a page shares its
/// scan among all of its scopes; what is not paged looks at its own scope as it would without bridges, and the others share
/// as much again.
fn shared(select: &mut Select, crossings: &[Crossing], mode: Bridging) -> Vec<Source> {
    let Some(own) = objects_mut(select) else { return Vec::new() };
    let (scan, limit) = match (mode, &own.words) {
        (Bridging::Paged, None) => {
            let share = (limits::LIST_SCAN_ITEMS / (crossings.len() + 1)).max(1);
            own.scan = own.scan.map(|scan| scan.min(share));
            (own.scan, own.limit)
        }
        (_, None) => {
            let share = (limits::LIST_SCAN_ITEMS / crossings.len()).max(1);
            (Some(share), share)
        }
        (_, Some(_)) => (None, (own.limit / crossings.len()).max(1)),
    };
    let source = |crossing: &Crossing| Source {
        partition: crossing.partition,
        among: crossing.among.clone(),
        wanted: crossing.filter.clone(),
        scan,
        limit,
    };
    crossings.iter().map(source).collect()
}

fn objects_mut(select: &mut Select) -> Option<&mut ObjectSelect> {
    match select {
        Select::Objects(objects) | Select::Evidence { objects, .. } => Some(objects),
        _ => None,
    }
}
