//! `memory.query`: the events, impacts and seeds of a scope, for a purpose, the latest first.

use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::constraint::{Candidate, Constraint, MergeReport, merge};
use memoryscope_domain::govern::{About, Authority, Facts, Visible};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Body, Memory, MemoryType, State};
use memoryscope_domain::object::{Handling, Label, TruthMode, Unit};
use memoryscope_domain::policy::{Attribute, Effect, Filter, FilterField};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{ObjectSelect, Select};
use crate::refusal::Refusal;
use crate::replay::canonical::Canonical;
use crate::replay::request::of_query;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.query", audit: Code::MEMORY_QUERY, changes: false };

/// How many times as much is looked at where the policy let through too little.
const WIDENING: usize = 4;

/// Lists events, impacts and seeds of a scope.
#[derive(Debug, Clone)]
pub struct Query {
    /// Whose.
    pub scope: Scope,
    /// What for.
    pub purpose: Purpose,
    /// Which of them.
    pub filters: Filters,
    /// Only those behind this one, by [`Memory::placed`] and id: what the page before gave as [`Answer::next`].
    pub after: Option<(Timestamp, MemoryId)>,
    /// At most so many, 1 to [`limits::LIST_ITEMS_MAX`].
    pub limit: usize,
}

/// Which events, impacts and seeds. Empty lists ask for all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filters {
    /// Of these types; preferences are never among them.
    pub types: Vec<MemoryType>,
    /// True in one of these senses.
    pub truth_modes: Vec<TruthMode>,
    /// In one of these states. Where none is named, nothing dormant is shown.
    pub states: Vec<Shown>,
    /// With one of these labels of affect.
    pub labels: Vec<Label>,
    /// At least so strong now.
    pub min_strength: Option<Unit>,
    /// Happened at or after this time.
    pub since: Option<Timestamp>,
    /// Happened before this time.
    pub until: Option<Timestamp>,
}

/// A state as it is shown: what is active and weak is called dormant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shown {
    /// As it is stored; if active, then not dormant.
    Stored(State),
    /// Active, and weaker than the policy's threshold.
    Dormant,
}

impl Shown {
    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored(state) => state.name(),
            Self::Dormant => "dormant",
        }
    }
}

/// A memory that is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// As the policy obliges it to be shown.
    pub memory: Arc<Memory>,
    /// Whether it may be put into a prompt.
    pub include_in_prompt: bool,
    /// Its state.
    pub state: Shown,
    /// How strong it is now.
    pub strength: Unit,
}

impl Item {
    pub(super) fn of(cx: &Context, seen: &Visible<Facts>, memory: &Arc<Memory>) -> Self {
        let is_dormant = memory.state == State::Active && seen.is_dormant(memory.id);
        Self {
            memory: Arc::clone(memory),
            include_in_prompt: seen.is_for_prompts(memory.id),
            state: if is_dormant { Shown::Dormant } else { Shown::Stored(memory.state) },
            strength: memory.strength(cx.now),
        }
    }
}

/// A constraint that holds, and the impact that it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldConstraint {
    /// The impact.
    pub impact: MemoryId,
    /// What it says.
    pub constraint: Constraint,
}

/// A page of memories.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The memories, the latest first. For [`Purpose::ChatResponse`] only such as may be put into a prompt.
    pub items: Vec<Item>,
    /// What the impacts among them ask for together, the most important first.
    pub constraints: Vec<HeldConstraint>,
    /// What of that was dropped, and for what.
    pub merge_report: Vec<MergeReport>,
    /// Where the next page begins, if there may be one.
    pub next: Option<(Timestamp, MemoryId)>,
}

/// The three types that have objects, by a bit each: event, impact, seed.
const TYPE_SETS: [&[MemoryType]; 8] = {
    use MemoryType::{Event, Impact, Seed};
    [
        &[Event, Impact, Seed],
        &[Event],
        &[Impact],
        &[Event, Impact],
        &[Seed],
        &[Event, Seed],
        &[Impact, Seed],
        &[Event, Impact, Seed],
    ]
};

/// The types that are asked for; all where none is.
pub(super) fn types(wanted: &[MemoryType]) -> &'static [MemoryType] {
    let bit = |of_type, bit: usize| if wanted.contains(&of_type) { bit } else { 0 };
    TYPE_SETS[bit(MemoryType::Event, 1) + bit(MemoryType::Impact, 2) + bit(MemoryType::Seed, 4)]
}

/// One of these names.
pub(super) fn one_of(attribute: Attribute, names: BTreeSet<String>) -> Filter {
    FilterField::new(attribute).map_or(Filter::Everything, |field| Filter::OneOf(field, names))
}

fn named<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    names.map(str::to_owned).collect()
}

/// What may be found in other ways than by its id. Who has a right to all of it finds all of it.
pub(super) fn findable(purpose: Purpose) -> Filter {
    if matches!(purpose, Purpose::ComplianceAudit | Purpose::SubjectAccess) {
        return Filter::Everything;
    }
    let field = FilterField::new(Attribute::MemorySensitivityHandling);
    let barred = BTreeSet::from([Handling::NoSearch.name().to_owned()]);
    field.map_or(Filter::Everything, |field| Filter::NoneOf(field, barred))
}

