//! What finding nodes among many costs: `cargo bench -p memoryscope-domain --bench graph`.

use std::collections::BTreeMap;

use divan::Bencher;
use memoryscope_domain::fields::At;
use memoryscope_domain::graph::fold::Seen;
use memoryscope_domain::graph::resolve::{Candidate, Candidates, Known, Setting, extracted};
use memoryscope_domain::graph::{Asserted, Graph, Method, Name, NodeAssertion};
use memoryscope_domain::ids::{MemoryId, NodeId, TenantId, UserId};
use memoryscope_domain::items::policy::Layers;
use memoryscope_domain::items::request::{AddRequest, Reading};
use memoryscope_domain::items::{AclId, EffectivePolicy, Item};
use memoryscope_domain::memory::{Body, Memory};
use memoryscope_domain::object::{Object, Temporal, TruthMode};
use memoryscope_domain::scope::Scope;
use memoryscope_domain::time::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Nodes that are known.
const KNOWN: u128 = 100_000;
/// Nodes that each memory says something of.
const NODES: u128 = 100;
/// Nodes that are looked for.
const CANDIDATES: u128 = 20;

fn main() {
    divan::main();
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

/// Names of some length that are not all alike.
fn called(number: u128) -> String {
    let syllables = ["ka", "lo", "mi", "nu", "pe", "ra", "so", "ti", "vu", "ze"];
    let digits = format!("{number:06}");
    let words: Vec<&str> = digits.bytes().map(|digit| syllables[usize::from(digit - b'0')]).collect();
    let (first, last) = words.split_at(3);
    format!("{} {}", first.concat(), last.concat())
}

fn request() -> (AddRequest, EffectivePolicy) {
    let search = json!({"properties": [{"name": "name", "mode": "fuzzy", "threshold": 0.85}]});
    let policy = json!({"node_constraints": [{"node_type": "Person", "search": search}]});
    let body = json!({"content": "x", "memory_policy": policy});
    let read = AddRequest::read(&body, &Reading::default()).map(|read| read.value).expect("a request");
    let layers = Layers { namespace: None, schema: None, batch: None, request: &read.policy };
    let policy = layers.resolve(&At::Root("body")).expect("a policy").value.policy;
    (read, policy)
}

fn memory(number: u128, read: &AddRequest, policy: &EffectivePolicy) -> Memory {
    let ann = UserId::parse("ann").expect("a user");
    let at = Timestamp::from_unix_micros(1_000);
    let id = MemoryId::from_uuid(Uuid::from_u128(number));
    let node = |at: u128| {
        let called = called(number * NODES + at);
        NodeAssertion {
            node: NodeId::made_by(id, "Person", &called),
            node_type: name("Person"),
            properties: BTreeMap::from([(name("name"), Asserted::new(json!(called), Method::Extracted))]),
            called,
            method: Method::Extracted,
        }
    };
    let mut item = Item::added(read, None, AclId::of_external_user(&ann), policy.clone());
    item.graph = Graph { asserted: Some(at), nodes: (0..NODES).map(node).collect(), edges: Vec::new() };
    let mut object = Object::new(TruthMode::FactualClaim, Temporal::observed(at));
    object.item = Some(Box::new(item));
    let body = Body::Event(Box::new(object));
    Memory::new(id, TenantId::default_tenant(), Scope::of_user(&ann), body, at, None)
}

fn known() -> Vec<Memory> {
    let (read, policy) = request();
    (0..KNOWN / NODES).map(|number| memory(number, &read, &policy)).collect()
}

/// Half of them are known under a name with one letter changed, half are new.
fn candidates() -> Candidates {
    let candidate = |number: u128| {
        let called = match number % 2 {
            0 => called(number * 4_999).replacen('a', "e", 1),
            _ => format!("nobody {number} at all"),
        };
        let properties: Map<String, Value> = Map::from_iter([("name".to_owned(), json!(called))]);
        Candidate { called: format!("c{number}"), node_type: name("Person"), properties }
    };
    Candidates { nodes: (0..CANDIDATES).map(candidate).collect(), edges: Vec::new(), ..Candidates::default() }
}

/// Twenty candidates by their letters among a hundred thousand nodes that were made ready.
#[divan::bench]
fn resolve_twenty_among_many(bencher: Bencher<'_, '_>) {
    let memories = known();
    let seen = Seen::of(&memories);
    let known = Known::new(&seen, "", false);
    let (_, policy) = request();
    let setting = Setting {
        memory: MemoryId::from_uuid(Uuid::from_u128(u128::MAX)),
        previous: &[],
        policy: &policy,
        schema: None,
        known: &known,
        now: Timestamp::from_unix_micros(2_000),
    };
    let candidates = candidates();
    bencher.bench_local(|| extracted(divan::black_box(&setting), divan::black_box(&candidates)));
}

/// Making them ready: from what memories say to what is searched.
#[divan::bench(sample_count = 5)]
fn make_many_ready(bencher: Bencher<'_, '_>) {
    let memories = known();
    bencher.bench_local(|| {
        let seen = Seen::of(&memories);
        Known::new(&seen, "", false).was_cut()
    });
}
