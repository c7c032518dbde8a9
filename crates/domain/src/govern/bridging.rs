//! Bridges: who may make, see and remove one, and what of another scope is read behind one.

use std::collections::{BTreeMap, BTreeSet};

use super::reading::Reading;
use super::{
    About, Ask, Details, Facts, Reason, Ruling, Verdict, Visible, allowed, partly_allowed, refused, view_of,
};
use crate::bridge::{Bridge, Carries};
use crate::ids::{BridgeId, MemoryId};
use crate::limits;
use crate::memory::{Memory, MemoryType, State};
use crate::object::Handling;
use crate::policy::{Attribute, Decision, Effect, Filter, FilterField, Policy, Trace, Value};
use crate::principal::{Caller, Principal, Role};
use crate::scope::{Partition, Scope, ScopeType};

/// A scope that a read looks at beside its own, and what of it may cross.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// The source.
    pub partition: Partition,
    /// Which of its rows there are for the listing: on what hidden ones do not hide, their type and their state.
    pub among: Filter,
    /// What may cross, over-approximated.
    pub filter: Filter,
}

/// What a bridge opens for one read.
#[derive(Debug)]
pub(super) struct Open {
    partition: Partition,
    id: BridgeId,
    carries: Carries,
}

/// The bridges that this caller reads behind: of those that serve the purpose, those to the scope that is read, or, where
/// none is named, to a scope of the caller's own. Bridges to other scopes lead nowhere from here, so none is ever reached by
/// way of another.
pub(super) fn open(ask: &Ask<'_>, bridges: &[Bridge]) -> Vec<Open> {
    let Some(purpose) = ask.purpose else { return Vec::new() };
    let is_open = |bridge: &&Bridge| {
        bridge.tenant == ask.principal.tenant
            && bridge.serves(purpose, ask.now)
            && ask.scope.is_none_or(|scope| *scope == bridge.target)
            && ask.principal.acts_for(&bridge.target)
    };
    let open = bridges.iter().filter(is_open);
    open.map(|bridge| Open { partition: bridge.source.partition(), id: bridge.id, carries: bridge.carries })
        .collect()
}

/// What a read of a scope looks at behind its bridges: each source once.
#[must_use]
pub fn crossings(policy: &Policy, ask: &Ask<'_>, bridges: &[Bridge]) -> Vec<Crossing> {
    let About::Objects(asked) = ask.about else { return Vec::new() };
    let mut by_source: BTreeMap<Partition, BTreeSet<&'static str>> = BTreeMap::new();
    let mut filters: BTreeMap<&'static str, Filter> = BTreeMap::new();
    for open in open(ask, bridges) {
        for memory_type in asked.iter().copied().filter(|one| open.carries.holds(*one)) {
            let name = memory_type.name();
            let filter = filters.entry(name).or_insert_with(|| may_cross(policy, ask, memory_type, None).0);
            if *filter != Filter::Nothing {
                by_source.entry(open.partition).or_default().insert(name);
            }
        }
    }
    let is_open_in = one_of(Attribute::MemoryState, [State::Active.name()]);
    let crossing = |(partition, types): (Partition, BTreeSet<&'static str>)| Crossing {
        partition,
        among: Filter::and([one_of(Attribute::MemoryType, types.iter().copied()), is_open_in.clone()]),
        filter: Filter::or(types.iter().filter_map(|name| filters.get(name).cloned())),
    };
    by_source.into_iter().map(crossing).collect()
}

fn one_of<'a>(attribute: Attribute, names: impl IntoIterator<Item = &'a str>) -> Filter {
    let names = names.into_iter().map(str::to_owned).collect();
    FilterField::new(attribute).map_or(Filter::Everything, |field| Filter::OneOf(field, names))
}

/// What of a type the policy may let cross, of one scope or of any.
fn may_cross(
    policy: &Policy,
    ask: &Ask<'_>,
    memory_type: MemoryType,
    source: Option<&Scope>,
) -> (Filter, Trace) {
    let mut known = vec![
        (Attribute::MemoryType, Value::Text(memory_type.name())),
        (Attribute::MemoryState, Value::Text(State::Active.name())),
    ];
    if let Some(source) = source {
        known.push((Attribute::MemoryScopeType, Value::Text(source.scope_type.name())));
        known.push((Attribute::MemoryScopeId, Value::Text(&source.id)));
        known.push((Attribute::MemoryNamespace, Value::Text(&source.namespace)));
    }
    let narrowed = policy.narrow(&ask.request(), Effect::Bridge, &known);
    let handling = FilterField::new(Attribute::MemorySensitivityHandling);
    let stays = BTreeSet::from([Handling::NoPrompt.name().to_owned()]);
    let leaves = handling.map_or(Filter::Everything, |field| Filter::NoneOf(field, stays));
    let is_of_type = one_of(Attribute::MemoryType, [memory_type.name()]);
    (Filter::and([is_of_type, leaves, narrowed.filter]), narrowed.trace)
}

impl Reading<'_> {
    /// What was decided about a memory of another scope, and the bridge behind which it is read. Of several the first by its
    /// id: they lead to the same decision.
    pub(super) fn crossing(&self, memory: &Memory) -> Option<(BridgeId, Decision)> {
        let memory_type = memory.body.memory_type();
        let leads = |open: &&Open| open.partition == memory.partition && open.carries.holds(memory_type);
        let id = self.open.iter().filter(leads).map(|open| open.id).min()?;
        let stays = memory.object()?.sensitivity.handling == Handling::NoPrompt;
        if memory.state != State::Active || stays {
            return None;
        }
        let view = view_of(self.policy, self.ask, memory).behind_a_bridge();
        let decision =
            self.decision_of(memory, &view, &[Effect::Read, Effect::IncludeInPrompt, Effect::Bridge])?;
        decision.allows(Effect::Bridge).then_some((id, decision))
    }
}

