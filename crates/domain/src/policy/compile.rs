//! A policy that has been loaded: rules ready to be asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use super::catalogue::{Attribute, STATES};
use super::condition::{Condition, Leaf, Literal, Test};
use super::effect::{Effect, EffectSet, IngestState};
use super::error::{Errors, Place, PolicyError};
use super::parse::{self, Globals, ParsedRule};
use crate::limits;

/// The text of `builtin/default`.
pub const BUILTIN_SOURCE: &str = include_str!("../../../../policies/default.yaml");

/// A set of memory states, as bits in the order of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StateSet(u8);

impl StateSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// The state of that rank alone.
    #[must_use]
    pub(super) const fn of_rank(rank: usize) -> Self {
        Self(1 << rank)
    }

    /// What is in either.
    #[must_use]
    pub(super) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub(super) const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the state of that rank is in the set.
    #[must_use]
    pub(super) const fn has_rank(self, rank: usize) -> bool {
        self.0 & (1 << rank) != 0
    }

    /// The set without active memories, for which every grant counts.
    #[must_use]
    pub(super) const fn hidden(self) -> Self {
        Self(self.0 & !1)
    }

    /// Whether everything in this set is in `other`.
    #[must_use]
    pub(super) const fn is_subset_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Its members' names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        STATES.iter().enumerate().filter(move |(rank, _)| self.has_rank(*rank)).map(|(_, name)| *name)
    }
}

/// A rule, ready to be asked.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, unique in the policy.
    pub id: Arc<str>,
    /// When it matches.
    pub when: Condition,
    /// What it grants.
    pub grants: EffectSet,
    /// What it denies.
    pub denies: EffectSet,
    /// The state it gives at ingest.
    pub set_state: Option<IngestState>,
    /// What is removed from what is returned.
    pub redact: Vec<Arc<str>>,
    /// The oldest that is returned.
    pub max_age_days: Option<u32>,
    /// Why, for traces and errors.
    pub reason: Option<Arc<str>>,
    /// The states that its `when` names: see [`named_states`].
    pub names: StateSet,
    /// Where it stands: the line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// Whether it comes from `builtin/default`.
    pub inherited: bool,
}

/// The states that a condition names, whichever way it holds.
///
/// A test `memory.state: s`, `[s, …]` or `{any_of: [s, …]}` names what it lists. A conjunction names what its
/// parts name; an `any` block, what every one of its alternatives names. Nothing that is negated names a state:
/// `{not: revoked}` does not mean to open what is sealed.
#[must_use]
pub fn named_states(condition: &Condition) -> StateSet {
    match condition {
        Condition::Leaf(leaf) if leaf.path.attribute == Attribute::MemoryState => listed_states(leaf),
        Condition::Leaf(_) | Condition::Not(_) => StateSet::EMPTY,
        Condition::All(parts) => parts.iter().map(named_states).fold(StateSet::EMPTY, StateSet::union),
        Condition::Any(parts) => {
            parts.iter().map(named_states).reduce(StateSet::intersection).unwrap_or_default()
        }
    }
}

/// The states that a test lists.
fn listed_states(leaf: &Leaf) -> StateSet {
    fn of_test(test: &Test) -> StateSet {
        match test {
            Test::OneOf(literals) => literals.iter().map(of_literal).fold(StateSet::EMPTY, StateSet::union),
            Test::Every(tests) => tests.iter().map(of_test).fold(StateSet::EMPTY, StateSet::union),
            _ => StateSet::EMPTY,
        }
    }
    fn of_literal(literal: &Literal) -> StateSet {
        let Literal::Text(text) = literal else { return StateSet::EMPTY };
        let rank = STATES.iter().position(|state| **state == **text);
        rank.map_or(StateSet::EMPTY, StateSet::of_rank)
    }
    of_test(&leaf.test)
}

fn names_spirals(condition: &Condition) -> bool {
    match condition {
        Condition::Leaf(leaf) => matches!(
            leaf.path.attribute,
            Attribute::SpiralActive | Attribute::SpiralPattern | Attribute::SpiralConfidence
        ),
        Condition::Not(part) => names_spirals(part),
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(names_spirals),
    }
}

/// A policy that has been loaded. Cheap to share behind an `Arc`; nothing in it changes.
#[derive(Debug)]
pub struct Policy {
    version: Arc<str>,
    hash: Arc<str>,
    source: String,
    extends_builtin: bool,
    defaults: EffectSet,
    globals: Globals,
    rules: Vec<Rule>,
}

/// What is allowed where neither a rule nor `defaults` says.
fn language_defaults() -> EffectSet {
    [Effect::Write, Effect::ToolExecution, Effect::Reinforcement, Effect::DeriveImpacts, Effect::DeriveSeeds]
        .into_iter()
        .collect()
}

