//! Many constraints become the few that hold, whatever the order they came in.
//!
//! Three steps: what has expired goes; each slot is merged by its strategy; what contradicts a stronger constraint
//! goes. Each is a choice among what came in: nothing is invented and nothing changed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::conflict::{self, Rank};
use super::{Constraint, Name, Strategy, Target, TieBreaker};
use crate::ids::{ConstraintId, MemoryId};
use crate::scope::Scope;
use crate::time::Timestamp;

/// A constraint that takes part in a merge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate<'a> {
    /// Where it holds.
    pub scope: &'a Scope,
    /// The memory that holds it: what `intersection` counts.
    pub holder: MemoryId,
    /// What it says.
    pub constraint: &'a Constraint,
    /// When its memory was last reinforced.
    pub last_reinforced_at: Timestamp,
}

/// Why constraints were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// They no longer hold.
    Expired,
    /// The same constraint came in a later version.
    Superseded,
    /// Their slot's strategy chose others.
    Slot(Strategy),
    /// They contradict what was kept.
    Conflict,
}

impl Why {
    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Slot(strategy) => strategy.name(),
            Self::Conflict => "conflict",
        }
    }
}

/// What was dropped from one slot for one reason, and what was kept in its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MergeReport {
    /// To what the slot applies.
    pub target: Target,
    /// The slot of what was dropped.
    pub slot: Name,
    /// What was kept in its place, sorted; of a conflict the one that won.
    pub kept: Vec<ConstraintId>,
    /// What was dropped, sorted.
    pub dropped: Vec<ConstraintId>,
    /// For what reason.
    pub why: Why,
}

/// What holds, and what does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged<'a> {
    /// What holds, the most important first ([`importance`]).
    pub kept: Vec<Candidate<'a>>,
    /// Everything that was dropped, by target, slot, and what was kept.
    pub report: Vec<MergeReport>,
}

/// How much a slot's strategy restricts: where the constraints of one slot name different ones, the first of these
/// that is named counts for all.
const STRATEGIES: [Strategy; 7] = [
    Strategy::MostRestrictiveWins,
    Strategy::Intersection,
    Strategy::MaxWeight,
    Strategy::MinWeight,
    Strategy::LatestWins,
    Strategy::Union,
    Strategy::AppendOnly,
];

/// Merges what holds at `now`, per scope, target and slot, then settles conflicts per target. The result depends on
/// the set of candidates alone.
#[must_use]
pub fn merge<'a>(candidates: impl IntoIterator<Item = Candidate<'a>>, now: Timestamp) -> Merged<'a> {
    let mut reporter = Reporter::default();
    let mut living = latest_versions(candidates, &mut reporter);
    living.retain(|candidate| {
        let is_expired = candidate.constraint.is_expired(now);
        if is_expired {
            reporter.dropped(candidate, None, Why::Expired);
        }
        !is_expired
    });
    let mut before = living.len();
    let mut kept = settle_conflicts(merge_slots(living, common, &mut reporter), &mut reporter);
    // What lost a conflict names no strategy any more, and others of its slot may be merged by another one. Where nothing
    // was lost, nothing would be.
    while kept.len() < before {
        before = kept.len();
        let said_by_all = |slot: &[Candidate<'a>]| slot.to_vec();
        kept = settle_conflicts(merge_slots(kept, said_by_all, &mut reporter), &mut reporter);
    }
    kept.sort_by(|a, b| importance(a.constraint, b.constraint));
    Merged { kept, report: reporter.into_reports() }
}

/// What each slot keeps; `common` says what all who hold something in a slot say.
fn merge_slots<'a>(
    candidates: Vec<Candidate<'a>>,
    common: impl Fn(&[Candidate<'a>]) -> Vec<Candidate<'a>>,
    reporter: &mut Reporter,
) -> Vec<Candidate<'a>> {
    let mut slots: BTreeMap<_, Vec<Candidate<'a>>> = BTreeMap::new();
    for candidate in candidates {
        let constraint = candidate.constraint;
        let slot = (candidate.scope, constraint.target, &constraint.merge.slot);
        slots.entry(slot).or_default().push(candidate);
    }
    slots.into_values().flat_map(|slot| merge_slot(&slot, &common, reporter)).collect()
}

/// The order of what holds, the most important first: kind (safety, boundary, avoid, ask_permission, clarify_first,
/// require, tone, style, prefer), then the higher priority, weight and confidence, then the later, then the lower id.
#[must_use]
pub fn importance(a: &Constraint, b: &Constraint) -> Ordering {
    conflict::kind_rank(b.kind())
        .cmp(&conflict::kind_rank(a.kind()))
        .then_with(|| b.priority.cmp(&a.priority))
        .then_with(|| b.weight.total_cmp(&a.weight))
        .then_with(|| b.confidence.total_cmp(&a.confidence))
        // Ids are chance: without this, the same life told twice would read in two orders.
        .then_with(|| b.created_at.cmp(&a.created_at))
        .then_with(|| a.constraint_id.cmp(&b.constraint_id))
}

