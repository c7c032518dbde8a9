//! Both engines are asked, and every difference is a line.

use std::collections::BTreeSet;

use memoryscope_domain::policy::condition::{Facts, Truth as OurTruth};
use memoryscope_domain::policy::explain::Outcome;
use memoryscope_domain::policy::{Decision, Effect, IngestState, MemoryFacts, Request, RuleId, explain};
use serde_json::Value as Json;

use crate::clause::{Clause, Truth};
use crate::entities::{World, Wrong};
use crate::oracle::{Expectation, RuleSet, RuleTruth};
use crate::pair::{Pair, memory_facts, request_facts};
use crate::translate::rules;

/// What became of one pair.
#[derive(Debug)]
pub struct Compared<'r> {
    /// What is expected.
    pub expectation: Expectation,
    /// Each clause's truth; empty when clauses were not asked about.
    pub clauses: Vec<(&'r Clause, Truth)>,
    /// What ours says that is not expected.
    pub differences: Vec<String>,
}

/// Asks both engines about a pair; `with_clauses` also about each clause, each leaf and the explanation.
///
/// # Errors
/// When the pair is no pair: then nothing was compared.
pub fn compare<'r>(
    set: &'r RuleSet,
    memory: &Json,
    request: &Json,
    with_clauses: bool,
) -> Result<Compared<'r>, Wrong> {
    let world = World::new(memory, request)?;
    let (memory, request) = (memory_facts(memory)?, request_facts(request)?);
    let request = request.as_request();
    let expectation = set.expectation(&world)?;
    let decision = set.policy.decide(&request, &memory, &Effect::ALL);
    let mut differences = outcomes(&expectation, &decision);
    differences.extend(obligations(&set.document, &expectation, &decision));
    let mut clauses = Vec::new();
    if with_clauses {
        clauses = set.clause_truths(&world);
        let truths = set.rule_truths(&clauses);
        differences.extend(leaves(set, &truths, &request, &memory));
    }
    Ok(Compared { expectation, clauses, differences })
}

/// Loads a pair and asks both.
///
/// # Errors
/// When one of the engines does not take it.
pub fn compare_pair(pair: &Pair, builtin: &Json) -> Result<Vec<String>, Wrong> {
    let set = RuleSet::new(&pair.policy, builtin)?;
    Ok(compare(&set, &pair.memory, &pair.request, true)?.differences)
}

fn names(rules: &[RuleId]) -> BTreeSet<String> {
    rules.iter().map(|rule| rule.to_string()).collect()
}

/// The vector of outcomes, by what, and the determining rules.
fn outcomes(expectation: &Expectation, decision: &Decision) -> Vec<String> {
    let mut found = Vec::new();
    for (effect, expected) in &expectation.effects {
        let Some(verdict) = decision.trace.verdict(*effect) else {
            found.push(format!("{}: no verdict", effect.name()));
            continue;
        };
        let (allowed, by, rules) = (verdict.allowed, verdict.by, names(&verdict.rules));
        if (allowed, by, &rules) != (expected.allowed, expected.by, &expected.rules)
            || decision.allows(*effect) != allowed
            || rules.len() != verdict.rules.len()
        {
            found.push(format!(
                "{}: allowed {allowed} by {by:?} {rules:?}, expected {expected:?}",
                effect.name()
            ));
        }
    }
    for (what, ours, theirs) in [
        ("matched", &decision.trace.matched_rules, &expectation.matched),
        ("erred", &decision.trace.erred_rules, &expectation.erred),
    ] {
        if names(ours) != *theirs {
            found.push(format!("{what}: {ours:?}, expected {theirs:?}"));
        }
    }
    found
}

/// What the rules that match or err oblige to.
fn obligations(document: &Json, expectation: &Expectation, decision: &Decision) -> Vec<String> {
    let restricts = |rule: &&Json| {
        let id = rule["id"].as_str().unwrap_or_default();
        expectation.matched.contains(id) || expectation.erred.contains(id)
    };
    let then = || rules(document).filter(restricts).map(|rule| &rule["then"]);
    let oldest = then().filter_map(|then| then["max_age_days"].as_u64()).min();
    let state = then().filter_map(|then| IngestState::from_name(then["set_state"].as_str()?)).max();
    let redacted = then().flat_map(|then| then["redact"].as_array().into_iter().flatten());
    let redacted = redacted.filter_map(Json::as_str).collect::<BTreeSet<_>>();
    let ours = &decision.obligations;
    let mut found = Vec::new();
    if ours.max_age_days.map(u64::from) != oldest {
        found.push(format!("max_age_days: {:?}, expected {oldest:?}", ours.max_age_days));
    }
    if ours.set_state != state {
        found.push(format!("set_state: {:?}, expected {state:?}", ours.set_state));
    }
    if !ours.redact.iter().map(AsRef::as_ref).eq(redacted.iter().copied()) {
        found.push(format!("redact: {:?}, expected {redacted:?}", ours.redact));
    }
    found
}

const fn in_cedars_words(truth: OurTruth) -> Truth {
    match truth {
        OurTruth::True => Some(true),
        OurTruth::False => Some(false),
        OurTruth::Error => None,
    }
}

/// Each leaf of each rule, each rule, and what `explain` says of it.
fn leaves(set: &RuleSet, truths: &[RuleTruth], request: &Request<'_>, memory: &MemoryFacts) -> Vec<String> {
    let facts = Facts { request, memory };
    let explained = explain(&set.policy, request, memory);
    let mut found = Vec::new();
    if truths.len() != set.policy.rules().len() || truths.len() != explained.rules.len() {
        found.push(format!("{} rules, expected {}", set.policy.rules().len(), truths.len()));
    }
    for ((rule, truth), explanation) in set.policy.rules().iter().zip(truths).zip(&explained.rules) {
        // By path: the built-in policy is in another order in its file.
        let leaves = rule.when.leaves();
        let leaves = leaves.iter().map(|leaf| (leaf.path.to_string(), in_cedars_words(leaf.holds(&facts))));
        let (mut ours, mut theirs) = (leaves.collect::<Vec<_>>(), truth.leaves.clone());
        ours.sort_unstable();
        theirs.sort_unstable();
        if ours != theirs {
            found.push(format!("{}: its leaves are {ours:?}, expected {theirs:?}", rule.id));
        }
        let holds = in_cedars_words(rule.when.holds(&facts));
        if holds != truth.rule {
            found.push(format!("{}: {holds:?}, expected {:?}", rule.id, truth.rule));
        }
        let explained_as = match explanation.outcome {
            Outcome::Matched | Outcome::MatchedWithoutNamingTheState => Some(true),
            Outcome::Failed(_) => Some(false),
            Outcome::Erred(_) => None,
        };
        if explained_as != truth.rule {
            found.push(format!("{}: explained as {:?}", rule.id, explanation.outcome));
        }
    }
    found
}
