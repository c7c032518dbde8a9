//! The steps that can be made with one memory.

use serde::{Deserialize, Serialize};

use super::recall::Updates;
use super::review::{self, Cleared};
use super::revise::Revision;
use crate::constraint::closed_list;
use crate::fields::Faults;
use crate::ids::UserId;
use crate::memory::{Action, Awaited, Body, Memory, NoSuchMove, State, transition};
use crate::object::{
    Attestation, Derivation, DisputeState, Distinct, Happening, HistoryEntry, List, Name, Note, Object,
    TraceEntry, Unit,
};
use crate::policy::Effect;
use crate::time::Timestamp;

closed_list!(
    /// What somebody attests.
    Verdict {
        /// That it is so.
        Affirm "affirm",
        /// That it is not so.
        Contradict "contradict",
    }
);

/// What is to happen to a memory.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It is sealed.
    Seal {
        /// Why.
        reason: Option<Note>,
    },
    /// Its seal is opened; it stays restricted.
    Release {
        /// Why.
        reason: Option<Note>,
    },
    /// It is made unusable.
    Revoke {
        /// Why.
        reason: Option<Note>,
    },
    /// It is made stronger.
    Reinforce {
        /// By how much, beyond what is left of it now.
        by: Unit,
        /// Why.
        reason: Option<Note>,
    },
    /// It is recalled, and perhaps changed.
    Recall(Box<Updates>),
    /// What it says as an item is changed, and how it is treated.
    Revise(Box<Revision>),
    /// Its truth is disputed.
    Dispute {
        /// Why.
        reason: Note,
    },
    /// Somebody says whether it is so.
    Attest {
        /// What they say.
        verdict: Verdict,
        /// In their words.
        attestation: Note,
    },
    /// It waits for a review, and is usable again.
    Approve {
        /// What becomes of its risk, where it is flagged.
        risk: Cleared,
        /// Why.
        reason: Option<Note>,
    },
    /// It waits for a review, and is made unusable.
    Reject {
        /// Why.
        reason: Option<Note>,
    },
    /// Its content is erased.
    Erase,
}

/// By whom and when a step is made, and what the policy says of it.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// The person, where one is known.
    pub user: Option<&'a UserId>,
    /// When.
    pub now: Timestamp,
    /// How many persons have to affirm what is disputed before it counts as undisputed again.
    pub quorum: u64,
}

/// What a step makes of a memory.
#[derive(Debug, Clone, PartialEq)]
pub enum Stepped {
    /// Its next version.
    Next(Box<Memory>),
    /// The step was made before: there is nothing to write.
    Already,
}

