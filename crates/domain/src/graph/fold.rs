//! The graph as somebody sees it: a fold over what the memories say that they may see, in the order in which it was said.
//!
//! So a node never shows what its reader may not see, and what only an erased memory said is gone without anybody removing
//! it. A node is there while a memory that is seen says so; an edge, while one says so and both of its ends are there.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::assertion::{Asserted, EdgeAssertion, End, Method, NodeAssertion, Properties};
use super::{Direction, Name, TextMode};
use crate::ids::{MemoryId, NodeId};
use crate::items::policy::SchemaId;
use crate::items::{AccessList, Consent, Item, Risk};
use crate::memory::Memory;
use crate::time::Timestamp;

/// A memory that says something, and how it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which.
    pub memory: MemoryId,
    /// How it came to say so.
    pub method: Method,
    /// How its owner allowed that it is kept.
    pub consent: Consent,
    /// How risky it is.
    pub risk: Risk,
    /// Who may read and change it, and so what it says.
    pub access: AccessList,
}

/// A property as it is seen, and who said it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenValue {
    /// Its value.
    pub value: Value,
    /// Who said it, or added to it, last.
    pub memory: MemoryId,
    /// How it came.
    pub method: Method,
}

/// A node as it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Which.
    pub id: NodeId,
    /// Its type.
    pub node_type: Name,
    /// The namespace of who said first that it is there.
    pub namespace: String,
    /// Its properties.
    pub properties: BTreeMap<Name, SeenValue>,
    /// Who says that it is there, in order.
    pub sources: Vec<Source>,
    /// The schema that holds for the latest of them, where one does.
    pub schema_id: Option<SchemaId>,
}

impl Node {
    /// Whether one of those who say that it is there waits for a review.
    #[must_use]
    pub fn waits_for_review(&self) -> bool {
        self.sources.iter().any(|source| source.risk == Risk::Flagged)
    }

    /// Whether a schema holds for the latest of those who say that it is there.
    #[must_use]
    pub fn is_of_schema(&self, schema: crate::ids::SchemaId) -> bool {
        let own = self.schema_id.as_ref().and_then(|id| crate::ids::SchemaId::parse(id.as_str()).ok());
        own == Some(schema)
    }

    /// The value of a property.
    #[must_use]
    pub fn value(&self, property: &str) -> Option<&Value> {
        self.properties.get(property).map(|seen| &seen.value)
    }
}

/// An edge as it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Where it begins.
    pub source: End,
    /// Where it ends.
    pub target: End,
    /// Its type.
    pub edge_type: Name,
    /// Its properties.
    pub properties: BTreeMap<Name, SeenValue>,
    /// Who says that it is there, in order.
    pub sources: Vec<Source>,
}

impl Edge {
    /// The other end, seen from a node, if the edge leads away from it in that direction.
    #[must_use]
    pub fn other(&self, node: NodeId, direction: Direction) -> Option<End> {
        let out = self.source.node() == node && direction != Direction::Incoming;
        let back = self.target.node() == node && direction != Direction::Outgoing;
        if out { Some(self.target) } else { back.then_some(self.source) }
    }
}

/// Edges by where they begin, where they end, and their type.
type Edges = BTreeMap<(NodeId, NodeId, Name), Edge>;

/// The graph as somebody sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    nodes: BTreeMap<NodeId, Node>,
    order: Vec<NodeId>,
    edges: Edges,
    memories: BTreeSet<MemoryId>,
}

impl Seen {
    /// What these memories say together. They are the ones that the reader may see; in which order they come does not matter.
    #[must_use]
    pub fn of<M: Borrow<Memory>>(memories: &[M]) -> Self {
        let mut saying: Vec<(Timestamp, MemoryId, &Memory, &Item)> = memories
            .iter()
            .map(Borrow::borrow)
            .filter_map(|memory: &Memory| {
                let item = memory.item()?;
                Some((item.graph.asserted.unwrap_or(memory.created), memory.id, memory, item))
            })
            .collect();
        saying.sort_by_key(|(asserted, id, ..)| (*asserted, *id));
        saying.dedup_by_key(|(_, id, ..)| *id);
        let mut seen =
            Self { memories: memories.iter().map(|memory| memory.borrow().id).collect(), ..Self::default() };
        for (_, id, memory, item) in &saying {
            for node in &item.graph.nodes {
                seen.add_node(*id, &memory.scope.namespace, item, node);
            }
        }
        for (_, id, _, item) in &saying {
            for edge in &item.graph.edges {
                if seen.has(edge.source) && seen.has(edge.target) {
                    seen.add_edge(*id, item, edge);
                }
            }
        }
        seen
    }

    fn has(&self, end: End) -> bool {
        match end {
            End::Node(node) => self.nodes.contains_key(&node),
            End::Memory(memory) => self.memories.contains(&memory),
        }
    }

