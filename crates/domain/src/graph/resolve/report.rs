//! What became of everything that was to be made, and how that was found out.

use serde::{Deserialize, Serialize};

use crate::constraint::closed_list;
use crate::graph::schema::LossReason;
use crate::graph::{MatchMode, Name};
use crate::ids::NodeId;

closed_list!(
    /// What became of one node or edge.
    Outcome {
        /// It is new.
        Created "created",
        /// A known node was found, and is linked to as it is.
        Linked "linked",
        /// A known node was found, or another of the same memory, and says more now.
        Merged "merged",
        /// A constraint says that it is left out.
        Skipped "skipped",
        /// The schema, or a rule, does not let it be.
        Rejected "rejected",
        /// A constraint says that the whole is refused.
        Failed "failed",
    }
);

/// One search by one property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// By which property.
    pub property: Name,
    /// How it was to be compared.
    pub mode: MatchMode,
    /// How it was compared: by letters where it was to be by meaning and no embedder is loaded.
    pub compared: MatchMode,
    /// How alike the values had to be; nothing to an exact search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// How alike the best one was that reached it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f64>,
    /// What it found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<NodeId>,
}

/// Something that was left out of a node or an edge, or why all of it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which property, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Why, for programs.
    pub reason: LossReason,
    /// Why, for people. It repeats no value.
    pub message: String,
}

/// What became of one candidate for a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// What the request, or the extractor, called it.
    pub called: String,
    /// Its type.
    pub node_type: Name,
    /// What became of it.
    pub outcome: Outcome,
    /// The node that it is now, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// By which constraint, or which rule: a word for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How it was looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// What was left out of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// What became of one candidate for an edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeReport {
    /// What its source was called.
    pub source: String,
    /// What its target was called.
    pub target: String,
    /// Its type.
    pub edge_type: Name,
    /// What became of it.
    pub outcome: Outcome,
    /// By which constraint, or which rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How its target was looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// What was left out of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// What an extractor found that is no candidate, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lost {
    /// Nodes beyond [`crate::limits::GIVEN_NODES_MAX`].
    pub nodes_beyond_limit: usize,
    /// Edges beyond [`crate::limits::GIVEN_EDGES_MAX`].
    pub edges_beyond_limit: usize,
    /// Nodes and edges that could not be read: without a type or an end, or too large.
    pub malformed: usize,
}

impl Lost {
    /// Whether it is nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What became of all of them, in the order in which they were given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Of the nodes.
    #[serde(default)]
    pub nodes: Vec<NodeReport>,
    /// Of the edges.
    #[serde(default)]
    pub edges: Vec<EdgeReport>,
    /// Whether there was more that is known than could be looked at: a node may be new that would have been found.
    #[serde(default)]
    pub known_was_cut: bool,
    /// What was found and never was a candidate.
    #[serde(default, skip_serializing_if = "Lost::is_nothing")]
    pub lost: Lost,
}

// Similarities are made by one function, and are never NaN.
impl Eq for Tried {}
impl Eq for NodeReport {}
impl Eq for EdgeReport {}
impl Eq for Report {}

impl Report {
    /// Whether something makes the whole refused.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.nodes.iter().any(|node| node.outcome == Outcome::Failed)
            || self.edges.iter().any(|edge| edge.outcome == Outcome::Failed)
    }
}