/// Why a step cannot be made, though the caller may make it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// Its state does not allow it.
    #[error("a memory that is {} cannot be changed so", .0.name())]
    State(State),
    /// What our transforms make is changed by changing what it was made of.
    #[error("a computed memory is changed by changing what it was derived from")]
    Computed,
    /// Its reconsolidation policy does not let these fields be changed.
    #[error("its reconsolidation policy does not let {} be changed", .0.join(", "))]
    Reconsolidation(Vec<String>),
    /// There is no room for one more.
    #[error("there is no room for more {0}")]
    Full(&'static str),
    /// A spiral of its scope blocks it.
    #[error("a spiral in its scope blocks this until {until}")]
    Spiral {
        /// Until when, at the latest.
        until: Timestamp,
    },
    /// What it was derived from has changed, and it has not followed yet.
    #[error("what this was derived from has changed, and it is still to follow; try again in a moment")]
    Pending,
    /// It is no item, and what it says is not changed so.
    #[error("what is no item of this dialect is not changed by it")]
    NoItem,
    /// What it would become is no item that could be added.
    #[error(transparent)]
    Invalid(#[from] Faults),
    /// It waits for no review.
    #[error("a memory that is {} and not flagged waits for no review", .0.name())]
    NotWaiting(State),
    /// What it was derived from is restricted, and so is it.
    #[error("what this was derived from waits for a review itself: review that first")]
    Inherited,
    /// It is flagged, and a change would take the flag away.
    #[error("a flagged memory waits for a review: only who reviews it takes the flag away")]
    Flagged,
    /// Nobody is named who could make it.
    #[error("a person has to be named")]
    Nobody,
}

impl From<NoSuchMove> for Barred {
    fn from(no_such_move: NoSuchMove) -> Self {
        Self::State(no_such_move.from)
    }
}

impl Step {
    /// What the policy has to grant for it.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        match self {
            Self::Reinforce { .. } => Effect::Reinforcement,
            _ => Effect::Write,
        }
    }

    /// Whether it is what a review comes to.
    #[must_use]
    pub const fn is_review(&self) -> bool {
        matches!(self, Self::Approve { .. } | Self::Reject { .. })
    }

    /// Whether what was derived from the memory may follow it.
    #[must_use]
    pub const fn propagates(&self) -> bool {
        !matches!(self, Self::Reinforce { .. })
    }

    /// Makes it of a memory, whose descendants are looked after by [`propagate`](super::propagate). `inherited` is the
    /// state that its own parents demand of it.
    ///
    /// # Errors
    /// When it cannot be made of this memory as it is.
    pub fn make(&self, memory: &Memory, inherited: State, by: By<'_>) -> Result<Stepped, Barred> {
        match self {
            Self::Seal { reason } => moved(memory, inherited, Action::Seal, reason.as_ref(), by),
            Self::Release { reason } => moved(memory, inherited, Action::Release, reason.as_ref(), by),
            Self::Revoke { reason } => moved(memory, inherited, Action::Revoke, reason.as_ref(), by),
            Self::Erase if memory.state == State::Tombstoned => Ok(Stepped::Already),
            Self::Erase => Ok(Stepped::Next(Box::new(memory.tombstone()))),
            Self::Reinforce { by: delta, reason } => {
                changed(memory, Happening::Reinforced, reason.clone(), by, |object| {
                    object.strength = object.strength.reinforced(memory.created, by.now, *delta);
                    Ok(())
                })
            }
            Self::Recall(updates) => recalled(memory, updates, by),
            Self::Revise(revision) => revised(memory, revision, by),
            Self::Approve { risk, reason } => review::approved(memory, inherited, *risk, reason.as_ref(), by),
            Self::Reject { reason } => review::rejected(memory, inherited, reason.as_ref(), by),
            Self::Dispute { reason } => {
                changed(memory, Happening::Disputed, Some(reason.clone()), by, |object| {
                    object.ownership.dispute_state = DisputeState::Disputed;
                    // What was attested before says nothing about what is disputed now.
                    object.attestations = List::default();
                    Ok(())
                })
            }
            Self::Attest { verdict, attestation } => {
                let user = by.user.ok_or(Barred::Nobody)?;
                changed(memory, Happening::Attested, Some(attestation.clone()), by, |object| {
                    attest(object, user, *verdict, by)
                })
            }
        }
    }
}

/// The memory in another state of its own. What its parents demand may still be stricter.
fn moved(
    memory: &Memory,
    inherited: State,
    action: Action,
    reason: Option<&Note>,
    by: By<'_>,
) -> Result<Stepped, Barred> {
    let to = transition(memory.state, action)?;
    if to == memory.state && memory.own_state() >= to {
        return Ok(Stepped::Already);
    }
    let mut next = memory.clone();
    next.set_states(to, inherited);
    if action == Action::Release && next.state > State::Restricted {
        return Err(Barred::State(memory.state));
    }
    let event = match action {
        Action::Seal => Happening::Sealed,
        Action::Release => Happening::Released,
        _ => Happening::Revoked,
    };
    Ok(next_version(next, event, reason.cloned(), by))
}

/// The memory with something else changed than its state: only what is neither sealed nor revoked.
fn changed(
    memory: &Memory,
    event: Happening,
    note: Option<Note>,
    by: By<'_>,
    change: impl FnOnce(&mut Object) -> Result<(), Barred>,
) -> Result<Stepped, Barred> {
    if memory.state >= State::Sealed {
        return Err(Barred::State(memory.state));
    }
    let mut next = memory.clone();
    if let Some(object) = next.body.object_mut() {
        change(object)?;
    }
    Ok(next_version(next, event, note, by))
}