impl Policy {
    /// Loads a policy from YAML or JSON.
    ///
    /// # Errors
    /// Everything that is wrong with the text, in its order: at most
    /// [`POLICY_ERRORS_MAX`](super::error::POLICY_ERRORS_MAX).
    pub fn load(text: &str) -> Result<Self, Vec<PolicyError>> {
        let mut errors = Errors::default();
        let document = parse::read(text, &mut errors);
        if !errors.is_empty() {
            return Err(errors.into_vec());
        }
        let builtin = document.extends_builtin.then(Self::builtin);
        let base = builtin.as_deref();
        let mut defaults = base.map_or_else(language_defaults, |base| base.defaults);
        for (effect, allowed) in &document.defaults {
            if *allowed {
                defaults.insert(*effect);
            } else {
                defaults.remove(*effect);
            }
        }
        let inherited = base.map_or_else(Vec::new, |base| {
            base.rules.iter().map(|rule| Rule { inherited: true, ..rule.clone() }).collect()
        });
        let rules = merged(inherited, document.rules);
        if rules.len() > limits::POLICY_RULES_MAX {
            let limit = limits::POLICY_RULES_MAX;
            let message = format!(
                "with those it extends, a policy has at most {limit} rules, this one {}",
                rules.len()
            );
            errors.push(Place::START, message);
            return Err(errors.into_vec());
        }
        Ok(Self {
            version: document.version.into(),
            hash: match base {
                // What it extends is part of what it means: another built-in policy makes it another one.
                Some(base) => hex_sha256(&format!("{text}\0{}", base.hash)).into(),
                None => hex_sha256(text).into(),
            },
            source: text.to_owned(),
            extends_builtin: document.extends_builtin,
            defaults,
            globals: document
                .globals
                .applied_to(base.map_or_else(Globals::default, |base| base.globals.clone())),
            rules,
        })
    }

    /// `builtin/default`: what a tenant has that has not made a policy of its own.
    ///
    /// A test checks that it loads. Were it broken all the same, everything would be denied.
    #[must_use]
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: OnceLock<Arc<Policy>> = OnceLock::new();
        let loaded = || Arc::new(Self::load(BUILTIN_SOURCE).unwrap_or_else(|_| Self::denying_everything()));
        Arc::clone(BUILTIN.get_or_init(loaded))
    }

    /// A policy without rules or defaults.
    fn denying_everything() -> Self {
        Self {
            version: "none".into(),
            hash: hex_sha256("").into(),
            source: String::new(),
            extends_builtin: false,
            defaults: EffectSet::EMPTY,
            globals: Globals::default(),
            rules: Vec::new(),
        }
    }

    /// Its name, as `policy_version` gives it.
    #[must_use]
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// SHA-256 of its source, and of the built-in policy's hash where it extends that, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &Arc<str> {
        &self.hash
    }

    /// Its text, as it was loaded.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it extends `builtin/default`; then what it means depends on that text too.
    #[must_use]
    pub const fn extends_builtin(&self) -> bool {
        self.extends_builtin
    }

    /// What `defaults` allow.
    #[must_use]
    pub const fn defaults(&self) -> EffectSet {
        self.defaults
    }

    /// Its thresholds.
    #[must_use]
    pub const fn globals(&self) -> &Globals {
        &self.globals
    }

    /// Whether a rule asks about spirals: then they have to be known before it is asked.
    #[must_use]
    pub fn asks_about_spirals(&self) -> bool {
        self.rules.iter().any(|rule| names_spirals(&rule.when))
    }

    /// Its rules, those it extends first.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

/// The rules of `base`, with ours after them, or in the place of those with the same id.
fn merged(mut base: Vec<Rule>, ours: Vec<ParsedRule>) -> Vec<Rule> {
    let places = base.iter().enumerate().map(|(at, rule)| (Arc::clone(&rule.id), at));
    let places = places.collect::<BTreeMap<_, _>>();
    for parsed in ours {
        let rule = compiled(parsed);
        match places.get(&rule.id).and_then(|at| base.get_mut(*at)) {
            Some(replaced) => *replaced = rule,
            None => base.push(rule),
        }
    }
    base
}

fn compiled(parsed: ParsedRule) -> Rule {
    let ParsedRule { id, place, when, then } = parsed;
    Rule {
        id: id.into(),
        names: named_states(&when),
        when: flattened(when),
        grants: then.grants,
        denies: then.denies,
        set_state: then.set_state,
        redact: then.redact.into_iter().map(Arc::from).collect(),
        max_age_days: then.max_age_days,
        reason: then.reason.map(Arc::from),
        line: place.line,
        column: place.column,
        inherited: false,
    }
}

/// The same condition without blocks of one, and without conjunctions in conjunctions.
fn flattened(condition: Condition) -> Condition {
    match condition {
        Condition::All(parts) => {
            let mut flat = Vec::with_capacity(parts.len());
            for part in parts {
                match flattened(part) {
                    Condition::All(inner) => flat.extend(inner),
                    other => flat.push(other),
                }
            }
            single(flat).unwrap_or_else(|flat| Condition::All(flat.into()))
        }
        Condition::Any(parts) => {
            let flat = parts.into_iter().map(flattened).collect();
            single(flat).unwrap_or_else(|flat| Condition::Any(flat.into()))
        }
        Condition::Not(part) => Condition::Not(Box::new(flattened(*part))),
        Condition::Leaf(leaf) => Condition::Leaf(leaf),
    }
}

/// The only part, or all of them back.
fn single(mut parts: Vec<Condition>) -> Result<Condition, Vec<Condition>> {
    match parts.pop() {
        Some(only) if parts.is_empty() => Ok(only),
        Some(last) => {
            parts.push(last);
            Err(parts)
        }
        None => Err(parts),
    }
}

fn hex_sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
