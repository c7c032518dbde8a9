//! What sentences give: `tests/corpus/derive/*.yaml`, one case for each line.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use std::collections::BTreeSet;

use memoryscope_domain::constraint::{Avoided, Constraint, Params};
use memoryscope_domain::derive::{Source, derive};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::State;
use memoryscope_domain::object::{Level, TruthMode};
use memoryscope_domain::time::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::yaml_cases;

/// An active event that says something and nothing else.
pub(crate) fn saying(text: &str) -> Source<'_> {
    Source {
        memory: MemoryId::from_uuid(Uuid::from_u128(1)),
        state: State::Active,
        truth_mode: TruthMode::SubjectiveExperience,
        text: Some(text),
        language: None,
        categories: &[],
        level: Level::Low,
        affect: None,
        do_not_prompt_with: &[],
        procedure_steps: 0,
        created_at: Timestamp::from_unix_micros(0),
    }
}

/// A constraint as the corpus writes it.
pub(crate) fn shown(constraint: &Constraint) -> String {
    let kind = constraint.kind().name();
    let subject = constraint.params.subject();
    match &constraint.params {
        Params::Avoid(Avoided::ContentClass(class)) => format!("{kind} class:{class}"),
        Params::Prefer { attribute, value } => format!("{kind} {attribute}={value}"),
        Params::Safety { consent_required: true, .. } => format!("{kind} {subject} consent"),
        _ => format!("{kind} {subject}"),
    }
}

/// What an event gives, as the corpus writes it.
pub(crate) fn given(source: &Source<'_>) -> BTreeSet<String> {
    derive(source, MemoryId::from_uuid(Uuid::from_u128(2))).constraints.iter().map(shown).collect()
}

/// Why a case fails; none when it passes.
fn fault(case: &Value) -> Option<String> {
    let text = case["say"].as_str().unwrap();
    let source = Source { language: case.get("language").and_then(Value::as_str), ..saying(text) };
    // What is invented is written down too, so that the file says what is so.
    let wanted = case.get("invents").unwrap_or(&case["gives"]);
    let wanted: BTreeSet<String> =
        wanted.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect();
    let given = given(&source);
    if case.get("missed").is_some() {
        return (!given.is_empty()).then(|| format!("{text}\n    is no longer missed: {given:?}"));
    }
    (given != wanted).then(|| format!("{text}\n    wanted {wanted:?}\n    given  {given:?}"))
}

#[track_caller]
fn check(group: &str, least: usize) {
    let cases = yaml_cases::read(&format!("derive/{group}.yaml"));
    let cases = cases.as_array().unwrap();
    assert!(cases.len() >= least, "{group} has {} cases", cases.len());
    let faults: Vec<String> = cases.iter().filter_map(fault).collect();
    assert!(faults.is_empty(), "{group}: {} of {} fail\n{}", faults.len(), cases.len(), faults.join("\n"));
}

#[test]
fn positive() {
    check("positive", 80);
}

#[test]
fn negative() {
    check("negative", 30);
}

#[test]
fn negated() {
    check("negated", 20);
}

#[test]
fn mixed() {
    check("mixed", 14);
}

#[test]
fn languages() {
    check("languages", 12);
}

#[test]
fn tricky() {
    check("tricky", 30);
}

#[test]
fn held_out() {
    check("held_out", 40);
}

#[test]
fn held_out_plain() {
    check("held_out_plain", 40);
}
