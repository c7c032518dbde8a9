//! Tables of cases: a request, a memory, and what must come of it.
//!
//! ```yaml
//! cases:
//!   - name: a chat sees what happened
//!     request: {purpose: chat_response}
//!     memory: {type: event, readable_by_principal: true}
//!     expect: {allow_read: true, by: {allow_read: events_for_conversation}}
//! ```
//!
//! `expect` takes every effect (`true` or `false`), `set_state` (a state or null), `redact` (a list), `max_age_days` (a
//! number or null) and `by` (for an effect, the rule that decided).

use serde::Serialize;

use super::compile::Policy;
use super::decide::Decision;
use super::effect::{Effect, EffectSet};
use super::error::{Errors, Place, PolicyError};
use super::facts::{self, MemoryFacts, RequestFacts};
use super::trace::{RuleId, Trace};
use super::yaml::{self, Node, NodeKind};
use crate::limits;

/// How many cases a table holds at most.
pub const POLICY_CASES_MAX: usize = 10_000;

/// What came of a table of cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseReport {
    /// Every case, in the order of the document.
    pub cases: Vec<CaseResult>,
}

impl CaseReport {
    /// How many did not come out as expected.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.cases.iter().filter(|case| !case.mismatches.is_empty()).count()
    }
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// Its line in the table.
    pub line: usize,
    /// What did not come out as expected; empty when the case passed.
    pub mismatches: Vec<Mismatch>,
    /// Why it came out as it did.
    pub trace: Trace,
}

/// One expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Which: an effect or an obligation.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
}

/// A case as it was written.
struct Case {
    name: String,
    line: usize,
    request: RequestFacts,
    memory: MemoryFacts,
    expected: Vec<Expectation>,
}

/// One thing that must come of a case.
enum Expectation {
    Allowed(Effect, bool),
    SetState(Option<String>),
    Redact(Vec<String>),
    MaxAgeDays(Option<f64>),
    By(Effect, String),
}

/// Runs a table of cases.
///
/// # Errors
/// Everything that is wrong with the table. A case that fails is no error: the report says so.
pub fn run(text: &str, policy: &Policy) -> Result<CaseReport, Vec<PolicyError>> {
    let mut errors = Errors::default();
    let cases = read(text, true, &mut errors);
    if !errors.is_empty() {
        return Err(errors.into_vec());
    }
    Ok(CaseReport { cases: cases.into_iter().map(|case| result(case, policy)).collect() })
}

/// What two policies make of the same cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// How many cases there were.
    pub evaluated: usize,
    /// How many come out otherwise.
    pub changed: usize,
    /// What comes out otherwise, in the order of the cases.
    pub changes: Vec<Difference>,
}

/// One thing that two policies decide otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The case's name.
    pub case: String,
    /// Which effect or obligation.
    pub what: String,
    /// What comes of it by the first policy.
    pub from: String,
    /// What comes of it by the second.
    pub to: String,
    /// The rules that decide by the second, where rules do.
    pub rules: Vec<RuleId>,
}

/// Compares what two policies make of a table of cases. What a case expects is not looked at: it may expect nothing.
///
/// # Errors
/// Everything that is wrong with the table.
pub fn compare(text: &str, from: &Policy, to: &Policy) -> Result<Comparison, Vec<PolicyError>> {
    let mut errors = Errors::default();
    let cases = read(text, false, &mut errors);
    if !errors.is_empty() {
        return Err(errors.into_vec());
    }
    let mut comparison = Comparison { evaluated: cases.len(), changed: 0, changes: Vec::new() };
    for case in cases {
        let [before, after] =
            [from, to].map(|policy| policy.decide(&case.request.as_request(), &case.memory, &Effect::ALL));
        let changes = differences(&case.name, &before, &after);
        comparison.changed += usize::from(!changes.is_empty());
        comparison.changes.extend(changes);
    }
    Ok(comparison)
}

fn differences(case: &str, before: &Decision, after: &Decision) -> Vec<Difference> {
    let [old, new] = [&before.obligations, &after.obligations];
    let state =
        |state: Option<super::effect::IngestState>| state.map_or("none", |state| state.name()).to_owned();
    let days = |days: Option<u32>| days.map_or_else(|| "none".to_owned(), |days| days.to_string());
    let effects = Effect::ALL.into_iter().map(|effect| {
        let rules = after.trace.verdict(effect).map(|verdict| verdict.rules.clone()).unwrap_or_default();
        (effect.name(), before.allows(effect).to_string(), after.allows(effect).to_string(), rules)
    });
    let obligations = [
        ("set_state", state(old.set_state), state(new.set_state), Vec::new()),
        ("redact", old.redact.join(", "), new.redact.join(", "), Vec::new()),
        ("max_age_days", days(old.max_age_days), days(new.max_age_days), Vec::new()),
    ];
    let differing = effects.chain(obligations).filter(|(_, from, to, _)| from != to);
    differing
        .map(|(what, from, to, rules)| Difference {
            case: case.to_owned(),
            what: what.to_owned(),
            from,
            to,
            rules,
        })
        .collect()
}

