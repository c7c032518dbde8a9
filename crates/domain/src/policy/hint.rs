//! What a request would have to be like: the grant that came nearest.
//!
//! A hint names conditions on the request, the principal's roles and the time only. It never names a memory's
//! attributes, nor lets them choose the rule unless the caller may see the memory; and it never names a person,
//! a group or a client, for that would tell who else has access.

use std::sync::Arc;

use serde::Serialize;

use super::catalogue::Attribute;
use super::compile::{Policy, Rule};
use super::condition::{Condition, Facts, Leaf, Literal, Test, Truth};
use super::decide::counting_states;
use super::effect::Effect;
use super::request::Request;
use super::trace::{DecidedBy, RuleId, Verdict};
use super::value::{MemoryAttributes, NoMemory, Value};
use crate::policy::catalogue::STATES;
use crate::policy::compile::StateSet;

/// What a request would have to be like to be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// The conditions that failed, in words: `request.purpose = chat_response`.
    pub conditions: Vec<String>,
    /// The rules that would then grant.
    pub rules: Vec<RuleId>,
    /// All of it as a sentence.
    pub text: String,
}

/// What is known about the memory.
#[derive(Debug, Clone, Copy)]
pub enum Sight<'a, M: MemoryAttributes + ?Sized> {
    /// All of it: the caller may see it, or made it.
    Memory(&'a M),
    /// Some attributes, because the request names them.
    Known(&'a [(Attribute, Value<'a>)]),
    /// Nothing.
    Nothing,
}

impl<M: MemoryAttributes + ?Sized> Sight<'_, M> {
    /// What a leaf is worth; none while it is open.
    pub(super) fn holds(&self, leaf: &Leaf, request: &Request<'_>) -> Option<Truth> {
        if !leaf.path.attribute.is_of_memory() {
            return Some(leaf.holds(&Facts { request, memory: &NoMemory }));
        }
        match self {
            Self::Memory(memory) => Some(leaf.holds(&Facts { request, memory: *memory })),
            Self::Known(known) => {
                let (_, value) = known.iter().find(|(attribute, _)| *attribute == leaf.path.attribute)?;
                let value = if value.is_absent() { leaf.path.attribute.fallback() } else { *value };
                let must_be_set = leaf.path.attribute.entry().kind.is_set();
                Some(leaf.test.holds(value, must_be_set, request.now))
            }
            Self::Nothing => None,
        }
    }

    /// What a condition is worth; none while it is open.
    pub(super) fn weighs(&self, condition: &Condition, request: &Request<'_>) -> Option<Truth> {
        match condition {
            Condition::Leaf(leaf) => self.holds(leaf, request),
            Condition::All(parts) => all(parts.iter().map(|part| self.weighs(part, request))),
            Condition::Any(parts) => {
                let parts = parts.iter().map(|part| self.weighs(part, request).map(Truth::negated));
                all(parts).map(Truth::negated)
            }
            Condition::Not(part) => self.weighs(part, request).map(Truth::negated),
        }
    }

    /// The memory's state, where it is known.
    fn state(&self) -> Option<StateSet> {
        let value = match self {
            Self::Memory(memory) => memory.value(Attribute::MemoryState),
            Self::Known(known) => known.iter().find(|(a, _)| *a == Attribute::MemoryState)?.1,
            Self::Nothing => return None,
        };
        let text = match value {
            Value::Text(text) => text,
            _ => "active",
        };
        STATES.iter().position(|state| *state == text).map(StateSet::of_rank)
    }
}

/// A conjunction: one false part decides; then an open one keeps it open.
fn all(parts: impl Iterator<Item = Option<Truth>>) -> Option<Truth> {
    let mut whole = Some(Truth::True);
    for part in parts {
        match part {
            Some(Truth::False) => return part,
            Some(Truth::Error) => whole = whole.and(part),
            None => whole = None,
            Some(Truth::True) => {}
        }
    }
    whole
}

/// A rule that would grant if the request were different.
struct Candidate<'p> {
    rule: &'p Rule,
    failed: Vec<&'p Condition>,
}

