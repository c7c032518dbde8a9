//! Warnings: a policy that loads, and still may not mean what its author thinks.
//!
//! Every warning is certain: a rule that is said never to match never does. What the linter cannot decide (globs,
//! sets, metadata) it leaves alone.

use serde::Serialize;

use super::catalogue::{Attribute, Fallback, Kind};
use super::compile::{Policy, Rule, StateSet};
use super::condition::{Bound, Condition, Leaf, Literal, Path, Test, Truth};
use super::decide::counting_states;
use super::effect::Effect;
use super::trace::RuleId;
use super::value::Value;
use crate::purpose::Purpose;
use crate::time::Timestamp;

/// One warning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Warning {
    /// What kind of warning.
    pub code: Code,
    /// The rule it is about.
    pub rule: RuleId,
    /// The other rule it is about, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<RuleId>,
    /// The rule's line in the text it comes from.
    pub line: usize,
    /// Its column.
    pub column: usize,
    /// What is the matter, in a sentence.
    pub message: String,
}

/// What kind of warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Its conditions exclude each other.
    NeverMatches,
    /// It only ever matches memories in states that it does not name, so its grants never count.
    StateNotNamed,
    /// It grants what is revoked or tombstoned, which counts under `compliance_audit` only, and says nothing of that.
    AuditOnly,
    /// Another rule denies something that it grants wherever it matches; the rest of it counts.
    PartlyDenied,
    /// Whatever it says, another rule says or denies wherever it matches.
    Shadowed,
    /// Another rule with the same conditions decides otherwise.
    Contradicts,
    /// It denies on an attribute that can be absent, and says nothing of its absence.
    AbsenceNotCovered,
}

/// A rule, and the tests that must all hold.
struct Examined<'p> {
    rule: &'p Rule,
    /// The conjuncts that are tests.
    leaves: Vec<&'p Leaf>,
    /// The others.
    blocks: Vec<&'p Condition>,
}

/// Everything that is suspicious about a policy's own rules, in the order of the document. Rules that it inherits from
/// `builtin/default` are compared with, but not warned about.
#[must_use]
pub fn lint(policy: &Policy) -> Vec<Warning> {
    let examined = policy.rules().iter().map(examined).collect::<Vec<_>>();
    let mut warnings = Vec::new();
    for (at, one) in examined.iter().enumerate() {
        if one.rule.inherited {
            continue;
        }
        if !satisfiable(one) {
            let message = "its conditions exclude each other: it never matches".to_owned();
            warnings.push(warning(Code::NeverMatches, one.rule, None, message));
            continue;
        }
        warnings.extend(state_not_named(one));
        warnings.extend(absence_not_covered(one));
        let others = examined.iter().enumerate().filter(|(index, _)| *index != at);
        let mut overlaps = others.filter_map(|(index, other)| compared(one, other, at < index));
        warnings.extend(overlaps.next());
    }
    warnings
}

fn examined(rule: &Rule) -> Examined<'_> {
    let (mut leaves, mut blocks) = (Vec::new(), Vec::new());
    for conjunct in rule.when.conjuncts() {
        match conjunct {
            Condition::Leaf(leaf) => leaves.push(leaf),
            other => blocks.push(other),
        }
    }
    Examined { rule, leaves, blocks }
}

fn warning(code: Code, rule: &Rule, other: Option<&Rule>, message: String) -> Warning {
    let other = other.map(|other| RuleId::clone(&other.id));
    Warning { code, rule: RuleId::clone(&rule.id), other, line: rule.line, column: rule.column, message }
}

/// The values at which the tests of an attribute can change their answer, or none when that is not known.
fn candidates<'v>(path: &Path, tests: &[&'v Test]) -> Option<Vec<Value<'v>>> {
    let entry = path.attribute.entry();
    match entry.kind {
        // What is neither is no value of the attribute, and still one that facts in a file may give.
        Kind::Bool => Some(vec![Value::Bool(false), Value::Bool(true), Value::Text("")]),
        Kind::Enum(values) | Kind::Ordered(values) => {
            Some(values.iter().map(|value| Value::Text(value)).collect())
        }
        Kind::Number if path.attribute == Attribute::TimeHour => {
            Some((0..24).map(|hour| Value::Number(f64::from(hour))).collect())
        }
        Kind::Number => {
            let mut points = vec![0.0];
            for test in tests {
                collect_numbers(test, &mut points);
            }
            let around = points.iter().flat_map(|n| [n.next_down(), *n, n.next_up()]);
            Some(around.map(Value::Number).collect())
        }
        Kind::Text => {
            let mut texts = vec![Value::Text("\u{0}none of them")];
            tests.iter().all(|test| collect_texts(test, &mut texts)).then_some(texts)
        }
        Kind::Time | Kind::TextSet | Kind::EnumSet(_) | Kind::Open => None,
    }
}

