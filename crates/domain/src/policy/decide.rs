//! The decision. The four rules that combine what matched are here, and nowhere else:
//!
//! 0. A rule's grant counts for a restricted or sealed memory only if its `when` names the state, for a revoked
//!    or tombstoned one only under compliance_audit as well. A grant of `defaults` counts for active memories
//!    where it would disclose ([`Effect::discloses`]); else for restricted and sealed ones too, and `write` always.
//! 1. What nothing grants is denied.
//! 2. One denial beats all grants.
//! 3. Evaluation ends, and a rule that errs restricts as if it had matched, and grants nothing.
//!
//! And one consequence: what may not be read is in no prompt.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::catalogue::{Attribute, STATES};
use super::compile::{Policy, Rule, StateSet};
use super::condition::{Facts, Truth};
use super::effect::{Effect, EffectSet, IngestState};
use super::hint::Sight;
use super::request::Request;
use super::trace::{DecidedBy, RuleId, Trace, Verdict};
use super::value::{MemoryAttributes, NoMemory, Value};
use crate::purpose::Purpose;

/// What is allowed, under which obligations, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Which of the effects that were asked about are allowed.
    pub allowed: EffectSet,
    /// What must be done with what is allowed.
    pub obligations: Obligations,
    /// Why.
    pub trace: Trace,
}

impl Decision {
    /// Whether an effect was asked about, and is allowed.
    #[must_use]
    pub const fn allows(&self, effect: Effect) -> bool {
        self.allowed.contains(effect)
    }
}

/// What must be done with what is allowed. The caller does it: a decision changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Obligations {
    /// Dotted paths to remove from what is returned, sorted, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redact: Vec<Arc<str>>,
    /// The oldest that may be returned: the smallest that a matching rule names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
    /// The state at ingest: the most restrictive that a matching rule names, where writing was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_state: Option<IngestState>,
}

impl Obligations {
    /// Whether a memory of that age is older than may be returned.
    #[must_use]
    pub fn outlived_by(&self, age_days: u64) -> bool {
        self.max_age_days.is_some_and(|limit| age_days > u64::from(limit))
    }

    /// Adds what a rule obliges to.
    fn add(&mut self, rule: &Rule) {
        self.redact.extend(rule.redact.iter().map(Arc::clone));
        self.max_age_days = [self.max_age_days, rule.max_age_days].into_iter().flatten().min();
        self.set_state = self.set_state.max(rule.set_state);
    }
}

/// A policy and a request, ready to decide about many memories.
#[derive(Debug)]
pub struct Prepared<'p> {
    policy: &'p Policy,
    request: &'p Request<'p>,
    /// The rules that the request alone does not rule out, in the order of the document.
    live: Vec<&'p Rule>,
}

impl Prepared<'_> {
    /// What [`Policy::decide`] decides.
    #[must_use]
    pub fn decide<M: MemoryAttributes + ?Sized>(&self, memory: &M, asked: &[Effect]) -> Decision {
        self.policy.decide_by(self.live.iter().copied(), self.request, memory, asked)
    }
}

/// In which states a rule's grants count: rule 0.
pub(super) fn counting_states(rule: &Rule, purpose: Option<Purpose>) -> StateSet {
    let hidden = if purpose == Some(Purpose::ComplianceAudit) { 1..STATES.len() } else { 1..3 };
    let named = hidden.filter(|rank| rule.names.has_rank(*rank)).map(StateSet::of_rank);
    named.fold(StateSet::of_rank(0), StateSet::union)
}

/// In which states the default of an effect counts: rule 0.
pub(super) fn default_states(effect: Effect) -> StateSet {
    let ranks = match effect {
        disclosing if disclosing.discloses() => 0..1,
        Effect::Write => 0..STATES.len(),
        _ => 0..3,
    };
    ranks.map(StateSet::of_rank).fold(StateSet::EMPTY, StateSet::union)
}

/// The memory's state as a set of one; the empty set for what is no state, so that nothing counts.
fn state_of(value: Value<'_>) -> StateSet {
    match value {
        Value::Absent => StateSet::of_rank(0),
        Value::Text(text) => {
            STATES.iter().position(|state| *state == text).map_or(StateSet::EMPTY, StateSet::of_rank)
        }
        _ => StateSet::EMPTY,
    }
}

/// Whether a rule's grants count for this memory: rule 0.
pub(super) fn counts<M: MemoryAttributes + ?Sized>(
    rule: &Rule,
    purpose: Option<Purpose>,
    memory: &M,
) -> bool {
    let state = state_of(memory.value(Attribute::MemoryState));
    counting_states(rule, purpose).intersection(state) != StateSet::EMPTY
}

/// The rules that have something to say.
#[derive(Default)]
struct Tally<'p> {
    matched: Vec<&'p Rule>,
    erred: Vec<&'p Rule>,
    obligations: Obligations,
    /// Granted by rules that count for the memory's state.
    granted: EffectSet,
    denied: EffectSet,
    denied_by_error: EffectSet,
}

impl Policy {
    /// Decides about effects. The answer does not depend on the order of the rules.
    ///
    /// Total: it always ends, and an error is a denial.
    #[must_use]
    pub fn decide<M: MemoryAttributes + ?Sized>(
        &self,
        request: &Request<'_>,
        memory: &M,
        asked: &[Effect],
    ) -> Decision {
        self.decide_by(self.rules().iter(), request, memory, asked)
    }

