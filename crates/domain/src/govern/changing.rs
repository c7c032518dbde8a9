//! What becomes of a memory that the caller names, and of everything that was derived from it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    Ask, Details, Facts, Reason, Ruling, Verdict, Visible, partly_allowed, propose, reading, refused,
    spiralling, view_of,
};
use crate::change::Expect;
use crate::derive::{self, Wanted};
use crate::ids::MemoryId;
use crate::lifecycle::{
    Barred, By, Family, PendingMark, Step, Stepped, demanded, propagate, without_lost_parents,
};
use crate::memory::{Memory, MemoryType, State};
use crate::object::Derivation;
use crate::policy::{Effect, Policy, Request};
use crate::principal::{Caller, Principal, Role};
use crate::scope::ScopeType;

/// What a step came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// The memory as it is now.
    pub memory: Arc<Memory>,
    /// The next versions to be kept, the memory's first; none where the step was made before.
    pub versions: Vec<Memory>,
    /// The memories that are new, because something follows that did not before.
    pub made: Vec<Memory>,
    /// Where too much follows for one commit: the mark below which nothing has followed yet.
    pub mark: Option<PendingMark>,
    /// Where a request is repeated: what changed with the memory when it was made.
    pub followed: Vec<MemoryId>,
}

/// A step with a memory that is named by its id. What the caller may not know of is as unknown as what is not there.
pub(super) fn decide(policy: &Policy, ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    let (Some(memory), Some(step)) = (facts.memories.first().cloned(), ask.step) else {
        return refused(Reason::Unknown, Ruling::default(), None);
    };
    // Who reviews acts for nobody but themself.
    let principal =
        if step.is_review() { Cow::Borrowed(ask.principal) } else { ask.principal.acting_on(&memory) };
    let ask = &Ask { principal: &principal, ..ask.clone() };
    let is_pending = facts.pending.contains(&memory.id);
    let is_known = is_known(policy, ask, &memory, is_pending)
        || (step.is_review() && !is_pending && is_known_to_reviewer(policy, ask, &memory));
    if !is_known {
        return refused(Reason::Unknown, Ruling::default(), None);
    }
    let effect = step.effect();
    let decision = policy.decide(&ask.request(), &view_of(policy, ask, &memory), &[effect]);
    if !decision.allows(effect) {
        return refused(Reason::PolicyDenied, Ruling::denying(effect, [decision.trace]), None);
    }
    let mut ruling = Ruling::default();
    ruling.count(&decision.trace, effect);
    let followed: Vec<MemoryId> = facts.memories.drain(1..).map(|memory| memory.id).collect();
    let blocking = spiralling::blocks_reinforcement(policy, ask, memory.partition);
    let early = match (step, blocking) {
        _ if is_pending => Some(Err(Barred::Pending)),
        _ if ask.repeat => Some(Ok(Changed { followed, ..Changed::nothing(Arc::clone(&memory)) })),
        (Step::Reinforce { .. }, Some(spiral)) => Some(Err(Barred::Spiral { until: spiral.expires })),
        _ => None,
    };
    if let Some(changed) = early {
        let details = Details { changed: Some(changed), ..Details::default() };
        return partly_allowed(ask, facts, BTreeMap::new(), details, ruling);
    }
    let by = By {
        user: ask.principal.user.as_ref(),
        now: ask.now,
        quorum: u64::from(policy.globals().attestation_quorum),
    };
    let taken = match step {
        Step::Approve { .. } => without_lost_parents(&memory, weights(&facts.family)),
        _ => Memory::clone(&memory),
    };
    let made = step.make(&taken, demanded_of(&taken, &facts.family), by);
    let changed = made.map(|stepped| match stepped {
        Stepped::Already => Changed::nothing(Arc::clone(&memory)),
        Stepped::Next(next) => {
            let next = next.placed_by(policy.globals().claimed_time_trust_threshold);
            if facts.family.is_partial {
                let mark = Some(PendingMark::new(next.id, next.id));
                return Changed { mark, ..with_following(next, Vec::new()) };
            }
            let following = if step.propagates() {
                follow(policy, ask, &facts.family, &facts.child_ids, &next)
            } else {
                Vec::new()
            };
            with_following(next, following)
        }
    });
    let details = Details { changed: Some(changed), ..Details::default() };
    partly_allowed(ask, facts, BTreeMap::new(), details, ruling)
}

/// Events that were there when the caller asked and that it may know of, as if it had named each. Where looking stopped is told of
/// all that was looked at.
pub(super) fn decide_sought(policy: &Policy, ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    if let (true, Some(last)) = (facts.more, facts.memories.last()) {
        facts.scan_end = Some((last.created, last.id));
    }
    let Facts { memories, pending, .. } = &mut facts;
    memories.retain(|memory| {
        let principal = ask.principal.acting_on(memory);
        let ask = &Ask { principal: &principal, ..ask.clone() };
        memory.body.memory_type() == MemoryType::Event
            && memory.created <= ask.now
            && is_known(policy, ask, memory, pending.contains(&memory.id))
    });
    partly_allowed(ask, facts, BTreeMap::new(), Details::default(), Ruling::default())
}

