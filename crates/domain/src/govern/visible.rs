//! What may be looked at of what was decided.

use std::sync::Arc;

use super::{Denial, Done, Facts, Proposed, Reason, Ruling, StoredEntry, Visible};
use crate::audit_chain::{PolicyRef, Seq, SignedCheckpoint, Verification};
use crate::change::{IdempotencyRecord, PolicyDocument};
use crate::grant::ReadGrant;
use crate::graph::schema::StoredSchema;
use crate::ids::MemoryId;
use crate::memory::Memory;
use crate::policy::Trace;

impl Visible<Facts> {
    /// The memories that the caller may see, as the policy obliges them to be shown.
    #[must_use]
    pub fn memories(&self) -> &[Arc<Memory>] {
        &self.facts.memories
    }

    /// Whether something of the tenant is still to follow.
    #[must_use]
    pub const fn has_pending(&self) -> bool {
        self.facts.has_pending
    }

    /// The head of the tenant's chain when this was loaded.
    #[must_use]
    pub const fn as_of(&self) -> Seq {
        self.facts.as_of
    }

    /// Whether the selection went on behind its limit.
    #[must_use]
    pub const fn more(&self) -> bool {
        self.facts.more
    }

    /// What was proposed, as it was decided, with what follows from it.
    pub fn proposed(&self) -> impl Iterator<Item = Proposed<'_>> {
        self.facts.proposed.iter().enumerate().filter_map(|(at, memory)| {
            if let Some(trace) = self.refused.get(&at) {
                return Some(Proposed::Denied(trace));
            }
            if self.details.orphans.contains(&at) {
                return Some(Proposed::UnknownParent);
            }
            if let Some(hindered) = self.details.hindered.get(&at) {
                return Some(Proposed::Hindered(*hindered));
            }
            let derived = self.details.derived.get(&at).map_or(&[][..], Vec::as_slice);
            Some(Proposed::Accepted { memory, derived, trace: self.details.traces.get(&at)? })
        })
    }

    /// The ids of what was proposed, in order.
    pub fn proposed_ids(&self) -> impl Iterator<Item = MemoryId> {
        self.facts.proposed.iter().map(|memory| memory.id)
    }

    /// What was proposed: each with its trace where the policy refuses it.
    pub fn proposals(&self) -> impl Iterator<Item = Result<&Memory, &Trace>> {
        self.facts.proposed.iter().enumerate().map(|(at, memory)| match self.refused.get(&at) {
            Some(trace) => Err(trace),
            None => Ok(memory),
        })
    }

    /// The grant that the caller holds.
    #[must_use]
    pub const fn grant(&self) -> Option<&ReadGrant> {
        self.facts.grant.as_ref()
    }

    /// Audit entries.
    #[must_use]
    pub fn entries(&self) -> &[StoredEntry] {
        &self.facts.entries
    }

    /// The earlier versions of a memory that is about a person, oldest first.
    #[must_use]
    pub fn earlier(&self, id: MemoryId) -> &[Arc<Memory>] {
        self.facts.earlier.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Grants that were given for a person.
    #[must_use]
    pub fn grants(&self) -> &[ReadGrant] {
        &self.facts.grants
    }

    /// What idempotency keys did.
    #[must_use]
    pub fn idempotency(&self) -> &[IdempotencyRecord] {
        &self.facts.idempotency
    }

    /// How far the tenant's memories were looked through for a person's, if there are rows behind.
    #[must_use]
    pub fn looked_to(&self) -> Option<MemoryId> {
        self.facts.scan_end.map(|(_, id)| id)
    }

    /// What befell what is about a person.
    #[must_use]
    pub const fn done(&self) -> Option<&Done> {
        self.details.done.as_ref()
    }

    /// What a walk of the chain found.
    #[must_use]
    pub const fn verification(&self) -> Option<&Verification> {
        self.facts.verification.as_ref()
    }

    /// The checkpoints that the store keeps, oldest first.
    #[must_use]
    pub fn checkpoints(&self) -> &[SignedCheckpoint] {
        &self.facts.checkpoints
    }

    /// Policies that are kept for the tenant.
    #[must_use]
    pub fn policies(&self) -> &[PolicyDocument] {
        &self.facts.policies
    }

    /// The schemas that the caller may read, or, where it changes them, may change.
    #[must_use]
    pub fn schemas(&self) -> &[StoredSchema] {
        &self.facts.schemas
    }

    /// The policy that is in force.
    #[must_use]
    pub const fn active_policy(&self) -> Option<&PolicyRef> {
        self.facts.active_policy.as_ref()
    }

    /// How it was ruled.
    #[must_use]
    pub const fn ruling(&self) -> &Ruling {
        &self.ruling
    }
}

impl Denial {
    /// Why.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// How it was ruled.
    #[must_use]
    pub const fn ruling(&self) -> &Ruling {
        &self.ruling
    }

    /// The grant that was no longer good.
    #[must_use]
    pub const fn grant(&self) -> Option<&ReadGrant> {
        self.grant.as_ref()
    }
}
