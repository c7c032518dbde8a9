//! Small graphs for tests.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::assertion::{Asserted, EdgeAssertion, End, Graph, Method, NodeAssertion};
use super::resolve::{Candidate, CandidateEdge, CandidateEnd};
use super::{Name, Schema, TextMode};
use crate::ids::{MemoryId, NodeId, TenantId, UserId};
use crate::items::policy::merge;
use crate::items::request::ItemType;
use crate::items::{AclId, EffectivePolicy, Item, ItemMetadata, Layer, MemoryPolicy, RequestPolicy};
use crate::memory::{Body, Memory};
use crate::object::{Object, Temporal, TruthMode};
use crate::scope::Scope;
use crate::time::Timestamp;

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

pub(crate) fn memory_id(number: u128) -> MemoryId {
    MemoryId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn node_id(number: u128) -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(number << 64))
}

pub(crate) fn time(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(micros)
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// What a memory says of a node; `modes` are those of properties that do not replace.
pub(crate) fn says(
    node: u128,
    node_type: &str,
    properties: Value,
    modes: &[(&str, TextMode)],
) -> NodeAssertion {
    let mut said = BTreeMap::new();
    for (key, value) in object(properties) {
        let text_mode = modes.iter().find(|(of, _)| *of == key).map_or(TextMode::Replace, |(_, mode)| *mode);
        said.insert(name(&key), Asserted { text_mode, ..Asserted::new(value, Method::Extracted) });
    }
    NodeAssertion {
        node: node_id(node),
        node_type: name(node_type),
        called: format!("n{node}"),
        properties: said,
        method: Method::Extracted,
    }
}

pub(crate) fn joins(source: End, edge_type: &str, target: End) -> EdgeAssertion {
    EdgeAssertion {
        source,
        target,
        edge_type: name(edge_type),
        properties: BTreeMap::new(),
        method: Method::Extracted,
    }
}

/// A memory of that number that says these at the time of its number.
pub(crate) fn memory(number: u128, nodes: Vec<NodeAssertion>, edges: Vec<EdgeAssertion>) -> Memory {
    let at = time(i64::try_from(number).expect("a small number"));
    let ann = UserId::parse("ann").expect("a user");
    let mut object = Object::new(TruthMode::FactualClaim, Temporal::observed(at));
    object.item = Some(Box::new(Item {
        item_type: ItemType::Text,
        owner: AclId::of_external_user(&ann),
        metadata: ItemMetadata::default(),
        stated: RequestPolicy::default(),
        policy: merge::merge(&[]),
        context: Vec::new(),
        organization_id: None,
        namespace_id: None,
        graph: Graph { asserted: Some(at), nodes, edges },
        extraction: None,
        message: None,
        ext: serde_json::Map::new(),
    }));
    let body = Body::Event(Box::new(object));
    Memory::new(memory_id(number), TenantId::default_tenant(), Scope::of_user(&ann), body, at, None)
}

/// The policy that a request of these members states.
pub(crate) fn policy(request: Value) -> EffectivePolicy {
    let mut body = object(json!({"content": "x"}));
    body.insert("memory_policy".to_owned(), request);
    let body = Value::Object(body);
    let read = crate::items::request::AddRequest::read(&body, &crate::items::request::Reading::default())
        .expect("a request")
        .value;
    merge::merge(&[(Layer::Request, &MemoryPolicy { ..read.policy.stated })])
}

pub(crate) fn schema(more: Value) -> Schema {
    let mut body = object(json!({"name": "tests"}));
    body.extend(object(more));
    Schema::read(&Value::Object(body), false).expect("a schema").value
}

pub(crate) fn candidate(called: &str, node_type: &str, properties: Value) -> Candidate {
    Candidate { called: called.to_owned(), node_type: name(node_type), properties: object(properties) }
}

pub(crate) fn edge(source: &str, edge_type: &str, target: &str) -> CandidateEdge {
    let end = |text: &str| match text {
        "$this" => CandidateEnd::This,
        "$previous" => CandidateEnd::Previous,
        text => {
            MemoryId::parse(text).map_or_else(|_| CandidateEnd::Node(text.to_owned()), CandidateEnd::Memory)
        }
    };
    CandidateEdge {
        source: end(source),
        target: end(target),
        edge_type: name(edge_type),
        properties: Map::new(),
    }
}
