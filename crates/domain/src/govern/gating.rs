//! Whether a tool may be called, on what evidence, and under which constraints.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Ask, Details, Facts, Ruling, Verdict, Visible, partly_allowed, reading, spiralling, view};
use crate::ids::MemoryId;
use crate::memory::Memory;
use crate::policy::{DecidedBy, Effect, Filter, Policy, RuleId, Trace};
use crate::purpose::Purpose;
use crate::time::Timestamp;

/// What was decided about a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Whether the call itself is allowed, whatever its evidence.
    pub is_call_allowed: bool,
    /// Why.
    pub trace: Trace,
    /// Until when a spiral of the scope blocks all tools, where one does.
    pub blocked_until: Option<Timestamp>,
    /// What each memory is worth as evidence, in the order in which they were named.
    pub evidence: Vec<(MemoryId, Evidence)>,
}

/// What a memory is worth as evidence for a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// The tool may go by it.
    Admitted,
    /// There is no such memory, or none that this caller may go by in a task: the two are never told apart.
    NotAvailable,
    /// The caller may read it for a task, and these rules keep it from tools; none where no rule grants it.
    Denied(Vec<RuleId>),
}

impl Gate {
    /// Whether the tool may be called.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_call_allowed
            && self.blocked_until.is_none()
            && self.evidence.iter().all(|(_, worth)| *worth == Evidence::Admitted)
    }
}

/// The call is decided by what the request says; each memory as evidence is, whatever the call is for, one that may be read
/// for a task. The impacts that were loaded are read for the purpose that the call names.
pub(super) fn decide(policy: &Policy, ask: &Ask<'_>, mut facts: Facts) -> Verdict {
    let (_, named) = ask.tool.unwrap_or_default();
    let call = policy.narrow(&ask.request(), Effect::ToolExecution, &[]);
    let for_task = Ask { purpose: Some(Purpose::TaskExecution), ..ask.clone() };
    let shown: BTreeMap<MemoryId, Arc<Memory>> = std::mem::take(&mut facts.evidence)
        .into_iter()
        .filter(|memory| memory.tenant == ask.principal.tenant)
        .map(|memory| (memory.id, memory))
        .collect();
    let evidence = named.iter().map(|id| {
        let worth = shown.get(id).map_or(Evidence::NotAvailable, |memory| worth(policy, &for_task, memory));
        (*id, worth)
    });
    let gate = Gate {
        is_call_allowed: call.filter != Filter::Nothing,
        trace: call.trace.clone(),
        blocked_until: ask
            .scope
            .and_then(|scope| spiralling::blocks_tools(policy, ask, scope.partition()))
            .map(|spiral| spiral.expires),
        evidence: evidence.collect(),
    };
    let mut ruling = Ruling { trace: Some(call.trace), ..Ruling::default() };
    if !gate.is_call_allowed
        && let Some(trace) = &ruling.trace
    {
        ruling.rules.add(trace, Effect::ToolExecution);
    }
    let mut details = Details { gate: Some(gate), ..Details::default() };
    for memory in std::mem::take(&mut facts.memories) {
        if let Some(decision) = reading::decision(policy, ask, &memory) {
            reading::note(policy, ask, &memory, &decision, &mut details);
            facts.memories.push(view::redacted(&memory, &decision.obligations));
        }
    }
    partly_allowed(ask, facts, BTreeMap::new(), details, ruling)
}

fn worth(policy: &Policy, ask: &Ask<'_>, memory: &Memory) -> Evidence {
    let may_be_read = reading::decision(policy, ask, memory).is_some()
        && memory.object().is_none_or(|object| !object.is_barred_as_evidence(Purpose::TaskExecution));
    if !may_be_read {
        return Evidence::NotAvailable;
    }
    let view = super::view_of(policy, ask, memory);
    let decision = policy.decide(&ask.request(), &view, &[Effect::ToolExecution]);
    match decision.trace.verdict(Effect::ToolExecution) {
        Some(verdict) if verdict.allowed => Evidence::Admitted,
        Some(verdict) if verdict.by == DecidedBy::NoGrant => Evidence::Denied(Vec::new()),
        Some(verdict) => Evidence::Denied(verdict.rules.clone()),
        None => Evidence::NotAvailable,
    }
}

impl Visible<Facts> {
    /// What was decided about a tool, where one was asked about.
    #[must_use]
    pub const fn gate(&self) -> Option<&Gate> {
        self.details.gate.as_ref()
    }
}