pub(super) fn next_version(mut next: Memory, event: Happening, note: Option<Note>, by: By<'_>) -> Stepped {
    next.version += 1;
    if let Some(object) = next.body.object_mut() {
        object.history.push(HistoryEntry { at: by.now, event, by: by.user.cloned(), note });
    }
    Stepped::Next(Box::new(next))
}

/// What it says as an item changed. That it is flagged from now on is remembered beside it: then it begins to wait.
fn revised(memory: &Memory, revision: &Revision, by: By<'_>) -> Result<Stepped, Barred> {
    let mut changes = true;
    let mut stepped = changed(memory, Happening::Revised, None, by, |object| {
        changes = revision.apply(object)?;
        Ok(())
    })?;
    if !changes {
        return Ok(Stepped::Already);
    }
    if let Stepped::Next(next) = &mut stepped
        && memory.awaited() != Some(Awaited::Flagged)
        && next.awaited() == Some(Awaited::Flagged)
        && let Some(object) = next.body.object_mut()
    {
        let entry = HistoryEntry { at: by.now, event: Happening::Flagged, by: by.user.cloned(), note: None };
        object.history.push(entry);
    }
    Ok(stepped)
}

fn recalled(memory: &Memory, updates: &Updates, by: By<'_>) -> Result<Stepped, Barred> {
    if memory.object().is_some_and(|object| object.provenance.derivation == Derivation::Computed) {
        return Err(Barred::Computed);
    }
    let fields = updates.fields();
    let mut stepped = changed(memory, Happening::Recalled, updates.note.clone(), by, |object| {
        let refused = updates.refused(object.reconsolidation);
        if !refused.is_empty() {
            return Err(Barred::Reconsolidation(refused));
        }
        updates.apply(object)?;
        let fields = fields.iter().filter_map(|field| Name::parse(field).ok()).collect();
        object.trace.push(TraceEntry {
            at: by.now,
            by: by.user.cloned(),
            fields: Distinct::new(fields).unwrap_or_default(),
        });
        Ok(())
    })?;
    if let (Stepped::Next(next), false) = (&mut stepped, updates.constraints.is_empty()) {
        let id = next.id;
        let Body::Impact(impact) = &mut next.body else {
            return Err(Barred::Reconsolidation(vec!["constraints".to_owned()]));
        };
        let parents = &impact.object.provenance.derived_from;
        if !updates.constraints.iter().flat_map(|one| &one.source_refs).all(|source| parents.contains(source))
        {
            return Err(Barred::Reconsolidation(vec!["constraints.source_refs".to_owned()]));
        }
        let all = impact.constraints.iter().chain(&updates.constraints).cloned().collect();
        impact.constraints = List::new(all).map_err(|_| Barred::Full("constraints"))?;
        impact.name_constraints(id);
    }
    Ok(stepped)
}

/// Keeps what a person says, in the place of what they said before, and what all of them say together.
fn attest(object: &mut Object, user: &UserId, verdict: Verdict, by: By<'_>) -> Result<(), Barred> {
    let others = object.attestations.iter().filter(|attestation| attestation.by != *user).cloned();
    let mut all: Vec<Attestation> = others.collect();
    all.push(Attestation { by: user.clone(), at: by.now, affirms: verdict == Verdict::Affirm });
    object.attestations = List::new(all).map_err(|_| Barred::Full("attestations"))?;
    let ownership = &object.ownership;
    let counted = || object.attestations.iter().filter(|one| ownership.claimant.as_ref() != Some(&one.by));
    let (affirm, contradict) = (
        counted().filter(|one| one.affirms).count() as u64,
        counted().filter(|one| !one.affirms).count() as u64,
    );
    if contradict > 0 {
        object.ownership.dispute_state = DisputeState::Contested;
    } else if affirm >= by.quorum {
        object.ownership.dispute_state = DisputeState::Undisputed;
    }
    Ok(())
}
