//! What was seen, so that agreement means something.

use std::collections::BTreeMap;
use std::fmt;

use memoryscope_domain::policy::{DecidedBy, Effect};

use crate::clause::OPERATORS;
use crate::compare::Compared;
use crate::oracle::Exception;

/// Counts over many pairs.
#[derive(Debug, Default, Clone)]
pub struct Coverage {
    /// Rule sets.
    pub rule_sets: u64,
    /// Pairs of a rule set and a request with its memory.
    pub pairs: u64,
    effects: BTreeMap<Effect, BTreeMap<&'static str, u64>>,
    operators: BTreeMap<&'static str, [u64; 3]>,
    exceptions: BTreeMap<Exception, u64>,
}

/// What an effect can come to.
const OUTCOMES: [&str; 6] = ["granted", "by default", "denied", "by error", "no grant", "unreadable"];

const fn outcome(allowed: bool, by: DecidedBy) -> &'static str {
    match (by, allowed) {
        (DecidedBy::Rule, true) => "granted",
        (DecidedBy::Rule, false) => "denied",
        (DecidedBy::Default, _) => "by default",
        (DecidedBy::ErredRule, _) => "by error",
        (DecidedBy::NoGrant, _) => "no grant",
        (DecidedBy::NotReadable, _) => "unreadable",
    }
}

/// An effect that comes to `unreadable` is the prompt, and no other.
fn can_come_to(effect: Effect, outcome: &str) -> bool {
    outcome != "unreadable" || effect == Effect::IncludeInPrompt
}

impl Coverage {
    /// Counts a pair.
    pub fn add(&mut self, compared: &Compared<'_>) {
        self.pairs += 1;
        for (effect, expected) in &compared.expectation.effects {
            let outcomes = self.effects.entry(*effect).or_default();
            *outcomes.entry(outcome(expected.allowed, expected.by)).or_default() += 1;
        }
        for (clause, truth) in &compared.clauses {
            let counts = self.operators.entry(clause.operator).or_default();
            counts[match truth {
                Some(true) => 0,
                Some(false) => 1,
                None => 2,
            }] += 1;
        }
        for exception in &compared.expectation.exceptions {
            *self.exceptions.entry(*exception).or_default() += 1;
        }
    }

    /// Adds what another thread counted.
    pub fn join(&mut self, other: &Self) {
        self.rule_sets += other.rule_sets;
        self.pairs += other.pairs;
        for (effect, outcomes) in &other.effects {
            let mine = self.effects.entry(*effect).or_default();
            outcomes.iter().for_each(|(name, count)| *mine.entry(name).or_default() += count);
        }
        for (operator, counts) in &other.operators {
            let mine = self.operators.entry(operator).or_default();
            mine.iter_mut().zip(counts).for_each(|(mine, count)| *mine += count);
        }
        for (exception, count) in &other.exceptions {
            *self.exceptions.entry(*exception).or_default() += count;
        }
    }

    fn outcomes(&self, effect: Effect, outcome: &str) -> u64 {
        self.effects.get(&effect).and_then(|outcomes| outcomes.get(outcome)).copied().unwrap_or_default()
    }

    /// What was never seen, of outcomes and operators: agreement about it was not tested.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        for effect in Effect::ALL {
            let missing = OUTCOMES.into_iter().filter(|name| can_come_to(effect, name));
            let missing = missing.filter(|name| self.outcomes(effect, name) == 0);
            gaps.extend(missing.map(|name| format!("{}: never {name}", effect.name())));
        }
        for operator in OPERATORS.into_iter().filter(|operator| *operator != "not") {
            let [held, failed, _] = self.operators.get(operator).copied().unwrap_or_default();
            if held == 0 || failed == 0 {
                gaps.push(format!("{operator}: held {held} times, failed {failed} times"));
            }
        }
        gaps
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:18}", "effect")?;
        OUTCOMES.iter().try_for_each(|outcome| write!(f, "{outcome:>12}"))?;
        writeln!(f)?;
        for effect in Effect::ALL {
            write!(f, "{:18}", effect.name())?;
            OUTCOMES.iter().try_for_each(|outcome| write!(f, "{:>12}", self.outcomes(effect, outcome)))?;
            writeln!(f)?;
        }
        writeln!(f, "\n{:18}{:>12}{:>12}{:>12}", "operator", "holds", "fails", "errs")?;
        for (operator, [held, failed, erred]) in &self.operators {
            writeln!(f, "{operator:18}{held:>12}{failed:>12}{erred:>12}")?;
        }
        writeln!(f, "\nwhere Cedar's answer was corrected, or is the same for another reason")?;
        for (exception, count) in &self.exceptions {
            writeln!(f, "{count:>10}  {}", exception.text())?;
        }
        Ok(())
    }
}
