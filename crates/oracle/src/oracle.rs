//! What Cedar says, and what follows from it for our engine: the expectation.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{ActionConstraint, AuthorizationError, Authorizer, Decision, Policy, PolicyId, PolicySet};
use memoryscope_domain::policy::{DecidedBy, Effect, Policy as OurPolicy};
use serde_json::Value as Json;

use crate::clause::{Clause, Leaf, Truth, clauses, rule_truth};
use crate::entities::{World, Wrong, action_uid};
use crate::translate::{self, CLAUSE, MATCHES};

/// A rule set, ready for both engines.
#[derive(Debug)]
pub struct RuleSet {
    /// What it extends included.
    pub document: Json,
    /// Ours.
    pub policy: OurPolicy,
    /// Cedar's, for each action those whose scope has it: Cedar would look at all of them each time.
    policies: BTreeMap<&'static str, Policies>,
    /// The clauses, and Cedar's policies for them: made when they are asked for.
    clauses: OnceCell<(Vec<Clause>, Policies)>,
}

/// What a rule is worth, and each of its leaves.
#[derive(Debug)]
pub struct RuleTruth {
    /// The rule.
    pub rule: Truth,
    /// Its leaves.
    pub leaves: Vec<Leaf>,
}

/// What one effect should come to.
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    /// Whether it is allowed.
    pub allowed: bool,
    /// By what.
    pub by: DecidedBy,
    /// The determining rules.
    pub rules: BTreeSet<String>,
}

/// Where Cedar's answer was corrected: what the two languages mean differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exception {
    /// A forbid erred: Cedar skips it, we deny.
    ForbidErred,
    /// A permit erred: both grant nothing. Counted only.
    PermitErred,
    /// A policy erred, but a part beside what errs decides that the rule does not match.
    DecidedFalse,
    /// A policy erred, but a part beside what errs decides that the rule matches.
    DecidedTrue,
    /// What may not be read is in no prompt: our invariant.
    NotReadable,
}

impl Exception {
    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::ForbidErred => "a forbid errs: denied, where Cedar skips it",
            Self::PermitErred => "a permit errs: grants nothing, as in Cedar",
            Self::DecidedFalse => "a policy errs, but a false part beside it settles the rule",
            Self::DecidedTrue => "a policy errs, but a true part beside it settles the rule",
            Self::NotReadable => "what may not be read is in no prompt",
        }
    }
}

/// Everything that is expected of one pair.
#[derive(Debug)]
pub struct Expectation {
    /// For each effect.
    pub effects: BTreeMap<Effect, Expected>,
    /// The rules that match.
    pub matched: BTreeSet<String>,
    /// The rules that err.
    pub erred: BTreeSet<String>,
    /// Where Cedar was corrected.
    pub exceptions: Vec<Exception>,
}

/// One answer of Cedar.
struct Answer {
    allowed: bool,
    /// The rules that determine it: those that permit, or those that forbid.
    rules: BTreeSet<String>,
    /// Whether a default is among what permits.
    by_default: bool,
    erred: BTreeSet<String>,
}

impl RuleSet {
    /// Loads the document into both engines.
    ///
    /// # Errors
    /// When one of them does not take it.
    pub fn new(document: &Json, builtin: &Json) -> Result<Self, Wrong> {
        let policy = OurPolicy::load(&document.to_string()).map_err(|errors| format!("ours: {errors:?}"))?;
        let document = translate::merged(document, builtin);
        let text = translate::policies(&document);
        let parsed = text.parse::<PolicySet>().map_err(|error| format!("Cedar: {error}\n{text}"))?;
        let actions = Effect::ALL.into_iter().map(Effect::name).chain([MATCHES]);
        let policies = actions.map(|action| Some((action, Policies::of_action(&parsed, action)?)));
        let policies = policies.collect::<Option<_>>().ok_or("Cedar does not take its own policies back")?;
        Ok(Self { document, policy, policies, clauses: OnceCell::new() })
    }

    fn ask(&self, world: &World, action: &str) -> Answer {
        self.policies[action].ask(world, action)
    }

    /// The clauses and their policies.
    fn clauses(&self) -> &(Vec<Clause>, Policies) {
        self.clauses.get_or_init(|| {
            let rules = translate::rules(&self.document).enumerate();
            let all = rules.flat_map(|(index, rule)| clauses(index, &rule["when"])).collect::<Vec<_>>();
            let policies = translate::clauses(&all)
                .parse::<PolicySet>()
                .expect("what is part of a policy is an expression");
            let policies = Policies::of_action(&policies, CLAUSE).expect("they are a set already");
            (all, policies)
        })
    }

    /// Each clause, decided by Cedar alone.
    #[must_use]
    pub fn clause_truths(&self, world: &World) -> Vec<(&Clause, Truth)> {
        let (clauses, policies) = self.clauses();
        let answer = policies.ask(world, CLAUSE);
        let truth = |clause: &Clause| {
            let id = clause.id();
            if answer.erred.contains(&id) { None } else { Some(answer.rules.contains(&id)) }
        };
        clauses.iter().map(|clause| (clause, truth(clause))).collect()
    }

    /// Each rule, put together from its clauses.
    #[must_use]
    pub fn rule_truths(&self, clauses: &[(&Clause, Truth)]) -> Vec<RuleTruth> {
        let rules = translate::rules(&self.document).enumerate();
        let truths = rules.map(|(index, rule)| {
            let of_rule = clauses.iter().filter(|(clause, _)| clause.rule == index);
            let mut leaves = Vec::new();
            let rule = rule_truth(&rule["when"], &mut of_rule.map(|(_, truth)| *truth), &mut leaves);
            RuleTruth { rule, leaves }
        });
        truths.collect()
    }