impl Candidate<'_> {
    /// The fewer conditions failed the nearer; a role is harder to come by than a purpose.
    fn distance(&self) -> (usize, bool) {
        let mut no_role = |leaf: &Leaf| leaf.path.attribute != Attribute::PrincipalRoles;
        (self.failed.len(), !self.failed.iter().all(|condition| condition.all_leaves(&mut no_role)))
    }

    /// The one test that failed, if it lists values of one attribute.
    fn only_list(&self) -> Option<(Attribute, &[Literal])> {
        match self.failed.as_slice() {
            [Condition::Leaf(Leaf { path, test: Test::OneOf(literals), .. })] => {
                Some((path.attribute, literals))
            }
            _ => None,
        }
    }
}

/// Whether a hint may name the attribute.
fn may_be_named(attribute: Attribute) -> bool {
    use Attribute::{PrincipalRoles, TimeHour, TimeNow, TimeWeekday};
    attribute.is_of_request() || matches!(attribute, PrincipalRoles | TimeHour | TimeNow | TimeWeekday)
}

impl Policy {
    /// The nearest grant to an effect that was denied for want of one. Where a rule denies it, no grant helps.
    pub(super) fn hint<M: MemoryAttributes + ?Sized>(
        &self,
        request: &Request<'_>,
        sight: &Sight<'_, M>,
        denied: &Verdict,
    ) -> Option<Hint> {
        let effect = match denied.by {
            DecidedBy::NoGrant => denied.effect,
            DecidedBy::NotReadable if denied.rules.is_empty() => Effect::Read,
            _ => return None,
        };
        let granting = self.rules().iter().filter(|rule| rule.grants.contains(effect));
        let candidates = granting.filter_map(|rule| candidate(rule, request, sight)).collect::<Vec<_>>();
        let nearest = candidates.iter().map(Candidate::distance).min()?;
        let mut tied = candidates.iter().filter(|candidate| candidate.distance() == nearest);
        let first = tied.next()?;
        Some(match first.only_list() {
            Some((attribute, literals)) => merged(attribute, first, literals, tied),
            None => {
                hint(vec![Arc::clone(&first.rule.id)], first.failed.iter().map(ToString::to_string).collect())
            }
        })
    }
}

/// The rule as a candidate, if nothing but the request stands in its way.
fn candidate<'p, M: MemoryAttributes + ?Sized>(
    rule: &'p Rule,
    request: &Request<'_>,
    sight: &Sight<'_, M>,
) -> Option<Candidate<'p>> {
    let counting = counting_states(rule, request.purpose);
    if sight.state().is_some_and(|state| state.intersection(counting) == StateSet::EMPTY) {
        return None;
    }
    let mut failed = Vec::new();
    for conjunct in rule.when.conjuncts() {
        match sight.weighs(conjunct, request) {
            None | Some(Truth::True) => {}
            Some(Truth::Error) => return None,
            Some(Truth::False) => {
                if !conjunct.all_leaves(&mut |leaf| may_be_named(leaf.path.attribute)) {
                    return None;
                }
                failed.push(conjunct);
            }
        }
    }
    (!failed.is_empty()).then_some(Candidate { rule, failed })
}

/// One hint for all candidates that want another value of the same attribute.
fn merged<'c, 'p: 'c>(
    attribute: Attribute,
    first: &Candidate<'_>,
    literals: &[Literal],
    tied: impl Iterator<Item = &'c Candidate<'p>>,
) -> Hint {
    let mut rules = vec![Arc::clone(&first.rule.id)];
    let mut wanted = literals.to_vec();
    for candidate in tied {
        let Some((same, more)) = candidate.only_list() else { continue };
        if same == attribute {
            rules.push(Arc::clone(&candidate.rule.id));
            let new = more.iter().filter(|literal| !wanted.contains(literal)).cloned().collect::<Vec<_>>();
            wanted.extend(new);
        }
    }
    let condition = super::describe::test_text(attribute.entry().path, &Test::OneOf(wanted.into()));
    hint(rules, vec![condition])
}

fn hint(rules: Vec<RuleId>, conditions: Vec<String>) -> Hint {
    let text = format!("would be allowed if {}", conditions.join(" and "));
    Hint { conditions, rules, text }
}
