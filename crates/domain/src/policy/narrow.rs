//! Partial evaluation: what a store can know of a decision before it has read a row.
//!
//! Each condition becomes two filters: the rows for which it may hold, and those for which it may be false. Both are
//! over-approximations, so both survive negation: not swaps them. A test that a store cannot make may hold and may
//! be false everywhere. A row is kept where some grant may hold, in a state in which it counts, and every denial may
//! be false: hence no row is dropped that [`Policy::decide`] allows, and none kept that it denies where only pushable
//! attributes are tested.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalogue::{Attribute, STATES};
use super::compile::{Policy, StateSet};
use super::condition::{Bound, Condition, Leaf, Literal, Test, Truth};
use super::decide::{counting_states, default_states};
use super::effect::Effect;
use super::filter::{Filter, FilterField};
use super::hint::Sight;
use super::request::Request;
use super::trace::{DecidedBy, RuleId, Trace, Verdict};
use super::value::{NoMemory, Value};

/// How many tests a filter makes at most: a statement's parameters are bounded. Beyond, denials are left to
/// [`Policy::decide`], and then of the grants all but types, states and kinds: that only keeps more rows.
pub const FILTER_TESTS_MAX: usize = 512;

/// What a store can test for a read, and why nothing is left, if nothing is.
#[derive(Debug, Clone, PartialEq)]
pub struct Narrowed {
    /// Which rows may be allowed. [`Filter::Nothing`]: the request's own attributes rule everything out.
    pub filter: Filter,
    /// The rules that may grant, or why none does. `allowed` says that something may be.
    pub trace: Trace,
}

/// The rows for which a condition may hold, and those for which it may be false.
struct Bounds {
    holds: Filter,
    fails: Filter,
}

impl Policy {
    /// What is known of a decision about `effect` when all that is known of the memory is `known`: attributes that
    /// the query itself fixes, such as `memory.type = preference`.
    #[must_use]
    pub fn narrow(
        &self,
        request: &Request<'_>,
        effect: Effect,
        known: &[(Attribute, Value<'_>)],
    ) -> Narrowed {
        let narrowing = Narrowing { request, sight: Sight::Known(known) };
        let mut narrowed = self.narrowed(&narrowing, effect);
        if effect == Effect::IncludeInPrompt {
            let readable = self.narrowed(&narrowing, Effect::Read);
            if readable.filter == Filter::Nothing && narrowed.filter != Filter::Nothing {
                let verdicts = readable.trace.effects.into_iter();
                narrowed.trace.effects =
                    verdicts.map(|v| Verdict { effect, by: DecidedBy::NotReadable, ..v }).collect();
                narrowed.trace.reasons = readable.trace.reasons;
                narrowed.trace.nearest_grant = readable.trace.nearest_grant;
            }
            narrowed.filter = Filter::and([narrowed.filter, readable.filter]);
        }
        narrowed
    }

    fn narrowed(&self, narrowing: &Narrowing<'_>, effect: Effect) -> Narrowed {
        let purpose = narrowing.request.purpose;
        let mut grants = Vec::new();
        let mut granting = Vec::new();
        let mut denials = Vec::new();
        let mut denying = Vec::new();
        for rule in self.rules() {
            let speaks = rule.grants.contains(effect) || rule.denies.contains(effect);
            // Most rules are ruled out by the request: they grant no row, and deny none.
            if !speaks || narrowing.sight.weighs(&rule.when, narrowing.request) == Some(Truth::False) {
                continue;
            }
            if rule.denies.contains(effect) {
                let fails = narrowing.bounds(&rule.when).fails;
                if fails == Filter::Nothing {
                    denying.push(rule);
                }
                denials.push(fails);
            }
            if rule.grants.contains(effect) {
                let counts = narrowing.in_states(counting_states(rule, purpose));
                let holds = Filter::and([counts, narrowing.bounds(&rule.when).holds]);
                if holds != Filter::Nothing {
                    granting.push(rule);
                }
                grants.push(holds);
            }
        }
        if self.defaults().contains(effect) {
            grants.push(narrowing.in_states(default_states(effect)));
        }
        let filter = bounded(Filter::or(grants), denials);
        let (by, rules) = match (&filter, denying.is_empty(), granting.is_empty()) {
            (Filter::Nothing, false, _) => (DecidedBy::Rule, denying),
            (Filter::Nothing, true, _) => (DecidedBy::NoGrant, Vec::new()),
            (_, _, true) => (DecidedBy::Default, Vec::new()),
            (_, _, false) => (DecidedBy::Rule, granting),
        };
        let reasons = rules.iter().filter_map(|rule| rule.reason.clone()).collect::<BTreeSet<_>>();
        let ids = rules.iter().map(|rule| Arc::clone(&rule.id)).collect::<Vec<RuleId>>();
        let verdict = Verdict { effect, allowed: filter != Filter::Nothing, by, rules: ids.clone() };
        let denied = !verdict.allowed;
        let nearest_grant =
            denied.then(|| self.hint(narrowing.request, &narrowing.sight, &verdict)).flatten();
        let trace = Trace {
            policy_version: Arc::clone(self.version()),
            policy_hash: Arc::clone(self.hash()),
            matched_rules: ids,
            erred_rules: Vec::new(),
            effects: vec![verdict],
            reasons: reasons.into_iter().collect(),
            nearest_grant,
        };
        Narrowed { filter, trace }
    }
}

/// The whole filter, within the limit.
fn bounded(grants: Filter, denials: Vec<Filter>) -> Filter {
    // A denial that leaves no row must stay, however many there are.
    if denials.contains(&Filter::Nothing) {
        return Filter::Nothing;
    }
    let whole = Filter::and(std::iter::once(grants.clone()).chain(denials));
    if whole.tests() <= FILTER_TESTS_MAX {
        whole
    } else if grants.tests() <= FILTER_TESTS_MAX {
        grants
    } else {
        let coarse = grants.coarsened();
        if coarse.tests() <= FILTER_TESTS_MAX { coarse } else { Filter::Everything }
    }
}

/// One partial evaluation.
struct Narrowing<'a> {
    request: &'a Request<'a>,
    sight: Sight<'a, NoMemory>,
}

impl Narrowing<'_> {
    /// The rows in one of these states.
    fn in_states(&self, states: StateSet) -> Filter {
        if states == (0..STATES.len()).map(StateSet::of_rank).fold(StateSet::EMPTY, StateSet::union) {
            return Filter::Everything;
        }
        let listed = states.names().map(|name| Literal::Text(name.into())).collect();
        let leaf = Leaf {
            path: super::condition::Path { attribute: Attribute::MemoryState, metadata: "".into() },
            test: Test::OneOf(listed),
            line: 0,
            column: 0,
        };
        self.leaf_bounds(&leaf).holds
    }

