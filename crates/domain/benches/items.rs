//! What the policy of one item costs: `cargo bench -p memoryscope-domain --bench items`.

use divan::Bencher;
use memoryscope_domain::fields::At;
use memoryscope_domain::graph::Schema;
use memoryscope_domain::items::request::{AddRequest, Reading};
use memoryscope_domain::items::{Layer, Layers, MemoryPolicy, policy};
use serde_json::{Value, json};

/// Constraints of one policy.
const CONSTRAINTS: usize = 50;

fn main() {
    divan::main();
}

/// A constraint as clients send it: how a node is found, what is set, and when.
fn constraint(number: usize) -> Value {
    json!({
        "node_type": format!("Type{number}"),
        "create": "lookup",
        "search": {"properties": ["id", {"name": "title", "mode": "semantic", "threshold": 0.9}]},
        "set": {"status": "open", "summary": {"mode": "auto", "text_mode": "merge"}},
        "when": {"_and": [{"priority": "high"}, {"_not": {"status": "done"}}]},
    })
}

fn request(first: usize) -> AddRequest {
    let constraints: Vec<Value> = (first..first + CONSTRAINTS).map(constraint).collect();
    let body =
        json!({"content": "x", "memory_policy": {"node_constraints": constraints, "consent": "terms"}});
    AddRequest::read(&body, &Reading::default()).map(|read| read.value).expect("a request")
}

/// Fifty constraints of one layer.
#[divan::bench]
fn merge_fifty_constraints(bencher: Bencher<'_, '_>) {
    let request = request(0);
    let layers = [(Layer::Request, &request.policy.stated)];
    bencher.bench_local(|| policy::merge(divan::black_box(&layers)));
}

/// Fifty of the schema's and fifty of the request's, of which half are about the same types.
#[divan::bench]
fn merge_fifty_over_fifty(bencher: Bencher<'_, '_>) {
    let (lower, higher) = (request(0), request(CONSTRAINTS / 2));
    let layers: [(Layer, &MemoryPolicy); 2] =
        [(Layer::Schema, &lower.policy.stated), (Layer::Request, &higher.policy.stated)];
    bencher.bench_local(|| policy::merge(divan::black_box(&layers)));
}

/// A small request with a schema, from layers to checked nodes.
#[divan::bench]
fn resolve_a_manual_graph(bencher: Bencher<'_, '_>) {
    let schema = json!({
        "name": "s",
        "node_types": {"Task": {"properties": {"title": {"type": "string", "required": true}}}},
        "default_memory_policy": {"consent": "terms"},
    });
    let schema = Schema::read(&schema, false).map(|read| read.value).expect("a schema");
    let body = json!({"content": "x", "memory_policy": {
        "mode": "manual", "nodes": [{"id": "t", "type": "Task", "properties": {"title": "write"}}]}});
    let request = AddRequest::read(&body, &Reading::default()).map(|read| read.value).expect("a request");
    let layers = Layers { namespace: None, schema: Some(&schema), batch: None, request: &request.policy };
    bencher.bench_local(|| layers.resolve(&At::Root("body")));
}
