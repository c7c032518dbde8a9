//! How long a decision takes: `cargo bench -p memoryscope-domain --bench policy`.

use std::fmt::Write as _;

use divan::Bencher;
use memoryscope_domain::policy::lint::lint;
use memoryscope_domain::policy::{Attribute, Effect, MemoryFacts, OwnedValue, Policy, RequestFacts, Value};
use memoryscope_domain::purpose::Purpose;

const RULES: [usize; 3] = [10, 100, 1_000];
const EFFECTS: [Effect; 2] = [Effect::Read, Effect::IncludeInPrompt];

fn main() {
    divan::main();
}

/// A policy of `rules` rules, of which half are for another purpose, and a tenth match what [`memory`] makes of `common`.
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

fn request() -> RequestFacts {
    RequestFacts { purpose: Some(Purpose::ChatResponse), ..RequestFacts::default() }
}

#[divan::bench(args = RULES)]
fn decide_with_trace_allowed(bencher: Bencher<'_, '_>, rules: usize) {
    let (policy, request, memory) = (policy(rules), request(), memory("common"));
    bencher.bench_local(|| policy.decide(&request.as_request(), &memory, &EFFECTS));
}

#[divan::bench(args = RULES)]
fn decide_with_trace_denied(bencher: Bencher<'_, '_>, rules: usize) {
    let (policy, request, memory) = (policy(rules), request(), memory("nothing"));
    bencher.bench_local(|| policy.decide(&request.as_request(), &memory, &EFFECTS));
}

/// As an operation decides about many memories: what depends on the request only is evaluated once.
#[divan::bench(args = RULES)]
fn decide_prepared(bencher: Bencher<'_, '_>, rules: usize) {
    let (policy, request, memory) = (policy(rules), request(), memory("common"));
    let request = request.as_request();
    let prepared = policy.prepare(&request);
    bencher.bench_local(|| prepared.decide(&memory, &EFFECTS));
}

#[divan::bench]
fn decide_builtin(bencher: Bencher<'_, '_>) {
    let (policy, request, memory) = (Policy::builtin(), request(), memory("common"));
    bencher.bench_local(|| policy.decide(&request.as_request(), &memory, &[Effect::Read]));
}

#[divan::bench(args = RULES)]
fn narrow(bencher: Bencher<'_, '_>, rules: usize) {
    let (policy, request) = (policy(rules), request());
    let known = [(Attribute::MemoryType, Value::Text("event"))];
    bencher.bench_local(|| policy.narrow(&request.as_request(), Effect::Read, &known));
}

#[divan::bench(args = RULES)]
fn load(bencher: Bencher<'_, '_>, rules: usize) {
    let policy = policy(rules);
    bencher.bench_local(|| Policy::load(policy.source()).is_ok());
}

#[divan::bench(args = RULES)]
fn lint_all(bencher: Bencher<'_, '_>, rules: usize) {
    let policy = policy(rules);
    bencher.bench_local(|| lint(&policy));
}
