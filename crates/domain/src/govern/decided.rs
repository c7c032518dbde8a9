//! From what is visible to what a store may be told: a plan is held to what was decided.

use std::collections::BTreeMap;

use super::person::Done;
use super::{Authority, Denial, Facts, Visible};
use crate::audit_chain::{Code, Verdict as Outcome};
use crate::bridge::Bridge;
use crate::change::{Change, ChangeSet};
use crate::grant::ReadGrant;
use crate::ids::MemoryId;
use crate::lifecycle::PendingMark;
use crate::memory::{Body, Memory, State};
use crate::policy::Effect;
use crate::scope::Partition;
use crate::vector::KeptVector;

/// What a store may be told: it went through [`decide`](super::decide).
#[derive(Debug)]
pub struct Decided<T>(T);

/// A plan went beyond what was decided: a defect of the operation, never of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan went beyond the decision: {0}")]
pub struct BeyondDecision(pub &'static str);

impl<T> Decided<T> {
    /// What was decided.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0
    }

    /// What was decided, to be applied once.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Goes round the policy, for tests of stores.
    #[cfg(feature = "undecided")]
    #[must_use]
    pub const fn without_policy(inner: T) -> Self {
        Self(inner)
    }
}

impl Visible<Facts> {
    /// Makes a plan a decision, once.
    ///
    /// # Errors
    /// When the plan does what was not decided, or does it to what was not decided.
    pub fn decided(self, set: ChangeSet) -> Result<Decided<ChangeSet>, BeyondDecision> {
        if set.entry.decision != Outcome::Allowed || set.entry.tenant != set.tenant {
            return Err(BeyondDecision("its audit entry says something else"));
        }
        if self.is_whole(&set) && set.changes.iter().all(|change| self.covers(&set, change)) {
            Ok(Decided(set))
        } else {
            Err(BeyondDecision("it changes what was not decided"))
        }
    }

    /// Whether all changes of memories were held together to what the step came to.
    fn changes_what_it_names(&self) -> bool {
        self.authority == Authority::ChangeNamed || self.details.done.is_some()
    }

    /// Whether a vector is of a memory that was decided about, and of what it says.
    fn may_keep(&self, kept: &KeptVector) -> bool {
        let memory = self.facts.memories.iter().find(|memory| memory.id == kept.memory);
        self.authority == Authority::System
            && memory.is_some_and(|memory| memory.text_key() == Some(kept.text))
    }

