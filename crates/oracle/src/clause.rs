//! Clauses: each operator of a condition alone, and what a rule is worth when they are put together again.
//!
//! Cedar reads a conjunction from the left, and what errs first ends it. Ours does not depend on the order: one false
//! part makes `all` false whatever errs beside it. Where a policy errs, the clauses, each decided by Cedar, tell what
//! the rule is worth. The three-valued logic that puts them together is here, in the shortest form there is.

use serde_json::Value as Json;

use crate::expression::{Subject, operator, operators, subject};

/// True, false, or none for an error.
pub type Truth = Option<bool>;

/// One attribute's whole test: the path, and what it is worth.
pub type Leaf = (String, Truth);

/// One operator of one test.
#[derive(Debug, Clone)]
pub struct Clause {
    /// Which rule it is of.
    pub rule: usize,
    /// Which of that rule's, in the order of the document.
    pub index: usize,
    /// `value`, `list`, `any_of`, …; `there` for the presence that a `not` asks for.
    pub operator: &'static str,
    /// In Cedar's syntax.
    pub expression: String,
}

/// Every operator of the language, as clauses name them.
pub const OPERATORS: [&str; 13] = [
    "value", "list", "any_of", "all_of", "none_of", "gt", "gte", "lt", "lte", "exists", "matches", "not",
    "there",
];

impl Clause {
    /// Its name as a policy.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.rule, self.index)
    }
}

/// The clauses of a rule's `when`, in the order in which [`rule_truth`] takes their truths.
#[must_use]
pub fn clauses(rule: usize, when: &Json) -> Vec<Clause> {
    let mut found = Vec::new();
    collect(rule, when, &mut found);
    found
}

fn collect(rule: usize, block: &Json, found: &mut Vec<Clause>) {
    for (key, value) in block.as_object().into_iter().flatten() {
        match key.as_str() {
            "all" | "any" | "none" => {
                value.as_array().into_iter().flatten().for_each(|part| collect(rule, part, found));
            }
            path => of_test(rule, &subject(path), value, found),
        }
    }
}

fn of_test(rule: usize, subject: &Subject, test: &Json, found: &mut Vec<Clause>) {
    for (name, value) in operators(test) {
        let name = if name == "not" { "there" } else { name };
        let expression = if name == "there" { subject.has.clone() } else { operator(subject, name, value) };
        let known = OPERATORS.into_iter().find(|known| *known == name).unwrap_or("value");
        found.push(Clause { rule, index: found.len(), operator: known, expression });
        if name == "there" {
            of_test(rule, subject, value, found);
        }
    }
}

/// What a `when` is worth, from what its clauses are; what its leaves are worth goes into `leaves`.
pub fn rule_truth(block: &Json, clauses: &mut impl Iterator<Item = Truth>, leaves: &mut Vec<Leaf>) -> Truth {
    let parts = block.as_object().into_iter().flatten().map(|(key, value)| {
        let mut parts = || {
            let blocks = value.as_array().into_iter().flatten();
            blocks.map(|part| rule_truth(part, clauses, leaves)).collect::<Vec<_>>()
        };
        match key.as_str() {
            "all" => all(&parts()),
            "any" => any(&parts()),
            "none" => any(&parts()).map(|holds| !holds),
            path => {
                let truth = test_truth(value, clauses);
                leaves.push((path.to_owned(), truth));
                truth
            }
        }
    });
    all(&parts.collect::<Vec<_>>())
}

fn test_truth(test: &Json, clauses: &mut impl Iterator<Item = Truth>) -> Truth {
    let parts = operators(test).into_iter().map(|(name, value)| {
        let first = clauses.next().flatten();
        if name != "not" {
            return first;
        }
        let inner = test_truth(value, clauses);
        if first == Some(false) { first } else { inner.map(|holds| !holds) }
    });
    all(&parts.collect::<Vec<_>>())
}

fn all(parts: &[Truth]) -> Truth {
    if parts.contains(&Some(false)) { Some(false) } else { parts.iter().all(Option::is_some).then_some(true) }
}

fn any(parts: &[Truth]) -> Truth {
    if parts.contains(&Some(true)) { Some(true) } else { parts.iter().all(Option::is_some).then_some(false) }
}
