//! `decision.explain`: why a logged decision came out as it did, or how memories would be decided for a request.

use std::collections::{BTreeMap, BTreeSet};

use memoryscope_domain::audit_chain::{Code, Draft};
use memoryscope_domain::govern::{Authority, Explained, Facts, Gate, Visible};
use memoryscope_domain::ids::{AuditId, MemoryId};
use memoryscope_domain::principal::Role;
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::words::Score;
use serde_json::{Map, Value, json};

use super::query::HeldConstraint;
use super::replay::{named, purpose_of_looking, shown};
use super::spiral::Active;
use super::{Bridging, Info, Mint, Operation, Plan, SpiralUse};
use crate::context::Context;
use crate::port::Select;
use crate::refusal::Refusal;
use crate::replay::{Again, Comparison, NotReplayable, Remade};

/// What it declares of itself.
pub static INFO: Info =
    Info { name: "decision.explain", audit: Code::literal("DECISION_EXPLAIN"), changes: false };

/// Explains a logged decision. Made by [`Engine::explain`](crate::engine::Engine::explain).
#[derive(Debug)]
pub struct Explain {
    log: AuditId,
    purpose: Option<Purpose>,
    found: Option<Result<Box<Found>, NotTold>>,
}

/// Why a decision is not explained, and what was recorded of it.
#[derive(Debug, Clone)]
pub struct NotTold {
    /// Why.
    pub why: NotReplayable,
    /// What was recorded, where that can be read.
    pub draft: Option<Box<Draft>>,
}

#[derive(Debug)]
struct Found {
    draft: Draft,
    again: Again,
    comparison: Comparison,
    spiral: Option<Active>,
}

/// Why a decision came out as it did, as far as the caller may see now what it was about.
#[derive(Debug, Clone)]
pub enum ExplainedLog {
    /// It can be told.
    Told(Box<Explanation>),
    /// It can't: why.
    NotTold(NotTold),
}

/// The explanation of a decision.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What was recorded of it.
    pub draft: Draft,
    /// Whether it was explained as it was recorded.
    pub comparison: Comparison,
    /// The memories it returned, in order.
    pub memory_ids: Vec<MemoryId>,
    /// How each of them was decided.
    pub decisions: Vec<Returned>,
    /// The constraints that held.
    pub constraints: Vec<HeldConstraint>,
    /// For an auditor, what was looked at and not returned because it may not be read.
    pub denials: Vec<Explained>,
    /// The spiral that held, as far as the caller may know of it.
    pub spiral: Option<Active>,
    /// What a tool's gate said.
    pub gate: Option<Gate>,
}

/// How one memory was decided.
#[derive(Debug, Clone)]
pub struct Returned {
    /// In full.
    pub explained: Explained,
    /// Its place in the answer, from 1.
    pub rank: Option<usize>,
    /// How well it answers what was asked by words, where that was asked.
    pub score: Option<Score>,
}

impl Explanation {
    /// Of the memories that were returned, those that may not be reinforced.
    pub fn not_reinforced(&self) -> impl Iterator<Item = &Explained> {
        let all = self.decisions.iter().map(|decided| &decided.explained);
        all.filter(|explained| explained.is_not_reinforced())
    }
}

impl Explain {
    pub(crate) const fn of(log: AuditId) -> Self {
        Self { log, purpose: None, found: None }
    }

    pub(crate) fn cannot(&mut self, why: NotReplayable, draft: Option<Draft>) {
        self.found = Some(Err(NotTold { why, draft: draft.map(Box::new) }));
    }

    pub(crate) fn made(&mut self, cx: &Context, remade: Remade, spiral: Option<Active>) {
        self.purpose = Some(purpose_of_looking(cx, remade.recorded.request.purpose()));
        let Remade { recorded, again, comparison } = remade;
        self.found = Some(Ok(Box::new(Found { draft: recorded.draft, again, comparison, spiral })));
    }
}