    /// Whether the decision was about this change: each right covers its own changes and no others.
    fn covers(&self, set: &ChangeSet, change: &Change) -> bool {
        match change {
            Change::InsertMemory(_) if self.changes_what_it_names() => true,
            Change::ReplaceMemory(_) | Change::EraseMemory(_) if self.changes_what_it_names() => true,
            Change::InsertMemory(memory) => {
                matches!(self.authority, Authority::Policy(effect) if effect != Effect::Read)
                    && memory.tenant == set.tenant
                    && (self.is_proposed(memory) || self.follows_from_what_is_made(set, memory))
            }
            Change::ReplaceMemory(memory) => self.may_change(set, memory),
            Change::EraseMemory(memory) => self.may_change(set, memory) && memory.is_tombstone(),
            Change::TouchSeeds { ids, at } => {
                self.authority == Authority::Policy(Effect::Read)
                    && set.entry.operation == Code::MEMORY_RECONSTRUCT
                    && *at == set.entry.time
                    && ids.iter().all(|id| self.is_seen_seed(*id))
            }
            Change::InsertGrant(grant) => {
                self.authority == Authority::Policy(Effect::Read) && self.may_be_given(set, grant)
            }
            Change::ReplaceGrant(grant) => {
                self.authority == Authority::Revoke
                    && self.facts.grant.as_ref().is_some_and(|held| {
                        grant.revoked.is_some_and(|revoked| *grant == held.revoke(revoked))
                    })
            }
            Change::ActivatePolicy { .. } => {
                matches!(self.authority, Authority::System | Authority::Operator)
            }
            Change::InsertCheckpoint(_)
            | Change::Forget(_)
            | Change::ForgetIdempotencyBefore(_)
            | Change::ForgetGrantsExpiredBefore(_) => self.authority == Authority::System,
            // What the decision found, and nothing else.
            Change::KeepConsent(consents) => self.details.consent.as_ref() == Some(consents),
            Change::Suppress(digests) => *digests == self.details.suppressed,
            Change::InsertSpiral(spiral) => self.details.spirals.contains(spiral),
            Change::ForgetSpiral(partition) => self.hides_in(*partition),
            Change::InsertBridge(bridge) => {
                self.authority == Authority::MakeBridge && self.facts.proposed_bridge.as_ref() == Some(bridge)
            }
            Change::RemoveBridge(bridge) => {
                let is_known =
                    |known: &Bridge| known.is_live(set.entry.time) && *bridge == known.remove(set.entry.time);
                self.authority == Authority::EndBridge && self.facts.bridges.iter().any(is_known)
            }
            Change::KeepVectors(vectors) => vectors.iter().all(|kept| self.may_keep(kept)),
            // All of them together were held to it.
            Change::MarkPending(_) | Change::UnmarkPending(_) => true,
            Change::InsertSchema(schema) => {
                self.authority == Authority::ChangeSchemas
                    && schema.tenant == set.tenant
                    && schema.client == self.client
                    && schema.user == self.user
            }
            Change::ReplaceSchema(next) => {
                self.authority == Authority::ChangeSchemas
                    && next.tenant == set.tenant
                    && self.facts.schemas.iter().any(|held| {
                        held.id == next.id
                            && held.version + 1 == next.version
                            && (&held.client, &held.user) == (&next.client, &next.user)
                    })
            }
            Change::KeepRecord(record) => self.may_keep_record(record),
            Change::ForgetRecord { kind, id } => self.may_forget_record(*kind, id),
            Change::InsertSubjectKey { .. } | Change::KeepPolicy(_) | Change::InsertIdempotency(_) => true,
        }
    }

    /// Whether what was decided about may take away what a scope's spiral was found in.
    fn hides_in(&self, partition: Partition) -> bool {
        let by_step =
            matches!(&self.details.changed, Some(Ok(changed)) if changed.memory.partition == partition);
        let by_deed = |done: &Done| done.versions.iter().any(|memory| memory.partition == partition);
        (self.authority == Authority::ChangeNamed && by_step)
            || self.details.done.as_ref().is_some_and(by_deed)
    }

    /// Whether the change set keeps exactly what was decided to become of memories, or nothing: none changes without what
    /// follows it.
    fn is_whole(&self, set: &ChangeSet) -> bool {
        if let Some(done) = &self.details.done {
            return keeps_exactly(set, &done.versions, &done.made)
                && marks_exactly(set, &done.marks, done.unmarked, done.versions.len() + done.made.len());
        }
        if self.authority != Authority::ChangeNamed {
            return marks_exactly(set, &[], None, 0);
        }
        match &self.details.changed {
            Some(Ok(changed)) => {
                let marks: Vec<PendingMark> = changed.mark.into_iter().collect();
                keeps_exactly(set, &changed.versions, &changed.made)
                    && marks_exactly(set, &marks, None, changed.versions.len() + changed.made.len())
            }
            _ => keeps_exactly(set, &[], &[]) && marks_exactly(set, &[], None, 0),
        }
    }

    /// Whether it was proposed, and is allowed as it is.
    fn is_proposed(&self, memory: &Memory) -> bool {
        let mut proposed = self.facts.proposed.iter().enumerate();
        proposed.any(|(at, decided)| {
            let is_left_out = self.refused.contains_key(&at)
                || self.details.orphans.contains(&at)
                || self.details.hindered.contains_key(&at);
            decided == memory && !is_left_out
        })
    }

    /// Whether it was derived from a proposal that the same change set stores: no child comes without its parent.
    fn follows_from_what_is_made(&self, set: &ChangeSet, memory: &Memory) -> bool {
        let mut derived = self.details.derived.iter();
        derived.any(|(at, children)| {
            let parent = self.facts.proposed.get(*at);
            children.contains(memory)
                && set
                    .changes
                    .iter()
                    .any(|change| matches!(change, Change::InsertMemory(made) if Some(made) == parent))
        })
    }

