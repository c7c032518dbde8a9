//! What a read has to know of bridges, looked up when it is needed, and the scopes that it looks at beside its own.

use memoryscope_domain::govern::{self, Ask, Crossing};
use memoryscope_domain::limits;
use memoryscope_domain::policy::{Filter, Policy};
use memoryscope_domain::scope::Partition;

use crate::context::Context;
use crate::engine::Engine;
use crate::op::{Bridging, Operation};
use crate::port::{BridgesTo, Load, ObjectSelect, Select, Snapshot, Source, StoreError};
use crate::spirals;

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
    /// What is known once the operation's records are loaded, and what else is needed: where bridges lead to the scope, it
    /// and what is behind them are loaded together, as of one commit.
    pub(crate) async fn cross<O: Operation>(
        &self,
        cx: &Context,
        op: &O,
        (policy, ask): (&Policy, &Ask<'_>),
        (mut select, filter): (Select, Filter),
        snapshot: &mut Snapshot,
    ) -> Result<Crossed, StoreError> {
        match op.bridging() {
            None => Ok(Crossed::Yes),
            Some(Bridging::Named) => self.cross_to_named(cx, policy, ask, snapshot).await,
            Some(mode @ (Bridging::Paged | Bridging::Whole)) => {
                let crossings = govern::crossings(policy, ask, &snapshot.bridges);
                if !crossings.is_empty() {
                    let sources = shared(&mut select, &crossings, mode);
                    let bridges = BridgesTo { sources, is_paged: mode == Bridging::Paged, ..to(op) };
                    let load = Load { bridges, ..self.loading(cx, select, filter, spirals::scopes(op)) };
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
        cx: &Context,
        policy: &Policy,
        ask: &Ask<'_>,
        snapshot: &mut Snapshot,
    ) -> Result<Crossed, StoreError> {
        let named = snapshot.facts.memories.first();
        if named.is_some_and(|memory| govern::is_read_directly(policy, ask, memory)) {
            return Ok(Crossed::Yes);
        }
        let nowhere = Partition([0; 16]);
        let from = Some(named.map_or(nowhere, |memory| memory.partition));
        let bridges = BridgesTo { from, ..BridgesTo::default() };
        let load = Load { bridges, ..self.loading(cx, Select::Nothing, Filter::Everything, Vec::new()) };
        snapshot.facts.bridges = self.load_of(&load).await?.bridges;
        Ok(Crossed::Yes)
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