fn read(text: &str, expects: bool, errors: &mut Errors) -> Vec<Case> {
    if text.len() > 16 * limits::POLICY_BYTES_MAX {
        errors.push(Place::START, format!("at most {} bytes", 16 * limits::POLICY_BYTES_MAX));
        return Vec::new();
    }
    let Some(root) = yaml::read(text, errors) else { return Vec::new() };
    let mut cases = Vec::new();
    for (key, value) in root.as_map("a table of cases", errors) {
        if key.text != "cases" {
            errors.unknown(key.place, "key", &key.text, &["cases"]);
            continue;
        }
        let items = value.as_list("cases", errors);
        if items.len() > POLICY_CASES_MAX {
            errors.push(value.place, format!("at most {POLICY_CASES_MAX} cases"));
            continue;
        }
        cases.extend(items.iter().map(|item| case(item, expects, errors)));
    }
    if cases.is_empty() && errors.is_empty() {
        errors.push(root.place, "there is no case");
    }
    cases
}

fn case(node: &Node, expects: bool, errors: &mut Errors) -> Case {
    let mut case = Case {
        name: String::new(),
        line: node.place.line,
        request: RequestFacts::default(),
        memory: MemoryFacts::default(),
        expected: Vec::new(),
    };
    for (key, value) in node.as_map("a case", errors) {
        match key.text.as_str() {
            "name" => case.name = value.as_text("name", errors).unwrap_or_default().to_owned(),
            "request" => case.request = facts::request(value, errors),
            "memory" => case.memory = facts::memory(value, errors),
            "expect" => case.expected = expectations(value, errors),
            other => {
                errors.unknown(key.place, "key of a case", other, &["name", "request", "memory", "expect"]);
            }
        }
    }
    if case.name.is_empty() {
        case.name = format!("line {}", case.line);
    }
    if expects && case.expected.is_empty() && matches!(node.kind, NodeKind::Map(_)) {
        errors.push(node.place, "a case expects something");
    }
    case
}

fn expectations(node: &Node, errors: &mut Errors) -> Vec<Expectation> {
    let mut expected = Vec::new();
    for (key, value) in node.as_map("expect", errors) {
        let is_null = matches!(value.kind, NodeKind::Null);
        match key.text.as_str() {
            "set_state" => {
                let state = (!is_null).then(|| value.as_text("set_state", errors)).flatten();
                expected.push(Expectation::SetState(state.map(str::to_owned)));
            }
            "redact" => {
                let paths = value.as_list("redact", errors).iter();
                let paths = paths.filter_map(|path| path.as_text("a path", errors).map(str::to_owned));
                expected.push(Expectation::Redact(paths.collect()));
            }
            "max_age_days" => {
                let days = (!is_null).then(|| value.as_number("max_age_days", errors)).flatten();
                expected.push(Expectation::MaxAgeDays(days));
            }
            "by" => {
                for (key, value) in value.as_map("by", errors) {
                    let rule = value.as_text("a rule", errors).unwrap_or_default();
                    let effect = known_effect(&key.text, key.place, errors);
                    expected.extend(effect.map(|effect| Expectation::By(effect, rule.to_owned())));
                }
            }
            name => {
                let effect = known_effect(name, key.place, errors);
                let allowed = value.as_bool(name, errors);
                expected.extend(effect.zip(allowed).map(|(effect, on)| Expectation::Allowed(effect, on)));
            }
        }
    }
    expected
}

fn known_effect(name: &str, place: Place, errors: &mut Errors) -> Option<Effect> {
    let effect = Effect::from_name(name);
    if effect.is_none() {
        let others = ["set_state", "redact", "max_age_days", "by"];
        let known = Effect::ALL.into_iter().map(Effect::name).chain(others).collect::<Vec<_>>();
        errors.unknown(place, "expectation", name, &known);
    }
    effect
}

fn result(case: Case, policy: &Policy) -> CaseResult {
    let asked = case.expected.iter().filter_map(|expected| match expected {
        Expectation::Allowed(effect, _) | Expectation::By(effect, _) => Some(*effect),
        Expectation::SetState(_) => Some(Effect::Write),
        _ => None,
    });
    let asked = asked.collect::<EffectSet>().iter().collect::<Vec<_>>();
    let decision = policy.decide(&case.request.as_request(), &case.memory, &asked);
    let mismatches = case.expected.iter().filter_map(|expected| mismatch(expected, &decision)).collect();
    CaseResult { name: case.name, line: case.line, mismatches, trace: decision.trace }
}

fn mismatch(expectation: &Expectation, decision: &Decision) -> Option<Mismatch> {
    let obligations = &decision.obligations;
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let (what, expected, actual) = match expectation {
        Expectation::Allowed(effect, allowed) => {
            (effect.name(), allowed.to_string(), decision.allows(*effect).to_string())
        }
        Expectation::SetState(state) => {
            let actual = obligations.set_state.map(|state| state.name().to_owned());
            ("set_state", or_none(state.clone()), or_none(actual))
        }
        Expectation::Redact(paths) => {
            let mut sorted = paths.clone();
            sorted.sort_unstable();
            ("redact", sorted.join(", "), obligations.redact.join(", "))
        }
        Expectation::MaxAgeDays(days) => {
            let actual = obligations.max_age_days.map(|days| days.to_string());
            ("max_age_days", or_none(days.map(|days| days.to_string())), or_none(actual))
        }
        Expectation::By(effect, rule) => {
            let rules =
                decision.trace.verdict(*effect).map(|verdict| verdict.rules.clone()).unwrap_or_default();
            if rules.iter().any(|id| **id == **rule) {
                return None;
            }
            (
                effect.name(),
                format!("by {rule}"),
                format!("by {}", or_none(rules.first().map(|id| id.to_string()))),
            )
        }
    };
    (expected != actual).then(|| Mismatch { what: what.to_owned(), expected, actual })
}
