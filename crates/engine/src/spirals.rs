//! What a request has to know of the spirals of its scopes, looked up when it is needed.

use std::collections::BTreeSet;

use memoryscope_domain::govern::Authority;
use memoryscope_domain::ids::{IdSource, SpiralId};
use memoryscope_domain::memory::{MemoryType, State};
use memoryscope_domain::policy::{Attribute, Effect, Filter, Policy};
use memoryscope_domain::scope::{Partition, Scope};
use memoryscope_domain::spiral::{Spirals, WINDOW_EVENTS_MAX, WINDOW_MINUTES_MAX};

use crate::context::Context;
use crate::engine::Engine;
use crate::op::query::one_of;
use crate::op::{Operation, SpiralUse};
use crate::port::{Around, ObjectSelect, Rights, Select, Snapshot, StoreError};

/// Microseconds in a minute.
const MINUTE_MICROS: i64 = 60_000_000;

/// The scopes that an operation names, each once.
pub(crate) fn scopes<O: Operation>(op: &O) -> Vec<Partition> {
    let scopes: BTreeSet<Partition> = op.scopes().into_iter().map(Scope::partition).collect();
    scopes.into_iter().collect()
}

impl Engine {
    /// What has to be known before anything is loaded: the filter of a read depends on it where rules ask about spirals.
    pub(crate) async fn spirals_before<O: Operation>(
        &self,
        cx: &Context,
        op: &O,
        policy: &Policy,
    ) -> Result<Spirals, StoreError> {
        let mut spirals = Spirals { lexicon: self.lexicon(), ..Spirals::default() };
        let named = scopes(op);
        let is_narrowed = op.authority() == Authority::Policy(Effect::Read);
        if is_narrowed && policy.asks_about_spirals() && !named.is_empty() {
            let held = self
                .load_with(cx, Select::Nothing, Filter::Everything, named, Rights::default())
                .await?
                .spirals;
            spirals.live = held.into_iter().map(|spiral| (spiral.partition, spiral)).collect();
        }
        Ok(spirals)
    }

    /// What is known once the operation's records are loaded, and what else is needed.
    pub(crate) async fn learn_spirals<O: Operation>(
        &self,
        cx: &Context,
        op: &O,
        policy: &Policy,
        snapshot: &mut Snapshot,
        spirals: &mut Spirals,
    ) -> Result<(), StoreError> {
        let mut held = std::mem::take(&mut snapshot.spirals);
        let named = scopes(op);
        let uses = op.spirals();
        // What is named by an id is in a scope that is known only now.
        if named.is_empty()
            && !snapshot.facts.memories.is_empty()
            && (uses != SpiralUse::ForPolicy || policy.asks_about_spirals())
        {
            let scope: BTreeSet<Partition> =
                snapshot.facts.memories.iter().map(|memory| memory.partition).collect();
            let scope = scope.into_iter().collect();
            held = self
                .load_with(cx, Select::Nothing, Filter::Everything, scope, Rights::default())
                .await?
                .spirals;
        }
        for spiral in held {
            spirals.live.entry(spiral.partition).or_insert(spiral);
        }
        if let SpiralUse::ToFind(switched_on) = uses {
            let is_on =
                |scope: &Partition| policy.globals().spiral.enabled_default || switched_on.contains(scope);
            for scope in named.into_iter().filter(is_on) {
                let recent = self.load(cx, Select::Objects(recent(cx, scope)), Filter::Everything).await?;
                spirals.recent.insert(scope, recent.facts.memories);
            }
        }
        Ok(())
    }
}

/// A name for each spiral that may be found.
pub(crate) fn name(spirals: &mut Spirals, ids: &mut IdSource) {
    spirals.ids = spirals.recent.keys().map(|_| SpiralId::from_uuid(ids.next_uuid())).collect();
}

/// The last events of a scope within the day.
fn recent(cx: &Context, partition: Partition) -> ObjectSelect {
    let states = [State::Active, State::Restricted, State::Sealed].map(|state| state.name().to_owned());
    ObjectSelect {
        partition,
        wanted: Filter::and([
            one_of(Attribute::MemoryType, [MemoryType::Event.name().to_owned()].into()),
            one_of(Attribute::MemoryState, states.into()),
        ]),
        since: Some(cx.now.plus_micros(-WINDOW_MINUTES_MAX * MINUTE_MICROS)),
        until: None,
        after: None,
        among: Filter::Everything,
        scan: None,
        words: None,
        near: None,
        around: Around::nothing(),
        limit: WINDOW_EVENTS_MAX,
    }
}