    /// Whether this is a seed that the caller may see.
    fn is_seen_seed(&self, id: MemoryId) -> bool {
        self.facts.memories.iter().any(|memory| memory.id == id && matches!(memory.body, Body::Seed(_)))
    }

    /// Whether this is the next version of a memory that the caller was let change.
    fn may_change(&self, set: &ChangeSet, next: &Memory) -> bool {
        matches!(self.authority, Authority::Owner | Authority::System)
            && next.tenant == set.tenant
            && self.facts.memories.iter().any(|decided| {
                decided.id == next.id
                    && decided.partition == next.partition
                    && decided.version + 1 == next.version
            })
    }

    /// Whether this grant is the caller's own: continuing reads as the person it was given for.
    fn may_be_given(&self, set: &ChangeSet, grant: &ReadGrant) -> bool {
        grant.tenant == set.tenant && grant.client == self.client && Some(&grant.user) == self.user.as_ref()
    }
}

/// Whether the change set keeps these next versions and these new memories, all of them and no others, or no memory at all.
fn keeps_exactly(set: &ChangeSet, versions: &[Memory], made: &[Memory]) -> bool {
    let told: Vec<(&Change, &Memory)> =
        set.changes.iter().filter_map(|change| Some((change, changed_memory(change)?))).collect();
    let expected: BTreeMap<MemoryId, (&Memory, bool)> = (versions.iter().map(|next| (next, false)))
        .chain(made.iter().map(|made| (made, true)))
        .map(|(memory, is_new)| (memory.id, (memory, is_new)))
        .collect();
    let is_as_expected = |(change, memory): &(&Change, &Memory)| {
        memory.tenant == set.tenant
            && expected.get(&memory.id).is_some_and(|(expected, is_new)| {
                expected == memory
                    && match change {
                        Change::InsertMemory(_) => *is_new,
                        Change::EraseMemory(_) => !is_new && memory.is_tombstone(),
                        _ => !is_new && memory.state != State::Tombstoned,
                    }
            })
    };
    told.is_empty() || (told.len() == expected.len() && told.iter().all(is_as_expected))
}

/// Whether the change set moves exactly these marks, with all of the `memories` that it is about; or no mark and no memory.
fn marks_exactly(
    set: &ChangeSet,
    marks: &[PendingMark],
    unmarked: Option<MemoryId>,
    memories: usize,
) -> bool {
    let kept = set.changes.iter().filter(|change| changed_memory(change).is_some()).count();
    let told: Vec<&Change> = (set.changes.iter())
        .filter(|change| matches!(change, Change::MarkPending(_) | Change::UnmarkPending(_)))
        .collect();
    let is_expected = |change: &&Change| match change {
        Change::MarkPending(mark) => marks.contains(mark),
        Change::UnmarkPending(id) => unmarked == Some(*id),
        _ => false,
    };
    let all = marks.len() + usize::from(unmarked.is_some());
    (told.is_empty() && (kept == 0 || all == 0))
        || (told.len() == all && kept == memories && told.iter().all(is_expected))
}

/// The memory that a change keeps a version of.
const fn changed_memory(change: &Change) -> Option<&Memory> {
    match change {
        Change::InsertMemory(memory) | Change::ReplaceMemory(memory) | Change::EraseMemory(memory) => {
            Some(memory)
        }
        _ => None,
    }
}

impl Denial {
    /// Makes the denial's audit entry a decision: it changes nothing else.
    ///
    /// # Errors
    /// When more than the entry and its bookkeeping is to be written.
    pub fn decided(self, set: ChangeSet) -> Result<Decided<ChangeSet>, BeyondDecision> {
        if set.entry.decision != self.reason.outcome() || set.entry.tenant != set.tenant {
            return Err(BeyondDecision("its audit entry says something else"));
        }
        let bookkeeping =
            |change: &Change| matches!(change, Change::InsertSubjectKey { .. } | Change::KeepPolicy(_));
        if !set.changes.iter().all(bookkeeping) {
            return Err(BeyondDecision("a denial changes something"));
        }
        Ok(Decided(set))
    }
}
