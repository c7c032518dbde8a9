//! The graph as its reader sees it: a node, its edges, and what lies around it.
//!
//! What is seen is a fold over the memories that may be seen; so what is asked for is a set of memories, which grows with every
//! step away from the node, and all of it is of one commit.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use memoryscope_domain::audit_chain::Code;
use memoryscope_domain::govern::{About, Authority, Facts, Visible};
use memoryscope_domain::graph::fold::{Edge, Node, Seen};
use memoryscope_domain::graph::{Direction, Name};
use memoryscope_domain::ids::{MemoryId, NodeId, SchemaId};
use memoryscope_domain::items::request::GraphPattern;
use memoryscope_domain::limits;
use memoryscope_domain::memory::{Key, Memory, MemoryType};
use memoryscope_domain::policy::Effect;
use memoryscope_domain::purpose::Purpose;
use serde_json::{Map, Value, json};

use super::{Info, Mint, Operation, Plan};
use crate::context::Context;
use crate::port::{KeyedSelect, Select};
use crate::refusal::Refusal;

const READ: Code = Code::literal("GRAPH_READ");

/// A node is looked at.
pub static NODE: Info = Info { name: "graph.node", audit: READ, changes: false };
/// What lies around a node is.
pub static AROUND: Info = Info { name: "graph.around", audit: READ, changes: false };

/// Looks at a node, with its edges, and so many steps away from it.
#[derive(Debug)]
pub struct Around {
    /// Which: a node, or a memory's.
    pub node: NodeId,
    /// How many steps along edges, up to [`limits::GRAPH_DEPTH_MAX`]; none: the node and its own edges.
    pub depth: usize,
    /// What for.
    pub purpose: Purpose,
    /// The nodes that are known to be wanted so far.
    wanted: Mutex<BTreeSet<NodeId>>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The nodes, the one that was asked for first, and then the nearest; a memory is none of them.
    pub nodes: Vec<(usize, Node)>,
    /// The memories that are reached.
    pub memories: Vec<(usize, MemoryId)>,
    /// The edges between what is reached; without steps, those of the node.
    pub edges: Vec<Edge>,
    /// Whether there was more than could be looked at.
    pub truncated: bool,
}

impl Around {
    /// So many steps around a node.
    #[must_use]
    pub fn new(node: NodeId, depth: usize, purpose: Purpose) -> Self {
        Self { node, depth, purpose, wanted: Mutex::new(BTreeSet::from([node])) }
    }

    fn keyed(&self) -> Select {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = wanted.iter().take(limits::KEYS_ASKED_MAX).map(|node| Key::node(*node)).collect();
        Select::Keyed(KeyedSelect { keys, after: None, limit: limits::GRAPH_MEMORIES_MAX })
    }

    /// The nodes that are reached, and what the edges that are said of them lead to, whether or not that is there: of all of
    /// them what is said has to be read.
    fn grows(&self, memories: &[Arc<Memory>]) -> bool {
        let reached = Seen::of(memories).around(self.node, self.depth.max(1));
        let said = memories.iter().filter_map(|memory| memory.item()).flat_map(|item| &item.graph.edges);
        let ends = said.map(|edge| [edge.source.node(), edge.target.node()]);
        let leading = ends.filter(|ends| ends.iter().any(|end| reached.contains_key(end)));
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let before = wanted.len();
        wanted.extend(reached.keys().copied());
        wanted.extend(leading.flatten());
        wanted.len() > before && before < limits::KEYS_ASKED_MAX
    }
}

impl Operation for Around {
    type Output = Option<Found>;

    fn info(&self) -> &'static Info {
        if self.depth == 0 { &NODE } else { &AROUND }
    }

    fn authority(&self) -> Authority {
        Authority::Policy(Effect::Read)
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn about(&self) -> About {
        About::Objects(&[MemoryType::Event])
    }

    fn select(&self, _cx: &Context) -> Select {
        self.keyed()
    }

    fn select_wider(&self, _cx: &Context, times: u32) -> Option<Select> {
        // The node, its edges' other ends, and one time more for each step.
        let times_max = u32::try_from(self.depth + 2).unwrap_or(u32::MAX);
        (times <= times_max).then(|| self.keyed())
    }

    fn leads_on(&self, _cx: &Context, seen: &Visible<Facts>) -> bool {
        self.grows(seen.memories())
    }

    fn private(&self) -> Map<String, Value> {
        let request = json!({ "node_id": self.node.prefixed(), "depth": self.depth });
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let graph = Seen::of(seen.memories());
        let reached = graph.around(self.node, self.depth);
        if reached.is_empty() {
            let reason = Some(Code::literal("NOT_FOUND"));
            return Ok(Plan { reason, ..Plan::answer(None) });
        }
        let mut steps: Vec<(usize, NodeId)> = reached.iter().map(|(node, steps)| (*steps, *node)).collect();
        steps.sort_unstable();
        let nodes: Vec<(usize, Node)> =
            steps.iter().filter_map(|(steps, node)| Some((*steps, graph.node(*node)?.clone()))).collect();
        let memories = steps.iter().filter(|(_, node)| graph.is_memory(*node));
        let memories = memories.map(|(steps, node)| (*steps, MemoryId::from_uuid(node.uuid()))).collect();
        let is_wanted = |edge: &&Edge| match self.depth {
            0 => edge.source.node() == self.node || edge.target.node() == self.node,
            _ => reached.contains_key(&edge.source.node()) && reached.contains_key(&edge.target.node()),
        };
        let edges: Vec<Edge> = graph.edges().filter(is_wanted).cloned().collect();
        let said = nodes
            .iter()
            .flat_map(|(_, node)| &node.sources)
            .chain(edges.iter().flat_map(|edge| &edge.sources));
        let memory_ids: BTreeSet<MemoryId> = said.map(|source| source.memory).collect();
        let truncated = seen.more() || reached.len() > limits::KEYS_ASKED_MAX;
        Ok(Plan {
            memory_ids: memory_ids.into_iter().collect(),
            ..Plan::answer(Some(Found { nodes, memories, edges, truncated }))
        })
    }
}

