//! `tool.gate`: whether a tool may be called, on what evidence, and what it is to hold to.

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::constraint::{MergeReport, Target};
use memoryscope_domain::govern::{About, Authority, Evidence, Facts, Gate, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::MemoryType;
use memoryscope_domain::policy::Filter;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use serde_json::{Map, Value};

use super::query::{HeldConstraint, merged, of_types};
use super::{Bridging, Info, Mint, Operation, Plan, SpiralUse};
use crate::context::Context;
use crate::port::{Around, ObjectSelect, Select};
use crate::refusal::Refusal;
use crate::replay::canonical::Canonical;
use crate::replay::request::of_gate;

/// What it declares of itself.
pub static INFO: Info = Info { name: "tool.gate", audit: Code::literal("TOOL_GATE"), changes: false };

/// Asks whether a tool may be called in a scope.
#[derive(Debug, Clone)]
pub struct AskGate {
    /// Where.
    pub scope: Scope,
    /// Which tool.
    pub tool: String,
    /// What for.
    pub purpose: Purpose,
    /// The memories that it is to go by, each once.
    pub evidence: Vec<MemoryId>,
}

/// What the gate says.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was decided.
    pub gate: Gate,
    /// What the impacts of the scope ask of tools, merged.
    pub constraints: Vec<HeldConstraint>,
    /// What of the constraints was dropped, and for what.
    pub merge_report: Vec<MergeReport>,
}

impl Operation for AskGate {
    type Output = Answer;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Gate
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn scopes(&self) -> Vec<&Scope> {
        vec![&self.scope]
    }

    fn spirals(&self) -> SpiralUse {
        SpiralUse::ForEffects
    }

    fn about(&self) -> About {
        About::Objects(&[MemoryType::Impact])
    }

    fn tool(&self) -> Option<(&str, &[MemoryId])> {
        Some((&self.tool, &self.evidence))
    }

    /// What constraints name as their support may be what the caller may not see.
    fn shows_references(&self) -> bool {
        true
    }

    fn bridging(&self) -> Option<Bridging> {
        Some(Bridging::Whole)
    }

    fn select(&self, _cx: &Context) -> Select {
        let objects = ObjectSelect {
            partition: self.scope.partition(),
            among: of_types(&[MemoryType::Impact]),
            wanted: Filter::Everything,
            since: None,
            until: None,
            after: None,
            scan: None,
            words: None,
            near: None,
            around: Around::nothing(),
            limit: limits::LIST_SCAN_ITEMS,
        };
        Select::Evidence { ids: self.evidence.clone(), objects }
    }

    fn private(&self) -> Map<String, Value> {
        of_gate(self)
    }

    fn canonical(&self, _seen: &Visible<Facts>, output: &Self::Output) -> Option<Vec<u8>> {
        let mut out = Canonical::default();
        out.truth(output.gate.is_call_allowed)
            .truth(output.gate.blocked_until.is_some())
            .evidence(&output.gate.evidence);
        out.constraints(&output.constraints, &output.merge_report);
        Some(out.into_bytes())
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let gate = seen.gate().cloned().ok_or_else(|| Refusal::Bug("no tool was asked about".to_owned()))?;
        let awake = seen.memories().iter().filter(|memory| !seen.is_dormant(memory.id));
        let (mut constraints, merge_report) = merged(cx, awake.map(|memory| &**memory));
        constraints.retain(|held| held.constraint.target == Target::ToolExecution);
        let admitted = gate.evidence.iter().filter(|(_, worth)| *worth == Evidence::Admitted);
        let mut memory_ids: Vec<MemoryId> = admitted.map(|(id, _)| *id).collect();
        for held in &constraints {
            if !memory_ids.contains(&held.impact) {
                memory_ids.push(held.impact);
            }
        }
        let reason = (!gate.is_open()).then(|| Code::literal("GATE_CLOSED"));
        Ok(Plan { memory_ids, reason, ..Plan::answer(Answer { gate, constraints, merge_report }) })
    }
}
