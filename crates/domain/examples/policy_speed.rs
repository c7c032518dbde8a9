//! How long a decision takes: `cargo run --release -p memoryscope-domain --example policy_speed`.
#![expect(clippy::print_stdout, reason = "an example that measures prints what it measured")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use memoryscope_domain::policy::{Attribute, Effect, MemoryFacts, OwnedValue, Policy, RequestFacts, Value};
use memoryscope_domain::purpose::Purpose;

/// A policy of `rules` rules, of which half are for another purpose, and a tenth match.
fn policy(rules: usize) -> Policy {
    let mut text = String::from("policy_version: speed\nrules:\n");
    for n in 0..rules {
        let label = if n % 10 == 0 { "common".to_owned() } else { format!("label{n}") };
        let purpose = if n % 2 == 0 { "chat_response" } else { "scheduling" };
        let _ = writeln!(
            text,
            "  - id: rule_{n}\n    when: {{request.purpose: [{purpose}, recommendation], memory.type: event, \
             memory.sensitivity.level: {{lte: medium}}, memory.labels: [{label}]}}\n    then: {{allow_read: true, \
             include_in_prompt: true, reason: because of rule {n}}}"
        );
    }
    Policy::load(&text).expect("loads")
}

fn memory(label: &str) -> MemoryFacts {
    let labels = OwnedValue::Set(["a", "b", "c", label].map(str::to_owned).to_vec());
    let facts = MemoryFacts::default().with(Attribute::MemoryLabels, labels);
    facts.with_text(Attribute::MemoryType, "event").with_text(Attribute::MemorySensitivityLevel, "medium")
}

/// Microseconds for one call.
fn time(mut call: impl FnMut()) -> f64 {
    let mut rounds = 1;
    loop {
        let began = Instant::now();
        (0..rounds).for_each(|_| call());
        let micros = began.elapsed().as_secs_f64() * 1e6;
        if micros > 200_000.0 {
            return micros / f64::from(rounds);
        }
        rounds *= 2;
    }
}

fn main() {
    let request = RequestFacts { purpose: Some(Purpose::ChatResponse), ..RequestFacts::default() };
    let known = [(Attribute::MemoryType, Value::Text("event"))];
    for rules in [10, 100, 1_000] {
        let policy = policy(rules);
        for (what, memory) in [("allowed", memory("common")), ("denied", memory("nothing"))] {
            let micros = time(|| {
                black_box(policy.decide(
                    &request.as_request(),
                    &memory,
                    &[Effect::Read, Effect::IncludeInPrompt],
                ));
            });
            println!("decide with trace, {rules} rules, {what}: {micros:.2} µs");
        }
        let as_request = request.as_request();
        let (prepared, memory) = (policy.prepare(&as_request), memory("common"));
        let micros = time(|| {
            black_box(prepared.decide(&memory, &[Effect::Read, Effect::IncludeInPrompt]));
        });
        println!("prepared, {rules} rules, allowed: {micros:.2} µs");
        let micros = time(|| {
            black_box(policy.narrow(&request.as_request(), Effect::Read, &known));
        });
        println!("narrow, {rules} rules: {micros:.2} µs");
        let micros = time(|| {
            black_box(Policy::load(policy.source()).is_ok());
        });
        println!("load, {rules} rules: {micros:.2} µs");
        let micros = time(|| {
            black_box(memoryscope_domain::policy::lint::lint(&policy));
        });
        println!("lint, {rules} rules: {micros:.2} µs");
    }
    let builtin = Policy::builtin();
    let micros = time(|| {
        black_box(builtin.decide(&request.as_request(), &memory("common"), &[Effect::Read]));
    });
    println!("decide with trace, builtin/default: {micros:.2} µs");
}
