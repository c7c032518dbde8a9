//! What is the caller's own: by a grant that it holds, or because it made it.

use super::{About, Ask, Facts, Reason, Ruling, Verdict, allowed, reading, refused, view_of};
use crate::grant::ReadGrant;
use crate::memory::State;
use crate::policy::{Effect, Policy};

/// The grant, if this caller holds it.
pub(super) fn held(ask: &Ask<'_>, grant: Option<ReadGrant>) -> Option<ReadGrant> {
    grant.filter(|g| g.tenant == ask.principal.tenant && g.client == ask.principal.client)
}

/// Continuing is reading again, as the person the grant was given for.
pub(super) fn decide_continue(policy: &Policy, ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    let Some(grant) = held(ask, facts.grant.take()) else {
        return refused(Reason::UnknownToken, Ruling::default(), None);
    };
    if grant.revoked.is_some() {
        return refused(Reason::Revoked, Ruling::default(), Some(grant));
    }
    if grant.expires <= ask.now {
        return refused(Reason::Expired, Ruling::default(), Some(grant));
    }
    let holder = ask.principal.clone().acting_for(grant.user.clone());
    let again = Ask {
        principal: &holder,
        purpose: Some(grant.purpose),
        about: About::Preferences(grant.kind),
        ..ask.clone()
    };
    reading::decide(policy, &again, None, Facts { grant: Some(grant), ..facts })
}

/// What the caller named by its id: not its own is hidden; its own, already erased, is shown as such.
pub(super) fn decide(policy: &Policy, ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    // Events, impacts and seeds have descendants, which would stay behind: nothing that owners do knows of them yet.
    facts.memories.retain(|memory| memory.is_owned_by(ask.principal) && memory.object().is_none());
    // What has expired is gone, whether or not it was swept up already.
    facts.memories.retain(|memory| memory.expires.is_none_or(|end| ask.now < end));
    let Some(memory) = facts.memories.first().cloned() else {
        return refused(Reason::Unknown, Ruling::default(), None);
    };
    if memory.state == State::Tombstoned {
        return allowed(ask, facts, Ruling::default());
    }
    if !memory.is_live(ask.now) {
        return refused(Reason::Unknown, Ruling::default(), None);
    }
    let view = view_of(policy, ask, &memory);
    let decision = policy.decide(&ask.request(), &view, &[Effect::Write]);
    if !decision.allows(Effect::Write) {
        return refused(Reason::PolicyDenied, Ruling::denying(Effect::Write, [decision.trace]), None);
    }
    let mut ruling = Ruling::default();
    ruling.count(&decision.trace, Effect::Write);
    allowed(ask, facts, ruling)
}