/// A bridge that is proposed. Its source is the caller's own, or the caller runs the tenant; and for each of its purposes the
/// policy may let something of what it carries cross.
pub(super) fn decide_made(policy: &Policy, ask: &Ask<'_>, facts: Facts) -> Verdict {
    let Some(bridge) = &facts.proposed_bridge else {
        return refused(Reason::Unknown, Ruling::default(), None);
    };
    if bridge.tenant != ask.principal.tenant || !may_give(ask.principal, bridge) {
        return refused(Reason::RoleDenied, Ruling::default(), None);
    }
    if ask.repeat {
        return decide_seen(ask, facts);
    }
    let crowded = crowded(bridge, &facts.bridges);
    let mut ruling = Ruling::default();
    for purpose in &bridge.purposes {
        let for_purpose = Ask { purpose: Some(*purpose), ..ask.clone() };
        let of_types = bridge.carries.types().into_iter();
        let mut parts = of_types.map(|one| may_cross(policy, &for_purpose, one, Some(&bridge.source)));
        let mut denied = None;
        let open = parts.find_map(|(filter, trace)| {
            if filter != Filter::Nothing {
                return Some(trace);
            }
            denied.get_or_insert(trace);
            None
        });
        match (open, denied) {
            (Some(trace), _) => ruling.count(&trace, Effect::Bridge),
            (None, denied) => {
                return refused(Reason::PolicyDenied, Ruling::denying(Effect::Bridge, denied), None);
            }
        }
    }
    let details = Details { crowded, ..Details::default() };
    // The caller need not be at an end of those that were counted.
    partly_allowed(ask, Facts { bridges: Vec::new(), ..facts }, BTreeMap::new(), details, ruling)
}

/// Which limit leaves no room for one more beside these.
fn crowded(bridge: &Bridge, beside: &[Bridge]) -> Option<(&'static str, usize)> {
    let from = beside.iter().filter(|other| other.source == bridge.source).count();
    let to = beside.iter().filter(|other| other.target == bridge.target).count();
    if from >= limits::BRIDGES_FROM_MAX {
        return Some(("bridges from one scope", limits::BRIDGES_FROM_MAX));
    }
    (to >= limits::BRIDGES_TO_MAX).then_some(("bridges to one scope", limits::BRIDGES_TO_MAX))
}

/// Bridges that are to be seen: those at an end of which the caller is.
pub(super) fn decide_seen(ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    facts.bridges.retain(|bridge| may_know(ask.principal, bridge));
    allowed(ask, facts, Ruling::default())
}

/// A bridge that is named by its id. To whom it is none of theirs it is as unknown as one that never was.
pub(super) fn decide_named(ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    let has_ended = |bridge: &Bridge| bridge.expires.is_some_and(|end| end <= ask.now);
    let is_known =
        |bridge: &Bridge| may_know(ask.principal, bridge) || acts_for_source(ask.principal, bridge);
    facts.bridges.retain(|bridge| is_known(bridge) && !has_ended(bridge));
    if facts.bridges.is_empty() {
        return refused(Reason::Unknown, Ruling::default(), None);
    }
    allowed(ask, facts, Ruling::default())
}

fn runs_the_tenant(principal: &Principal) -> bool {
    principal.roles.contains(&Role::Admin) || principal.caller == Caller::System
}

fn may_give(principal: &Principal, bridge: &Bridge) -> bool {
    runs_the_tenant(principal) || principal.acts_for(&bridge.source)
}

/// Either end may know of a bridge, and take it away: the source what it gives, the target what it is given.
fn may_know(principal: &Principal, bridge: &Bridge) -> bool {
    bridge.tenant == principal.tenant && (may_give(principal, bridge) || principal.acts_for(&bridge.target))
}

/// Who acts for nobody in particular and names a bridge by its id acts, as with a memory, for the person whose scope is the
/// source.
fn acts_for_source(principal: &Principal, bridge: &Bridge) -> bool {
    let is_for_nobody = principal.user.is_none() && principal.caller == Caller::Client;
    bridge.tenant == principal.tenant && is_for_nobody && bridge.source.scope_type == ScopeType::User
}

impl Visible<Facts> {
    /// The bridges that were asked about.
    #[must_use]
    pub fn bridges(&self) -> &[Bridge] {
        &self.facts.bridges
    }

    /// The limit that leaves no room for the bridge that is proposed, and its value.
    #[must_use]
    pub const fn crowded(&self) -> Option<(&'static str, usize)> {
        self.details.crowded
    }

    /// The bridge that is proposed.
    #[must_use]
    pub const fn proposed_bridge(&self) -> Option<&Bridge> {
        self.facts.proposed_bridge.as_ref()
    }

    /// The bridge behind which a memory that is shown is read, where it is another scope's.
    #[must_use]
    pub fn bridge_to(&self, id: MemoryId) -> Option<BridgeId> {
        self.details.bridged.get(&id).copied()
    }

    /// Behind which bridge each of these is read, where it is: bridges that gave nothing are not among them.
    #[must_use]
    pub fn bridged(&self, shown: &[MemoryId]) -> BTreeMap<BridgeId, Vec<MemoryId>> {
        let mut by_bridge: BTreeMap<BridgeId, Vec<MemoryId>> = BTreeMap::new();
        for id in shown {
            if let Some(bridge) = self.details.bridged.get(id) {
                by_bridge.entry(*bridge).or_default().push(*id);
            }
        }
        by_bridge
    }
}

#[cfg(test)]
mod laws;
