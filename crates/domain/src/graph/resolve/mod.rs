//! From what is to be made to what a memory says of the graph.
//!
//! Candidates come from the caller ([`given`]) or from an extractor ([`extracted`]). Constraints say which known nodes they
//! are, the schema what they may have. All of it is a pure function of the candidates, of the nodes that whoever writes may see, and
//! of the policy: the order in which an extractor finds things does not matter.

mod edge;
mod known;
mod node;
pub mod report;
mod similar;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::assertion::{Asserted, Graph, Method, NodeAssertion, Properties};
use super::given::EndOf;
use super::set::{Set, SetValue};
use super::{EdgeEnd, GivenEdge, GivenNode, Name, Schema};
use crate::ids::{MemoryId, NodeId};
use crate::items::EffectivePolicy;
use crate::time::Timestamp;

pub use known::Known;
pub use report::{EdgeReport, LeftOut, Lost, NodeReport, Outcome, Report, Tried};

/// A node that is to be made, or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What edges call it; each is called otherwise.
    pub called: String,
    /// Its type.
    pub node_type: Name,
    /// What is known of it.
    pub properties: Map<String, Value>,
}

/// What a candidate for an edge joins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CandidateEnd {
    /// A candidate, by what it is called.
    Node(String),
    /// The memory that is being written.
    This,
    /// Its user's latest memory before it.
    Previous,
    /// So many of its user's latest memories before it, of which there are none.
    Context(u8),
    /// Another memory.
    Memory(MemoryId),
}

/// An edge that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateEdge {
    /// Where it begins.
    pub source: CandidateEnd,
    /// Where it ends.
    pub target: CandidateEnd,
    /// Its type.
    pub edge_type: Name,
    /// What is known of it.
    pub properties: Map<String, Value>,
}

/// Everything that is to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Nodes.
    pub nodes: Vec<Candidate>,
    /// Edges.
    pub edges: Vec<CandidateEdge>,
    /// What was found beside them, and is no candidate.
    pub lost: Lost,
}

/// For which memory, under what rules, and among what.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The memory that says it.
    pub memory: MemoryId,
    /// Its user's latest memories before it that whoever writes may see, the latest first.
    pub previous: &'a [MemoryId],
    /// How the memory is treated.
    pub policy: &'a EffectivePolicy,
    /// The schema that holds for it.
    pub schema: Option<&'a Schema>,
    /// What is known.
    pub known: &'a Known<'a>,
    /// When it is said.
    pub now: Timestamp,
}

/// What a memory says of the graph, and what became of everything that was to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// What it says; nothing where the whole is refused.
    pub graph: Graph,
    /// What became of everything.
    pub report: Report,
}

/// Makes of an extractor's candidates what constraints and schema let be. Of a memory without consent nothing is made.
#[must_use]
pub fn extracted(setting: &Setting<'_>, candidates: &Candidates) -> Resolution {
    resolve(setting, candidates, Method::Extracted)
}

/// Makes exactly the given nodes and edges, which were held to the schema when they were read. A node that is called by the id of
/// one that is known, and is of its type, is that one; every other one is new.
#[must_use]
pub fn given(setting: &Setting<'_>, nodes: &[GivenNode], edges: &[GivenEdge]) -> Resolution {
    let candidate = |node: &GivenNode| Candidate {
        called: node.id.as_str().to_owned(),
        node_type: node.node_type.clone(),
        properties: node.properties.clone(),
    };
    let ends = |end: &EdgeEnd| match end.resolve(nodes) {
        Some(EndOf::This) => vec![CandidateEnd::This],
        Some(EndOf::Previous) => vec![CandidateEnd::Previous],
        Some(EndOf::Context(count)) if setting.previous.is_empty() => vec![CandidateEnd::Context(count)],
        Some(EndOf::Context(count)) => {
            setting.previous.iter().take(usize::from(count)).copied().map(CandidateEnd::Memory).collect()
        }
        Some(EndOf::Memory(memory)) => vec![CandidateEnd::Memory(memory)],
        Some(EndOf::Node(_)) | None => vec![CandidateEnd::Node(end.to_string())],
    };
    let edge = |edge: &GivenEdge| {
        let (sources, targets) = (ends(&edge.source), ends(&edge.target));
        let joined = sources.iter().flat_map(|source| targets.iter().map(move |target| (source, target)));
        let joined = joined.map(|(source, target)| CandidateEdge {
            source: source.clone(),
            target: target.clone(),
            edge_type: edge.edge_type.clone(),
            properties: edge.properties.clone(),
        });
        joined.collect::<Vec<CandidateEdge>>()
    };
    let (nodes, edges) = (nodes.iter().map(candidate).collect(), edges.iter().flat_map(edge).collect());
    let candidates = Candidates { nodes, edges, lost: Lost::default() };
    resolve(setting, &candidates, Method::Given)
}