/// Who may know that there is such a memory, and so what a step with it comes to: whoever may read it for some purpose; of
/// what is revoked or erased, or may be so in a moment, those whom it was about and its owners; an admin, and the server. A
/// preference is no memory that steps are made with.
fn is_known(policy: &Policy, ask: &Ask<'_>, memory: &Memory, is_pending: bool) -> bool {
    let principal = ask.principal;
    if memory.body.memory_type() == MemoryType::Preference {
        return false;
    }
    if principal.caller == Caller::System || principal.roles.contains(&Role::Admin) {
        return true;
    }
    if memory.state < State::Revoked && !is_pending {
        return reading::is_read_for_some_purpose(policy, ask, memory);
    }
    // Of what is erased nobody knows any more in whose scope it was, and so for whom who acts for nobody would act.
    let is_gone_of_somebody = memory.state == State::Tombstoned
        && memory.scope.scope_type == ScopeType::User
        && principal.user.is_none();
    memory.is_about(principal) || memory.is_owned_by(principal) || is_gone_of_somebody
}

/// Who reviews may know of what waits for a review, as far as it would be shown among that; and of what was reviewed last, as
/// far as it would have been.
fn is_known_to_reviewer(policy: &Policy, ask: &Ask<'_>, memory: &Memory) -> bool {
    if memory.reviewed().is_some() {
        let state = memory.state.min(State::Restricted);
        let waited = Memory { state, ..memory.clone() };
        return memory.state != State::Sealed && reading::is_reviewed_for_some_purpose(policy, ask, &waited);
    }
    memory.awaited().is_some() && reading::is_reviewed_for_some_purpose(policy, ask, memory)
}

/// What each parent demands of what was derived from it; of one that is not there, what is erased demands.
fn weights(family: &Family) -> impl Fn(&MemoryId) -> State {
    let weights: BTreeMap<MemoryId, State> =
        family.supporters.iter().map(|parent| (parent.id, parent.weight())).collect();
    move |parent| weights.get(parent).copied().unwrap_or(State::Tombstoned)
}

/// The state that a memory's own parents demand of it.
pub(super) fn demanded_of(memory: &Memory, family: &Family) -> State {
    let Some(object) = memory.object() else { return State::Active };
    let of_parent = weights(family);
    match object.provenance.derivation {
        // What our transforms make of a sealed event may be known beside the seal.
        Derivation::Computed => {
            let source = object.provenance.derived_from.first().map_or(State::Active, of_parent);
            if source == State::Sealed { State::Active } else { source.min(State::Revoked) }
        }
        Derivation::Asserted => demanded(&object.provenance, of_parent).min(State::Revoked),
    }
}

/// The next versions of what follows the memory. What our transforms make is decided as the server's own doing: it is the
/// same whoever changed what it is made of.
pub(super) fn follow(
    policy: &Policy,
    ask: &Ask<'_>,
    family: &Family,
    child_ids: &[[MemoryId; 2]],
    next: &Memory,
) -> Vec<Memory> {
    let server = Principal::system(ask.principal.tenant.clone());
    let by_server = Ask { principal: &server, ..ask.clone() };
    let request: Request<'_> = by_server.request();
    let new_ids: BTreeMap<MemoryId, [MemoryId; 2]> =
        family.events(next).zip(child_ids.iter().copied()).collect();
    propagate(next, family, &new_ids, ask.now, |event, ids| {
        let asked = [Effect::DeriveImpacts, Effect::DeriveSeeds];
        let decision = policy.decide(&request, &view_of(policy, &by_server, event), &asked);
        let wanted = Wanted {
            impact: decision.allows(Effect::DeriveImpacts),
            seed: decision.allows(Effect::DeriveSeeds),
        };
        let children = derive::children(event, ids, wanted, policy.version());
        propose::admitted(policy, &by_server, children)
    })
}

fn with_following(next: Memory, following: Vec<Memory>) -> Changed {
    let (made, changed): (Vec<Memory>, Vec<Memory>) =
        following.into_iter().partition(|memory| memory.version == 1);
    let memory = Arc::new(next.clone());
    let mut versions = vec![next];
    versions.extend(changed);
    Changed { versions, made, ..Changed::nothing(memory) }
}

impl Changed {
    fn nothing(memory: Arc<Memory>) -> Self {
        Self { memory, versions: Vec::new(), made: Vec::new(), mark: None, followed: Vec::new() }
    }
}

impl Visible<Facts> {
    /// What the step with the named memory came to, where one was asked for.
    #[must_use]
    pub const fn changed(&self) -> Option<&Result<Changed, Barred>> {
        self.details.changed.as_ref()
    }

    /// What must still be so when this is committed: what is derived from is as it was looked at; nobody was born into
    /// a family meanwhile, and those who support somebody in it are as they were.
    #[must_use]
    pub fn relied_on(&self) -> Vec<Expect> {
        let Family { supporters, children, .. } = &self.facts.family;
        let children =
            children.iter().map(|(parent, count)| Expect::Children { parent: *parent, count: *count });
        let supporters = supporters.iter().map(|memory| (memory.id, memory.version));
        let parents = self.details.parents.iter().map(|(id, version)| (*id, *version));
        let versions = supporters.chain(parents).map(|(id, version)| Expect::Memory { id, version });
        let of_person = self.details.done.iter().flat_map(|done| done.relied_on.iter().cloned());
        children.chain(versions).chain(of_person).chain(self.consents_relied_on()).collect()
    }

    /// Whether something is left to follow of what began with the named memory.
    #[must_use]
    pub const fn is_unfinished(&self) -> bool {
        self.facts.is_unfinished
    }
}
