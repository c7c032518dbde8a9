//! `decision.replay`: a logged decision made again, and compared with what was recorded of it.
//!
//! It was made before this operation runs; what is decided here is whose it is to look at, and what of it may be seen
//! now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memoryscope_domain::audit_chain::{Code, Draft, Verdict as Outcome};
use memoryscope_domain::govern::{Authority, Evidence, Facts, Gate, Visible};
use memoryscope_domain::ids::{AuditId, MemoryId};
use memoryscope_domain::memory::Memory;
use memoryscope_domain::policy::Trace;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::Reconstruction;
use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::query::{HeldConstraint, Item};
use super::{Bridging, Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;
use crate::replay::{Again, Comparison, NotReplayable, Override, Remade};

/// What it declares of itself.
pub static INFO: Info =
    Info { name: "decision.replay", audit: Code::literal("DECISION_REPLAY"), changes: false };

/// Shows a decision that was made again. Made by [`Engine::replay`](crate::engine::Engine::replay).
#[derive(Debug)]
pub struct Replay {
    log: AuditId,
    pub(crate) overridden: Override,
    purpose: Option<Purpose>,
    found: Option<Found>,
}

/// What came of making it again.
#[derive(Debug)]
struct Found {
    draft: Option<Draft>,
    again: Option<Again>,
    instead: Option<Instead>,
    comparison: Comparison,
}

/// What came of asking otherwise.
#[derive(Debug)]
pub(crate) struct Instead {
    /// None where no such policy is known.
    pub(crate) again: Option<Again>,
    /// Which of the memories that were returned before may be seen now, for the purpose that was named then.
    pub(crate) visible: BTreeSet<MemoryId>,
}

/// A decision that was made again, as far as the caller may see it now.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// How it compares with what was recorded, asked as it was asked.
    pub comparison: Comparison,
    /// What it came to: with what was overridden, where something was. None where it could not be made.
    pub result: Option<Shown>,
    /// The policy's trace of that.
    pub trace: Option<Trace>,
    /// What that changes, where something was overridden.
    pub diff: Option<Diff>,
    /// Whether a policy was named that is not known.
    pub is_policy_unknown: bool,
    /// The time at which it was decided: strengths are as of then.
    pub at: Option<Timestamp>,
}

/// What a request came to, as far as the caller may see it now.
#[derive(Debug, Clone)]
pub struct Shown {
    /// How it ended.
    pub decision: Outcome,
    /// Why.
    pub reason: Option<Code>,
    /// The memories it returned, in order.
    pub memory_ids: Vec<MemoryId>,
    /// Those whose content it showed, as it showed them, without what the policy now removes.
    pub items: Vec<Item>,
    /// The constraints that held.
    pub constraints: Vec<HeldConstraint>,
    /// The context that was put together, where everything that it was put together from may be seen now.
    pub reconstruction: Option<Reconstruction>,
    /// What a tool's gate said.
    pub gate: Option<Gate>,
}

/// What an override changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Memories that are returned only with it.
    pub added: Vec<MemoryId>,
    /// Memories that are returned only without it.
    pub removed: Vec<MemoryId>,
    /// Memories that are shown otherwise.
    pub changed: Vec<MemoryId>,
}

impl Replay {
    pub(crate) const fn of(log: AuditId, overridden: Override) -> Self {
        Self { log, overridden, purpose: None, found: None }
    }

    pub(crate) fn cannot(&mut self, why: NotReplayable) {
        let comparison = Comparison::NotReplayable(why);
        self.found = Some(Found { draft: None, again: None, instead: None, comparison });
    }

    pub(crate) fn made(&mut self, cx: &Context, remade: Remade, instead: Option<Instead>) {
        let asked_for = self.overridden.purpose.unwrap_or(remade.recorded.request.purpose());
        self.purpose = Some(purpose_of_looking(cx, asked_for));
        let (draft, again) = (Some(remade.recorded.draft), Some(remade.again));
        self.found = Some(Found { draft, again, instead, comparison: remade.comparison });
    }

    fn made_again(&self) -> impl Iterator<Item = &Again> {
        let found = self.found.as_ref();
        let instead =
            found.and_then(|found| found.instead.as_ref()).and_then(|instead| instead.again.as_ref());
        found.and_then(|found| found.again.as_ref()).into_iter().chain(instead)
    }
}

/// For what somebody sees what a decision was about: who may look at all decisions does so to debug them.
pub(crate) fn purpose_of_looking(cx: &Context, asked_for: Purpose) -> Purpose {
    if cx.principal.may_look_at_all_decisions() { Purpose::DebuggingReplay } else { asked_for }
}

/// Every memory that is to be decided anew: what was returned, shown, or holds a constraint.
pub(super) fn named<'a>(all: impl Iterator<Item = &'a Again>) -> Vec<MemoryId> {
    let mut ids = BTreeSet::new();
    for again in all {
        ids.extend(again.memory_ids.iter().copied());
        ids.extend(again.items().iter().map(|item| item.memory.id));
        ids.extend(again.constraints().iter().map(|held| held.impact));
        ids.extend(again.gate().into_iter().flat_map(|gate| gate.evidence.iter().map(|(id, _)| *id)));
    }
    ids.into_iter().collect()
}