    /// What is expected of our engine.
    ///
    /// # Errors
    /// When Cedar contradicts itself.
    pub fn expectation(&self, world: &World) -> Result<Expectation, Wrong> {
        let matching = self.ask(world, MATCHES);
        let mut corrected = Corrected { matched: matching.rules, ..Corrected::default() };
        if !matching.erred.is_empty() {
            let truths = self.rule_truths(&self.clause_truths(world));
            for (rule, truth) in translate::rules(&self.document).zip(truths) {
                let id = rule["id"].as_str().unwrap_or_default();
                if matching.erred.contains(id) {
                    corrected.settle(id, truth.rule);
                }
            }
        }
        let mut effects = BTreeMap::new();
        for effect in Effect::ALL {
            let answer = self.ask(world, effect.name());
            let expected = corrected.effect(&self.document, effect, answer)?;
            effects.insert(effect, expected);
        }
        corrected.unreadable(&mut effects);
        let Corrected { matched, erred, exceptions, .. } = corrected;
        Ok(Expectation { effects, matched, erred, exceptions })
    }
}

/// Rules whose policies err, by what they are worth when their clauses are put together.
#[derive(Default)]
struct Corrected {
    matched: BTreeSet<String>,
    erred: BTreeSet<String>,
    settled: BTreeMap<String, Truth>,
    exceptions: Vec<Exception>,
}

impl Corrected {
    fn settle(&mut self, id: &str, truth: Truth) {
        match truth {
            None => drop(self.erred.insert(id.to_owned())),
            Some(true) => drop(self.matched.insert(id.to_owned())),
            Some(false) => {}
        }
        self.settled.insert(id.to_owned(), truth);
    }

    /// Corrects Cedar's answer about an effect.
    fn effect(&mut self, document: &Json, effect: Effect, answer: Answer) -> Result<Expected, Wrong> {
        let Answer { allowed, rules, by_default, erred } = answer;
        let (mut granting, mut denying) =
            if allowed { (rules, BTreeSet::new()) } else { (BTreeSet::new(), rules) };
        let mut denying_by_error = BTreeSet::new();
        for id in erred {
            let denies = translate::rules(document)
                .any(|rule| rule["id"] == *id && rule["then"][effect.name()] == false);
            let truth =
                self.settled.get(&id).ok_or_else(|| format!("{id} errs, but not when it is alone"))?;
            self.exceptions.push(match (truth, denies) {
                (Some(false), _) => Exception::DecidedFalse,
                (Some(true), _) => Exception::DecidedTrue,
                (None, true) => Exception::ForbidErred,
                (None, false) => Exception::PermitErred,
            });
            match (truth, denies) {
                (Some(true), true) => drop(denying.insert(id)),
                (Some(true), false) => drop(granting.insert(id)),
                (None, true) => drop(denying_by_error.insert(id)),
                _ => {}
            }
        }
        let (allowed, by, rules) = if !denying.is_empty() {
            (false, DecidedBy::Rule, denying)
        } else if !denying_by_error.is_empty() {
            (false, DecidedBy::ErredRule, denying_by_error)
        } else if !granting.is_empty() {
            (true, DecidedBy::Rule, granting)
        } else if by_default {
            (true, DecidedBy::Default, BTreeSet::new())
        } else {
            (false, DecidedBy::NoGrant, BTreeSet::new())
        };
        Ok(Expected { allowed, by, rules })
    }

    /// What may not be read is in no prompt: between effects, so not to be said in Cedar.
    fn unreadable(&mut self, effects: &mut BTreeMap<Effect, Expected>) {
        let Some(read) = effects.get(&Effect::Read).filter(|read| !read.allowed) else { return };
        let instead = Expected { allowed: false, by: DecidedBy::NotReadable, rules: read.rules.clone() };
        if let Some(prompt) = effects.get_mut(&Effect::IncludeInPrompt).filter(|prompt| prompt.allowed) {
            *prompt = instead;
            self.exceptions.push(Exception::NotReadable);
        }
    }
}

/// Policies of Cedar's, and the rules that they come from.
#[derive(Debug)]
struct Policies {
    set: PolicySet,
    /// The `@id` of each; a default has none.
    rules: BTreeMap<PolicyId, Option<String>>,
}

impl Policies {
    /// Those whose scope has that action.
    fn of_action(policies: &PolicySet, action: &str) -> Option<Self> {
        let action = action_uid(action);
        let has = |policy: &&Policy| match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::In(actions) => actions.contains(&action),
            ActionConstraint::Eq(one) => one == action,
        };
        let set = PolicySet::from_policies(policies.policies().filter(has).cloned()).ok()?;
        let rule = |policy: &Policy| {
            let id = policy.annotations().find(|(key, _)| *key == "id");
            (policy.id().clone(), id.map(|(_, id)| id.to_owned()))
        };
        Some(Self { rules: set.policies().map(rule).collect(), set })
    }

    /// Asks Cedar.
    fn ask(&self, world: &World, action: &str) -> Answer {
        let response = Authorizer::new().is_authorized(&world.request(action), &self.set, &world.entities);
        let rule_of = |policy: &PolicyId| self.rules[policy].clone();
        let diagnostics = response.diagnostics();
        let reasons = diagnostics.reason().map(rule_of).collect::<Vec<_>>();
        let erred = diagnostics.errors().filter_map(|error| match error {
            AuthorizationError::PolicyEvaluationError(error) => rule_of(error.policy_id()),
        });
        Answer {
            allowed: response.decision() == Decision::Allow,
            by_default: reasons.contains(&None),
            erred: erred.collect(),
            rules: reasons.into_iter().flatten().collect(),
        }
    }
}