    fn add_node(&mut self, memory: MemoryId, namespace: &str, item: &Item, said: &NodeAssertion) {
        let schema_id = item.policy.schema_id.as_ref().map(|schema| schema.value.clone());
        let node = self.nodes.entry(said.node).or_insert_with(|| {
            self.order.push(said.node);
            Node {
                id: said.node,
                node_type: said.node_type.clone(),
                namespace: namespace.to_owned(),
                properties: BTreeMap::new(),
                sources: Vec::new(),
                schema_id: None,
            }
        });
        node.schema_id = schema_id.or_else(|| node.schema_id.take());
        add_source(&mut node.sources, source(memory, item, said.method));
        add_properties(&mut node.properties, memory, &said.properties);
    }

    fn add_edge(&mut self, memory: MemoryId, item: &Item, said: &EdgeAssertion) {
        let key = (said.source.node(), said.target.node(), said.edge_type.clone());
        let edge = self.edges.entry(key).or_insert_with(|| Edge {
            source: said.source,
            target: said.target,
            edge_type: said.edge_type.clone(),
            properties: BTreeMap::new(),
            sources: Vec::new(),
        });
        add_source(&mut edge.sources, source(memory, item, said.method));
        add_properties(&mut edge.properties, memory, &said.properties);
    }

    /// A node.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// All nodes, those first that were said first to be there.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.order.iter().filter_map(|id| self.nodes.get(id))
    }

    /// All edges, by where they begin, where they end, and their type.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges.values()
    }

    /// The edges that begin or end at a node.
    pub fn edges_of(&self, node: NodeId) -> impl Iterator<Item = &Edge> {
        let touches = move |edge: &&Edge| edge.source.node() == node || edge.target.node() == node;
        self.edges.values().filter(touches)
    }

    /// Whether it is a memory that is seen: it stands for a node of its own.
    #[must_use]
    pub fn is_memory(&self, node: NodeId) -> bool {
        self.memories.contains(&MemoryId::from_uuid(node.uuid()))
    }

    /// The nodes, and memories, that so many steps along edges lead to, itself included, each with the fewest steps.
    #[must_use]
    pub fn around(&self, node: NodeId, depth: usize) -> BTreeMap<NodeId, usize> {
        let mut reached = BTreeMap::new();
        if !self.nodes.contains_key(&node) && !self.is_memory(node) {
            return reached;
        }
        reached.insert(node, 0);
        for step in 1..=depth {
            let mut found = BTreeSet::new();
            for edge in self.edges.values() {
                let (source, target) = (edge.source.node(), edge.target.node());
                match (reached.contains_key(&source), reached.contains_key(&target)) {
                    (true, false) => _ = found.insert(target),
                    (false, true) => _ = found.insert(source),
                    _ => {}
                }
            }
            if found.is_empty() {
                break;
            }
            reached.extend(found.into_iter().map(|id| (id, step)));
        }
        reached
    }
}

fn source(memory: MemoryId, item: &Item, method: Method) -> Source {
    let (consent, risk) = (item.policy.consent.value, item.policy.risk.value);
    Source { memory, method, consent, risk, access: item.access() }
}

/// Once for each memory.
fn add_source(sources: &mut Vec<Source>, source: Source) {
    if sources.last().is_none_or(|last| last.memory != source.memory) {
        sources.push(source);
    }
}

fn add_properties(properties: &mut BTreeMap<Name, SeenValue>, memory: MemoryId, said: &Properties) {
    for (name, asserted) in said {
        let before = properties.get(name).map(|seen| &seen.value);
        let value = met(before, asserted);
        properties.insert(name.clone(), SeenValue { value, memory, method: asserted.method });
    }
}

/// What is said now, and what was said before it, together.
#[must_use]
pub fn met(before: Option<&Value>, said: &Asserted) -> Value {
    match (before, &said.value, said.text_mode) {
        (Some(Value::String(before)), Value::String(now), TextMode::Append) => {
            Value::String(format!("{before}\n{now}"))
        }
        // Of what is said twice, once is enough.
        (Some(Value::String(before)), Value::String(now), TextMode::Merge) => {
            let mut lines: Vec<&str> = before.lines().collect();
            for line in now.lines() {
                if !lines.iter().any(|kept| kept.trim() == line.trim()) {
                    lines.push(line);
                }
            }
            Value::String(lines.join("\n"))
        }
        (Some(Value::Array(before)), Value::Array(now), TextMode::Append) => {
            Value::Array(before.iter().chain(now).cloned().collect())
        }
        (Some(Value::Array(before)), Value::Array(now), TextMode::Merge) => {
            let mut members = before.clone();
            for member in now {
                if !members.iter().any(|kept| super::condition::is_same(kept, member)) {
                    members.push(member.clone());
                }
            }
            Value::Array(members)
        }
        (_, now, _) => now.clone(),
    }
}

#[cfg(test)]
mod tests;