impl Filters {
    /// What a store can test.
    fn wanted(&self) -> Filter {
        let mut parts = Vec::new();
        let of_types = types(&self.types);
        if of_types.len() < 3 {
            parts.push(one_of(Attribute::MemoryType, named(of_types.iter().map(|of_type| of_type.name()))));
        }
        if !self.truth_modes.is_empty() {
            let names = named(self.truth_modes.iter().map(|mode| mode.name()));
            parts.push(one_of(Attribute::MemoryTruthMode, names));
        }
        if !self.states.is_empty() {
            let stored = self.states.iter().map(|state| match state {
                Shown::Stored(state) => state.name(),
                Shown::Dormant => State::Active.name(),
            });
            parts.push(one_of(Attribute::MemoryState, named(stored)));
        }
        if let Some(field) = FilterField::new(Attribute::MemoryLabels).filter(|_| !self.labels.is_empty()) {
            parts.push(Filter::Intersects(field, named(self.labels.iter().map(|label| label.as_str()))));
        }
        Filter::and(parts)
    }

    /// What only the time of the request can tell.
    fn takes(&self, item: &Item) -> bool {
        let is_of_state = if self.states.is_empty() {
            item.state != Shown::Dormant
        } else {
            self.states.contains(&item.state)
        };
        is_of_state && self.min_strength.is_none_or(|least| item.strength >= least)
    }
}

impl Query {
    /// What is shown of what may be seen.
    fn items(&self, cx: &Context, seen: &Visible<Facts>) -> Vec<Item> {
        let is_for_prompts = self.purpose == Purpose::ChatResponse;
        let items = seen.memories().iter().map(|memory| Item::of(cx, seen, memory));
        items.filter(|item| self.filters.takes(item) && (item.include_in_prompt || !is_for_prompts)).collect()
    }

    fn select_rows(&self, limit: usize) -> Select {
        Select::Objects(ObjectSelect {
            partition: self.scope.partition(),
            wanted: Filter::and([self.filters.wanted(), findable(self.purpose)]),
            since: self.filters.since,
            until: self.filters.until,
            after: self.after,
            limit,
        })
    }

    /// How many rows are looked at, the n-th time.
    fn rows(&self, times: u32) -> usize {
        let first = self.limit.saturating_add(self.limit / 4).saturating_add(8);
        first.saturating_mul(WIDENING.saturating_pow(times)).min(limits::LIST_SCAN_ITEMS)
    }
}

/// What the impacts among these ask for together.
pub(super) fn merged<'a>(
    cx: &Context,
    memories: impl Iterator<Item = &'a Memory>,
) -> (Vec<HeldConstraint>, Vec<MergeReport>) {
    let mut candidates = Vec::new();
    for memory in memories {
        let Body::Impact(impact) = &memory.body else { continue };
        let last_reinforced_at = impact.object.strength.last_reinforced.unwrap_or(memory.created);
        candidates.extend(impact.constraints.iter().map(|constraint| Candidate {
            scope: &memory.scope,
            holder: memory.id,
            constraint,
            last_reinforced_at,
        }));
    }
    let merged = merge(candidates, cx.now);
    let held = merged
        .kept
        .iter()
        .map(|kept| HeldConstraint { impact: kept.holder, constraint: kept.constraint.clone() });
    (held.collect(), merged.report)
}

impl Operation for Query {
    type Output = Answer;

    fn info(&self) -> &'static Info {
        &INFO
    }

    fn authority(&self) -> Authority {
        Authority::Policy(Effect::Read)
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn about(&self) -> About {
        About::Objects(types(&self.filters.types))
    }

    fn shows_references(&self) -> bool {
        true
    }

    fn select(&self, _cx: &Context) -> Select {
        self.select_rows(self.rows(0))
    }

    fn select_wider(&self, _cx: &Context, times: u32) -> Option<Select> {
        (self.rows(times - 1) < limits::LIST_SCAN_ITEMS).then(|| self.select_rows(self.rows(times)))
    }

    /// One more than is shown says whether there is a next page: what is only passed over must not say it.
    fn is_short(&self, cx: &Context, seen: &Visible<Facts>) -> bool {
        self.items(cx, seen).len() <= self.limit
    }

    fn private(&self) -> Map<String, Value> {
        of_query(self)
    }

    fn canonical(&self, seen: &Visible<Facts>, output: &Self::Output) -> Option<Vec<u8>> {
        let mut out = Canonical::default();
        out.count(output.items.len());
        output.items.iter().for_each(|item| {
            out.item(seen, item);
        });
        out.constraints(&output.constraints, &output.merge_report).place(output.next);
        Some(out.into_bytes())
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let mut items = self.items(cx, seen);
        let more = seen.more() || items.len() > self.limit;
        items.truncate(self.limit);
        // The cursor names a memory that the caller saw, never one that was passed over.
        let last = items.last().filter(|_| more);
        let next = last.and_then(|last| Some((last.memory.placed?, last.memory.id)));
        let (constraints, merge_report) = merged(cx, items.iter().map(|item| &*item.memory));
        Ok(Plan {
            memory_ids: items.iter().map(|item| item.memory.id).collect(),
            ..Plan::answer(Answer { items, constraints, merge_report, next })
        })
    }
}
