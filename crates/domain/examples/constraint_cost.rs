//! What constraints cost: `cargo run --release -p memoryscope-domain --example constraint_cost`.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::time::Instant;

use memoryscope_domain::constraint::{
    Avoided, Candidate, Constraint, ConstraintParts, Merge, Name, Params, Provenance, Strategy, Target, Term,
    merge,
};
use memoryscope_domain::derive::{Source, derive};
use memoryscope_domain::ids::{ConstraintId, MemoryId};
use memoryscope_domain::memory::State;
use memoryscope_domain::object::{Level, TruthMode};
use memoryscope_domain::scope::{Scope, ScopeType};
use memoryscope_domain::time::Timestamp;
use uuid::Uuid;

fn constraint(number: u128) -> Result<Constraint, Box<dyn Error>> {
    let word = Term::parse(&format!("topic {}", number % 3_000))?;
    let params = match number % 3 {
        0 => Params::Avoid(Avoided::Topic(word.clone())),
        1 => Params::Prefer { attribute: Term::parse("choice")?, value: word.clone() },
        _ => Params::Tone { tone_profile: word.clone() },
    };
    let strategies = Strategy::ALL;
    let strategy = strategies[usize::try_from(number)? % strategies.len()];
    let parts = ConstraintParts {
        constraint_id: ConstraintId::from_uuid(Uuid::from_u128(number)),
        topic: word,
        target: Target::Response,
        rule: Name::parse("example")?,
        params,
        weight: 1.0,
        priority: 0,
        confidence: 1.0,
        created_at: Timestamp::from_unix_micros(i64::try_from(number)?),
        expires_at: None,
        source_refs: Vec::new(),
        provenance: Provenance::default(),
        merge: Merge {
            slot: Name::parse(&format!("slot {}", number % 500))?,
            strategy,
            tie_breakers: Vec::new(),
        },
    };
    Ok(Constraint::new(parts).map_err(|faults| format!("{faults:?}"))?)
}

/// The shortest of five runs, in milliseconds.
fn best_ms(mut run: impl FnMut() -> usize) -> (f64, usize) {
    let mut best = (f64::INFINITY, 0);
    for _ in 0..5 {
        let started = Instant::now();
        let result = run();
        let took_ms = started.elapsed().as_secs_f64() * 1000.0;
        best = (took_ms.min(best.0), result);
    }
    best
}

fn main() -> Result<(), Box<dyn Error>> {
    let scope = Scope { scope_type: ScopeType::User, id: "ada".to_owned(), namespace: String::new() };
    let constraints = (0..10_000).map(constraint).collect::<Result<Vec<_>, _>>()?;
    let candidates = || {
        constraints.iter().map(|constraint| Candidate {
            scope: &scope,
            holder: MemoryId::from_uuid(constraint.constraint_id.uuid()),
            constraint,
            last_reinforced_at: constraint.created_at,
        })
    };
    let (took_ms, kept) = best_ms(|| merge(candidates(), Timestamp::from_unix_micros(0)).kept.len());
    println!("merge: {} constraints, {kept} kept: {took_ms:.1} ms", constraints.len());
    let long = "Yesterday we walked along the river and talked about the old house. ".repeat(900);
    let short = "I had a rough day. Please don't bring up the surgery, and keep it short.";
    for (name, text) in [("a message", short), ("60 KB", long.as_str())] {
        let source = Source {
            memory: MemoryId::from_uuid(Uuid::nil()),
            state: State::Active,
            truth_mode: TruthMode::SubjectiveExperience,
            text: Some(text),
            language: Some("en"),
            categories: &[],
            level: Level::Low,
            affect: None,
            do_not_prompt_with: &[],
            procedure_steps: 0,
            created_at: Timestamp::from_unix_micros(0),
        };
        let (took_ms, given) = best_ms(|| derive(&source, source.memory).constraints.len());
        println!("derive: {name}, {given} constraints: {took_ms:.3} ms");
    }
    Ok(())
}