    /// The same for many memories and one request: the rules that the request alone rules out are left out once.
    #[must_use]
    pub fn prepare<'p>(&'p self, request: &'p Request<'p>) -> Prepared<'p> {
        let nothing: Sight<'_, NoMemory> = Sight::Nothing;
        let live =
            self.rules().iter().filter(|rule| nothing.weighs(&rule.when, request) != Some(Truth::False));
        Prepared { policy: self, request, live: live.collect() }
    }

    fn decide_by<'p, M: MemoryAttributes + ?Sized>(
        &'p self,
        rules: impl Iterator<Item = &'p Rule>,
        request: &Request<'_>,
        memory: &M,
        asked: &[Effect],
    ) -> Decision {
        let state = state_of(memory.value(Attribute::MemoryState));
        let mut tally = tally(rules, &Facts { request, memory }, state);
        let reading = self.verdict(Effect::Read, &tally, state, request.purpose);
        let mut verdicts = Vec::with_capacity(asked.len());
        for effect in asked {
            let mut verdict = match effect {
                Effect::Read => reading.clone(),
                other => self.verdict(*other, &tally, state, request.purpose),
            };
            if *effect == Effect::IncludeInPrompt && verdict.allowed && !reading.allowed {
                verdict = Verdict { allowed: false, by: DecidedBy::NotReadable, ..verdict };
                verdict.rules.clone_from(&reading.rules);
            }
            verdicts.push(verdict);
        }
        let allowed = verdicts.iter().filter(|v| v.allowed).map(|v| v.effect).collect::<EffectSet>();
        if !asked.contains(&Effect::Write) {
            tally.obligations.set_state = None;
        }
        let Tally { matched, erred, mut obligations, .. } = tally;
        obligations.redact.sort_unstable();
        obligations.redact.dedup();
        let sight = if reading.allowed { Sight::Memory(memory) } else { Sight::Nothing };
        let denied = verdicts.iter().find(|verdict| !verdict.allowed);
        let nearest_grant = denied.and_then(|denied| self.hint(request, &sight, denied));
        let trace = Trace {
            policy_version: Arc::clone(self.version()),
            policy_hash: Arc::clone(self.hash()),
            reasons: reasons(&matched, &erred, &verdicts),
            matched_rules: ids(&matched, |_| true),
            erred_rules: ids(&erred, |_| true),
            effects: verdicts,
            nearest_grant,
        };
        Decision { allowed, obligations, trace }
    }

    /// What comes of one effect.
    fn verdict(
        &self,
        effect: Effect,
        tally: &Tally<'_>,
        state: StateSet,
        purpose: Option<Purpose>,
    ) -> Verdict {
        let denies = |rule: &Rule| rule.denies.contains(effect);
        let (allowed, by, rules) = if tally.denied.contains(effect) {
            (false, DecidedBy::Rule, ids(&tally.matched, denies))
        } else if tally.denied_by_error.contains(effect) {
            (false, DecidedBy::ErredRule, ids(&tally.erred, denies))
        } else if tally.granted.contains(effect) {
            let grants = |rule: &Rule| {
                rule.grants.contains(effect)
                    && counting_states(rule, purpose).intersection(state) != StateSet::EMPTY
            };
            (true, DecidedBy::Rule, ids(&tally.matched, grants))
        } else if self.defaults().contains(effect)
            && default_states(effect).intersection(state) != StateSet::EMPTY
        {
            (true, DecidedBy::Default, Vec::new())
        } else {
            (false, DecidedBy::NoGrant, Vec::new())
        };
        Verdict { effect, allowed, by, rules }
    }
}

/// Asks every rule.
fn tally<'p, M: MemoryAttributes + ?Sized>(
    rules: impl Iterator<Item = &'p Rule>,
    facts: &Facts<'_, M>,
    state: StateSet,
) -> Tally<'p> {
    let mut tally = Tally::default();
    for rule in rules {
        match rule.when.holds(facts) {
            Truth::False => continue,
            Truth::True => {
                let counts = counting_states(rule, facts.request.purpose);
                if counts.intersection(state) != StateSet::EMPTY {
                    tally.granted = tally.granted.union(rule.grants);
                }
                tally.denied = tally.denied.union(rule.denies);
                tally.matched.push(rule);
            }
            Truth::Error => {
                tally.denied_by_error = tally.denied_by_error.union(rule.denies);
                tally.erred.push(rule);
            }
        }
        tally.obligations.add(rule);
    }
    tally
}

/// The ids of those rules.
fn ids(rules: &[&Rule], wanted: impl Fn(&Rule) -> bool) -> Vec<RuleId> {
    rules.iter().filter(|rule| wanted(rule)).map(|rule| Arc::clone(&rule.id)).collect()
}

/// The reasons of the rules that decided, each once.
fn reasons(matched: &[&Rule], erred: &[&Rule], verdicts: &[Verdict]) -> Vec<Arc<str>> {
    let mut granted = EffectSet::EMPTY;
    let mut denied = EffectSet::EMPTY;
    for verdict in verdicts {
        match (verdict.by, verdict.allowed) {
            (DecidedBy::Rule, true) => granted.insert(verdict.effect),
            (DecidedBy::Rule | DecidedBy::ErredRule, false) => denied.insert(verdict.effect),
            (DecidedBy::NotReadable, _) => denied.insert(Effect::Read),
            _ => {}
        }
    }
    let decided = |rule: &Rule| rule.grants.intersects(granted) || rule.denies.intersects(denied);
    let mut seen = BTreeSet::<&str>::new();
    let all =
        matched.iter().chain(erred).filter(|rule| decided(rule)).filter_map(|rule| rule.reason.as_ref());
    all.filter(|reason| seen.insert(reason)).map(Arc::clone).collect()
}