fn collect_numbers(test: &Test, points: &mut Vec<f64>) {
    match test {
        Test::OneOf(literals) | Test::NoneOf(literals) => {
            points.extend(literals.iter().filter_map(|literal| match literal {
                Literal::Number(number) => Some(*number),
                _ => None,
            }));
        }
        Test::Compare(_, Bound::Number(number)) => points.push(*number),
        Test::Not(inner) => collect_numbers(inner, points),
        Test::Every(inner) => inner.iter().for_each(|test| collect_numbers(test, points)),
        _ => {}
    }
}

/// Collects the texts that a test names; false when it tests more than equality.
fn collect_texts<'v>(test: &'v Test, texts: &mut Vec<Value<'v>>) -> bool {
    match test {
        Test::OneOf(literals) | Test::NoneOf(literals) => {
            texts.extend(literals.iter().filter_map(|literal| match literal {
                Literal::Text(text) => Some(Value::Text(text)),
                _ => None,
            }));
            true
        }
        Test::Not(inner) => collect_texts(inner, texts),
        Test::Every(inner) => inner.iter().all(|test| collect_texts(test, texts)),
        Test::Exists(_) => true,
        Test::AllOf(_) | Test::Compare(..) | Test::Matches(_) => false,
    }
}

fn passes(test: &Test, value: Value<'_>) -> bool {
    test.holds(value, false, Timestamp::from_unix_micros(0)) == Truth::True
}

/// The tests that a rule makes of one attribute.
fn tests_of<'p>(examined: &Examined<'p>, path: &Path) -> Vec<&'p Test> {
    examined.leaves.iter().filter(|leaf| leaf.path == *path).map(|leaf| &leaf.test).collect()
}

/// Whether some value passes all of a rule's tests of each attribute, and none of them settles a block. True when in
/// doubt.
fn satisfiable(examined: &Examined<'_>) -> bool {
    examined.leaves.iter().all(|leaf| !excludes_leaf(examined, leaf))
        && !examined.blocks.iter().any(|block| excludes(examined, block))
}

/// Whether no value passes both the test and all that the rule makes of the same attribute. False when in doubt.
fn excludes_leaf(examined: &Examined<'_>, leaf: &Leaf) -> bool {
    let mut tests = tests_of(examined, &leaf.path);
    tests.push(&leaf.test);
    let Some(values) = candidates(&leaf.path, &tests) else { return false };
    !values.iter().any(|value| tests.iter().all(|test| passes(test, *value)))
}

/// Whether the condition never holds where the rule's tests do. False when in doubt.
fn excludes(examined: &Examined<'_>, condition: &Condition) -> bool {
    match condition {
        Condition::Leaf(leaf) => excludes_leaf(examined, leaf),
        Condition::All(parts) => parts.iter().any(|part| excludes(examined, part)),
        Condition::Any(parts) => parts.iter().all(|part| excludes(examined, part)),
        Condition::Not(part) => ensures(examined, part),
    }
}

/// Whether the condition always holds where the rule's tests do. False when in doubt.
fn ensures(examined: &Examined<'_>, condition: &Condition) -> bool {
    match condition {
        Condition::Leaf(leaf) => implies_leaf(examined, leaf),
        Condition::All(parts) => parts.iter().all(|part| ensures(examined, part)),
        Condition::Any(parts) => parts.iter().any(|part| ensures(examined, part)),
        Condition::Not(part) => excludes(examined, part),
    }
}

/// Whether `one` matches only where `other` does. False when in doubt.
fn implies(one: &Examined<'_>, other: &Examined<'_>) -> bool {
    let blocks = other.blocks.iter().all(|block| one.blocks.iter().any(|own| same_condition(own, block)));
    blocks && other.leaves.iter().all(|leaf| implies_leaf(one, leaf))
}

fn implies_leaf(one: &Examined<'_>, leaf: &Leaf) -> bool {
    let own = tests_of(one, &leaf.path);
    if own.iter().any(|test| **test == leaf.test || lists_fewer(test, &leaf.test)) {
        return true;
    }
    let all = own.iter().copied().chain([&leaf.test]).collect::<Vec<_>>();
    let Some(values) = candidates(&leaf.path, &all) else { return false };
    let admitted = |value: &Value<'_>| own.iter().all(|test| passes(test, *value));
    values.into_iter().filter(admitted).all(|value| passes(&leaf.test, value))
}

/// Whether one list of alternatives is part of another.
fn lists_fewer(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::OneOf(fewer), Test::OneOf(more)) => fewer.iter().all(|literal| more.contains(literal)),
        _ => false,
    }
}

/// The same condition, wherever it stands.
fn same_condition(one: &Condition, other: &Condition) -> bool {
    match (one, other) {
        (Condition::Leaf(one), Condition::Leaf(other)) => one.path == other.path && one.test == other.test,
        (Condition::All(one), Condition::All(other)) | (Condition::Any(one), Condition::Any(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_condition(one, other))
        }
        (Condition::Not(one), Condition::Not(other)) => same_condition(one, other),
        _ => false,
    }
}