    fn bounds(&self, condition: &Condition) -> Bounds {
        match condition {
            Condition::Leaf(leaf) => self.leaf_bounds(leaf),
            Condition::All(parts) => {
                let parts = parts.iter().map(|part| self.bounds(part));
                let (holds, fails): (Vec<_>, Vec<_>) = parts.map(|part| (part.holds, part.fails)).unzip();
                Bounds { holds: Filter::and(holds), fails: Filter::or(fails) }
            }
            Condition::Any(parts) => {
                let parts = parts.iter().map(|part| self.bounds(part));
                let (holds, fails): (Vec<_>, Vec<_>) = parts.map(|part| (part.holds, part.fails)).unzip();
                Bounds { holds: Filter::or(holds), fails: Filter::and(fails) }
            }
            Condition::Not(part) => {
                let Bounds { holds, fails } = self.bounds(part);
                Bounds { holds: fails, fails: holds }
            }
        }
    }

    fn leaf_bounds(&self, leaf: &Leaf) -> Bounds {
        match self.sight.holds(leaf, self.request) {
            Some(Truth::True) => Bounds { holds: Filter::Everything, fails: Filter::Nothing },
            Some(Truth::False) => Bounds { holds: Filter::Nothing, fails: Filter::Everything },
            Some(Truth::Error) => Bounds { holds: Filter::Nothing, fails: Filter::Nothing },
            None => match FilterField::new(leaf.path.attribute) {
                Some(field) => pushed(field, &leaf.test),
                None => Bounds { holds: Filter::Everything, fails: Filter::Everything },
            },
        }
    }
}

/// A pushable attribute's test. It is total, so it is never absent.
fn pushed(field: FilterField, test: &Test) -> Bounds {
    let open = Bounds { holds: Filter::Everything, fails: Filter::Everything };
    let is_set = field.attribute().entry().kind.is_set();
    match test {
        Test::OneOf(literals) => listed(field, is_set, literals),
        Test::NoneOf(literals) => {
            let Bounds { holds, fails } = listed(field, is_set, literals);
            Bounds { holds: fails, fails: holds }
        }
        Test::AllOf(texts) => {
            let texts = texts.iter().map(|text| text.to_string()).collect::<BTreeSet<_>>();
            Bounds {
                holds: Filter::ContainsAll(field, texts.clone()),
                fails: Filter::LacksOneOf(field, texts),
            }
        }
        Test::Compare(comparison, Bound::Rank(bound, names)) => {
            let passing = names.iter().enumerate().filter(|(rank, _)| comparison.passes(rank.cmp(bound)));
            alternatives(field, is_set, passing.map(|(_, name)| (*name).to_owned()).collect())
        }
        Test::Exists(true) => Bounds { holds: Filter::Everything, fails: Filter::Nothing },
        Test::Exists(false) => Bounds { holds: Filter::Nothing, fails: Filter::Everything },
        Test::Not(inner) => {
            let Bounds { holds, fails } = pushed(field, inner);
            Bounds { holds: fails, fails: holds }
        }
        Test::Every(tests) => {
            let (holds, fails): (Vec<_>, Vec<_>) =
                tests.iter().map(|test| pushed(field, test)).map(|b| (b.holds, b.fails)).unzip();
            Bounds { holds: Filter::and(holds), fails: Filter::or(fails) }
        }
        Test::Compare(..) | Test::Matches(_) => open,
    }
}

/// One of these literals: only texts can be, for every pushable attribute is a text or a set of texts.
fn listed(field: FilterField, is_set: bool, literals: &[Literal]) -> Bounds {
    let texts = literals.iter().filter_map(|literal| match literal {
        Literal::Text(text) => Some(text.to_string()),
        Literal::Bool(_) | Literal::Number(_) => None,
    });
    alternatives(field, is_set, texts.collect())
}

fn alternatives(field: FilterField, is_set: bool, texts: BTreeSet<String>) -> Bounds {
    if texts.is_empty() {
        return Bounds { holds: Filter::Nothing, fails: Filter::Everything };
    }
    if is_set {
        return Bounds {
            holds: Filter::Intersects(field, texts.clone()),
            fails: Filter::Disjoint(field, texts),
        };
    }
    Bounds { holds: Filter::OneOf(field, texts.clone()), fails: Filter::NoneOf(field, texts) }
}