/// Nodes are looked for by a pattern of what joins them.
pub static SEARCH: Info = Info { name: "graph.search", audit: READ, changes: false };

/// Looks for nodes of two types that an edge of a type joins.
#[derive(Debug, Clone)]
pub struct Matching {
    /// In which namespace.
    pub namespace: String,
    /// Which edges, between which nodes.
    pub pattern: GraphPattern,
    /// Only nodes of this schema.
    pub schema: Option<SchemaId>,
    /// What for.
    pub purpose: Purpose,
    /// At most so many nodes.
    pub limit: usize,
}

/// What matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The nodes at both ends, each once, in the order in which they were said first to be there.
    pub nodes: Vec<Node>,
    /// Whether there was more than could be looked at.
    pub truncated: bool,
}

impl Matching {
    fn is_end(&self, node: &Node, label: &Name) -> bool {
        let properties =
            node.properties.iter().map(|(name, seen)| (name.as_str().to_owned(), seen.value.clone()));
        let properties: Map<String, Value> = properties.collect();
        node.node_type == *label
            && node.namespace == self.namespace
            && self.schema.is_none_or(|schema| node.is_of_schema(schema))
            && self.pattern.filters.iter().all(|filter| filter.holds(label.as_str(), &properties))
    }

    /// Whether an edge is one of those that are looked for, one way or the other.
    fn takes(&self, graph: &Seen, edge: &Edge) -> bool {
        let pattern = &self.pattern.pattern;
        let (Some(begin), Some(end)) = (graph.node(edge.source.node()), graph.node(edge.target.node()))
        else {
            return false;
        };
        let goes = |source: &Node, target: &Node| {
            self.is_end(source, &pattern.source_label) && self.is_end(target, &pattern.target_label)
        };
        edge.edge_type == pattern.relationship_type
            && match pattern.direction {
                Direction::Outgoing => goes(begin, end),
                Direction::Incoming => goes(end, begin),
                Direction::Both => goes(begin, end) || goes(end, begin),
            }
    }
}

impl Operation for Matching {
    type Output = Matched;

    fn info(&self) -> &'static Info {
        &SEARCH
    }

    fn authority(&self) -> Authority {
        Authority::Policy(Effect::Read)
    }

    fn purpose(&self) -> Option<Purpose> {
        Some(self.purpose)
    }

    fn about(&self) -> About {
        About::Objects(&[MemoryType::Event])
    }

    fn select(&self, _cx: &Context) -> Select {
        let pattern = &self.pattern.pattern;
        let namespace = self.namespace.as_str();
        let keys = vec![
            Key::edge_type(namespace, pattern.relationship_type.as_str()),
            Key::node_type(namespace, pattern.source_label.as_str()),
            Key::node_type(namespace, pattern.target_label.as_str()),
        ];
        Select::Keyed(KeyedSelect { keys, after: None, limit: limits::GRAPH_MEMORIES_MAX })
    }

    fn private(&self) -> Map<String, Value> {
        let mut request = json!({ "search_override": self.pattern });
        if let Some(schema) = self.schema {
            request["schema_id"] = schema.prefixed().into();
        }
        Map::from_iter([("request".to_owned(), request)])
    }

    fn plan(
        &self,
        _cx: &Context,
        seen: &Visible<Facts>,
        _mint: &mut Mint,
    ) -> Result<Plan<Self::Output>, Refusal> {
        let graph = Seen::of(seen.memories());
        let edges = graph.edges().filter(|edge| self.takes(&graph, edge));
        let ends: BTreeSet<NodeId> =
            edges.flat_map(|edge| [edge.source.node(), edge.target.node()]).collect();
        let found = graph.nodes().filter(|node| ends.contains(&node.id)).take(self.limit);
        let nodes: Vec<Node> = found.cloned().collect();
        let said: BTreeSet<MemoryId> =
            nodes.iter().flat_map(|node| &node.sources).map(|source| source.memory).collect();
        let memory_ids = said.into_iter().collect();
        Ok(Plan { memory_ids, ..Plan::answer(Matched { nodes, truncated: seen.more() }) })
    }
}