impl Operation for Explain {
    type Output = ExplainedLog;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Logged
    }

    fn purpose(&self) -> Option<Purpose> {
        self.purpose
    }

    /// What was seen behind a bridge is seen by its id for as long as one leads there.
    fn bridging(&self) -> Option<Bridging> {
        Some(Bridging::Each)
    }

    fn select(&self, _cx: &Context) -> Select {
        let again = self.found.iter().flatten().map(|found| &found.again);
        Select::Logged { entry: self.log, ids: named(again) }
    }

    fn private(&self) -> Map<String, Value> {
        Map::from_iter([("request".to_owned(), json!({ "access_log_id": self.log.prefixed() }))])
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let found =
            self.found.as_ref().ok_or_else(|| Refusal::Bug("no decision was explained".to_owned()))?;
        let found = match found {
            Ok(found) => found,
            Err(why) => return Ok(Plan::answer(ExplainedLog::NotTold(why.clone()))),
        };
        let again = &found.again;
        let shown = shown(again, seen);
        let visible: BTreeSet<MemoryId> = seen.memories().iter().map(|memory| memory.id).collect();
        let rank = |id: MemoryId| again.memory_ids.iter().position(|other| *other == id).map(|at| at + 1);
        let scores: BTreeMap<MemoryId, Score> =
            again.items().iter().filter_map(|item| Some((item.memory.id, item.score?))).collect();
        let returned = again.looked_at.iter().filter(|one| visible.contains(&one.memory));
        let mut decisions: Vec<Returned> = returned
            .filter_map(|one| {
                let (rank, score) = (Some(rank(one.memory)?), scores.get(&one.memory).copied());
                Some(Returned { explained: one.clone(), rank, score })
            })
            .collect();
        decisions.sort_by_key(|decided| decided.rank);
        let is_auditor = cx.principal.roles.contains(&Role::Auditor);
        let withheld = again.looked_at.iter().filter(|one| is_auditor && one.withheld.is_some());
        let explanation = Explanation {
            draft: found.draft.clone(),
            comparison: found.comparison.clone(),
            memory_ids: shown.memory_ids.clone(),
            decisions,
            constraints: shown.constraints,
            denials: withheld.cloned().collect(),
            spiral: found.spiral,
            gate: shown.gate,
        };
        Ok(Plan { memory_ids: shown.memory_ids, ..Plan::answer(ExplainedLog::Told(Box::new(explanation))) })
    }
}

/// Tells how memories would be decided for a request that is described, and not made.
#[derive(Debug, Clone)]
pub struct ExplainMemories {
    /// Which, each once.
    pub ids: Vec<MemoryId>,
    /// What the request would be for.
    pub purpose: Purpose,
    /// Which operation it would be: one of [`super::ALL`].
    pub operation: &'static str,
    /// Which tool it would be for.
    pub tool: Option<String>,
    /// Whether it would ask for references to events.
    pub include_events: bool,
}

impl Operation for ExplainMemories {
    /// Of the memories that the caller may know of, in the order in which they were named.
    type Output = Vec<Explained>;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Explain
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn asks_as(&self) -> &'static str {
        self.operation
    }

    fn include_events(&self) -> bool {
        self.include_events
    }

    fn spirals(&self) -> SpiralUse {
        SpiralUse::ForEffects
    }

    fn tool(&self) -> Option<(&str, &[MemoryId])> {
        self.tool.as_deref().map(|tool| (tool, &[][..]))
    }

    fn bridging(&self) -> Option<Bridging> {
        Some(Bridging::Each)
    }

    fn select(&self, _cx: &Context) -> Select {
        Select::Memories(self.ids.clone())
    }

    fn private(&self) -> Map<String, Value> {
        let request = json!({
            "memory_ids": self.ids.iter().map(|id| id.prefixed()).collect::<Vec<_>>(),
            "purpose": self.purpose.name(),
            "operation": self.operation,
            "tool": self.tool,
            "include_events": self.include_events,
        });
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let all = seen.explained().to_vec();
        Ok(Plan { memory_ids: all.iter().map(|one| one.memory).collect(), ..Plan::answer(all) })
    }
}
