//! `memory.seal` and the other steps that can be made with a memory that was stored, each with what follows from it.

use std::sync::Arc;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::change::{Change, IdempotencyRecord};
use memoryscope_domain::govern::{Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::lifecycle::{Barred, Step};
use memoryscope_domain::limits;
use memoryscope_domain::memory::Memory;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan, SpiralUse, kept, marked};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;

/// A memory is sealed.
pub static SEAL: Info = Info { name: "memory.seal", audit: Code::literal("MEMORY_SEAL"), changes: true };
/// A memory's seal is opened.
pub static RELEASE: Info =
    Info { name: "memory.release", audit: Code::literal("MEMORY_RELEASE"), changes: true };
/// A memory is made unusable.
pub static REVOKE: Info = Info { name: "memory.revoke", audit: Code::MEMORY_REVOKE, changes: true };
/// A memory is made stronger.
pub static REINFORCE: Info =
    Info { name: "memory.reinforce", audit: Code::literal("MEMORY_REINFORCE"), changes: true };
/// A memory is recalled, and perhaps changed.
pub static RECALL: Info =
    Info { name: "memory.recall", audit: Code::literal("MEMORY_RECALL"), changes: true };
/// What a memory says as an item is changed, or how it is treated.
pub static REVISE: Info =
    Info { name: "memory.revise", audit: Code::literal("MEMORY_REVISE"), changes: true };
/// A memory's truth is disputed.
pub static DISPUTE: Info =
    Info { name: "memory.dispute", audit: Code::literal("MEMORY_DISPUTE"), changes: true };
/// Somebody says whether a memory is so.
pub static ATTEST: Info =
    Info { name: "memory.attest", audit: Code::literal("MEMORY_ATTEST"), changes: true };
/// What waits for a review is usable again.
pub static APPROVE: Info =
    Info { name: "memory.approve", audit: Code::literal("MEMORY_APPROVE"), changes: true };
/// What waits for a review is made unusable.
pub static REJECT: Info =
    Info { name: "memory.reject", audit: Code::literal("MEMORY_REJECT"), changes: true };
/// A memory's content is erased.
pub static ERASE: Info = Info { name: "memory.erase", audit: Code::MEMORY_DELETE, changes: true };

/// Makes a step with a memory. Making one again that sets a state changes nothing.
#[derive(Debug, Clone)]
pub struct MakeStep {
    /// With which memory.
    pub id: MemoryId,
    /// Which step.
    pub step: Step,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The memory as it is now.
    pub memory: Arc<Memory>,
    /// Everything derived from it that changed with it, or was made.
    pub propagated_to: Vec<MemoryId>,
    /// Whether more is to follow than was done in one commit; it is hidden until it has.
    pub pending: bool,
}

impl Operation for MakeStep {
    /// What it came to, or why this memory cannot be changed so.
    type Output = Result<Made, Barred>;

    fn info(&self) -> &'static Info {
        match self.step {
            Step::Seal { .. } => &SEAL,
            Step::Release { .. } => &RELEASE,
            Step::Revoke { .. } => &REVOKE,
            Step::Reinforce { .. } => &REINFORCE,
            Step::Recall(_) => &RECALL,
            Step::Revise(_) => &REVISE,
            Step::Dispute { .. } => &DISPUTE,
            Step::Attest { .. } => &ATTEST,
            Step::Approve { .. } => &APPROVE,
            Step::Reject { .. } => &REJECT,
            Step::Erase => &ERASE,
        }
    }

    fn authority(&self) -> Authority {
        Authority::ChangeNamed
    }

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn spirals(&self) -> SpiralUse {
        match self.step {
            Step::Reinforce { .. } => SpiralUse::ForEffects,
            _ => SpiralUse::ForPolicy,
        }
    }

    fn select(&self, _cx: &Context) -> Select {
        if self.step.propagates() {
            Select::Family { id: self.id, limit: limits::PROPAGATION_ROWS }
        } else {
            Select::Memories(vec![self.id])
        }
    }

    fn private(&self) -> Map<String, Value> {
        let mut request = json!({ "memory_id": self.id.prefixed() });
        let reason = match &self.step {
            Step::Seal { reason }
            | Step::Release { reason }
            | Step::Revoke { reason }
            | Step::Approve { reason, .. }
            | Step::Reject { reason }
            | Step::Reinforce { reason, .. } => reason.as_ref(),
            Step::Dispute { reason } => Some(reason),
            Step::Attest { attestation, .. } => Some(attestation),
            Step::Recall(updates) => updates.note.as_ref(),
            Step::Revise(_) | Step::Erase => None,
        };
        if let Some(reason) = reason {
            request["reason"] = json!(reason.as_str());
        }
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let changed = match seen.changed() {
            Some(Ok(changed)) => changed,
            Some(Err(barred)) => {
                let reason = Some(Code::literal("BARRED"));
                let plan = Plan::answer(Err(barred.clone()));
                return Ok(Plan { memory_ids: vec![self.id], reason, came_to_nothing: true, ..plan });
            }
            None => return Err(Refusal::Bug("a step was not made".to_owned())),
        };
        if changed.versions.is_empty() {
            let (memory, pending) = (Arc::clone(&changed.memory), seen.is_unfinished());
            let made = Made { memory, propagated_to: Vec::new(), pending };
            let reason = Some(Code::literal("ALREADY_DONE"));
            return Ok(Plan { memory_ids: vec![self.id], reason, ..Plan::answer(Ok(made)) });
        }
        let following = changed.versions.iter().skip(1).chain(&changed.made);
        let propagated_to: Vec<MemoryId> = following.map(|memory| memory.id).collect();
        // A spiral may have been found in what it said, and nobody may know of that any more.
        let is_hidden = matches!(
            self.step,
            Step::Seal { .. } | Step::Revoke { .. } | Step::Reject { .. } | Step::Revise(_) | Step::Erase
        );
        let is_event = changed.memory.placed.is_some() || self.step == Step::Erase;
        let forgets = (is_hidden && is_event).then(|| Change::ForgetSpiral(changed.memory.partition));
        Ok(Plan {
            changes: kept(&changed.versions, &changed.made)
                .chain(forgets)
                .chain(marked(changed.mark.as_slice()))
                .collect(),
            memory_ids: [self.id].into_iter().chain(propagated_to.iter().copied()).collect(),
            ..Plan::answer(Ok(Made {
                memory: Arc::clone(&changed.memory),
                propagated_to,
                pending: changed.mark.is_some(),
            }))
        })
    }

    fn select_repeat(&self, record: &IdempotencyRecord) -> Option<Select> {
        Some(Select::Memories(record.memory_ids.clone()))
    }

    fn plan_repeat(&self, seen: &Visible<Facts>) -> Option<Plan<Self::Output>> {
        let Ok(changed) = seen.changed()? else { return None };
        let (memory, pending) = (Arc::clone(&changed.memory), seen.is_unfinished());
        let made = Made { memory, propagated_to: changed.followed.clone(), pending };
        let memory_ids = [self.id].into_iter().chain(changed.followed.iter().copied()).collect();
        let reason = Some(Code::literal("IDEMPOTENT_REPEAT"));
        Some(Plan { memory_ids, reason, ..Plan::answer(Ok(made)) })
    }
}