/// The rule's grants count in none of the states that it admits.
fn state_not_named(examined: &Examined<'_>) -> Option<Warning> {
    let Examined { rule, leaves, .. } = examined;
    let state = leaves.iter().find(|leaf| leaf.path.attribute == Attribute::MemoryState)?;
    if rule.grants.is_empty() {
        return None;
    }
    let purposes = tests_of(examined, &Path { attribute: Attribute::RequestPurpose, metadata: "".into() });
    let audit = Purpose::ComplianceAudit;
    let auditing = purposes.iter().all(|test| passes(test, Value::Text(audit.name())));
    let counting = counting_states(rule, auditing.then_some(audit));
    let tests = tests_of(examined, &state.path);
    let counted_in = |states: StateSet| {
        states.names().any(|name| tests.iter().all(|test| passes(test, Value::Text(name))))
    };
    let says_why = rule.when.leaves().iter().any(|leaf| leaf.path.attribute == Attribute::RequestPurpose);
    let counted = counted_in(counting);
    if counted && !says_why && !counted_in(counting_states(rule, None)) {
        let message =
            "its grants count under compliance_audit only: add request.purpose: compliance_audit to say so";
        return Some(warning(Code::AuditOnly, rule, None, message.to_owned()));
    }
    let message = "its grants never count: restricted and sealed must be named in a positive test of memory.state, \
                   revoked and tombstoned under compliance_audit too";
    (!counted).then(|| warning(Code::StateNotNamed, rule, None, message.to_owned()))
}

/// The rule denies on something that can be absent, and never tests its absence.
fn absence_not_covered(examined: &Examined<'_>) -> Option<Warning> {
    let rule = examined.rule;
    if rule.denies.is_empty() {
        return None;
    }
    let leaves = rule.when.leaves();
    let mut uncovered = leaves.iter().filter(|leaf| {
        let can_be_absent = leaf.path.attribute.entry().fallback == Fallback::Absent;
        can_be_absent && !leaves.iter().any(|other| other.path == leaf.path && tests_absence(&other.test))
    });
    let leaf = uncovered.next()?;
    let path = &leaf.path;
    let message = format!(
        "it denies when {leaf}, and does not when {path} is absent: add an `any` branch with {path}: {{exists: false}}, \
         or {{exists: true}} to say that this is meant"
    );
    Some(warning(Code::AbsenceNotCovered, rule, None, message))
}

fn tests_absence(test: &Test) -> bool {
    match test {
        Test::Exists(_) => true,
        Test::Not(inner) => tests_absence(inner),
        Test::Every(inner) => inner.iter().any(tests_absence),
        _ => false,
    }
}

/// What another rule does to this one. `first`: this one stands before the other.
fn compared(one: &Examined<'_>, other: &Examined<'_>, first: bool) -> Option<Warning> {
    let (rule, by) = (one.rule, other.rule);
    let opposed = rule.grants.intersects(by.denies);
    let repeated = says_all_of(by, rule);
    if !(opposed || repeated) || !implies(one, other) {
        return None;
    }
    let only_grants = rule.denies.is_empty()
        && rule.set_state.is_none()
        && rule.redact.is_empty()
        && rule.max_age_days.is_none();
    let equal = implies(other, one);
    if opposed && equal {
        let message = format!("rule {} has the same conditions and denies what this one grants", by.id);
        Some(warning(Code::Contradicts, rule, Some(by), message))
    } else if only_grants && rule.grants.is_subset_of(by.denies) {
        let message = format!("rule {} denies all that it grants, wherever it matches", by.id);
        Some(warning(Code::Shadowed, rule, Some(by), message))
    } else if repeated && !(equal && first) {
        let message = format!("rule {} says the same, wherever it matches", by.id);
        Some(warning(Code::Shadowed, rule, Some(by), message))
    } else if opposed {
        let denied = rule.grants.iter().filter(|effect| by.denies.contains(*effect)).map(Effect::name);
        let denied = denied.collect::<Vec<_>>().join(", ");
        let message =
            format!("rule {} denies its {denied}, wherever it matches; the rest of it counts", by.id);
        Some(warning(Code::PartlyDenied, rule, Some(by), message))
    } else {
        None
    }
}

/// Whether `by` says everything that `rule` says, where both match. Reasons do not count.
fn says_all_of(by: &Rule, rule: &Rule) -> bool {
    let grants_count = rule.grants.is_empty() || rule.names.hidden().is_subset_of(by.names);
    grants_count
        && rule.grants.is_subset_of(by.grants)
        && rule.denies.is_subset_of(by.denies)
        && rule.set_state <= by.set_state
        && rule.redact.iter().all(|path| by.redact.contains(path))
        && match (rule.max_age_days, by.max_age_days) {
            (None, _) => true,
            (Some(days), Some(fewer)) => fewer <= days,
            (Some(_), None) => false,
        }
}
