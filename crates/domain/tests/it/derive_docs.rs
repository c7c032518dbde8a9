//! The examples of docs/derivation.md and docs/reconstruction.md are true.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like a test")]

use memoryscope_domain::constraint::{Constraint, merge};
use memoryscope_domain::derive::{Source, derive};
use memoryscope_domain::ids::MemoryId;
use memoryscope_domain::memory::State;
use memoryscope_domain::object::{Activation, Cue, TruthMode, Unit};
use memoryscope_domain::purpose::Purpose;
use memoryscope_domain::reconstruct::{
    Context, Dormant, Format, Held, Material, Reconstruction, Support, Wanted, reconstruct,
};
use memoryscope_domain::time::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::constraint_merge::{NOW, held, kept_ids, report_lines};
use crate::derive_corpus::{saying, shown};

/// The blocks of a page that are fenced as JSON.
fn blocks(page: &str) -> Vec<Value> {
    let fenced = page.split("```json\n").skip(1);
    fenced.map(|rest| serde_json::from_str(rest.split("```").next().unwrap()).unwrap()).collect()
}

fn id() -> MemoryId {
    MemoryId::from_uuid(Uuid::from_u128(1))
}

fn sorted(mut items: Vec<String>) -> Vec<String> {
    items.sort_unstable();
    items
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn the_examples_about_derivation_are_true() {
    let examples = blocks(include_str!("../../../../docs/derivation.md"));
    assert!(examples.len() >= 10);
    for example in examples {
        let categories = texts(&example["categories"]);
        let mut source = Source { categories: &categories, ..saying(example["say"].as_str().unwrap()) };
        if example["state"] == "sealed" {
            source.state = State::Sealed;
        }
        if let Some(name) = example["truth_mode"].as_str() {
            source.truth_mode = TruthMode::from_name(name).unwrap();
        }
        let derived = derive(&source, id());
        let given = sorted(derived.constraints.iter().map(shown).collect());
        let wanted = texts(&example["gives"]).into_iter().map(str::to_owned).collect();
        assert_eq!(given, sorted(wanted), "{example}");
        if example.get("cues").is_some() {
            let cues: Vec<String> = derived.seed.unwrap().cues.iter().map(ToString::to_string).collect();
            assert_eq!(json!(cues), example["cues"], "{example}");
        }
    }
}

const fn day(days: i64) -> Timestamp {
    Timestamp::from_unix_micros(0).plus_days(days)
}

fn support(strength: f64, source: f64) -> Support {
    let unit = |number| Unit::new(number).unwrap();
    Support { strength: unit(strength), confidence: unit(source), reinforced_at: day(0) }
}

/// Reconstructs as text from these constraints and seeds, with a memory's support, `days` after it.
fn told(
    constraints: &[Constraint],
    seeds: &[Dormant<'_>],
    of: Support,
    wanted: &Wanted<'_>,
) -> Reconstruction {
    let held: Vec<Held<'_>> =
        constraints.iter().map(|constraint| Held { constraint, impact: id(), support: of }).collect();
    reconstruct(&Material { constraints: &held, seeds, events: &[] }, wanted)
}

fn wanted(days: i64) -> Wanted<'static> {
    Wanted {
        purpose: Purpose::ChatResponse,
        format: Format::Text,
        max_tokens: None,
        include_events: false,
        cues: &[],
        raise_activation_by: Unit::ZERO,
        now: day(days),
    }
}

fn check_merge(example: &Value) {
    let all: Vec<_> = texts(&example["constraints"]).into_iter().map(held).collect();
    let merged = merge(all.iter().map(|held| held.candidate()), NOW);
    let kept: Vec<u64> = kept_ids(&merged).into_iter().map(|id| u64::try_from(id).unwrap()).collect();
    let found = json!({
        "constraints": example["constraints"], "kept": kept, "merge_report": report_lines(&merged),
    });
    assert_eq!(&found, example);
}

fn check_sprout(example: &Value) {
    let number = |name: &str| Unit::new(example[name].as_f64().unwrap_or_default()).unwrap();
    let cues: Vec<Cue> = texts(&example["cues"]).into_iter().map(|cue| Cue::parse(cue).unwrap()).collect();
    let seed = Dormant {
        seed: id(),
        cues: &cues,
        activation: Activation::new(number("min_confidence"), 0).unwrap(),
        last_activated_at: None,
        support: support(number("strength").get(), 1.0),
    };
    let asked = texts(&example["asked"]);
    let wanted = Wanted { cues: &asked, raise_activation_by: number("raised"), ..wanted(0) };
    let found = told(&[], &[seed], support(1.0, 1.0), &wanted);
    assert_eq!(json!(!found.sources.seeds.is_empty()), example["sprouts"], "{example}");
}

fn check_context(example: &Value) {
    let constraints = derive(&saying(example["say"].as_str().unwrap()), id()).constraints;
    assert_eq!(example["purpose"], Purpose::ChatResponse.name());
    let max_tokens = example["max_tokens"].as_u64().map(|most| usize::try_from(most).unwrap());
    let found = told(&constraints, &[], support(1.0, 1.0), &Wanted { max_tokens, ..wanted(0) });
    let Context::Text(text) = found.context else { panic!("text was asked for") };
    assert_eq!(
        (json!(text), json!(found.token_estimate)),
        (example["text"].clone(), example["token_estimate"].clone())
    );
}

fn check_confidence(example: &Value) {
    let number = |name: &str| example[name].as_f64().unwrap();
    let mut parts = held("1 avoid jazz a union").constraint.into_parts();
    parts.weight = number("weight");
    parts.confidence = number("own");
    let constraint = Constraint::new(parts).unwrap();
    let days = example["days"].as_i64().unwrap();
    let found = told(&[constraint], &[], support(number("strength"), number("source")), &wanted(days));
    assert_eq!(found.confidence.to_bits(), number("confidence").to_bits(), "{example}: {}", found.confidence);
}

#[test]
fn the_examples_about_reconstruction_are_true() {
    let mut seen = [0; 4];
    for example in blocks(include_str!("../../../../docs/reconstruction.md")) {
        let (place, check): (usize, fn(&Value)) = if example.get("constraints").is_some() {
            (0, check_merge)
        } else if example.get("sprouts").is_some() {
            (1, check_sprout)
        } else if example.get("text").is_some() {
            (2, check_context)
        } else {
            (3, check_confidence)
        };
        check(&example);
        seen[place] += 1;
    }
    assert_eq!(seen, [3, 5, 3, 2]);
}