/// One candidate for each id: the version that was made last.
fn latest_versions<'a>(
    candidates: impl IntoIterator<Item = Candidate<'a>>,
    reporter: &mut Reporter,
) -> Vec<Candidate<'a>> {
    let mut latest: BTreeMap<ConstraintId, Candidate<'a>> = BTreeMap::new();
    for candidate in candidates {
        let id = candidate.constraint.constraint_id;
        let Some(known) = latest.get(&id).copied() else {
            latest.insert(id, candidate);
            continue;
        };
        let (winner, loser) = match compare_versions(&known, &candidate) {
            Ordering::Less => (candidate, known),
            Ordering::Equal | Ordering::Greater => (known, candidate),
        };
        if winner.constraint != loser.constraint {
            reporter.dropped(&loser, Some(id), Why::Superseded);
        }
        latest.insert(id, winner);
    }
    latest.into_values().collect()
}

/// The order of two candidates with the same id: by time, and then by all that they say, so that only what is the
/// same is equal.
fn compare_versions(a: &Candidate<'_>, b: &Candidate<'_>) -> Ordering {
    let (x, y) = (a.constraint, b.constraint);
    x.created_at
        .cmp(&y.created_at)
        .then_with(|| a.last_reinforced_at.cmp(&b.last_reinforced_at))
        .then_with(|| x.priority.cmp(&y.priority))
        .then_with(|| x.weight.total_cmp(&y.weight))
        .then_with(|| x.confidence.total_cmp(&y.confidence))
        .then_with(|| x.params.cmp(&y.params))
        .then_with(|| (&x.topic, x.target, &x.rule).cmp(&(&y.topic, y.target, &y.rule)))
        .then_with(|| x.expires_at.cmp(&y.expires_at))
        .then_with(|| {
            (&x.source_refs, &x.provenance, &x.merge).cmp(&(&y.source_refs, &y.provenance, &y.merge))
        })
        .then_with(|| (a.holder, a.scope).cmp(&(b.holder, b.scope)))
}

/// What a slot keeps, by the most restrictive strategy that is named in it.
fn merge_slot<'a>(
    slot: &[Candidate<'a>],
    common: impl Fn(&[Candidate<'a>]) -> Vec<Candidate<'a>>,
    reporter: &mut Reporter,
) -> Vec<Candidate<'a>> {
    let names = |strategy: &Strategy| slot.iter().any(|c| c.constraint.merge.strategy == *strategy);
    let strategy = STRATEGIES.into_iter().find(names).unwrap_or(Strategy::AppendOnly);
    let breakers = tie_breakers(slot);
    let kept = match strategy {
        Strategy::AppendOnly => slot.to_vec(),
        Strategy::Union => one_of_each(slot, &breakers),
        Strategy::Intersection => one_of_each(&common(slot), &breakers),
        Strategy::LatestWins => the_best(slot, &breakers, |c| Measure::Time(c.constraint.created_at)),
        Strategy::MaxWeight => the_best(slot, &breakers, |c| Measure::Number(c.constraint.weight)),
        Strategy::MinWeight => the_best(slot, &breakers, |c| Measure::Number(-c.constraint.weight)),
        Strategy::MostRestrictiveWins => {
            the_best(slot, &breakers, |c| Measure::Rank(conflict::restrictiveness(&c.constraint.params)))
        }
    };
    if kept.len() < slot.len() {
        let ids: BTreeSet<_> = kept.iter().map(|c| c.constraint.constraint_id).collect();
        let losers = slot.iter().filter(|c| !ids.contains(&c.constraint.constraint_id));
        reporter.dropped_for(losers, ids.iter().copied().collect(), Why::Slot(strategy));
    }
    kept
}

/// The tie-breakers of a slot, every one once: of the lists that its constraints name, the one that sorts first.
fn tie_breakers(slot: &[Candidate<'_>]) -> Vec<TieBreaker> {
    let named =
        slot.iter().map(|c| c.constraint.merge.tie_breakers.as_slice()).filter(|list| !list.is_empty());
    let mut breakers = named.min().unwrap_or_default().to_vec();
    let others = TieBreaker::ALL.iter().filter(|breaker| !breakers.contains(breaker)).copied();
    breakers.extend(others.collect::<Vec<_>>());
    breakers
}

/// By what a strategy chooses; the greatest wins.
#[derive(Debug, Clone, Copy)]
enum Measure {
    Time(Timestamp),
    Number(f64),
    Rank(Rank),
}

impl Measure {
    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Time(a), Self::Time(b)) => a.cmp(&b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(&b),
            (Self::Rank(a), Self::Rank(b)) => a.cmp(&b),
            // One strategy measures by one thing.
            _ => Ordering::Equal,
        }
    }
}

