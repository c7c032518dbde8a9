//! Why each rule matched or did not: for people who write policies, and may see the memory.

use serde::Serialize;

use super::compile::{Policy, Rule};
use super::condition::{Condition, Facts, Truth};
use super::decide::Decision;
use super::effect::Effect;
use super::hint::Sight;
use super::request::Request;
use super::trace::RuleId;
use super::value::MemoryAttributes;

/// A decision, and what each rule had to do with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The decision about every effect.
    pub decision: Decision,
    /// Every rule, in the order of the document.
    pub rules: Vec<RuleExplanation>,
}

/// What a rule had to do with a decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleExplanation {
    /// Its name.
    pub id: RuleId,
    /// Its line in the text it comes from.
    pub line: usize,
    /// Whether it comes from `builtin/default`.
    pub inherited: bool,
    /// Whether it matched.
    pub outcome: Outcome,
}

/// Whether a rule matched.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It did.
    Matched,
    /// It matched, but its grants do not count: its `when` does not name the memory's state.
    MatchedWithoutNamingTheState,
    /// It did not: this is the first condition that failed.
    Failed(FailedCondition),
    /// It could not be tested: this is the first condition that erred.
    Erred(FailedCondition),
}

/// A condition that failed or erred.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailedCondition {
    /// The condition in words: `memory.state = active`.
    pub condition: String,
    /// Its line in the text that the rule comes from; 0 for an empty block.
    pub line: usize,
    /// Its column; 0 for an empty block.
    pub column: usize,
}

/// Decides about every effect, and explains each rule. `Failed` texts quote the policy, never the memory; but that a
/// condition failed tells about the memory, so this is for those who may see it.
#[must_use]
pub fn explain<M: MemoryAttributes + ?Sized>(
    policy: &Policy,
    request: &Request<'_>,
    memory: &M,
) -> Explanation {
    let facts = Facts { request, memory };
    let mut decision = policy.decide(request, memory, &Effect::ALL);
    // Whoever asks sees the memory, so that its attributes may choose the nearest grant; what a rule forbids has none.
    let mut denied = decision.trace.effects.iter().filter(|verdict| !verdict.allowed);
    decision.trace.nearest_grant =
        denied.find_map(|denied| policy.hint(request, &Sight::Memory(memory), denied));
    let rules = policy.rules().iter().map(|rule| RuleExplanation {
        id: RuleId::clone(&rule.id),
        line: rule.line,
        inherited: rule.inherited,
        outcome: outcome(rule, &facts),
    });
    Explanation { rules: rules.collect(), decision }
}

fn outcome<M: MemoryAttributes + ?Sized>(rule: &Rule, facts: &Facts<'_, M>) -> Outcome {
    let blamed = |wanted: Truth| {
        let first = rule.when.conjuncts().iter().find(|part| part.holds(facts) == wanted);
        failed(first.unwrap_or(&rule.when))
    };
    match rule.when.holds(facts) {
        Truth::False => Outcome::Failed(blamed(Truth::False)),
        Truth::Error => Outcome::Erred(blamed(Truth::Error)),
        Truth::True => {
            let counts = super::decide::counts(rule, facts.request.purpose, facts.memory);
            if !counts && !rule.grants.is_empty() {
                Outcome::MatchedWithoutNamingTheState
            } else {
                Outcome::Matched
            }
        }
    }
}

fn failed(condition: &Condition) -> FailedCondition {
    let (line, column) = condition.leaves().first().map_or((0, 0), |leaf| (leaf.line, leaf.column));
    FailedCondition { condition: condition.to_string(), line, column }
}