fn resolve(setting: &Setting<'_>, candidates: &Candidates, method: Method) -> Resolution {
    let known_was_cut = setting.known.was_cut();
    let mut report = Report { known_was_cut, lost: candidates.lost, ..Report::default() };
    if !setting.policy.may_be_used() {
        return Resolution { graph: Graph::default(), report };
    }
    let mut making = Making { setting, candidates, method, nodes: Vec::new(), named: BTreeMap::new() };
    let mut nodes: Vec<(usize, NodeReport)> =
        making.order_of_nodes().into_iter().map(|at| (at, making.node(&candidates.nodes[at]))).collect();
    nodes.sort_by_key(|(at, _)| *at);
    report.nodes = nodes.into_iter().map(|(_, node)| node).collect();
    let mut kept = Vec::new();
    let mut edges: Vec<(usize, EdgeReport)> = Vec::new();
    for at in making.order_of_edges() {
        edges.push((at, making.edge(&candidates.edges[at], &report, &mut kept)));
    }
    edges.sort_by_key(|(at, _)| *at);
    report.edges = edges.into_iter().map(|(_, edge)| edge).collect();
    let graph = match report.has_failed() {
        true => Graph::default(),
        false => Graph { asserted: Some(setting.now), nodes: making.nodes, edges: kept },
    };
    Resolution { graph, report }
}

/// What is made so far.
struct Making<'a> {
    setting: &'a Setting<'a>,
    candidates: &'a Candidates,
    method: Method,
    nodes: Vec<NodeAssertion>,
    /// By what candidates are called: which nodes they are.
    named: BTreeMap<&'a str, (NodeId, Outcome)>,
}

impl Making<'_> {
    /// The order in which nodes are made: by what they are, so that the order in which they were found does not matter.
    fn order_of_nodes(&self) -> Vec<usize> {
        let nodes = &self.candidates.nodes;
        let mut order: Vec<usize> = (0..nodes.len()).collect();
        if self.method == Method::Extracted {
            order.sort_by_cached_key(|at| {
                let node = &nodes[*at];
                (
                    node.node_type.clone(),
                    Value::Object(node.properties.clone()).to_string(),
                    node.called.clone(),
                )
            });
        }
        order
    }

    fn order_of_edges(&self) -> Vec<usize> {
        let edges = &self.candidates.edges;
        let mut order: Vec<usize> = (0..edges.len()).collect();
        if self.method == Method::Extracted {
            order.sort_by_cached_key(|at| {
                let edge = &edges[*at];
                let properties = Value::Object(edge.properties.clone()).to_string();
                (edge.source.clone(), edge.target.clone(), edge.edge_type.clone(), properties)
            });
        }
        order
    }
}

/// What a `set` says, given what was extracted: `set` beats extraction.
fn set_properties(set: &Set, extracted: &Map<String, Value>) -> Properties {
    let said = set.iter().filter_map(|(name, value)| {
        let asserted = match value {
            SetValue::Exact(value) => Asserted::new(value.clone(), Method::Set),
            SetValue::Auto { text_mode, .. } => {
                let value = extracted.get(name.as_str())?.clone();
                Asserted { value, method: Method::Extracted, text_mode: *text_mode }
            }
        };
        Some((name.clone(), asserted))
    });
    said.collect()
}

/// Properties that are said as they were found. Whatever has no name that a property may have is left out.
fn asserted(properties: &Map<String, Value>, method: Method) -> Properties {
    let named = properties.iter().filter(|(_, value)| !value.is_null());
    named
        .filter_map(|(name, value)| Some((Name::parse(name).ok()?, Asserted::new(value.clone(), method))))
        .collect()
}