fn the_best<'a>(
    slot: &[Candidate<'a>],
    breakers: &[TieBreaker],
    measure: impl Fn(&Candidate<'a>) -> Measure,
) -> Vec<Candidate<'a>> {
    let measured = slot.iter().map(|candidate| (measure(candidate), *candidate));
    let best = measured.max_by(|(x, a), (y, b)| x.compare(*y).then_with(|| compare_by(a, b, breakers)));
    best.map(|(_, candidate)| candidate).into_iter().collect()
}

/// The best of those that say the same.
fn one_of_each<'a>(slot: &[Candidate<'a>], breakers: &[TieBreaker]) -> Vec<Candidate<'a>> {
    let mut best: BTreeMap<String, Candidate<'a>> = BTreeMap::new();
    for candidate in slot {
        best.entry(candidate.constraint.params.key())
            .and_modify(|known| {
                if compare_by(candidate, known, breakers) == Ordering::Greater {
                    *known = *candidate;
                }
            })
            .or_insert(*candidate);
    }
    best.into_values().collect()
}

/// Those that say what every holder in the slot says.
fn common<'a>(slot: &[Candidate<'a>]) -> Vec<Candidate<'a>> {
    let holders: BTreeSet<MemoryId> = slot.iter().map(|c| c.holder).collect();
    let mut said_by: BTreeMap<String, BTreeSet<MemoryId>> = BTreeMap::new();
    for candidate in slot {
        said_by.entry(candidate.constraint.params.key()).or_default().insert(candidate.holder);
    }
    let is_common = |c: &&Candidate<'a>| {
        said_by.get(&c.constraint.params.key()).is_some_and(|by| by.len() == holders.len())
    };
    slot.iter().filter(is_common).copied().collect()
}

/// Greater wins. Ids differ, so that no two are equal.
fn compare_by(a: &Candidate<'_>, b: &Candidate<'_>, breakers: &[TieBreaker]) -> Ordering {
    let (x, y) = (a.constraint, b.constraint);
    let by = |breaker: &TieBreaker| match breaker {
        TieBreaker::Priority => x.priority.cmp(&y.priority),
        TieBreaker::LastReinforcedAt => a.last_reinforced_at.cmp(&b.last_reinforced_at),
        TieBreaker::CreatedAt => x.created_at.cmp(&y.created_at),
        TieBreaker::ConstraintId => y.constraint_id.cmp(&x.constraint_id),
    };
    breakers.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Takes the candidates from the most restrictive on, and keeps each that contradicts none kept before.
fn settle_conflicts<'a>(mut candidates: Vec<Candidate<'a>>, reporter: &mut Reporter) -> Vec<Candidate<'a>> {
    candidates.sort_by_cached_key(|candidate| {
        let constraint = candidate.constraint;
        let rank = conflict::restrictiveness(&constraint.params);
        let first = (rank, constraint.priority, constraint.created_at);
        (std::cmp::Reverse(first), constraint.constraint_id)
    });
    let mut said = conflict::Said::default();
    candidates.retain(|candidate| match said.contradiction(candidate.constraint) {
        Some(winner) => {
            reporter.dropped(candidate, Some(winner), Why::Conflict);
            false
        }
        None => {
            said.add(candidate.constraint);
            true
        }
    });
    candidates
}

/// Gathers what was dropped: one report for each target, slot, reason and set of what was kept.
#[derive(Default)]
struct Reporter {
    dropped: BTreeMap<(Target, Name, Why, Vec<ConstraintId>), BTreeSet<ConstraintId>>,
}

impl Reporter {
    fn dropped(&mut self, loser: &Candidate<'_>, winner: Option<ConstraintId>, why: Why) {
        self.dropped_for(std::iter::once(loser), winner.into_iter().collect(), why);
    }

    /// Notes what one slot dropped for one reason.
    fn dropped_for<'c, 'a: 'c>(
        &mut self,
        losers: impl Iterator<Item = &'c Candidate<'a>>,
        kept: Vec<ConstraintId>,
        why: Why,
    ) {
        let mut losers = losers.map(|loser| loser.constraint).peekable();
        let Some(first) = losers.peek() else { return };
        let key = (first.target, first.merge.slot.clone(), why, kept);
        self.dropped.entry(key).or_default().extend(losers.map(|loser| loser.constraint_id));
    }

    fn into_reports(self) -> Vec<MergeReport> {
        let reports = self.dropped.into_iter().map(|((target, slot, why, kept), dropped)| MergeReport {
            target,
            slot,
            kept,
            dropped: dropped.into_iter().collect(),
            why,
        });
        reports.collect()
    }
}