/// What of a result may be seen now.
pub(super) fn shown(again: &Again, seen: &Visible<Facts>) -> Shown {
    let visible: BTreeSet<MemoryId> = seen.memories().iter().map(|memory| memory.id).collect();
    let is_visible = |id: &MemoryId| visible.contains(id);
    let versions: BTreeMap<(MemoryId, u64), &Arc<Memory>> =
        seen.versions().iter().map(|version| ((version.id, version.version), version)).collect();
    let item = |item: &&Item| {
        let version = versions.get(&(item.memory.id, item.memory.version))?;
        Some(Item { memory: Arc::clone(version), ..Item::clone(item) })
    };
    let reconstruction = again.reconstruction().filter(|told| {
        let sources = [&told.sources.impacts, &told.sources.seeds, &told.sources.events];
        sources.into_iter().flatten().all(is_visible)
    });
    let gate = again.gate().map(|gate| Gate {
        evidence: gate
            .evidence
            .iter()
            .map(|(id, worth)| (*id, if is_visible(id) { worth.clone() } else { Evidence::NotAvailable }))
            .collect(),
        ..gate.clone()
    });
    Shown {
        decision: again.decision,
        reason: again.reason.clone(),
        memory_ids: again.memory_ids.iter().copied().filter(is_visible).collect(),
        items: again.items().iter().filter_map(item).collect(),
        constraints: again.constraints().iter().filter(|held| is_visible(&held.impact)).cloned().collect(),
        reconstruction: reconstruction.cloned(),
        gate,
    }
}

fn diff(before: &Shown, after: &Shown) -> Diff {
    let ids = |shown: &Shown| shown.memory_ids.iter().copied().collect::<BTreeSet<_>>();
    let (old, new) = (ids(before), ids(after));
    let items: BTreeMap<(MemoryId, u64), &Item> =
        before.items.iter().map(|item| ((item.memory.id, item.memory.version), item)).collect();
    let is_changed = |item: &&Item| {
        items.get(&(item.memory.id, item.memory.version)).is_some_and(|before| *before != *item)
    };
    Diff {
        added: after.memory_ids.iter().copied().filter(|id| !old.contains(id)).collect(),
        removed: before.memory_ids.iter().copied().filter(|id| !new.contains(id)).collect(),
        changed: after.items.iter().filter(is_changed).map(|item| item.memory.id).collect(),
    }
}

impl Operation for Replay {
    type Output = Replayed;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Logged
    }

    fn purpose(&self) -> Option<Purpose> {
        self.purpose
    }

    fn shows_references(&self) -> bool {
        true
    }

    /// What was seen behind a bridge is seen by its id for as long as one leads there.
    fn bridging(&self) -> Option<Bridging> {
        Some(Bridging::Each)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Logged { entry: self.log, ids: named(self.made_again()) }
    }

    fn recalled(&self) -> Vec<Arc<Memory>> {
        let items = self.made_again().flat_map(Again::items);
        let versions: BTreeMap<(MemoryId, u64), &Arc<Memory>> =
            items.map(|item| ((item.memory.id, item.memory.version), &item.memory)).collect();
        versions.into_values().cloned().collect()
    }

    fn private(&self) -> Map<String, Value> {
        let Override { purpose, policy_version, time } = &self.overridden;
        let mut request = json!({ "access_log_id": self.log.prefixed() });
        if !self.overridden.is_empty() {
            request["override"] = json!({
                "purpose": purpose.map(Purpose::name),
                "policy_version": policy_version,
                "time": time.map(Timestamp::unix_micros),
            });
        }
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let found =
            self.found.as_ref().ok_or_else(|| Refusal::Bug("no decision was made again".to_owned()))?;
        let mut as_it_was = found.again.as_ref().map(|again| shown(again, seen));
        let instead = found.instead.as_ref();
        let asked_otherwise = instead.and_then(|instead| instead.again.as_ref());
        let otherwise = asked_otherwise.map(|again| shown(again, seen));
        if let (Some(instead), Some(before), Some(again)) = (instead, &mut as_it_was, &found.again) {
            let is_visible = |id: &MemoryId| instead.visible.contains(id);
            before.memory_ids = again.memory_ids.iter().copied().filter(is_visible).collect();
        }
        let diff = as_it_was.as_ref().zip(otherwise.as_ref()).map(|(before, after)| diff(before, after));
        let is_policy_unknown = instead.is_some_and(|instead| instead.again.is_none());
        let trace = asked_otherwise.or(found.again.as_ref()).and_then(|again| again.trace.clone());
        let result = otherwise.or(as_it_was);
        let memory_ids = result.as_ref().map_or_else(Vec::new, |shown| shown.memory_ids.clone());
        let at = found.draft.as_ref().map(|draft| self.overridden.time.unwrap_or(draft.time));
        let comparison = found.comparison.clone();
        let output = Replayed { comparison, result, trace, diff, is_policy_unknown, at };
        Ok(Plan { memory_ids, ..Plan::answer(output) })
    }
}
