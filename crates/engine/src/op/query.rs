//! `memory.query`: the events, impacts and seeds of a scope, for a purpose, the latest first.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::constraint::{Candidate, Constraint, MergeReport, merge};
use memoryscope_domain::govern::{About, Authority, Facts, Visible, Withheld};
use memoryscope_domain::graph::fold::Node;
use memoryscope_domain::ids::{BridgeId, MemoryId};
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Body, Memory, MemoryType, State};
use memoryscope_domain::object::{Handling, Label, TruthMode, Unit};
use memoryscope_domain::place::Place;
use memoryscope_domain::policy::{Attribute, Effect, Filter, FilterField};
use memoryscope_domain::predicate::{self, Predicate};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::retrieval::Why;
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use memoryscope_domain::words::Score;
use serde_json::{Map, Value};

use super::page::{self, Next};
use super::search::Search;
use super::{Bridging, Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{Around, ObjectSelect, Select, WantedRecords};
use crate::refusal::Refusal;
use crate::replay::canonical::Canonical;
use crate::replay::request::of_query;

/// What it declares of itself.
pub static INFO: Info = Info { name: "memory.query", audit: Code::MEMORY_QUERY, changes: false };

/// Lists events, impacts and seeds of a scope.
#[derive(Debug, Clone)]
pub struct Query {
    /// Whose.
    pub scope: Scope,
    /// What for.
    pub purpose: Purpose,
    /// Which of them.
    pub filters: Filters,
    /// Only those behind this place, by [`Memory::placed`] and id: what the page before gave as [`Answer::next`].
    pub after: Option<Place>,
    /// Only those that answer this, the best first; `after` is then its own.
    pub search: Option<Search>,
    /// At most so many, 1 to [`limits::LIST_ITEMS_MAX`].
    pub limit: usize,
    /// At most so many tokens by [`Memory::token_estimate`], but for the first memory, which is always there.
    pub max_tokens: Option<usize>,
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
    /// Of which this holds, as they are shown.
    pub predicate: Option<Predicate>,
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
    /// How a state is shown of what is as weak as this.
    #[must_use]
    pub const fn of(state: State, is_weak: bool) -> Self {
        if is_weak && matches!(state, State::Active) { Self::Dormant } else { Self::Stored(state) }
    }

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
    /// How well it answers what was asked, where something was.
    pub score: Option<Score>,
    /// Why it does.
    pub why: Option<Why>,
    /// The bridge behind which it is read, where it is another scope's.
    pub bridge: Option<BridgeId>,
}

impl Item {
    /// Whether a predicate takes it, as it is shown here.
    pub(super) fn is_taken_by(&self, predicate: Option<&Predicate>) -> bool {
        let shown =
            predicate::Shown { memory: &self.memory, state: self.state.name(), strength: self.strength };
        predicate.is_none_or(|predicate| predicate.takes(&shown))
    }

    pub(super) fn of(cx: &Context, seen: &Visible<Facts>, memory: &Arc<Memory>) -> Self {
        Self {
            memory: Arc::clone(memory),
            include_in_prompt: seen.is_for_prompts(memory.id),
            state: Shown::of(memory.state, seen.is_dormant(memory.id)),
            strength: memory.strength(cx.now),
            score: seen.score(memory.id),
            why: seen.why(memory.id),
            bridge: seen.bridge_to(memory.id),
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
    /// The memories, the latest first; where words were asked for, the best first. For [`Purpose::ChatResponse`] only such as may be put into a prompt.
    pub items: Vec<Item>,
    /// What the impacts among them ask for together, the most important first.
    pub constraints: Vec<HeldConstraint>,
    /// What of that was dropped, and for what.
    pub merge_report: Vec<MergeReport>,
    /// What was looked at for this page, asked for and withheld, in the page's order; only auditors are told.
    pub denied: Vec<MemoryId>,
    /// Nodes of the graph, where they were asked for: those that the question led to, and those of which the memories say something.
    pub nodes: Vec<Node>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Next>,
    /// Whether more memories hold the words than were ranked.
    pub approximate: bool,
    /// How many tokens the items have, by [`Memory::token_estimate`].
    pub tokens_used: usize,
}

/// How many types have objects.
const OBJECT_TYPES: usize = 3;

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
pub(crate) fn one_of(attribute: Attribute, names: BTreeSet<String>) -> Filter {
    FilterField::new(attribute).map_or(Filter::Everything, |field| Filter::OneOf(field, names))
}

fn named<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    names.map(str::to_owned).collect()
}

/// Of these types; whatever an object can be needs no test.
pub(super) fn of_types(of_types: &[MemoryType]) -> Filter {
    if of_types.len() == OBJECT_TYPES {
        return Filter::Everything;
    }
    one_of(Attribute::MemoryType, named(of_types.iter().map(|of_type| of_type.name())))
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
    fn takes(&self, state: Shown, strength: Unit) -> bool {
        let asks_for_dormant =
            || self.predicate.as_ref().is_some_and(|predicate| predicate.names_state(Shown::Dormant.name()));
        let is_of_state = match self.states.as_slice() {
            [] => state != Shown::Dormant || asks_for_dormant(),
            states => states.contains(&state),
        };
        is_of_state && self.min_strength.is_none_or(|least| strength >= least)
    }
}

impl Query {
    /// What is shown of what may be seen.
    fn items(&self, cx: &Context, seen: &Visible<Facts>) -> Vec<Item> {
        let is_for_prompts = self.purpose == Purpose::ChatResponse;
        let items = seen.memories().iter().map(|memory| Item::of(cx, seen, memory));
        let is_wanted = |item: &Item| {
            self.filters.takes(item.state, item.strength)
                && (item.include_in_prompt || !is_for_prompts)
                && item.is_taken_by(self.filters.predicate.as_ref())
        };
        items.filter(is_wanted).collect()
    }

    const fn bounds(&self) -> page::Bounds {
        page::Bounds { limit: self.limit, max_tokens: self.max_tokens }
    }

    /// What was asked for and withheld, up to where the page ends. Of what is withheld nothing is shown that a predicate could
    /// be asked about.
    fn denied(&self, seen: &Visible<Facts>, last: Option<Place>) -> Vec<MemoryId> {
        if self.filters.predicate.is_some() {
            return Vec::new();
        }
        let behind =
            |(time, id): Place| last.is_some_and(|last| (Reverse(time), id) > (Reverse(last.0), last.1));
        let is_asked_for = |one: &&Withheld| {
            self.filters.takes(Shown::of(one.state, one.is_dormant), one.strength) && !behind(one.place)
        };
        seen.withheld().iter().filter(is_asked_for).map(|one| one.id).collect()
    }

    fn select_rows(&self, limit: usize) -> Select {
        let objects = ObjectSelect {
            partition: self.scope.partition(),
            among: of_types(types(&self.filters.types)),
            wanted: Filter::and([self.filters.wanted(), findable(self.purpose)]),
            since: self.filters.since,
            until: self.filters.until,
            after: self.after,
            scan: Some(limits::LIST_SCAN_ITEMS),
            words: None,
            near: None,
            around: Around::nothing(),
            limit,
        };
        Select::Objects(match &self.search {
            Some(search) => search.among(objects),
            None => objects,
        })
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

    fn scopes(&self) -> Vec<&Scope> {
        vec![&self.scope]
    }

    fn about(&self) -> About {
        About::Objects(types(&self.filters.types))
    }

    fn shows_references(&self) -> bool {
        true
    }

    /// What is ranked is not listed in an order that a page could end in.
    fn bridging(&self) -> Option<Bridging> {
        Some(if self.search.is_some() { Bridging::Whole } else { Bridging::Paged })
    }

    fn select(&self, _cx: &Context) -> Select {
        self.select_rows(page::rows(self.limit, 0))
    }

    fn select_wider(&self, _cx: &Context, times: u32) -> Option<Select> {
        let rows = match &self.search {
            Some(_) => Search::may_look_again(times).then_some(limits::MATCH_ROWS),
            None => page::rows_wider(self.limit, times),
        };
        rows.map(|rows| self.select_rows(rows))
    }

    /// One more than is shown says whether there is a next page: what is only passed over must not say it.
    fn is_short(&self, cx: &Context, seen: &Visible<Facts>) -> bool {
        self.search.is_none() && !self.bounds().are_exceeded_by(&self.items(cx, seen))
    }

    fn leads_on(&self, cx: &Context, seen: &Visible<Facts>) -> bool {
        self.search.as_ref().is_some_and(|search| search.leads_on(&self.items(cx, seen), seen, cx.now))
    }

    fn records(&self, cx: &Context) -> WantedRecords {
        self.search.as_ref().map_or_else(WantedRecords::nothing, |search| search.records(cx))
    }

    fn is_of_current_keys(&self) -> bool {
        self.search.as_ref().is_some_and(Search::is_of_current_keys)
    }

    fn arrange(&self, cx: &Context, seen: &mut Visible<Facts>) {
        if let Some(search) = &self.search {
            let hits = search.ranked(|| self.items(cx, seen), seen, cx.now, self.limit + 1);
            seen.keep_ranked(&hits);
        }
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
        out.constraints(&output.constraints, &output.merge_report);
        out.ids(&output.denied).next(output.next).truth(output.approximate);
        Some(out.into_bytes())
    }

    fn plan(
        &self,
        cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let mut items = self.items(cx, seen);
        let (tokens_used, last) = self.bounds().cut(&mut items);
        let denied = match &self.search {
            None => self.denied(seen, last),
            // A ranking has no place for what is not ranked: it is told with the first page.
            Some(search) if search.after.is_none() => self.denied(seen, None),
            Some(_) => Vec::new(),
        };
        let next = page::next(seen, last);
        let (constraints, merge_report) = merged(cx, items.iter().map(|item| &*item.memory));
        Ok(Plan {
            memory_ids: items.iter().map(|item| item.memory.id).collect(),
            ..Plan::answer(Answer {
                items,
                constraints,
                merge_report,
                denied,
                nodes: Vec::new(),
                next,
                approximate: self.search.is_some() && seen.more(),
                tokens_used,
            })
        })
    }
}
